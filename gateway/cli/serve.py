"""`simwire serve`: the gateway itself, until SIGTERM or SIGINT."""

from __future__ import annotations

import json
import logging
import os
import signal
from pathlib import Path

import click

from gateway import logs
from gateway.cli.failure import Command, Failure
from gateway.cli.options import config_option
from gateway.cli.signals import StopSignals
from gateway.config import Config, load
from gateway.service import Service
from gateway.text_warnings import text_warnings
from hardware.clock import SystemClock

log = logging.getLogger("simwire.serve")

GRACE = 10.0
"""Seconds that a part on the air is given at the end."""


@click.command(cls=Command)
@config_option()
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="info",
    show_default=True,
    help="The least that is logged.",
)
def serve(config: Path, log_level: str) -> None:
    """Run the gateway. Prints `ready URL` on standard error once it accepts requests."""
    settings = load(config)
    form = settings.gateway.log_format
    logs.configure(form, log_level)
    # A parent that ignores it had the system forget how programs of ours end: each would seem to have done its work.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    looking = _look_at_texts(settings)
    stop = StopSignals()
    try:
        service = Service(settings, SystemClock())
        soundness = service.store.database.soundness
        soundness.on_damage = stop.ask
        service.start()
    finally:
        os.waitpid(looking, 0)  # what it says comes before `ready`, and before what stands in the way of it
    ready = json.dumps({"event": "ready", "url": service.url}) if form == "json" else f"ready {service.url}"
    click.echo(ready, err=True)
    stop.wait()
    log.info("stopping: what is on the air is finished first")
    finished = service.stop(GRACE)
    if soundness.damage is not None:
        raise Failure(str(soundness.damage))
    # What did not end in time was named in the log, and the next start settles it: no failure of the gateway.
    log.info("stopped" if finished else "stopped, without waiting any longer")


def _look_at_texts(settings: Config) -> int:
    """Log what the texts of codes may cost, in a process of its own; its id. Call before any thread starts.

    To look at all of them takes what Babel knows of every language: 8 MB, of which a gateway needs few, and a while.
    """
    child = os.fork()
    if child:
        return child
    try:
        for warning in text_warnings(settings):
            log.warning("%s", warning)
    except Exception:
        log.exception("a defect of the program: the texts of codes were not looked at")
    finally:
        os._exit(0)
