"""A configuration for a file: every key with its explanation, and only what was decided in force.

Made from the example that shows every key, so that there is one text to keep true. What is not decided stands there as
a comment with its default, and follows the program when that changes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources

Value = str | int | bool | float
Table = Mapping[str, Value]
"""Keys of one section that are in force."""

HEADING = (
    "# Made by `simwire init`. What is in force stands without # at its line's beginning; every other key shows its",
    "# default. After a change: simwire config check FILE, then restart the gateway.",
)
_MODEM = "modem"
_SECTION = re.compile(r"\[+([a-z_.]+)\]+(.*)")
_KEY = re.compile(r"(?:# )?([a-z_]+) = (.*?)(\s{2,}#.*)?")
_COLUMN = 34  # where explanations begin in the example


def written(sections: Mapping[str, Table], modems: Sequence[Table]) -> str:
    """The text of a configuration with these keys in force; raises ValueError for a key that the example lacks."""
    left = {(section, key) for section, table in sections.items() for key in table}
    lines = list(HEADING)
    body = example().partition("\n")[2]  # without the line that says what an example is
    for section, block in _blocks(body):
        if section == _MODEM:
            lines += _modems(block, modems)
            continue
        for line in block:
            lines.append(_in_force(line, sections.get(section, {})))
            left -= {(section, key) for key in [_key_of(line)] if key}
    if left:
        raise ValueError(f"the example has no {', '.join('.'.join(one) for one in sorted(left))}")
    return "\n".join(lines) + "\n"


def example() -> str:
    """The example that shows every key with its default."""
    return resources.files("gateway.config").joinpath("example.toml").read_text(encoding="utf-8")


def toml(value: Value) -> str:
    """A value as TOML writes it; JSON's strings are TOML's, but for a control character that JSON lets through."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")


def _blocks(text: str) -> Iterator[tuple[str, list[str]]]:
    """Each section's name with its lines, its own first; "" for what stands before the first one."""
    section, block = "", list[str]()
    for line in text.splitlines():
        found = _SECTION.fullmatch(line)
        if found is not None:
            yield section, block
            section, block = found[1], []
        block.append(line)
    yield section, block


def _modems(block: list[str], modems: Sequence[Table]) -> Iterator[str]:
    """The first modem with every key explained, each further one with its own alone."""
    for place, modem in enumerate(modems):
        if place == 0:
            missing = set(modem) - {_key_of(line) for line in block}
            if missing:
                raise ValueError(f"the example has no modem.{', modem.'.join(sorted(missing))}")
            yield from (_in_force(line, modem) for line in block)
            continue
        yield block[0]
        yield from (f"{key} = {toml(value)}" for key, value in modem.items())
        yield ""


def _key_of(line: str) -> str | None:
    found = _KEY.fullmatch(line)
    return found[1] if found is not None else None


def _in_force(line: str, table: Table) -> str:
    found = _KEY.fullmatch(line)
    if found is None or _SECTION.match(line):
        return line
    key, default, explanation = found[1], found[2], (found[3] or "").strip()
    shown = f"{key} = {toml(table[key])}" if key in table else f"# {key} = {default}"
    return f"{shown:<{_COLUMN - 1}} {explanation}".rstrip()
