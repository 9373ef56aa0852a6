"""`simwire simulate`: virtual modems that any program can open."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path

import click
from click.core import ParameterSource
from rich.text import Text

from gateway.cli import output
from gateway.cli.failure import Command, Failure
from gateway.cli.options import json_option, read_secret
from gateway.cli.signals import StopSignals
from gateway.cli.virtual import VirtualModems
from hardware.clock import SystemClock
from hardware.errors import TraceError
from hardware.simulator import PERSONALITIES, ReplayedModem, SimulatorServer
from hardware.tracing import Trace, read_trace

LOOK = 0.2
"""Seconds between looks at the telephones."""


@click.command(cls=Command)
@click.option("--modems", type=click.IntRange(1, 64), default=1, show_default=True, metavar="N", help="How many.")
@click.option(
    "--personality",
    type=click.Choice(sorted(PERSONALITIES)),
    default="generic",
    show_default=True,
    help="The family that they behave like.",
)
@click.option(
    "--radio-seconds",
    type=click.FloatRange(0, 600),
    default=2.0,
    show_default=True,
    metavar="S",
    help="How long one message is on the air.",
)
@click.option(
    "--links",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Where the ports are linked; a temporary folder by default.",
)
@click.option("--pin-file", metavar="FILE", help="The SIMs ask for the PIN in this file.")
@click.option(
    "--replay",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Play this trace as a modem, in place of a simulated network.",
)
@click.option(
    "--time-scale",
    type=click.FloatRange(0, 100),
    default=1.0,
    show_default=True,
    metavar="X",
    help="Multiplies the times of the trace: 0.1 is ten times as fast.",
)
@json_option
def simulate(
    modems: int,
    personality: str,
    radio_seconds: float,
    links: Path | None,
    pin_file: str | None,
    replay: Path | None,
    time_scale: float,
    as_json: bool,
) -> None:
    """Run virtual modems until Ctrl-C.

    Open their ports with a gateway, minicom, gammu or anything else. What is sent to any number appears here, as the
    telephone with that number shows it. With --replay one modem says what a recorded one said, to the same commands;
    docs/traces.md tells how.
    """
    _fitting(replay)
    trace = None if replay is None else _read(replay)
    stop = StopSignals()
    pin = read_secret(pin_file, "PIN").reveal() if pin_file else None
    with ExitStack() as ends:
        folder = links or Path(ends.enter_context(tempfile.TemporaryDirectory(prefix="simwire-")))
        if trace is not None:
            _play(trace, folder, time_scale, stop, as_json=as_json)
            return
        virtual = VirtualModems(modems, folder, PERSONALITIES[personality], radio_seconds=radio_seconds, pin=pin)
        ends.enter_context(virtual.server)
        _announce(virtual, as_json=as_json)
        out = output.console()
        while not stop.wait(LOOK):
            for number, message in virtual.news():
                if not as_json:
                    said = message.text if message.text is not None else f"{len(message.data or b'')} octets of data"
                    out.print(Text(f"{number} shows: {output.shown(said)}"), soft_wrap=True)


def _fitting(replay: Path | None) -> None:
    """Refuse options that say nothing here."""
    context = click.get_current_context()
    of_network = ("modems", "personality", "radio_seconds", "pin_file")
    for name in of_network if replay is not None else ("time_scale",):
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            option = f"--{name.replace('_', '-')}"
            raise click.UsageError(f"{option} goes {'not' if replay is not None else 'only'} with --replay")


def _read(path: Path) -> Trace:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return read_trace(file)
    except TraceError as error:
        raise Failure(f"{path}: {error}") from None


def _play(trace: Trace, folder: Path, scale: float, stop: StopSignals, *, as_json: bool) -> None:
    """Play a trace until the end, and tell then what was asked that it does not have."""
    clock = SystemClock()
    modem = ReplayedModem(trace, clock, scale=scale)
    header = trace.header
    known = " ".join(word for word in (header.manufacturer, header.model, header.firmware) if word) or "not told"
    with SimulatorServer(modem.network, [modem], folder) as server:
        path = server.path(modem)
        told = {"name": modem.name, "port": str(path), "device": str(path.resolve()), "turns": modem.turns}
        if as_json:
            output.document({"modems": [{**told, "source": header.source, "model": header.model}]})
        else:
            said = f"{modem.name}  {path}  ({path.resolve()}; a trace of a {header.source}, {output.shown(known)})"
            output.console().print(said, soft_wrap=True)
            output.console(error=True).print("ready; Ctrl-C ends it", soft_wrap=True)
        stop.wait()
        played, unknown = server.call(lambda: (modem.played.total(), dict(modem.unknown)))
    out = output.console(error=True)
    out.print(f"{played} commands were answered as in the trace", soft_wrap=True)
    for command, times in unknown.items():
        out.print(f"not in the trace, answered with ERROR: {output.shown(command)} ({times})", soft_wrap=True)


def _announce(virtual: VirtualModems, *, as_json: bool) -> None:
    rows = [
        {
            "name": modem.name,
            "port": str(virtual.path(modem)),
            "device": str(virtual.path(modem).resolve()),
            "number": modem.sim.number if modem.sim else None,
            "imei": modem.imei,
        }
        for modem in virtual.modems
    ]
    if as_json:
        output.document({"modems": rows})
        return
    for row in rows:
        output.console().print(f"{row['name']}  {row['port']}  ({row['device']}, SIM {row['number']})", soft_wrap=True)
    output.console(error=True).print("ready; Ctrl-C ends it", soft_wrap=True)
