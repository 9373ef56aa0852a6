"""The notation of a text: `{field}` is filled in, what stands in `[…]` is left out where a value of it is missing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

ALWAYS = frozenset({"code", "organisation", "date", "time", "until"})
"""Fields that every message has a value for."""
CONTEXT = frozenset({"operation", "amount", "payee", "reference"})
"""Fields that a request may leave out."""
FIELDS = ALWAYS | CONTEXT
_TOKEN = re.compile(r"\{(\w+)\}|([\[\]{}])|([^\[\]{}]+)")

Piece = str | tuple[str]
"""Literal text, or the name of a field in a tuple of one."""


class TemplateError(ValueError):
    """Templates that may not be used; `problems` has one line for each thing to mend, naming where it stands."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


@dataclass(frozen=True, slots=True)
class Group:
    """Pieces that are rendered together."""

    pieces: tuple[Piece, ...]
    optional: bool = False

    @property
    def fields(self) -> frozenset[str]:
        """Names of the fields that it shows."""
        return frozenset(piece[0] for piece in self.pieces if isinstance(piece, tuple))


@dataclass(frozen=True, slots=True)
class Template:
    """One text, compiled."""

    groups: tuple[Group, ...]
    fields: frozenset[str] = field(init=False)
    """Names of the fields that it shows, where they have values."""
    needed: frozenset[str] = field(init=False)
    """Names of the fields that must have values: those outside `[…]`."""

    def __post_init__(self) -> None:
        needed = frozenset(name for group in self.groups if not group.optional for name in group.fields)
        object.__setattr__(self, "needed", needed)
        object.__setattr__(self, "fields", needed.union(*(group.fields for group in self.groups)))

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """All pieces in order."""
        return tuple(piece for group in self.groups for piece in group.pieces)

    @property
    def words(self) -> str:
        """The literal text alone."""
        return "".join(piece for piece in self.pieces if isinstance(piece, str))

    def render(self, values: Mapping[str, str]) -> str:
        """Fill in `values`, leaving out a group of which one is missing; raises KeyError for a needed one."""
        return "".join(
            piece if isinstance(piece, str) else values[piece[0]]
            for group in self.groups
            if not group.optional or group.fields <= values.keys()
            for piece in group.pieces
        )


def braced(names: Iterable[str]) -> str:
    """Names of fields as they are written, in order."""
    return ", ".join(f"{{{name}}}" for name in sorted(names))


def compile_text(text: str) -> Template:
    """Compile one text; raises TemplateError with all that is wrong with its notation."""
    groups: list[Group] = []
    current: list[Piece] = []
    inside = False
    problems: dict[str, None] = {}
    for match in _TOKEN.finditer(text):
        name, mark, literal = match.groups()
        if name is not None and name not in FIELDS:
            problems[f"there is no field {{{name}}}; there are {braced(FIELDS)}"] = None
        elif name is not None:
            current.append((name,))
        elif literal is not None:
            current.append(literal)
        elif (mark == "[") == inside or mark in "{}":
            problems[f"{mark} without its other half"] = None
        else:
            groups.append(Group(tuple(current), inside))
            current, inside = [], not inside
    if inside:
        problems["[ without its other half"] = None
    if problems:
        raise TemplateError(problems)
    groups.append(Group(tuple(current)))
    return Template(tuple(group for group in groups if group.pieces))
