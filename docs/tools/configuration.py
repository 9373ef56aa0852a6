"""The reference of the configuration: every key with type, bounds and default from the types that check it.

The words of a key are its `description` there, else its comment in config.example.toml.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen
from pydantic import AfterValidator, BaseModel, BeforeValidator, PlainValidator
from pydantic.fields import FieldInfo

from docs.tools.markdown import code, page, table
from gateway.config import Config
from gateway.config import fields as kinds
from gateway.config.file import model_in
from gateway.quantities import Rate, compact, octets, rate, seconds, written
from gateway.quiet import quiet_hours

EXAMPLE = Path(__file__).resolve().parents[2] / "config.example.toml"
_HEAD = re.compile(r"^(?:# )?\[+([\w.]+)\]+")
_KEY = re.compile(r"^(# )?(\w+) = (.*?)(?:\s+# (.*))?$")

_KINDS: dict[Callable[..., Any], str] = {
    seconds: "duration",
    octets: "size",
    rate: 'rate, as `"3/10m"`',
    quiet_hours: 'hours, as `"21:00-08:00"`',
    kinds.check_zone: "time zone, as `Europe/London`",
    kinds.check_locale: "locale, as `en` or `en-GB`",
    kinds.check_templates: "folder of texts",
}
"""What a value is called, by the function that reads or checks it."""
_NAMED = {
    "_beside_the_file": "path",
    "_region": "country, two capital letters",
    "_country_rule": "country, two capital letters, `!` behind it to leave out what shares its calling code",
    "_network": "network or address",
    "_steps": "list of durations",
    "_decimal": "number",
}
"""The same for what is private to the configuration."""
_PLAIN: dict[object, str] = {str: "text", int: "whole number", float: "number", bool: "true or false", Path: "path"}

_INTRODUCTION = """\
One file in [TOML](https://toml.io). Only `organisation`, `country` and one `[[modem]]` with a `port` must be there;
[config.example.toml](../../config.example.toml) is a whole one with every default. `simwire config check FILE` tells
every problem at once, and `simwire serve` refuses a file with problems.

A *duration* is written `"45s"`, `"5m"`, `"24h"`, `"7d"`, also joined (`"1h30m"`), or as a number of seconds; a *size*
`"64MB"` (powers of 1,000), `"64MiB"` (of 1,024) or as a number of bytes; a *rate* `"3/10m"`, how many in any window
of that length, 1 s to 31 days. Relative *paths* are relative to the file. A key that does not exist is refused, with
the one that was perhaps meant."""


@dataclass(frozen=True, slots=True)
class _Words:
    """What the example says of a key."""

    example: str
    comment: str


def render() -> str:
    """The page."""
    parts = []
    for head, model, path in _sections(Config, ()):
        parts.append(f"## {head}\n\n{inspect.cleandoc(model.__doc__ or '')}")
        parts.append(table(("key", "type", "default", "what it is"), _rows(model, path)))
    return page("Configuration", _INTRODUCTION, *parts)


def undescribed() -> list[str]:
    """Keys that nothing is said of; a test holds that there are none."""
    return [
        ".".join((*path, name))
        for _, model, path in _sections(Config, ())
        for name, info in model.model_fields.items()
        if not _below(info) and not _description(info, path, name)
    ]


def _sections(model: type[BaseModel], path: tuple[str, ...]) -> Iterator[tuple[str, type[BaseModel], tuple[str, ...]]]:
    for name, info in model.model_fields.items():
        if (inner := model_in(info.annotation)) is None:
            continue
        here = (*path, name)
        dotted = ".".join(here)
        if "tuple" in str(get_origin(_bare(info.annotation))):
            head = f"`[[{dotted}]]`"
        elif _optional(info.annotation):
            owner = ".".join(path)
            head = f"`{name}` of `{f'[[{owner}]]' if path == ('modem',) else f'[{owner}]'}`"
        else:
            head = f"`[{dotted}]`"
        yield head, inner, here
        yield from _sections(inner, here)


def _rows(model: type[BaseModel], path: tuple[str, ...]) -> Iterator[tuple[str, str, str, str]]:
    for name, info in model.model_fields.items():
        if inner := _below(info):
            if _optional(info.annotation):
                yield code(name), "table, see below", "", _description(info, path, name) or inner.__doc__ or ""
            continue
        words = _example().get((*path, name))
        default = "must be given" if info.is_required() else code(_toml(info.default, info))
        said = _description(info, path, name)
        if words and not default and words.example:
            said += f"; e.g. {code(words.example)}" if "e.g." not in said else ""
        yield code(name), "; ".join(_kind(info)), default, said


def _description(info: FieldInfo, path: tuple[str, ...], name: str) -> str:
    words = _example().get((*path, name))
    said = info.description or (words.comment if words else "")
    return re.sub(r"\bdocs/(\w+)\.md\b", r"[\1](../\1.md)", said).rstrip(" …,")


def _below(info: FieldInfo) -> type[BaseModel] | None:
    return model_in(info.annotation)


def _kind(info: FieldInfo) -> list[str]:
    """The type, and behind it what bounds it."""
    return list(dict.fromkeys(_words(info.annotation, list(info.metadata))))


def _words(annotation: Any, metadata: list[Any]) -> Iterator[str]:
    annotation, metadata = _unwrapped(annotation, metadata)
    readers = [one.func for one in metadata if isinstance(one, BeforeValidator | PlainValidator | AfterValidator)]
    known = [word for reader in readers if (word := _KINDS.get(reader) or _NAMED.get(reader.__name__))]
    inside = [_inside(reader) for reader in readers]
    if known:
        yield known[-1]
    elif any("least" in one for one in inside):
        yield 'duration, or `"forever"`'
    elif get_origin(annotation) is Literal:
        yield " or ".join(code(f'"{one}"') for one in get_args(annotation))
    elif get_origin(annotation) is tuple:
        inner = list(dict.fromkeys(_words(get_args(annotation)[0], [])))
        yield "list of: " + ", ".join(inner) if get_args(annotation)[-1] is Ellipsis else "two of: " + ", ".join(inner)
    else:
        yield _PLAIN.get(annotation, "number" if annotation is Decimal else "text")
    yield from _bounds(metadata)
    for one in inside:
        if "low" in one:
            yield f"{written(one['low'])} to {written(one['high'])}"
        elif "least" in one:
            yield f"from {written(one['least'])}"
        elif "hint" in one:
            yield one["hint"]


def _inside(reader: Callable[..., Any]) -> Mapping[str, Any]:
    """Checks that are made with their bounds or their hint carry them in their closure."""
    return inspect.getclosurevars(reader).nonlocals if inspect.isfunction(reader) else {}


def _bounds(metadata: list[Any]) -> Iterator[str]:
    low = next((one.ge for one in metadata if isinstance(one, Ge)), None)
    high = next((one.le for one in metadata if isinstance(one, Le)), None)
    if low is not None and high is not None:
        yield f"{low:,} to {high:,}"
    elif low is not None or high is not None:
        yield f"from {low:,}" if low is not None else f"up to {high:,}"
    for one in metadata:
        if isinstance(one, Gt | Lt):
            yield f"above {one.gt}" if isinstance(one, Gt) else f"below {one.lt}"
        elif isinstance(one, MinLen):
            yield "not empty"
        elif isinstance(one, MaxLen):
            yield f"at most {one.max_length} characters"


def _unwrapped(annotation: Any, metadata: list[Any]) -> tuple[Any, list[Any]]:
    while True:
        if get_origin(annotation) is Annotated:
            metadata = [*metadata, *_flat(annotation.__metadata__)]
            annotation = get_args(annotation)[0]
        elif _optional(annotation):
            annotation = next(one for one in get_args(annotation) if one is not NoneType)
        else:
            return annotation, metadata


def _flat(metadata: tuple[Any, ...]) -> list[Any]:
    return [one for item in metadata for one in (item.metadata if isinstance(item, FieldInfo) else (item,))]


def _optional(annotation: Any) -> bool:
    return get_origin(annotation) in (Union, UnionType) and NoneType in get_args(annotation)


def _bare(annotation: Any) -> Any:
    return _unwrapped(annotation, [])[0]


def _toml(value: Any, info: FieldInfo) -> str:
    """A default as it is written in the file; nothing for what is off."""
    kind = _kind(info)[0]
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        inside = "duration" if kind == "list of durations" else kind
        return f"[{', '.join(_one(one, inside) for one in value)}]"
    return _one(value, kind)


def _one(value: Any, kind: str) -> str:
    if kind == "duration":
        return f'"{compact(value)}"'
    if kind == "size":
        return f'"{value / 10**6:g}MB"'
    if isinstance(value, str | Rate | Path):
        return f'"{value}"'
    return str(value)


def _example() -> dict[tuple[str, ...], _Words]:
    found: dict[tuple[str, ...], _Words] = {}
    section: tuple[str, ...] = ()
    for line in EXAMPLE.read_text(encoding="utf-8").splitlines():
        if head := _HEAD.match(line):
            section = tuple(head[1].split("."))
        elif key := _KEY.match(line):
            found[*section, key[2]] = _Words(key[3] if key[1] else "", key[4] or "")
    return found
