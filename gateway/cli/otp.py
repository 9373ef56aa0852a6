"""`simwire otp`: one-time codes through a running gateway. The code itself never stands in an argument."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from gateway.cli import output
from gateway.cli.client import Gateway
from gateway.cli.failure import Group
from gateway.cli.messages import path_of, wait_for
from gateway.cli.options import gateway_options, read_secret, wait_option
from gateway.messages import Json

F = TypeVar("F", bound=Callable[..., Any])
CONTEXT = ("payee", "amount", "currency", "operation", "reference")


def context_options(command: F) -> F:
    """What a transaction is about."""
    for name in reversed(CONTEXT):
        command = click.option(f"--{name}", metavar="TEXT", help="Of the transaction.")(command)
    return command


def binding_option(command: F) -> F:
    """--binding-file: what the code is tied to, for example a session."""
    return click.option(
        "--binding-file", metavar="FILE", help="A file with what the code is tied to, e.g. a session id."
    )(command)


@click.group(cls=Group)
def otp() -> None:
    """Send one-time codes and check them."""


@otp.command("create")
@click.argument("to", metavar="NUMBER")
@click.option(
    "--purpose",
    type=click.Choice(["login", "transaction", "password_change", "signup", "custom"]),
    default="login",
    show_default=True,
)
@context_options
@click.option("--locale", metavar="LOCALE", help="Language of the text, e.g. en or fr.")
@click.option("--length", type=click.IntRange(1), metavar="N", help="Digits of the code.")
@click.option("--lifetime", metavar="DURATION", help='How long the code holds, e.g. "5m".')
@click.option("--template", metavar="NAME", help="Text, where it is not the purpose's.")
@binding_option
@click.option("--code-file", metavar="FILE", help="Your own code, in a file or - for standard input.")
@click.option("--webotp-domain", metavar="HOST", help="Let a browser fill the code in for this site.")
@click.option("--app-hash", metavar="HASH", help="Let an Android app read the code.")
@click.option("--end-user-ip", metavar="ADDRESS", help="Where the person's request came from.")
@click.option("--client-ref", metavar="TEXT", help="Your own reference.")
@wait_option
@gateway_options
def create(
    gateway: Gateway,
    binding_file: str | None,
    code_file: str | None,
    wait: float | None,
    as_json: bool,
    **given: object,
) -> None:
    """Send a code to NUMBER. It is in no answer: only the handset shows it."""
    body = _with_context(given)
    if binding_file:
        body["binding"] = read_secret(binding_file, "binding").reveal()
    if code_file:
        body["code"] = read_secret(code_file, "code").reveal()
    challenge = gateway.post("/v1/otp", body)
    if wait:
        message = wait_for(gateway, challenge["message_id"], wait)
        challenge = gateway.get(path_of(challenge["id"], "otp"))
        show(challenge, as_json=as_json)
        if message["state"] not in {"sent", "delivered"}:
            click.get_current_context().exit(1)
        return
    show(challenge, as_json=as_json)


@otp.command("check")
@click.argument("identity", metavar="ID")
@click.option("--code-file", default="-", metavar="FILE", help="The code's file; standard input by default.")
@binding_option
@context_options
@gateway_options
def check(
    gateway: Gateway, identity: str, code_file: str, binding_file: str | None, as_json: bool, **given: object
) -> None:
    """Check a code that somebody typed: exit status 0 where it is approved, 1 where it is not."""
    path = path_of(identity, "otp")
    body = _with_context(given)
    body["code"] = read_secret(code_file, "code").reveal()
    if binding_file:
        body["binding"] = read_secret(binding_file, "binding").reveal()
    checked = gateway.post(f"{path}/check", body)
    if as_json:
        output.document(checked)
    else:
        output.fields({**checked, "result": output.state(checked["result"])})
    if checked["result"] != "approved":
        click.get_current_context().exit(1)


@otp.command("resend")
@click.argument("identity", metavar="ID")
@click.option("--same", is_flag=True, help="The same code and expiry instead of a new code.")
@gateway_options
def resend(gateway: Gateway, identity: str, same: bool, as_json: bool) -> None:
    """Send a new code for the same challenge; the old one is dead."""
    show(gateway.post(f"{path_of(identity, 'otp')}/resend", {"same": True} if same else {}), as_json=as_json)


@otp.command("cancel")
@click.argument("identity", metavar="ID")
@gateway_options
def cancel(gateway: Gateway, identity: str, as_json: bool) -> None:
    """End a challenge: its code is dead, and what has not left stays here."""
    show(gateway.call("DELETE", path_of(identity, "otp")), as_json=as_json)


@otp.command("show")
@click.argument("identity", metavar="ID")
@gateway_options
def show_challenge(gateway: Gateway, identity: str, as_json: bool) -> None:
    """A challenge, and what happened to its newest message."""
    show(gateway.get(path_of(identity, "otp")), as_json=as_json)


def show(challenge: Json, *, as_json: bool) -> None:
    """A challenge for people, or as it is."""
    if as_json:
        output.document(challenge)
        return
    output.fields(
        {
            "id": challenge["id"],
            "message": challenge.get("message_id"),
            "to": challenge["to"],
            "state": output.state(challenge["state"]),
            "message state": output.state(challenge.get("message_state") or ""),
            "expires": output.when(challenge.get("expires_at")),
            "attempts left": challenge.get("attempts_left"),
            "resend after": None if challenge.get("resend_after") is None else f"{challenge['resend_after']} s",
            "warnings": challenge.get("warnings"),
        }
    )
    output.timeline(challenge)


def _with_context(given: dict[str, object]) -> Json:
    present = {name: value for name, value in given.items() if value is not None}
    context = {name: present.pop(name) for name in CONTEXT if name in present}
    return {**present, "context": context} if context else present
