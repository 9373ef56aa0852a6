"""`simwire messages`: ordinary messages of a running gateway."""

from __future__ import annotations

import time
from collections.abc import Callable

import click

from gateway.cli import output
from gateway.cli.client import LONGEST_WAIT, Gateway
from gateway.cli.failure import Group
from gateway.cli.options import gateway_options, wait_option
from gateway.messages import TERMINAL, Json, MessageState

SUCCESS = {MessageState.SENT, MessageState.DELIVERED}
EARLY_PAUSE = 1.0
"""Seconds until the next look where a busy gateway answered a long poll at once."""


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
        return outcome(gateway, identity, time.monotonic() + seconds, tell)


def outcome(
    gateway: Gateway, identity: str, deadline: float, tell: Callable[[str], None], look: float = LONGEST_WAIT
) -> Json:
    """A message once its state is terminal, or as it is at `deadline` (monotonic); `tell` hears of each look at it.

    `look`: seconds that one look takes at most.
    """
    while True:
        asked = max(0.0, min(deadline - time.monotonic(), look))
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
