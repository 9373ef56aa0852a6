"""`simwire inbox`: what the modems received."""

from __future__ import annotations

import click
from rich.text import Text

from gateway.cli import output
from gateway.cli.client import LONGEST_WAIT, Gateway
from gateway.cli.failure import Command
from gateway.cli.options import gateway_options


@click.command(cls=Command)
@click.option("--from", "sender", metavar="NUMBER", help="Only from this sender.")
@click.option("--limit", type=click.IntRange(1), metavar="N")
@click.option("--cursor", metavar="TEXT", help="The next page: next_cursor of the page before.")
@click.option(
    "--wait", type=click.FloatRange(0, LONGEST_WAIT), metavar="SECONDS", help="Wait for the next one that comes."
)
@gateway_options
def inbox(
    gateway: Gateway, sender: str | None, limit: int | None, cursor: str | None, wait: float | None, as_json: bool
) -> None:
    """Received messages, the newest first."""
    query = {"from": sender, "limit": limit, "cursor": cursor, "wait": f"{wait:g}" if wait else None}
    page = gateway.get("/v1/inbox", query, wait=wait or 0.0)
    if as_json:
        output.document(page)
        return
    out = output.console()
    for message in page["items"]:
        head = f"{output.when(message['received_at'])}  from {message['from']}  by {message['modem']}"
        out.print(Text(output.shown(head), style="dim"), soft_wrap=True)
        missing = f" [{message['missing']} of {message['parts']} parts missing]" if message["missing"] else ""
        body = message["text"] if message["text"] is not None else f"data {message['data']}"
        out.print(Text(output.shown(body) + missing), soft_wrap=True)
    if not page["items"]:
        out.print("nothing was received")
    if page.get("next_cursor"):
        output.console(error=True).print(f"more: --cursor {page['next_cursor']}", soft_wrap=True)
