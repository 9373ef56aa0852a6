"""`simwire serve`: the gateway itself, until SIGTERM or SIGINT."""

from __future__ import annotations

import contextlib
import faulthandler
import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import click

from gateway import logs
from gateway.cli.failure import Command, Failure
from gateway.cli.options import config_option
from gateway.cli.signals import StopSignals
from gateway.config import Config, ConfigError, load
from gateway.notify import ServiceManager, StatusLine
from gateway.service import Service
from gateway.store import KeyFileError, StoreDamaged, StoreNewer
from gateway.text_warnings import text_warnings
from gateway.watchdog import Watchdog
from hardware.clock import SystemClock

log = logging.getLogger("simwire.serve")

GRACE = 10.0
"""Seconds that a part on the air is given at the end."""


class Unusable(Failure):
    """The configuration or the key file cannot be used, or the database is newer: a person must mend it first."""

    exit_code = 78  # EX_CONFIG of sysexits.h; the unit names it


class Damaged(Failure):
    """The database is damaged: a person must restore it first."""

    exit_code = 65  # EX_DATAERR


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
    """Run the gateway. Prints `ready URL` on standard error once it accepts requests.

    Exit status 78: the configuration, the key file or the release does not fit; 65: the database is damaged. A person
    must mend that first. 1: anything else, which another start may cure.
    """
    with _statuses():
        _serve(load(config), log_level)


@contextlib.contextmanager
def _statuses() -> Iterator[None]:
    """Give the errors that only a person can mend an exit status of their own."""
    try:
        yield
    except (ConfigError, KeyFileError, StoreNewer) as error:
        raise Unusable(str(error)) from error
    except StoreDamaged as error:
        raise Damaged(str(error)) from error


def _serve(settings: Config, log_level: str) -> None:
    form = settings.gateway.log_format
    logs.configure(form, log_level)
    faulthandler.enable(all_threads=False)  # others may be amid anything: to look at them may be the next fault
    clock = SystemClock()
    manager = ServiceManager.of(os.environ, os.getpid(), clock)
    looking = _look_at_texts(settings)
    stop = StopSignals()
    try:
        service = Service(settings, clock, manager.starting)
        soundness = service.store.database.soundness
        soundness.on_damage = stop.ask
        service.scheduler.also.append(StatusLine(manager, service.store, service.modems).round)
        service.start()
    finally:
        with contextlib.suppress(ChildProcessError):  # a parent that ignores SIGCHLD makes the system forget it
            os.waitpid(looking, 0)  # what it says comes before `ready`, and before what stands in the way of it
    ready = json.dumps({"event": "ready", "url": service.url}) if form == "json" else f"ready {service.url}"
    click.echo(ready, err=True)
    manager.ready()
    _watch(manager, Watchdog(service.parties(), clock, manager.watchdog), stop)
    manager.stopping()
    log.info("stopping: what is on the air is finished first")
    finished = service.stop(GRACE)
    if soundness.damage is not None:
        raise soundness.damage
    # What did not end in time was named in the log, and the next start settles it: no failure of the gateway.
    log.info("stopped" if finished else "stopped, without waiting any longer")


def _watch(manager: ServiceManager, watchdog: Watchdog, stop: StopSignals) -> None:
    """Until a signal: tell that all is well for as long as everybody gets on."""
    while not stop.wait(watchdog.every):
        if watchdog.look():
            manager.alive()
        else:
            manager.status(f"Not well: {', '.join(watchdog.still)} stood still")


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
