"""The arguments of information lines: strings, numbers, ranges and lists in parentheses (V.250 5.4 and 5.7.3)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hardware.errors import MalformedResponse


@dataclass(frozen=True, slots=True)
class Field:
    """One argument; `quoted` where it was a string."""

    text: str
    quoted: bool = False

    @property
    def number(self) -> int | None:
        """Its value where it is a decimal number, quoted or not."""
        digits = "".join(self.text.split())
        return int(digits) if digits.isdecimal() and digits.isascii() else None

    @property
    def hexadecimal(self) -> int | None:
        """Its value where it is a hexadecimal number; some modems put spaces into them."""
        digits = "".join(self.text.split())
        return int(digits, 16) if _HEX.match(digits) else None


_HEX = re.compile(r"[0-9A-Fa-f]{1,16}\Z")
_PREFIX = re.compile(r"\s*[+^*#!%$&]?[A-Za-z0-9]+\s*:\s*")


def arguments(line: str) -> str:
    """What follows the prefix and its colon; all of `line` where there is none."""
    prefix = _PREFIX.match(line)
    return line[prefix.end() :].strip() if prefix is not None else line.strip()


def split(text: str) -> list[str]:
    """`text` cut at the commas that are neither in a string nor in parentheses."""
    pieces, start, depth, in_string = [], 0, 0, False
    for place, char in enumerate(text):
        if char == '"':
            in_string = not in_string
        elif in_string:
            continue
        elif char == "(":
            depth += 1
        elif char == ")":
            depth = max(depth - 1, 0)
        elif char == "," and depth == 0:
            pieces.append(text[start:place].strip())
            start = place + 1
    pieces.append(text[start:].strip())
    return pieces


def field(piece: str) -> Field:
    """The argument that `piece` is."""
    if len(piece) >= 2 and piece[0] == piece[-1] == '"':
        return Field(piece[1:-1], quoted=True)
    return Field(piece.strip('"'), quoted='"' in piece)


def fields(line: str) -> list[Field]:
    """The arguments of a line, its prefix left out."""
    return [field(piece) for piece in split(arguments(line))]


def groups(text: str) -> Iterator[str]:
    """The insides of the outermost parentheses of `text`; one that is never closed ends with the text."""
    depth, start, in_string = 0, 0, False
    for place, char in enumerate(text):
        if char == '"':
            in_string = not in_string
        elif in_string:
            continue
        elif char == "(":
            depth += 1
            if depth == 1:
                start = place + 1
        elif char == ")" and depth:
            depth -= 1
            if depth == 0:
                yield text[start:place]
    if depth:
        yield text[start:]


def inside(piece: str) -> str:
    """`piece` without the parentheses around it."""
    return piece[1:-1].strip() if piece.startswith("(") and piece.endswith(")") else piece


def numbers(piece: str) -> tuple[int, ...]:
    """The values that `(0-2,4)`, `0-2,4` or `(2)` allows, in order; what is no number is left out."""
    values: list[int] = []
    for item in split(inside(piece)):
        first, dash, last = item.strip('" ()').partition("-")
        low, high = Field(first).number, Field(last if dash else first).number
        if low is not None and high is not None and high - low < 1000:
            values.extend(range(low, high + 1))
    return tuple(values)


def words(piece: str) -> tuple[str, ...]:
    """The strings of `("SM","ME")` or of one alone."""
    return tuple(word for word in (field(item).text.strip() for item in split(inside(piece))) if word)


def line_of(lines: Sequence[str], prefix: str) -> str:
    """The first of `lines` with `prefix`; raises MalformedResponse where there is none."""
    for line in lines:
        if has_prefix(line, prefix):
            return line
    raise MalformedResponse(f"AT{prefix}", f"no {prefix} line in the answer")


def has_prefix(line: str, prefix: str) -> bool:
    """Whether `line` begins with `prefix` and a colon."""
    return line.startswith(prefix) and line[len(prefix) :].lstrip()[:1] == ":"


def ucs2(text: str) -> str:
    """`text` decoded where it is UCS-2 in hex (AT+CSCS="UCS2"), else as it is.

    Taken for hex: at least two units, whole ones, all of them printable characters.
    """
    if len(text) < 8 or len(text) % 4 or not _UCS2.match(text):
        return text
    decoded = bytes.fromhex(text).decode("utf-16-be", "replace")
    return decoded if decoded.isprintable() else text


_UCS2 = re.compile(r"[0-9A-Fa-f]+\Z")
