"""`simwire config`: is the configuration file right?"""

from __future__ import annotations

from pathlib import Path

import click

from gateway.cli import output
from gateway.cli.failure import Command, Failure, Group
from gateway.cli.options import json_option
from gateway.config import ConfigError, load
from gateway.store import problems_of_place
from gateway.text_warnings import text_warnings


@click.group(cls=Group)
def config() -> None:
    """The configuration file."""


@config.command("check", cls=Command)
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--config", "given", type=click.Path(path_type=Path), envvar="SIMWIRE_CONFIG", metavar="FILE")
@json_option
def check(file: Path | None, given: Path | None, as_json: bool) -> None:
    """Check FILE in full: every problem with its key, and exit status 1 where there is one.

    Warnings are what may be meant so, as a text of a code that can need a second part; they leave the status at 0.
    """
    path = file or given
    if path is None:
        raise click.UsageError("say which file: simwire config check FILE")
    try:
        settings = load(path)
        if problems := problems_of_place(settings.gateway.database, settings.gateway.key_file):
            raise ConfigError(path, problems)
    except ConfigError as error:
        raise Failure(
            str(error), {"code": "config_invalid", "file": str(path), "ok": False, "problems": error.problems}
        ) from None
    modems, warnings = settings.modem, text_warnings(settings)
    if as_json:
        output.document({"file": str(path), "ok": True, "problems": [], "warnings": warnings})
        return
    for warning in warnings:
        output.console(error=True).print(f"warning: {output.shown(warning)}", soft_wrap=True)
    names = ", ".join(modem.name for modem in modems)
    output.console().print(f"{path}: good, with {len(modems)} modem{'s'[: len(modems) != 1]} ({names})", soft_wrap=True)
