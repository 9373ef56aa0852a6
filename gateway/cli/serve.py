"""`simwire serve`: the gateway itself, until SIGTERM or SIGINT."""

from __future__ import annotations

import contextlib
import faulthandler
import json
import logging
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import click

from gateway import logs
from gateway.cli.failure import Command, Failure
from gateway.cli.options import config_option
from gateway.cli.signals import StopSignals
from gateway.config import Config, ConfigError, load
from gateway.notify import ServiceManager, StatusLine
from gateway.service import Service
from gateway.store import KeyFileError, StoreDamaged, StoreError, StoreNewer
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
    help="The least that is logged, whatever the configuration says.",
)
def serve(config: Path, log_level: str | None) -> None:
    """Run the gateway. Prints `ready URL` on standard error once it accepts requests.

    Exit status 78: the configuration, the key file or the release does not fit; 65: the database is damaged. A person
    must mend that first. 1: anything else, which another start may cure.

    SIGHUP, or simwire reload, has the configuration read anew; what of it holds at once stands in docs/operations.md.
    """
    with _statuses():
        _serve(config, log_level)


@contextlib.contextmanager
def _statuses() -> Iterator[None]:
    """Give the errors that only a person can mend an exit status of their own."""
    try:
        yield
    except (ConfigError, KeyFileError, StoreNewer) as error:
        raise Unusable(str(error)) from error
    except StoreDamaged as error:
        raise Damaged(str(error)) from error


def _serve(path: Path, log_level: str | None) -> None:
    settings = load(path)
    form = settings.gateway.log_format
    logs.configure(form, log_level or settings.gateway.log_level)
    faulthandler.enable(all_threads=False)  # others may be amid anything: to look at them may be the next fault
    clock = SystemClock()
    manager = ServiceManager.of(os.environ, os.getpid(), clock)
    # A parent that ignores it had the system forget how programs of ours end: each would seem to have done its work.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    looking = _look_at_texts(settings)
    stop = StopSignals(reloads=True)
    try:
        service = Service(settings, clock, manager.starting)
        soundness = service.store.database.soundness
        soundness.on_damage = stop.ask
        service.scheduler.also.append(StatusLine(manager, service.store, service.modems).round)
        service.start()
    finally:
        os.waitpid(looking, 0)  # what it says comes before `ready`, and before what stands in the way of it
    ready = json.dumps({"event": "ready", "url": service.url}) if form == "json" else f"ready {service.url}"
    click.echo(ready, err=True)
    manager.ready()
    _watch(
        manager, Watchdog(service.parties(), clock, manager.watchdog), stop, lambda: _reload(service, path, log_level)
    )
    manager.stopping()
    log.info("stopping: what is on the air is finished first")
    finished = service.stop(GRACE)
    if soundness.damage is not None:
        raise soundness.damage
    # What did not end in time was named in the log, and the next start settles it: no failure of the gateway.
    log.info("stopped" if finished else "stopped, without waiting any longer")


def _watch(manager: ServiceManager, watchdog: Watchdog, stop: StopSignals, reload: Callable[[], None]) -> None:
    """Until a signal: tell that all is well for as long as everybody gets on."""
    while not stop.wait(watchdog.every):
        if stop.reload():
            with manager.reloading():
                reload()
        if watchdog.look():
            manager.alive()
        else:
            manager.status(f"Not well: {', '.join(watchdog.still)} stood still")


def _reload(service: Service, path: Path, log_level: str | None) -> None:
    """Read the configuration anew; one that cannot be used changes nothing. The log says what came of it."""
    try:
        settings = load(path)
        service.reload(settings)
    except ConfigError as error:
        log.error("reload: nothing has changed, as the configuration cannot be used: %s", error)
    except (StoreError, ValueError, OSError) as error:
        log.error("reload: broken off, and not all of it holds: %s; mend that and reload again", error)
    except Exception:  # what serves goes on serving
        log.exception("a defect of the program: reload: broken off, and not all of it may hold")
    else:
        logs.configure(settings.gateway.log_format, log_level or settings.gateway.log_level)


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
