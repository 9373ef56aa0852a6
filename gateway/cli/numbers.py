"""`simwire numbers`: numbers that get nothing more."""

from __future__ import annotations

from urllib.parse import quote

import click

from gateway.cli import output
from gateway.cli.client import Gateway
from gateway.cli.failure import Group
from gateway.cli.options import gateway_options
from gateway.messages import Json

_WHY = {
    "opted_out": "opted out by STOP; codes are sent",
    "blocked": "blocked; codes are sent",
    "blocked_all": "blocked, codes too",
}


@click.group(cls=Group)
def numbers() -> None:
    """Numbers that get nothing more: blocked by you, or opted out by an answer like STOP. Needs a key with admin."""


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
    _told(gateway.call("PUT", _path(number), body=body), as_json=as_json)


@numbers.command("unblock")
@click.argument("number")
@gateway_options
def unblock(gateway: Gateway, number: str, as_json: bool) -> None:
    """Send to NUMBER again, whoever blocked it: only do so for one that opted out if its owner asks for it."""
    found = gateway.call("DELETE", _path(number))
    if as_json:
        output.document(found)
    else:
        output.console().print(f"{found['number']} is not blocked any more", soft_wrap=True)


def _path(number: str) -> str:
    return f"/v1/blocked/{quote(number, safe='+')}"


def _told(found: Json, *, as_json: bool) -> None:
    if as_json:
        output.document(found)
    else:
        output.console().print(f"{found['number']} is {_WHY[found['why']]}", soft_wrap=True)
