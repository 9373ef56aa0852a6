"""`simwire serve`: the gateway itself, until SIGTERM or SIGINT."""

from __future__ import annotations

import errno
import json
import logging
import sys
from pathlib import Path

import click

from gateway import logs
from gateway.cli.failure import Command, Failure
from gateway.cli.options import config_option
from gateway.cli.signals import stop_signals
from gateway.config import Config, load
from gateway.service import Service
from hardware.clock import SystemClock

log = logging.getLogger("simwire.serve")

_CANNOT_LISTEN = {errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.EACCES}
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
    stop = stop_signals()
    service = _built(settings)
    service.start()
    ready = json.dumps({"event": "ready", "url": service.url}) if form == "json" else f"ready {service.url}"
    print(ready, file=sys.stderr, flush=True)
    stop.wait()
    log.info("stopping: what is on the air is finished first")
    if not service.stop(GRACE):
        raise Failure("a modem did not finish in time; what it was sending is settled at the next start")
    log.info("stopped")


def _built(config: Config) -> Service:
    try:
        return Service(config, SystemClock())
    except OSError as error:
        if error.errno not in _CANNOT_LISTEN:
            raise
        where = f"{config.api.host} port {config.api.port}"
        raise Failure(f"the API cannot listen on {where} ({error.strerror}); change [api] host or port") from error
