"""`simwire send`: one message, or one to each row of a table, through a running gateway."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from gateway.cli.client import Gateway
from gateway.cli.failure import Command
from gateway.cli.mailing import Table, send_table, table_options
from gateway.cli.messages import SUCCESS, show, wait_for
from gateway.cli.options import gateway_options, wait_option
from gateway.messages import Json


@click.command(cls=Command)
@click.argument("to", metavar="[NUMBER]", required=False)
@click.argument("text", required=False)
@click.option("--lifetime", metavar="DURATION", help='How long it may take, e.g. "5m" or "24h".')
@click.option(
    "--priority", type=click.Choice(["otp", "high", "normal", "bulk"]), help="Lane; normal, and bulk with --csv."
)
@click.option("--not-before", metavar="TIME", help="Send it no earlier than this RFC 3339 time.")
@click.option("--no-report", is_flag=True, help="Ask for no delivery report.")
@click.option("--flash", is_flag=True, help="Show it at once and do not store it (class 0).")
@click.option("--encoding", type=click.Choice(["auto", "gsm7", "ucs2"]), help="auto by default.")
@click.option("--replace", type=click.IntRange(1, 7), help="Replace the last message of that type on the handset.")
@click.option("--modem", metavar="NAME", help="Only through this modem.")
@click.option("--client-ref", metavar="TEXT", help="Your own reference.")
@click.option("--tag", "tags", multiple=True, metavar="TEXT", help="A label to find it by; may be repeated.")
@click.option("--idempotency-key", metavar="TEXT", help="The same key and content again sends nothing twice.")
@table_options
@wait_option
@gateway_options
def send(
    gateway: Gateway,
    to: str | None,
    text: str | None,
    no_report: bool,
    flash: bool,
    tags: tuple[str, ...],
    idempotency_key: str | None,
    wait: float | None,
    as_json: bool,
    table: Path | None,
    **given: object,
) -> None:
    """Send TEXT to NUMBER. Without TEXT, or with -, the text is read from standard input.

    A text with a code in it (--priority otp) comes from standard input only: everybody on the machine can read
    a command's arguments. With --wait the exit status is 0 once it was sent or delivered, and 1 otherwise.

    With --csv FILE --template TEXT each row of a table gets a message of its own. Every row is looked at before the
    first one is sent. Broken off by whatever, the same command goes on where it was: nobody gets a message twice.
    """
    asked = {name: given.pop(name) for name in Table.__dataclass_fields__ if name in given}
    body: Json = {name: value for name, value in given.items() if value is not None}
    if no_report:
        body["report"] = False
    if flash:
        body["flash"] = True
    if table is not None:
        if to is not None or idempotency_key or "client_ref" in body:
            raise click.UsageError("--csv takes numbers, references and keys from the table: leave the others out")
        if tags:
            body["tags"] = list(tags)
        send_table(gateway, Table(table, **asked), body, wait, as_json=as_json)  # type: ignore[arg-type]
        return
    context = click.get_current_context()
    if alone := [
        name for name in asked if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
    ]:
        raise click.UsageError(f"--{alone[0].replace('_', '-')} goes with --csv")
    if to is None:
        raise click.UsageError("say to whom: simwire send NUMBER [TEXT], or --csv FILE --template TEXT")
    if tags:
        body["tags"] = list(tags)
    _send_one(gateway, {"to": to, "text": text, **body}, idempotency_key, wait, as_json=as_json)


def _send_one(gateway: Gateway, body: Json, key: str | None, wait: float | None, *, as_json: bool) -> None:
    if body["text"] not in (None, "-") and body.get("priority") == "otp":
        raise click.UsageError("the text of a code comes from standard input, not from an argument")
    if body["text"] in (None, "-"):
        body["text"] = sys.stdin.read().removesuffix("\n")
    message = gateway.post("/v1/messages", body, headers={"Idempotency-Key": key} if key else None)
    if wait:
        message = wait_for(gateway, message["id"], wait)
    show(message, as_json=as_json)
    if wait and message["state"] not in SUCCESS:
        click.get_current_context().exit(1)
