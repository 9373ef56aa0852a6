"""Durations, sizes, rates and times as they are written: `"5m"`, `"64MB"`, `"3/10m"`, or plain numbers. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

_LONGEST = 1e12  # seconds; also keeps out infinity, and integers that no float can hold
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_BYTES = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?[smhd])+", re.ASCII)
_STEP = re.compile(r"(\d+(?:\.\d+)?)([smhd])", re.ASCII)
_SIZE = re.compile(r"(\d+) ?([A-Za-z]*)", re.ASCII)
_RATE = re.compile(r"(\d{1,9}) ?/ ?(\S+)", re.ASCII)
_WINDOWS = (1.0, 31 * 86_400.0)  # seconds
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_MS = 86_400_000
# A day within what `datetime` holds, so that whoever reads the time can show it in any zone.
_EARLIEST_MS = round((datetime(1, 1, 1, tzinfo=UTC) - _EPOCH).total_seconds()) * 1000 + _DAY_MS
_LATEST_MS = round((datetime(9999, 12, 31, tzinfo=UTC) - _EPOCH).total_seconds()) * 1000 - 1


@dataclass(frozen=True, slots=True)
class Rate:
    """So many within so long, in any window of that length."""

    count: int
    window: float
    """Seconds."""

    def __str__(self) -> str:
        return f"{self.count}/{compact(self.window)}"


def seconds(value: object) -> float:
    """Seconds from a number of seconds or a string like "5m", "1h30m" or "300"; raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError('write a duration like "5m" or "45s", or a number of seconds')
    if isinstance(value, str):
        text = value.strip().lower()
        if _DURATION.fullmatch(text):
            return sum(float(number) * _SECONDS[unit] for number, unit in _STEP.findall(text))
        if not re.fullmatch(r"\d+(\.\d+)?", text, re.ASCII):
            raise ValueError('write a duration like "5m" or "45s", or a number of seconds')
        return float(text)
    if not 0 <= value < _LONGEST:
        raise ValueError("a duration is a number of seconds, not below 0")
    return float(value)


def octets(value: object) -> int:
    """Bytes from a whole number or a string like "64MB" (powers of 1,000) or "64MiB"; raises ValueError."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    if isinstance(value, str) and (match := _SIZE.fullmatch(value.strip())) and match[2].upper() in _BYTES:
        return int(match[1]) * _BYTES[match[2].upper()]
    raise ValueError('write a size like "64MB" or "64MiB", or a number of bytes')


def rate(value: object) -> Rate:
    """A rate from a string like "3/10m" or "10/24h"; raises ValueError."""
    if isinstance(value, Rate):
        return value
    hint = 'write a rate like "3/10m": how many, and within how long (1 s to 31 days)'
    match = _RATE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None or int(match[1]) == 0 or match[2].isdigit():  # a window without a unit is a slip
        raise ValueError(hint)
    try:
        window = seconds(match[2] if not match[2].isalpha() else f"1{match[2]}")
    except ValueError:
        raise ValueError(hint) from None
    if not _WINDOWS[0] <= window <= _WINDOWS[1]:
        raise ValueError(hint)
    return Rate(int(match[1]), window)


def compact(duration: float) -> str:
    """A duration as `seconds` reads it, and as people write it: "10m", "24h", "7d", "1.5s"."""
    for unit, length, least in (("d", 86_400, 2 * 86_400), ("h", 3600, 3600), ("m", 60, 60)):
        if duration >= least and duration % length == 0:
            return f"{duration / length:g}{unit}"
    return f"{duration:g}s"


def written(duration: float) -> str:
    """A duration for people: "90 s", "5 min", "24 h", "63 days"."""
    for unit, length in (("days", 86_400), ("h", 3600), ("min", 60)):
        if duration >= 2 * length and duration % length == 0:
            return f"{duration / length:g} {unit}"
    return f"{duration:g} s"


def roughly(duration: float) -> str:
    """A duration for people who want to know how long, and not to the second: "90 s", "31 min", "2 days"."""
    for length in (86_400, 3600, 60):
        if duration >= 2 * length:
            return written(duration // length * length)
    return written(round(duration))


@lru_cache(maxsize=1024)  # the times of one request are written more than once, those of many messages alike
def rfc3339(milliseconds: int) -> str:
    """A time in UTC with milliseconds; what no calendar date stands for becomes the first or the last one."""
    at = _EPOCH + timedelta(milliseconds=min(max(milliseconds, _EARLIEST_MS), _LATEST_MS))
    return at.isoformat(timespec="milliseconds")[:-6] + "Z"
