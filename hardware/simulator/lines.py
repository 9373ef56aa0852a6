"""Command lines by ITU-T V.250 5.2 to 5.4: collecting one from a stream of octets, and taking it apart."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["run", "set", "read", "test"]

_BASIC = re.compile(r"[&\\]?[A-Z]")
_EXTENDED = re.compile(r"[+^#!*$%][A-Z0-9!%\-./:_]+")


class LineSyntaxError(ValueError):
    """The rest of the line is no command."""


@dataclass(frozen=True, slots=True)
class Call:
    """One command of a line: `name` in capitals, the text after "=" as it was written."""

    name: str
    kind: Kind
    text: str = field(default="", repr=False)

    @property
    def arguments(self) -> list[str]:
        """The comma-separated values; quotes are taken off, what was left out is ""."""
        return [value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value for value in self._raw()]

    def _raw(self) -> list[str]:
        values, value, quoted = [], "", False
        for character in self.text:
            quoted ^= character == '"'
            if character == "," and not quoted:
                values.append(value.strip())
                value = ""
            else:
                value += character
        return [*values, value.strip()] if self.text else []

    def argument(self, position: int, default: str = "") -> str:
        """The value at a position, `default` where it was left out."""
        values = self.arguments
        return values[position] if position < len(values) and values[position] else default

    def number(self, position: int, default: int) -> int:
        """The numeric value at a position, -1 for what is no number: no command takes a negative one."""
        value = self.argument(position)
        if not value:
            return default
        return int(value) if value.isascii() and value.isdigit() else -1


def commands(body: str) -> Iterator[Call]:
    """The commands of a line without its AT, in order; raises LineSyntaxError at the first that is none.

    A generator, because what stands before a mistake is carried out (V.250 5.3).
    """
    at = 0
    folded = _capitals(body)
    while at < len(folded):
        if folded[at] in " ;":
            at += 1
            continue
        extended = _EXTENDED.match(folded, at)
        if extended:
            end = _end_of_extended(folded, extended.end())
            yield _extended(extended.group(), folded[extended.end() : end].strip())
            at = end
            continue
        basic = _BASIC.match(folded, at)
        if not basic:
            raise LineSyntaxError(f"no command at character {at}")
        call, at = _basic(folded, basic.group(), basic.end())
        yield call


def _capitals(body: str) -> str:
    pieces = body.split('"')
    return '"'.join(piece if number % 2 else piece.upper() for number, piece in enumerate(pieces))


def _end_of_extended(body: str, at: int) -> int:
    quoted = False
    while at < len(body) and (quoted or body[at] != ";"):
        quoted ^= body[at] == '"'
        at += 1
    return at


def _extended(name: str, rest: str) -> Call:
    if not rest:
        return Call(name, "run")
    if rest == "?":
        return Call(name, "read")
    if rest == "=?":
        return Call(name, "test")
    if rest[0] == "=":
        return Call(name, "set", rest[1:].strip())
    raise LineSyntaxError("neither a value nor a question follows the name")


def _basic(body: str, name: str, at: int) -> tuple[Call, int]:
    if name == "D":
        end = len(body)
        return Call("D", "run", body[at:end]), end
    digits = re.compile(r"\d*").match(body, at)
    assert digits is not None
    at, value = digits.end(), digits.group()
    if name != "S":
        return Call(name, "run", value), at
    tail = re.compile(r"\?|=\d*").match(body, at)
    if not value or not tail:
        raise LineSyntaxError("an S register needs a number and ? or a value")
    kind: Kind = "read" if tail.group() == "?" else "set"
    return Call(f"S{int(value)}", kind, tail.group()[1:]), tail.end()


class LineReader:
    """Finds command lines in octets: everything before "AT" is skipped, the line ends at S3, S5 takes one back."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._text = ""
        self._previous = ""
        self._over = False

    def clear(self) -> None:
        """Forget a line that was begun."""
        self._text, self._over = "", False

    def take(self, octet: int, end: int, backspace: int) -> str | None:
        """One octet further: the whole line without its AT once it is complete, else None.

        A line over the limit comes as a NUL character, which is no command.
        """
        if octet == end:
            return self._finish()
        if octet == backspace:
            self._text = self._text[:-1]
            return None
        if octet < 0x20 or octet > 0x7E:
            return None  # V.250 5.2.2: control characters have no meaning within a line
        if len(self._text) >= self._limit:
            self._over = True
            return None
        self._text += chr(octet)
        if len(self._text) == 1 and self._text not in "Aa":
            self._text = ""
        elif len(self._text) == 2:
            if self._text == "A/" or self._text == "a/":
                self.clear()
                return self._previous
            if self._text[1] not in "Tt":
                self._text = self._text[1] if self._text[1] in "Aa" else ""
        return None

    def _finish(self) -> str | None:
        text, over = self._text, self._over
        self.clear()
        if over:
            return "\0"
        if len(text) < 2:
            return None
        self._previous = text[2:]
        return self._previous
