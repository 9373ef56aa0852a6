"""Templates from files: the languages that are shipped, and a folder of one's own over them."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

from babel import localedata

from .grammar import Template, TemplateError, compile_text
from .rules import problems_of

PURPOSES = ("login", "transaction", "password_change", "signup", "custom")
"""The templates that every language has."""
SHORTEST_WARNING = 5
"""Characters of a phrase in [words] warning."""
_FILE = re.compile(r"([a-z]{2,3})(?:_([A-Z]{2}))?")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


@dataclass(frozen=True, slots=True)
class Locale:
    """All texts of one language, or of one territory's."""

    name: str
    """As its file is called: `pt`, `pt_BR`."""
    operation: str
    """What a transaction is called where the request does not say."""
    warning: tuple[str, ...]
    """Phrases of which each text has one: never to share the code."""
    texts: Mapping[str, tuple[Template, ...]]
    """By template name, the longest text first."""

    @property
    def language(self) -> str:
        """The language alone."""
        return language_of(self.name)


def language_of(locale: str) -> str:
    """The language of a locale like `pt-BR` or `pt_BR`."""
    return re.split("[-_]", locale)[0].lower()


def languages(folder: Path | None = None) -> tuple[str, ...]:
    """Codes of the languages that are shipped, and of those that `folder` adds."""
    names = {entry.name for entry in resources.files(__package__).iterdir() if entry.name.endswith(".toml")}
    if folder is not None and folder.is_dir():
        names |= {path.name for path in folder.glob("*.toml") if _FILE.fullmatch(path.stem)}
    return tuple(sorted({language_of(name.removesuffix(".toml")) for name in names}))


def load_all(folder: Path | None = None) -> dict[str, Locale]:
    """Every language that is shipped, with the texts of `folder` over them; by name (`pt`, `pt_BR`).

    Raises TemplateError with every problem of every file.
    """
    found = dict(_shipped())
    if folder is None:
        return found
    problems: list[str] = []
    for path in _files(folder):
        base = found.get(path.stem) or found.get(language_of(path.stem))
        try:
            _check_name(path.stem, base)
            found[path.stem] = load_locale(path.stem, _read(path), base)
        except TemplateError as error:
            problems += error.problems
    if problems:
        raise TemplateError(problems)
    return found


@cache
def _shipped() -> Mapping[str, Locale]:
    """Read once: they stay as they are while a process lives, and a start, a check and each reload want them."""
    folder = resources.files(__package__)
    return {name: load_locale(name, (folder / f"{name}.toml").read_text(encoding="utf-8")) for name in languages()}


def _files(folder: Path) -> list[Path]:
    """The files of a folder, each language before its territories, so that these build on it."""
    if not folder.is_dir():
        raise TemplateError([f"{folder} is no folder"])
    files = sorted(folder.glob("*.toml"), key=lambda path: path.stem)
    if not files:
        raise TemplateError([f"{folder} holds no file named LANG.toml or LANG_TT.toml, e.g. en.toml, pt_BR.toml"])
    return files


def _check_name(name: str, base: Locale | None) -> None:
    match = _FILE.fullmatch(name)
    if match is None:
        raise TemplateError([f"{name}.toml: name it LANG.toml or LANG_TT.toml, e.g. en.toml, pt_BR.toml"])
    if not localedata.exists(match[1]):
        raise TemplateError([f"{name}.toml: {match[1]} is no language whose dates and amounts are known (ISO 639)"])
    if match[2] and base is None:
        raise TemplateError([f"{name}.toml: there are no usable texts in {match[1]}; begin with {match[1]}.toml"])


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise TemplateError([f"{path.name}: cannot be read: {error.strerror}"]) from error
    except UnicodeDecodeError as error:
        raise TemplateError([f"{path.name}: is not UTF-8"]) from error


def load_locale(name: str, source: str, base: Locale | None = None) -> Locale:
    """Compile the TOML text of one file; `base` has what it leaves out.

    Raises TemplateError with every problem of the file; each names it, the template and the text's place.
    """
    try:
        document = tomllib.loads(source)
    except tomllib.TOMLDecodeError as error:
        raise TemplateError([f"{name}.toml: is not valid TOML: {error}"]) from error
    problems: list[str] = []
    operation, warning = _words(name, document.pop("words", {}), base, problems)
    texts = dict(base.texts) if base else {}
    for template, section in document.items():
        texts[template] = _texts(f"{name}.{template}", template, section, warning, problems)
    if missing := [purpose for purpose in PURPOSES if purpose not in texts]:
        problems.append(f"{name}: a new language must have every template; missing: {', '.join(missing)}")
    if problems:
        raise TemplateError(problems)
    return Locale(name, operation, warning, texts)


def _words(name: str, words: object, base: Locale | None, problems: list[str]) -> tuple[str, tuple[str, ...]]:
    if not isinstance(words, dict):
        problems.append(f"{name}.words: write a table: [words]")
        words = {}
    problems += [
        f"{name}.words.{key}: no such key; there are operation, warning"
        for key in words
        if key not in {"operation", "warning"}
    ]
    operation = words.get("operation", base.operation if base else None)
    if not isinstance(operation, str) or not operation.strip():
        problems.append(f'{name}.words.operation: what a transaction is called, e.g. "payment"')
    warning = words.get("warning", list(base.warning) if base else None)
    if (
        not isinstance(warning, list)
        or not warning
        or any(not isinstance(phrase, str) or len(phrase.strip()) < SHORTEST_WARNING for phrase in warning)
    ):
        problems.append(
            f"{name}.words.warning: a list of phrases of {SHORTEST_WARNING} characters or more that say never to share "
            'the code, e.g. ["never share"]'
        )
        warning = []
    return str(operation), tuple(warning)


def _texts(
    where: str, name: str, section: object, warning: tuple[str, ...], problems: list[str]
) -> tuple[Template, ...]:
    if not _NAME.fullmatch(name):
        problems.append(f"{where}: a template's name has small letters, digits and _ only")
    section = section if isinstance(section, dict) else {}
    texts = section.get("texts")
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        problems.append(f'{where}: write texts = ["…", "…"], the longest first')
        return ()
    problems += [f"{where}.{key}: no such key; there is texts" for key in section if key != "texts"]
    compiled = []
    for place, text in enumerate(texts):
        try:
            template = compile_text(text)
        except TemplateError as error:
            problems += [f"{where}[{place}]: {problem}" for problem in error.problems]
            continue
        compiled.append(template)
        if warning:
            last = 0 < place == len(texts) - 1
            problems += [f"{where}[{place}]: {problem}" for problem in problems_of(template, name, warning, last=last)]
    return tuple(compiled)
