"""What goes wrong in a command, in words for people and, with `--json`, as one document."""

from __future__ import annotations

import json
from typing import IO, Any

import click

from gateway.config import ConfigError
from gateway.messages import Json
from gateway.refusals import RefusedError
from gateway.store import StoreError
from hardware.errors import HardwareError

EXPECTED = (ConfigError, HardwareError, RefusedError, StoreError, OSError)
"""What a person can mend; anything else is a defect and keeps its traceback."""


class Failure(click.ClickException):
    """A command that could not do its work: exit status 1."""

    def __init__(self, message: str, problem: Json | None = None) -> None:
        super().__init__(message)
        self.problem: Json = problem or {"code": "failed", "title": message}
        self.as_json = False

    def show(self, file: IO[Any] | None = None) -> None:
        """Words on standard error; with `--json` the problem on standard output too."""
        click.echo(f"simwire: {self.message}", file=file, err=file is None)
        if self.as_json:
            click.echo(json.dumps(self.problem, indent=2))


class Command(click.Command):
    """A command whose expected errors end with exit status 1 and no traceback."""

    def invoke(self, ctx: click.Context) -> object:
        """Run it; raises Failure for everything in `EXPECTED`."""
        try:
            try:
                return super().invoke(ctx)
            except BrokenPipeError:
                raise  # the reader of a pipe has seen enough: click ends quietly
            except EXPECTED as error:
                raise Failure(_in_words(error)) from error
        except Failure as failure:
            failure.as_json = bool(ctx.params.get("as_json"))
            raise


def _in_words(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:  # without the number that str() puts in front
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)


class Group(click.Group):
    """A group of such commands."""

    command_class = Command
    group_class = type
