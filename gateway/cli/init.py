"""`simwire init`: from a stick in a socket to a configuration, a key and a first message, by a few questions."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

import click
from rich.text import Text

from gateway.cli import output
from gateway.cli.doctor import number_of, print_checks
from gateway.cli.failure import Command, Failure
from gateway.cli.founding import Plan, exists_already, first_key, found
from gateway.cli.interview import Given, ask
from gateway.cli.limits import read, scope_option
from gateway.cli.looking import machine_of
from gateway.cli.options import json_option
from gateway.cli.sending_test import by_visit
from gateway.cli.served import test_text
from gateway.cli.sightings import Sighting, sightings
from gateway.diagnosis import Check, Verdict, trial_checks, worst
from gateway.keyring import NewKey
from gateway.messages import Json, Secret
from gateway.scopes import APPLICATION
from gateway.store import KeyInfo
from hardware.clock import SystemClock
from hardware.discovery import open_port
from hardware.errors import HardwareError
from hardware.modem import Visit

SCOPES = (*APPLICATION, "inbox:read", "modems:read")
"""What the first key may do: send, read and look, and not administer."""
_WAIT = 60.0  # seconds for a test message and its report
_PATH = click.Path(path_type=Path)


@click.command("init", cls=Command)
@click.option(
    "--config",
    type=_PATH,
    default=Path("config.toml"),
    show_default=True,
    metavar="FILE",
    help="The configuration to write.",
)
@click.option("--organisation", metavar="NAME", help="As it stands in the texts of codes.")
@click.option("--country", metavar="XX", help="Whose national numbers are meant, and who may be sent to.")
@click.option("--data", type=_PATH, metavar="DIR", help="Where database, key file and PINs are kept.")
@click.option(
    "--modem", "modems", multiple=True, metavar="PORT", help="A modem's port, `auto` or `simulator`; may be repeated."
)
@click.option(
    "--pin-file",
    "pin_files",
    multiple=True,
    metavar="FILE",
    help="A SIM's PIN, - for standard input; repeated in the order of SIMs that ask.",
)
@click.option("--listen", metavar="HOST:PORT", help="Where the API listens.")
@click.option("--tls-cert", type=_PATH, metavar="FILE", help="The API's certificate and its chain (PEM).")
@click.option("--tls-key", type=_PATH, metavar="FILE", help="Its private key.")
@click.option("--insecure-http", is_flag=True, help="Allow an address that others reach without TLS.")
@click.option("--key-name", default="first", show_default=True, metavar="NAME", help="Of the first API key.")
@scope_option(" ".join(SCOPES))
@click.option("--send-to", metavar="NUMBER", help="Send a test message. It costs what a message costs.")
@click.option("--yes", is_flag=True, help="Ask nothing: take what options say, and defaults.")
@click.option("--force", is_flag=True, help="Replace a configuration that is there.")
@json_option
@click.pass_context
def init(
    context: click.Context,
    /,
    key_name: str,
    given: tuple[str, ...],
    send_to: str | None,
    force: bool,
    as_json: bool,
    **answers: object,
) -> None:
    """Set a gateway up: find the modem, write a configuration and make a first key.

    Asks for what no option says. No PIN is tried: it is put into a file that only the gateway's user can read, and
    `simwire serve` enters it.
    """
    key = read(NewKey, {"name": key_name, "scopes": given or SCOPES})
    options = Given(**answers)  # type: ignore[arg-type]  # click gives each option the type that Given names
    if options.config.exists() and not force:
        raise exists_already(options.config)  # before anything is asked
    _must_be_writable(options.config.absolute().parent)
    with output.progress("init") as told:
        ports = [port for port in options.modems if port not in ("auto", "simulator")]
        seen, hindrances = sightings(machine_of(context), ports if options.modems else None, told)
    _introduce(seen, hindrances)
    plan = ask(options, seen)
    to = number_of(_destination(send_to, seen, asking=not options.yes), plan.country)
    settings = found(plan, replace=force)
    made = first_key(plan.config, key.name, key.scopes)
    if not as_json:
        _tell(plan, made)  # before the test message: the key is shown whatever becomes of that
    tested = list[Check]()
    try:
        tested = _test(seen, to)
    finally:
        if as_json:
            output.document(_document(plan, settings.gateway.database, seen, made, tested))
    if not as_json:
        _tell_next(plan, tested)
    if worst(tested) is Verdict.FAIL:
        context.exit(1)


def _must_be_writable(folder: Path) -> None:
    """Look whether a configuration can be made in a folder that may not be there yet; raises Failure."""
    there = next(one for one in (folder, *folder.parents) if one.exists())
    if not os.access(there, os.W_OK):
        raise Failure(f"you may not write to {there}: run it with sudo, or name another file with --config")


def _introduce(seen: list[Sighting], hindrances: list[Check]) -> None:
    out = output.console(error=True)
    for one in seen:
        out.print(Text(output.shown(f"found: {one.words}")), soft_wrap=True)
    for check in hindrances:
        out.print(
            Text(output.shown(f"{check.subject}: {check.message}; {check.remedy or ''}".rstrip("; "))), soft_wrap=True
        )


def _able(seen: list[Sighting]) -> Sighting | None:
    """The first modem that can send now."""
    for one in seen:
        told = one.checkup.radio.registration
        if one.checkup.card.open and told is not None and told.sms_possible:
            return one
    return None


def _destination(send_to: str | None, seen: list[Sighting], *, asking: bool) -> str | None:
    if send_to is not None or not asking or _able(seen) is None:
        return send_to
    words = "Number for a test message, which costs what a message costs; empty: none"
    return str(click.prompt(words, default="", show_default=False, err=True)).strip() or None


def _test(seen: list[Sighting], to: str | None) -> list[Check]:
    """A message to `to`, where one is wanted; what keeps it from being sent is a check that failed."""
    if to is None:
        return []
    one = _able(seen)
    if one is None:
        return [_unsent("machine", "no modem is on a network yet")]
    try:
        with output.progress("test message") as told, closing(open_port(one.port)) as transport:
            visit = Visit(transport, SystemClock())
            comes_back = to == one.checkup.card.number
            sent = by_visit(visit, to, test_text(), wait=_WAIT, comes_back=comes_back, told=told)
    except HardwareError as error:
        return [_unsent(one.port, str(error))]
    return trial_checks(one.port, sent)


def _unsent(subject: str, why: str) -> Check:
    words = f"the test message was not sent: {why}; everything else is made"
    return Check("test_sms", subject, Verdict.FAIL, words, "look with `simwire doctor`, which sends one with --send-to")


def _document(
    plan: Plan, database: Path, seen: list[Sighting], made: tuple[KeyInfo, Secret] | None, tested: list[Check]
) -> Json:
    return {
        "config": str(plan.config.absolute()),
        "database": str(database.absolute()),
        "country": plan.country,
        "modems": [
            {"name": modem["name"], "port": modem["port"], "pin_file": modem.get("pin_file")} for modem in plan.modems
        ],
        "found": [one.words for one in seen],
        "key": None
        if made is None
        else {"id": made[0].id, "name": made[0].name, "scopes": sorted(made[0].scopes), "key": made[1].reveal()},
        "test": [check.as_json for check in tested],
    }


def _tell(plan: Plan, made: tuple[KeyInfo, Secret] | None) -> None:
    out = output.console()
    names = ", ".join(str(modem["name"]) for modem in plan.modems)
    out.print(Text(f"{plan.config}: written, with {names}"), soft_wrap=True)
    if made is None:
        out.print(Text("no key was made: the database has keys; `simwire keys create` makes more"), soft_wrap=True)
    else:
        out.print(Text(f"key {made[0].name}, shown only now: ") + Text(made[1].reveal(), style="bold"), soft_wrap=True)


def _tell_next(plan: Plan, tested: list[Check]) -> None:
    out = output.console()
    if tested:
        print_checks(tested)
    if any(modem["port"] == "auto" for modem in plan.modems):
        out.print(Text("no modem yet: plug one in, then look with `simwire doctor`"), soft_wrap=True)
    out.print(Text(f"next: simwire serve --config {plan.config}"), soft_wrap=True)
