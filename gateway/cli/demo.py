"""`simwire demo`: the whole gateway before a simulated network, to look at and to try."""

from __future__ import annotations

import json
import tempfile
from contextlib import ExitStack
from pathlib import Path

import click
import phonenumbers
from rich.console import Console

from gateway import logs
from gateway.cli import output
from gateway.cli.client import Gateway
from gateway.cli.failure import Command
from gateway.cli.signals import StopSignals
from gateway.cli.story import WIDTH, Story
from gateway.cli.virtual import VirtualModems
from gateway.config import Config, load
from gateway.scopes import APPLICATION
from gateway.service import Service
from hardware.clock import SystemClock
from hardware.simulator import GENERIC

RADIO_SECONDS, DELIVERY_SECONDS, REPORT_SECONDS = 0.6, 0.3, 0.2
"""A network that is faster than most: the story is short."""
GRACE = 5.0
SCOPES = (*APPLICATION, "messages:text", "inbox:read", "modems:read", "modems:manage")


@click.command(cls=Command)
@click.option("--once", is_flag=True, help="End after the story: exit status 0 where everything happened, else 1.")
def demo(once: bool) -> None:
    """Try it all without a modem.

    Starts a gateway with two simulated modems on a free port of this machine, in a temporary folder, sends two codes to
    simulated telephones, and goes on serving until Ctrl-C.
    """
    stop = StopSignals()
    logs.configure("text", "warning")
    with ExitStack() as ends:
        folder = Path(ends.enter_context(tempfile.TemporaryDirectory(prefix="simwire-demo-")))
        virtual = VirtualModems(
            2,
            folder / "ports",
            GENERIC,
            radio_seconds=RADIO_SECONDS,
            delivery_seconds=DELIVERY_SECONDS,
            report_seconds=REPORT_SECONDS,
        )
        ends.enter_context(virtual.server)
        service = Service(_config(folder, virtual), SystemClock())
        ends.callback(service.stop, GRACE)
        service.start()
        _, key = service.store.keys.create("demo", SCOPES, service.clock.now())
        story = Story(_console(), Gateway(service.url, key), virtual, stop)
        story.tell()
        if not once:
            story.suggest(key.reveal())
            story.watch()


def _config(folder: Path, virtual: VirtualModems) -> Config:
    """The file that a person would write, for these modems; any country may be tried, since nobody is reached."""
    countries = json.dumps(sorted(phonenumbers.SUPPORTED_REGIONS))
    lines = ["[gateway]", 'organisation = "Example Bank"', 'country = "GB"', "[api]", "port = 0"]
    lines += ["[limits]", f"allowed_countries = {countries}"]
    for modem in virtual.modems:
        lines += ["[[modem]]", f'name = "{modem.name}"', f"port = {json.dumps(str(virtual.path(modem)))}"]
    path = folder / "config.toml"
    path.write_text("\n".join(lines), encoding="utf-8")
    return load(path)


def _console() -> Console:
    """As wide as the story is written for, and plain where there is no terminal."""
    console = output.console()
    if not console.is_terminal or console.width > WIDTH:
        console.width = WIDTH
    return console
