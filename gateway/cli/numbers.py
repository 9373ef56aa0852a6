"""`simwire numbers`: what a running gateway keeps about a number, and whether it is sent to."""

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
_WHY = {
    "opted_out": "opted out by STOP; codes are sent",
    "blocked": "blocked; codes are sent",
    "blocked_all": "blocked, codes too",
}
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
        output.fields({name: value for name, value in erased.items() if not isinstance(value, bool | list)})
        for line in _left(erased):
            output.console(error=True).print(line, soft_wrap=True)
    if erased["remaining"] or not erased["files_clean"]:
        click.get_current_context().exit(1)


@numbers.command("blocked")
@click.option("--limit", type=click.IntRange(1), metavar="N")
@click.option("--cursor", metavar="TEXT", help="The next page: next_cursor of the page before.")
@gateway_options
def blocked(gateway: Gateway, limit: int | None, cursor: str | None, as_json: bool) -> None:
    """The blocked numbers."""
    page = gateway.get("/v1/blocked", {"limit": limit, "cursor": cursor})
    if as_json:
        output.document(page)
        return
    rows = [
        (one["number"], _WHY[one["why"]], output.when(one["since"]), one["by"], one["reason"]) for one in page["items"]
    ]
    output.table(("number", "what", "since", "by", "reason"), rows, none="no numbers are blocked")
    if page.get("next_cursor"):
        output.console(error=True).print(f"more: --cursor {page['next_cursor']}", soft_wrap=True)


@numbers.command("block")
@click.argument("number")
@click.option("--everything", is_flag=True, help="Codes neither.")
@click.option("--reason", metavar="TEXT", help="For those who look at the list.")
@gateway_options
def block(gateway: Gateway, number: str, everything: bool, reason: str | None, as_json: bool) -> None:
    """Send nothing to NUMBER from now on but codes. What is queued already still goes."""
    body: Json = {"everything": everything, **({} if reason is None else {"reason": reason})}
    _told(gateway.call("PUT", _blocked(number), body=body), as_json=as_json)


@numbers.command("unblock")
@click.argument("number")
@gateway_options
def unblock(gateway: Gateway, number: str, as_json: bool) -> None:
    """Send to NUMBER again, whoever blocked it: only do so for one that opted out if its owner asks for it."""
    found = gateway.call("DELETE", _blocked(number))
    if as_json:
        output.document(found)
    else:
        output.console().print(f"{found['number']} is not blocked any more", soft_wrap=True)


@numbers.command("locked")
@gateway_options
def locked(gateway: Gateway, as_json: bool) -> None:
    """Numbers at which too many wrong codes were tried."""
    found = gateway.get("/v1/locks")
    if as_json:
        output.document(found)
        return
    rows = [
        (
            one["number"],
            one["client"],
            one["delivery"],
            one["failures"],
            "stopped until you unlock it" if one["stopped"] else f"locked until {output.when(one['locked_until'])}",
        )
        for one in found["items"]
    ]
    output.table(("number", "client", "delivery", "wrong codes", "state"), rows, none="no numbers are locked")


@numbers.command("unlock")
@click.argument("number")
@click.option("--client", metavar="NAME", help="For this client only.")
@gateway_options
def unlock(gateway: Gateway, number: str, client: str | None, as_json: bool) -> None:
    """Forgive NUMBER its wrong codes."""
    found = gateway.call("DELETE", f"/v1/locks/{quote(number, safe='')}", query={"client": client})
    if as_json:
        output.document(found)
    else:
        said = "is unlocked" if found["cleared"] else "was not locked, and nothing was counted against it"
        output.console().print(f"{found['number']} {said}", soft_wrap=True)


def _left(erased: Json) -> list[str]:
    """What is still there, and what to do, in words."""
    words = []
    if erased["remaining"]:
        words.append(f"{erased['remaining']} messages are on the air or were a moment ago: erase again later")
    if not erased["files_clean"]:
        words.append("another program reads the database, whose log could not be emptied: erase again later")
    if erased["blocked"]:
        words.append("the number stays in the list of those that are never sent to; --forget-block takes it out")
    words += [
        f"key {key} redirects to the number, which stays in it: simwire keys set {key} --redirect-to ANOTHER, or"
        f" simwire keys revoke {key}; then erase again"
        for key in erased["keys"]
    ]
    return words


def _path(number: str, action: str) -> str:
    return f"/v1/numbers/{quote(number, safe='')}/{action}"


def _blocked(number: str) -> str:
    return f"/v1/blocked/{quote(number, safe='+')}"


def _told(found: Json, *, as_json: bool) -> None:
    if as_json:
        output.document(found)
    else:
        output.console().print(f"{found['number']} is {_WHY[found['why']]}", soft_wrap=True)
