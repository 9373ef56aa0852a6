"""`simwire send` and `simwire messages`: ordinary messages through a running gateway."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import click

from gateway.cli import output
from gateway.cli.client import LONGEST_WAIT, Gateway
from gateway.cli.failure import Command, Group
from gateway.cli.options import gateway_options, wait_option
from gateway.messages import TERMINAL, Json, MessageState

SUCCESS = {MessageState.SENT, MessageState.DELIVERED}
EARLY_PAUSE = 1.0
"""Seconds until the next look where a busy gateway answered a long poll at once."""


@click.command(cls=Command)
@click.argument("to", metavar="NUMBER")
@click.argument("text", required=False)
@click.option("--lifetime", metavar="DURATION", help='How long it may take, e.g. "5m" or "24h".')
@click.option("--priority", type=click.Choice(["otp", "high", "normal", "bulk"]), help="Lane; normal by default.")
@click.option("--not-before", metavar="TIME", help="Send it no earlier than this RFC 3339 time.")
@click.option("--no-report", is_flag=True, help="Ask for no delivery report.")
@click.option("--flash", is_flag=True, help="Show it at once and do not store it (class 0).")
@click.option("--encoding", type=click.Choice(["auto", "gsm7", "ucs2"]), help="auto by default.")
@click.option("--replace", type=click.IntRange(1, 7), help="Replace the last message of that type on the handset.")
@click.option("--modem", metavar="NAME", help="Only through this modem.")
@click.option("--client-ref", metavar="TEXT", help="Your own reference.")
@click.option("--tag", "tags", multiple=True, metavar="TEXT", help="A label to find it by; may be repeated.")
@click.option("--idempotency-key", metavar="TEXT", help="The same key and content again sends nothing twice.")
@wait_option
@gateway_options
def send(
    gateway: Gateway,
    to: str,
    text: str | None,
    no_report: bool,
    flash: bool,
    tags: tuple[str, ...],
    idempotency_key: str | None,
    wait: float | None,
    as_json: bool,
    **given: object,
) -> None:
    """Send TEXT to NUMBER. Without TEXT, or with -, the text is read from standard input.

    A text with a code in it (--priority otp) comes from standard input only: everybody on the machine can read
    a command's arguments. With --wait the exit status is 0 once it was sent or delivered, and 1 otherwise.
    """
    if text not in (None, "-") and given["priority"] == "otp":
        raise click.UsageError("the text of a code comes from standard input, not from an argument")
    if text in (None, "-"):
        text = sys.stdin.read().removesuffix("\n")
    body: Json = {"to": to, "text": text, **{name: value for name, value in given.items() if value is not None}}
    if no_report:
        body["report"] = False
    if flash:
        body["flash"] = True
    if tags:
        body["tags"] = list(tags)
    headers = {"Idempotency-Key": idempotency_key} if idempotency_key else None
    message = gateway.post("/v1/messages", body, headers=headers)
    if wait:
        message = wait_for(gateway, message["id"], wait)
    show(message, as_json=as_json)
    if wait and message["state"] not in SUCCESS:
        click.get_current_context().exit(1)


@click.group(cls=Group)
def messages() -> None:
    """Look at messages and withdraw them."""


@messages.command("list")
@click.option("--state", type=click.Choice([state.value for state in MessageState]))
@click.option("--to", metavar="NUMBER")
@click.option("--tag", metavar="TEXT")
@click.option("--since", metavar="TIME", help="RFC 3339, e.g. 2026-01-31T08:00:00Z.")
@click.option("--until", metavar="TIME")
@click.option("--limit", type=click.IntRange(1), metavar="N")
@click.option("--cursor", metavar="TEXT", help="The next page: next_cursor of the page before.")
@gateway_options
def list_messages(gateway: Gateway, as_json: bool, **query: object) -> None:
    """The newest messages first."""
    page = gateway.get("/v1/messages", query)
    if as_json:
        output.document(page)
        return
    rows = [
        (
            one["id"],
            output.brief(one["created_at"]),
            one["to"],
            output.state(one["state"]) + (f" {output.shown(one['reason'])}" if one["reason"] else ""),
            one["modem"],
        )
        for one in page["items"]
    ]
    output.table(("id", "accepted", "to", "state", "modem"), rows, none="no messages")
    if page.get("next_cursor"):
        output.console(error=True).print(f"more: --cursor {page['next_cursor']}", soft_wrap=True)


@messages.command("show")
@click.argument("identity", metavar="ID")
@wait_option
@gateway_options
def show_message(gateway: Gateway, identity: str, wait: float | None, as_json: bool) -> None:
    """One message with its timeline; with --wait, once nothing more can happen to it."""
    show(wait_for(gateway, identity, wait or 0.0), as_json=as_json)


@messages.command("cancel")
@click.argument("identity", metavar="ID")
@gateway_options
def cancel_message(gateway: Gateway, identity: str, as_json: bool) -> None:
    """Withdraw a message that has not left yet."""
    show(gateway.call("DELETE", path_of(identity)), as_json=as_json)


def path_of(identity: str, resource: str = "messages") -> str:
    """The path of one thing; raises UsageError for what can be no id or name."""
    if not identity.isascii() or not identity.replace("-", "").replace("_", "").isalnum():
        raise click.UsageError(f"{identity!r} is no id")
    return f"/v1/{resource}/{identity}"


def wait_for(gateway: Gateway, identity: str, seconds: float) -> Json:
    """A message once its state is terminal, or as it is after `seconds`."""
    with output.progress(f"message {identity}") as tell:
        return followed(gateway, identity, seconds, tell)


def followed(gateway: Gateway, identity: str, seconds: float, tell: Callable[[str], None]) -> Json:
    """As `wait_for`, and `tell` hears each state."""
    deadline = time.monotonic() + seconds
    while True:
        asked = max(0.0, min(deadline - time.monotonic(), LONGEST_WAIT))
        began = time.monotonic()
        message = gateway.get(path_of(identity), {"wait": f"{asked:.3f}"} if asked else None, wait=asked)
        state = message["state"]
        tell(state)
        early = time.monotonic() - began < asked - EARLY_PAUSE
        # An early answer without a terminal state: `sent` and final because no report can come, or a busy gateway.
        if state in TERMINAL or (early and state == MessageState.SENT) or time.monotonic() >= deadline:
            return message
        if early:
            time.sleep(EARLY_PAUSE)


def show(message: Json, *, as_json: bool) -> None:
    """A message for people, or as it is."""
    if as_json:
        output.document(message)
        return
    named = ("reason", "parts", "encoding", "priority", "modem", "attempts", "client_ref", "tags", "warnings", "text")
    times = ("created_at", "expires_at", "next_attempt_at", "sent_at", "delivered_at")
    output.fields(
        {
            "id": message["id"],
            "to": message["to"],
            "state": output.state(message["state"]),
            **{name: message.get(name) for name in named},
            **{name.removesuffix("_at"): output.when(message.get(name)) for name in times},
        }
    )
    output.timeline(message)
