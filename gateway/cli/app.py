"""The root command. What a command needs is imported when it is run: `keys create` needs no web server."""

from __future__ import annotations

import importlib
import io
import sys
from importlib import metadata

import click

from gateway.cli.failure import Group

MODULES = {
    "demo": "demo",
    "init": "init",
    "doctor": "doctor",
    "serve": "serve",
    "reload": "reload",
    "send": "send",
    "otp": "otp",
    "messages": "messages",
    "inbox": "inbox",
    "caught": "caught",
    "keys": "keys",
    "numbers": "numbers",
    "modems": "modems",
    "simulate": "simulate",
    "config": "checking",
    "alarms": "alarms",
    "db": "db",
    "audit": "audit",
}
"""The module of this package that holds each command, under the command's name."""


class Root(Group):
    """Finds commands by name in their modules."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Every command, in the order in which people meet them."""
        return list(MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """The command of that name, None for an unknown one."""
        if cmd_name not in MODULES:
            return None
        found = getattr(importlib.import_module(f"gateway.cli.{MODULES[cmd_name]}"), cmd_name)
        assert isinstance(found, click.Command)
        return found


@click.group(cls=Root, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(metadata.version("simwire"), prog_name="simwire")
def simwire() -> None:
    """Send text messages and one-time codes through your own SIM card in a USB modem."""


def main() -> None:
    """The console script: exit status 0 success, 1 failure, 2 wrong usage."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal without UTF-8 must not end a command
    simwire(prog_name="simwire")
