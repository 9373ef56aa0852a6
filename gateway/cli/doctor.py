"""`simwire doctor`: what keeps messages from being sent, line by line, with what to do about it."""

from __future__ import annotations

from pathlib import Path

import click
from rich.text import Text

from gateway.balance import ussd_code
from gateway.cli import output
from gateway.cli.examination import Examination
from gateway.cli.failure import Command
from gateway.cli.looking import machine_of
from gateway.cli.options import config_option, json_option, key_at_hand
from gateway.cli.served import Asked
from gateway.config import load
from gateway.diagnosis import Check, Verdict, document, worst
from gateway.numbers import NotANumber, destination

_STYLES = {Verdict.OK: "green", Verdict.WARN: "yellow", Verdict.FAIL: "bold red", Verdict.SKIP: "dim"}
_NAME_WIDTH = 14


@click.command(cls=Command)
@config_option(required=False)
@click.option("--port", metavar="PORT", help="Only the modem at this port; ports of unknown devices too.")
@click.option("--baudrate", type=click.IntRange(300, 4_000_000), default=115_200, show_default=True)
@click.option("--rtscts", is_flag=True, help="Hardware flow control.")
@click.option(
    "--test-sms", is_flag=True, help="Send a message to the modem's own number. It costs what a message costs."
)
@click.option("--send-to", metavar="NUMBER", help="Send a message to NUMBER. It costs what a message costs.")
@click.option(
    "--wait",
    type=click.FloatRange(5, 600),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="For the message and its report.",
)
@click.option(
    "--balance",
    is_flag=False,
    flag_value="",
    metavar="[CODE]",
    help="Ask for the credit, with the configured USSD code or with CODE; configured ones are asked anyway.",
)
@click.option("--networks", is_flag=True, help="List the networks in reach, which takes minutes.")
@click.option(
    "--key-file",
    envvar="SIMWIRE_KEY_FILE",
    metavar="FILE",
    help="The key for a running gateway's API; else SIMWIRE_KEY.",
)
@json_option
@click.pass_context
def doctor(
    context: click.Context,
    config: Path | None,
    port: str | None,
    baudrate: int,
    rtscts: bool,
    test_sms: bool,
    send_to: str | None,
    wait: float,
    balance: str | None,
    networks: bool,
    key_file: str | None,
    as_json: bool,
) -> None:
    """Look at sticks, ports, SIM and network, and say what to do about what is wrong.

    Nothing is changed, no PIN is entered and no try is spent. Modems that a running gateway uses are left alone: it is
    asked what it knows of them, with a key that may read modems. Exit status 1 where a check failed.
    """
    if test_sms and send_to:
        raise click.UsageError("--test-sms sends to the modem's own number, --send-to to another one: give one of them")
    settings = load(config) if config is not None else None
    asked = Asked(
        baudrate=baudrate,
        rtscts=rtscts,
        to_itself=test_sms,
        send_to=number_of(send_to, settings.gateway.country if settings else None),
        wait=wait,
        balance=None if balance is None else _code(balance),
        networks=networks,
    )
    with output.progress("doctor") as told:
        checks = Examination(machine_of(context), settings, key_at_hand(key_file), asked, told).of(port)
    if as_json:
        output.document(document(checks))
    else:
        print_checks(checks)
    if worst(checks) is Verdict.FAIL:
        context.exit(1)


def number_of(written: str | None, country: str | None) -> str | None:
    """What --send-to says, in international form; raises UsageError."""
    if written is None:
        return None
    if country is None and not written.startswith("+"):
        raise click.UsageError("write the number with its country, like +447700900123, or give --config")
    try:
        return destination(written, country or "ZZ").number
    except NotANumber as error:
        raise click.UsageError(f"--send-to: {error}") from None


def _code(written: str) -> str:
    if not written:
        return ""
    try:
        return ussd_code(written)
    except ValueError as error:
        raise click.UsageError(f"--balance: {error}") from None


def print_checks(checks: list[Check]) -> None:
    """Checks for people: a line each under what they are about, and what to do below."""
    out = output.console()
    subject = None
    for check in checks:
        if check.subject != subject:
            subject = check.subject
            out.print(Text(output.shown(subject), style="bold"), soft_wrap=True)
        line = Text(f"  {check.verdict.value:<4}  ", style=_STYLES[check.verdict])
        line += Text(f"{check.name:<{_NAME_WIDTH}}  ", style="dim")
        out.print(line + Text(output.shown(check.message)), soft_wrap=True)
        if check.remedy and check.verdict is not Verdict.OK:
            out.print(Text(f"        → {output.shown(check.remedy)}"), soft_wrap=True)
    counted = {verdict: sum(check.verdict is verdict for check in checks) for verdict in Verdict}
    words = [f"{counted[verdict]} {name}" for verdict, name in _COUNTED if counted[verdict]]
    out.print(Text(", ".join(words) or "nothing was looked at", style="bold"))


_COUNTED = (
    (Verdict.FAIL, "failed"),
    (Verdict.WARN, "to look at"),
    (Verdict.OK, "good"),
    (Verdict.SKIP, "not looked at"),
)
