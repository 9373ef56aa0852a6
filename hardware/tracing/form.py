"""A trace as a file: JSON Lines, a header and then one entry a line. docs/traces.md describes it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from hardware.errors import TraceError
from hardware.tracing.records import Direction, Entry, Mark, Octets

FORMAT = 1
"""The version of the form."""
_MARKS = ("opened", "closed", "dropped", "ended")
_ARROWS: dict[str, Direction] = {">": "sent", "<": "received"}
_LONGEST = 64 * 1024 * 1024  # octets of a file that is read


@dataclass(frozen=True, slots=True)
class Header:
    """The first line: what was recorded, by what, and whether it was masked."""

    program: str
    """Name and version of the program that recorded."""
    masked: bool
    source: Literal["device", "simulator"] = "device"
    """Whether a modem made of metal spoke, or the simulator."""
    manufacturer: str | None = None
    model: str | None = None
    firmware: str | None = None
    profile: str | None = None
    """The row of `hardware.profiles` by which it was set up."""
    recorded: str | None = None
    """The day, as YYYY-MM-DD."""
    note: str | None = None
    """What whoever recorded it wants to say."""


@dataclass(frozen=True, slots=True)
class Trace:
    """A whole file."""

    header: Header
    entries: tuple[Entry, ...]


def header_line(header: Header) -> str:
    """The first line of a file, with its line end."""
    return _line({"simwire_trace": FORMAT, **asdict(header)})


def entry_line(entry: Entry) -> str:
    """One entry, with its line end. Octets are written as the characters of ISO 8859-1 with the same numbers."""
    at = round(entry.at, 6)
    if isinstance(entry, Octets):
        arrow = ">" if entry.direction == "sent" else "<"
        return _line({"at": at, "way": arrow, "data": entry.data.decode("latin-1")})
    dropped = {"chunks": entry.chunks, "octets": entry.octets} if entry.what == "dropped" else {}
    return _line({"at": at, "mark": entry.what, **dropped})


def read_trace(lines: Iterable[str]) -> Trace:
    """Read a file's lines; raises TraceError that names the line. Fields that are not known are passed over."""
    header: Header | None = None
    entries: list[Entry] = []
    size = 0
    for number, line in enumerate(lines, 1):
        size += len(line)
        if size > _LONGEST:
            raise TraceError(number, "the file is too long for a trace")
        if not line.strip():
            continue
        try:
            fields = json.loads(line)
        except (ValueError, RecursionError):  # the latter for thousands of brackets
            raise TraceError(number, "not JSON") from None
        if not isinstance(fields, dict):
            raise TraceError(number, "not a JSON object")
        if header is None:
            header = _header(number, fields)
        else:
            entries.append(_entry(number, fields))
    if header is None:
        raise TraceError(1, "the file is empty")
    return Trace(header, tuple(entries))


def _line(fields: Mapping[str, Any]) -> str:
    return json.dumps(fields, separators=(",", ":")) + "\n"


def _header(number: int, fields: Mapping[str, Any]) -> Header:
    version = fields.get("simwire_trace")
    if version is None:
        raise TraceError(number, "the first line is no header of a trace (simwire_trace is missing)")
    if version != FORMAT:
        raise TraceError(number, f"this program reads version {FORMAT} of the form, and this is {version}")
    masked, source = fields.get("masked"), fields.get("source")
    if not isinstance(masked, bool) or source not in ("device", "simulator"):
        raise TraceError(number, "the header needs masked (true or false) and source (device or simulator)")
    told = {
        name: fields[name]
        for name in ("manufacturer", "model", "firmware", "profile", "recorded", "note")
        if isinstance(fields.get(name), str)
    }
    return Header(str(fields.get("program", "unknown")), masked, source, **told)


def _entry(number: int, fields: Mapping[str, Any]) -> Entry:
    at = fields.get("at")
    if isinstance(at, bool) or not isinstance(at, int | float) or not 0 <= at < 1e9:
        raise TraceError(number, "at is not the seconds since the beginning")
    if "mark" in fields:
        mark = fields["mark"]
        if mark not in _MARKS:
            raise TraceError(number, f"mark is none of {', '.join(_MARKS)}")
        counts = [fields.get(name, 0) for name in ("chunks", "octets")]
        if not all(isinstance(count, int) and count >= 0 for count in counts):
            raise TraceError(number, "chunks and octets are counts")
        return Mark(float(at), mark, *counts)
    direction, data = _ARROWS.get(str(fields.get("way"))), fields.get("data")
    if direction is None or not isinstance(data, str):
        raise TraceError(number, "an entry has way (> or <) and data, or mark")
    try:
        return Octets(float(at), direction, data.encode("latin-1"))
    except UnicodeEncodeError:
        raise TraceError(number, "data has a character that stands for no octet") from None
