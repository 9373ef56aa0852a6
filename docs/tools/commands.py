"""The reference of the command line, from the commands themselves."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import click

from docs.tools.markdown import code, page, table
from gateway.cli.app import simwire

_INTRODUCTION = """\
Exit status: 0 for success, 1 for failure, 2 for wrong usage. With `--json` a command prints one JSON document.
Commands for a running gateway find it by `--url` (`SIMWIRE_URL`) or `--config`, and take the key from
`SIMWIRE_KEY` or `--key-file`; codes, keys and texts of codes are never arguments, where other users of the
machine could read them."""


def render() -> str:
    """The page."""
    root = click.Context(simwire, info_name="simwire", max_content_width=100)
    return page("Command line", _INTRODUCTION, *(part for part in _commands(simwire, root) if part))


def _commands(group: click.Group, context: click.Context) -> Iterator[str]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        inner = click.Context(command, context, info_name=name)
        yield from _command(command, inner)
        if isinstance(command, click.Group):
            yield from _commands(command, inner)


def _command(command: click.Command, context: click.Context) -> Iterator[str]:
    depth = "#" * (1 + context.command_path.count(" "))
    yield f"{depth} `{context.command_path}`"
    yield inspect.cleandoc(command.help or "").replace("\b\n", "")
    if isinstance(command, click.Group):
        return
    yield "```text\n" + " ".join([context.command_path, *command.collect_usage_pieces(context)]) + "\n```"
    yield table(("option", ""), _options(command, context))


def _options(command: click.Command, context: click.Context) -> Iterator[tuple[str, str]]:
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None and "--help" not in parameter.opts:
            yield code(record[0]), record[1].replace("<", "&lt;")
