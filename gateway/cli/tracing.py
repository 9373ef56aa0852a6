"""`simwire modems trace`: records what goes over a modem's port into a file that `simwire simulate --replay` plays."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

import click

from gateway import release
from gateway.cli import output
from gateway.cli.client import Gateway
from gateway.cli.failure import Command, Failure
from gateway.cli.messages import path_of
from gateway.cli.options import gateway_options_unless
from hardware.clock import SystemClock
from hardware.discovery import is_pseudo_terminal, open_port
from hardware.errors import CommandTimeout, ConnectionLost
from hardware.modem import ModemStatus, inspect
from hardware.tracing import Header, Recording, Tap, TappedTransport, Wiretap
from hardware.transport import Transport

CONFIRMATION = "unmasked"
LONGEST = 86_400.0
"""Seconds; what the gateway allows."""
_LOOK = 0.2  # seconds between writes to the file


@click.command(cls=Command)
@click.argument("name", required=False)
@click.option("--port", metavar="PORT", help="A port that no gateway holds, in place of NAME.")
@click.option("--baudrate", type=click.IntRange(300, 4_000_000), default=115_200, show_default=True, help="Of PORT.")
@click.option("--rtscts", is_flag=True, help="Hardware flow control at PORT.")
@click.option("--seconds", type=click.FloatRange(0, LONGEST), metavar="S", help="How long; until Ctrl-C by default.")
@click.option("--output", "path", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="A new file.")
@click.option("--restart", is_flag=True, help="Restart the modem first, so that the trace has its start.")
@click.option("--mask/--no-mask", default=True, help="Hide PINs, numbers and texts (the default), or show them.")
@click.option("--confirm", metavar="WORD", help=f"What --no-mask asks for: {CONFIRMATION}.")
@gateway_options_unless("port")
def trace(
    gateway: Gateway | None,
    name: str | None,
    port: str | None,
    baudrate: int,
    rtscts: bool,
    seconds: float | None,
    path: Path | None,
    restart: bool,
    mask: bool,
    confirm: str | None,
    as_json: bool,
) -> None:
    """Record what goes over the port of modem NAME of a running gateway, with times, as JSON Lines.

    Without --output the trace is written to standard output. PINs, telephone numbers, texts and serial numbers are
    masked; docs/traces.md says how. With --port a modem is asked who and how it is, and then listened to.
    """
    if (name is None) == (port is None):
        raise click.UsageError("give the NAME of a modem of the gateway, or --port PORT, and not both")
    if port is not None and restart:
        raise click.UsageError("--restart needs a gateway that sets the modem up again")
    if as_json and path is None:
        raise click.UsageError("--json needs --output FILE: standard output is the trace's")
    if not mask:
        _confirmed(confirm)
    with _opened(path) as file:
        counts: Counter[str] = Counter()
        try:
            if port is not None:
                pieces = _of_port(port, baudrate, rtscts=rtscts, seconds=seconds, mask=mask)
            else:
                assert gateway is not None
                pieces = _of_gateway(gateway, name or "", LONGEST if seconds is None else seconds, mask, restart)
            for piece in pieces:
                file.write(piece)
                file.flush()
                _count(piece, counts)
        except KeyboardInterrupt:
            pass  # that is how it is ended
    _report(path, counts, as_json=as_json)


def _confirmed(word: str | None) -> None:
    if word is None and sys.stdin.isatty():
        word = click.prompt(
            f"The trace will hold PINs, telephone numbers and texts. Write {CONFIRMATION} to go on", err=True
        )
    if word != CONFIRMATION:
        raise Failure(f"--no-mask shows PINs, telephone numbers and texts: confirm it with --confirm {CONFIRMATION}")


@contextmanager
def _opened(path: Path | None) -> Iterator[TextIO]:
    """The file, which must be new and which nobody else may read; standard output for None."""
    if path is None:
        yield sys.stdout
        return
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        try:
            yield file
        finally:
            if not file.tell():
                path.unlink(missing_ok=True)  # nothing was recorded: the next try finds the name free


def _of_gateway(gateway: Gateway, name: str, seconds: float, mask: bool, restart: bool) -> Iterator[str]:
    """The lines as the gateway gives them; the modem is restarted once the first one is there."""
    asked = {"seconds": f"{seconds:g}", "mask": "true" if mask else "false"}
    for line in gateway.lines(f"{path_of(name, 'modems')}/trace", asked):
        yield line
        if restart:
            restart = False
            gateway.post(f"{path_of(name, 'modems')}/restart", {}, wait=60)


def _of_port(port: str, baudrate: int, *, rtscts: bool, seconds: float | None, mask: bool) -> Iterator[str]:
    """The lines of a port that is opened here."""
    clock, tap, wiretap = SystemClock(), Tap(), Wiretap()
    wiretap.attach(tap)
    begun = clock.boot()
    until = None if seconds is None else begun + seconds
    with closing(TappedTransport(open_port(port, baudrate=baudrate, rtscts=rtscts), wiretap, clock)) as transport:
        status = _asked(transport, clock)
        recording = Recording(tap, _header(transport.name, status, clock, mask=mask), begun, fresh=True)
        yield recording.head
        try:
            while until is None or clock.boot() < until:
                transport.read(_LOOK if until is None else max(0.0, min(_LOOK, until - clock.boot())))
                yield recording.more(0)
        except (KeyboardInterrupt, ConnectionLost) as end:
            if isinstance(end, ConnectionLost):
                output.console(error=True).print(f"simwire: {end}", soft_wrap=True)
    yield recording.end(clock.boot())


def _asked(transport: Transport, clock: SystemClock) -> ModemStatus | None:
    """Who and how the modem is; None where nothing answers, which a trace shows too."""
    try:
        return inspect(transport, clock)
    except (CommandTimeout, ConnectionLost) as silent:
        output.console(error=True).print(f"simwire: {silent}; the trace goes on", soft_wrap=True)
        return None


def _header(port: str, status: ModemStatus | None, clock: SystemClock, *, mask: bool) -> Header:
    identity = status.identity if status is not None else None
    return Header(
        program=f"simwire {release.installed()}",
        masked=mask,
        source="simulator" if is_pseudo_terminal(port) else "device",
        manufacturer=identity.manufacturer if identity else None,
        model=identity.model if identity else None,
        firmware=identity.revision if identity else None,
        profile=status.profile if status else None,
        recorded=datetime.fromtimestamp(clock.now().wall, UTC).date().isoformat(),
    )


def _count(piece: str, counts: Counter[str]) -> None:
    for line in piece.splitlines():
        entry = json.loads(line)
        counts["chunks"] += "way" in entry
        counts["dropped"] += entry.get("chunks", 0) if entry.get("mark") == "dropped" else 0


def _report(path: Path | None, counts: Counter[str], *, as_json: bool) -> None:
    told = {"file": str(path), "chunks": counts["chunks"], "dropped": counts["dropped"]}
    if as_json:
        output.document(told)
        return
    lost = f", {counts['dropped']} lost because they were not taken in time" if counts["dropped"] else ""
    where = f" in {path}" if path is not None else ""
    output.console(error=True).print(f"{counts['chunks']} chunks{where}{lost}", soft_wrap=True)
