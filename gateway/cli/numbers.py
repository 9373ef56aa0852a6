"""`simwire numbers`: what a running gateway keeps about a number."""

from __future__ import annotations

from urllib.parse import quote

import click

from gateway.cli import output
from gateway.cli.client import Gateway
from gateway.cli.failure import Group
from gateway.cli.options import gateway_options
from gateway.messages import Json

ERASE_SECONDS = 600.0
"""How long erasing may take: copies are looked for in everything that is sealed."""
_PAGED = ("messages", "challenges", "received", "caught")


@click.group(cls=Group)
def numbers() -> None:
    """Telephone numbers, as a running gateway knows them. The key needs the scope admin."""


@numbers.command("export")
@click.argument("number")
@gateway_options
def export(gateway: Gateway, number: str, as_json: bool) -> None:  # noqa: ARG001 - it is a JSON document either way
    """Print everything that is kept about NUMBER, as one JSON document."""
    whole = gateway.get(_path(number, "export"))
    cursor = whole.pop("next_cursor")
    while cursor is not None:
        page = gateway.get(_path(number, "export"), {"cursor": cursor})
        for name in _PAGED:
            whole[name] += page[name]
        cursor = page["next_cursor"]
    output.document(whole)


@numbers.command("erase")
@click.argument("number")
@click.option("--yes", is_flag=True, help="Do it: what is erased cannot be had back.")
@click.option("--forget-block", is_flag=True, help="Also that it is blocked or opted out: it may be sent to again.")
@gateway_options
def erase(gateway: Gateway, number: str, yes: bool, forget_block: bool, as_json: bool) -> None:
    """Erase everything that is kept about NUMBER; exit status 1 where something had to stay for now."""
    if not yes:
        raise click.UsageError("what is erased cannot be had back: say --yes")
    erased = gateway.post(_path(number, "erase"), {"forget_block": forget_block}, wait=ERASE_SECONDS)
    if as_json:
        output.document(erased)
    else:
        output.fields({name: value for name, value in erased.items() if not isinstance(value, bool)})
        for line in _left(erased):
            output.console(error=True).print(line, soft_wrap=True)
    if erased["remaining"] or not erased["files_clean"]:
        click.get_current_context().exit(1)


def _left(erased: Json) -> list[str]:
    """What is still there, and what to do, in words."""
    words = []
    if erased["remaining"]:
        words.append(f"{erased['remaining']} messages are on the air or were a moment ago: erase again later")
    if not erased["files_clean"]:
        words.append("another program reads the database, whose log could not be emptied: erase again later")
    if erased["blocked"]:
        words.append("the number stays in the list of those that are never sent to; --forget-block takes it out")
    return words


def _path(number: str, action: str) -> str:
    return f"/v1/numbers/{quote(number, safe='')}/{action}"
