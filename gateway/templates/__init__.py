"""Texts of one-time codes by locale and purpose: read from the TOML files beside this module, checked, compiled."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

REQUIRED = frozenset({"code", "organisation", "time", "until"})
OPTIONAL = frozenset({"date", "operation", "amount", "payee", "reference"})
TRANSACTION = frozenset({"operation", "amount", "payee"})
_TOKEN = re.compile(r"\{(\w+)\}|([\[\]{}])|([^\[\]{}]+)")


class TemplateError(ValueError):
    """A template that may not be used; says which and why."""


Piece = str | tuple[str]
"""Literal text, or the name of a field in a tuple of one."""


@dataclass(frozen=True, slots=True)
class Template:
    """One text, compiled: groups of pieces, each group rendered only where all its fields have values."""

    groups: tuple[tuple[Piece, ...], ...]

    @property
    def fields(self) -> frozenset[str]:
        """Names of the fields that it shows."""
        return frozenset(piece[0] for group in self.groups for piece in group if isinstance(piece, tuple))

    def render(self, values: Mapping[str, str]) -> str:
        """Fill in `values`; a field that is missing leaves its group out."""
        parts: list[str] = []
        for group in self.groups:
            filled = [piece if isinstance(piece, str) else values.get(piece[0]) for piece in group]
            if None not in filled:
                parts.extend(text for text in filled if text is not None)
        return "".join(parts)


@dataclass(frozen=True, slots=True)
class Locale:
    """All texts of one language."""

    language: str
    operation: str
    """What a transaction is called where the request does not say."""
    texts: Mapping[str, tuple[Template, ...]]
    """By template name, the longest text first."""


def compile_template(where: str, text: str) -> Template:
    """Check and compile one text; raises TemplateError naming `where`."""
    groups: list[tuple[Piece, ...]] = []
    current: list[Piece] = []
    inside = False
    for match in _TOKEN.finditer(text):
        name, mark, literal = match.groups()
        if name is not None:
            if name not in REQUIRED | OPTIONAL:
                raise TemplateError(f"{where}: there is no field {{{name}}}")
            current.append((name,))
        elif literal is not None:
            current.append(literal)
        elif (mark == "[") == inside or mark in "{}":
            raise TemplateError(f"{where}: {mark} without its other half")
        else:
            groups.append(tuple(current))
            current, inside = [], not inside
    if inside:
        raise TemplateError(f"{where}: [ without its other half")
    groups.append(tuple(current))
    return _checked(where, Template(tuple(group for group in groups if group)))


def _checked(where: str, template: Template) -> Template:
    needed = REQUIRED | (TRANSACTION if ".transaction[" in where else frozenset())
    if missing := needed - template.fields:
        raise TemplateError(f"{where}: must show {', '.join(f'{{{name}}}' for name in sorted(missing))}")
    shown = [piece for group in template.groups for piece in group]
    if shown.count(("code",)) != 1:
        raise TemplateError(f"{where}: must show {{code}} exactly once")
    return template


def load_locale(language: str, source: str) -> Locale:
    """Compile the TOML text of one language; raises TemplateError."""
    try:
        document = tomllib.loads(source)
    except tomllib.TOMLDecodeError as error:
        raise TemplateError(f"{language}: is not valid TOML: {error}") from error
    words = document.pop("words", {})
    texts = {
        name: tuple(
            compile_template(f"{language}.{name}[{place}]", text) for place, text in enumerate(section["texts"])
        )
        for name, section in document.items()
    }
    return Locale(language, words["operation"], texts)


def languages() -> tuple[str, ...]:
    """Codes of the languages that are shipped."""
    names = (entry.name for entry in resources.files(__name__).iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml")))


def load_all() -> dict[str, Locale]:
    """Every language that is shipped, by its code."""
    folder = resources.files(__name__)
    return {
        language: load_locale(language, (folder / f"{language}.toml").read_text(encoding="utf-8"))
        for language in languages()
    }
