"""`simwire simulate`: virtual modems that any program can open."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path

import click
from rich.text import Text

from gateway.cli import output
from gateway.cli.failure import Command
from gateway.cli.options import json_option, read_secret
from gateway.cli.signals import StopSignals
from gateway.cli.virtual import VirtualModems
from hardware.simulator import PERSONALITIES

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
@json_option
def simulate(
    modems: int, personality: str, radio_seconds: float, links: Path | None, pin_file: str | None, as_json: bool
) -> None:
    """Run virtual modems until Ctrl-C.

    Open their ports with a gateway, minicom, gammu or anything else. What is sent to any number appears here, as the
    telephone with that number shows it.
    """
    stop = StopSignals()
    pin = read_secret(pin_file, "PIN").reveal() if pin_file else None
    with ExitStack() as ends:
        folder = links or Path(ends.enter_context(tempfile.TemporaryDirectory(prefix="simwire-")))
        virtual = VirtualModems(modems, folder, PERSONALITIES[personality], radio_seconds=radio_seconds, pin=pin)
        ends.enter_context(virtual.server)
        _announce(virtual, as_json=as_json)
        out = output.console()
        while not stop.wait(LOOK):
            for number, message in virtual.news():
                if not as_json:
                    said = message.text if message.text is not None else f"{len(message.data or b'')} octets of data"
                    out.print(Text(f"{number} shows: {output.shown(said)}"), soft_wrap=True)


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
