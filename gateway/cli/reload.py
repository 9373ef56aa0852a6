"""`simwire reload`: have a running gateway read its configuration anew."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import click

from gateway.cli import output
from gateway.cli.failure import Command, Failure
from gateway.cli.options import config_option
from gateway.config import load
from gateway.store import serving


@click.command(cls=Command)
@config_option()
def reload(config: Path) -> None:
    """Check the configuration, and have the gateway that serves it read it anew; the same as systemctl reload.

    The gateway's log says what changed, and what takes a restart. It must run on this machine, as the same user.
    """
    database = load(config).gateway.database  # a file that cannot be used is told here already
    pid = serving(database)
    if pid is None:
        raise Failure(f"no gateway serves {database}; it reads the configuration when it starts")
    try:
        os.kill(pid, signal.SIGHUP)
    except PermissionError:
        raise Failure(f"process {pid} serves {database} and belongs to another user; run this as that one") from None
    output.console().print(f"process {pid} reads {output.shown(config)} anew; its log says what came of it")
