"""`simwire caught`: messages of keys that send nothing."""

from __future__ import annotations

import click
from rich.text import Text

from gateway.cli import output
from gateway.cli.client import LONGEST_WAIT, Gateway
from gateway.cli.failure import Command
from gateway.cli.options import gateway_options


@click.command(cls=Command)
@click.option("--to", metavar="NUMBER", help="Only to this number.")
@click.option("--limit", type=click.IntRange(1), metavar="N")
@click.option("--cursor", metavar="TEXT", help="The next page: next_cursor of the page before.")
@click.option(
    "--wait", type=click.FloatRange(0, LONGEST_WAIT), metavar="SECONDS", help="Wait for one, where none is there."
)
@click.option("--after", metavar="ID", help="With --wait: the next one after this one.")
@gateway_options
def caught(
    gateway: Gateway,
    to: str | None,
    limit: int | None,
    cursor: str | None,
    wait: float | None,
    after: str | None,
    as_json: bool,
) -> None:
    """What keys that catch were given to send."""
    if after is not None and not wait:
        raise click.UsageError("--after goes with --wait")
    query = {"to": to, "limit": limit, "cursor": cursor, "wait": f"{wait:g}" if wait else None, "after": after}
    page = gateway.get("/v1/caught", query, wait=wait or 0.0)
    if as_json:
        output.document(page)
        return
    out = output.console()
    for message in page["items"]:
        code = f"  code {message['code']}" if message["code"] is not None else ""
        head = f"{output.when(message['caught_at'])}  to {message['to']}{code}  {message['id']}"
        out.print(Text(output.shown(head), style="dim"), soft_wrap=True)
        body = message["text"] if message["text"] is not None else f"data {message['data']}"
        out.print(Text(output.shown(body)), soft_wrap=True)
    if not page["items"]:
        out.print("nothing was caught")
    if page.get("next_cursor"):
        output.console(error=True).print(f"more: --cursor {page['next_cursor']}", soft_wrap=True)
