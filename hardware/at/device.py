"""Answers about the device and its card: identity, PIN and tries left, time, settings (3GPP TS 27.007 5, 8)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from hardware.at.fields import arguments, field, fields, has_prefix, line_of, numbers, split, ucs2, words
from hardware.errors import MalformedResponse


def parse_identity(lines: Sequence[str]) -> str:
    """Read the answer to AT+CGMI, +CGMM or +CGMR: the first line, without the command's prefix and quotes."""
    for line in lines:
        prefixed = _IDENTITY_PREFIX.match(line)
        value = (line[prefixed.end() :] if prefixed is not None else line).strip().strip('"').strip()
        if value:
            return ucs2(value)
    raise MalformedResponse("AT+CGMI", "the answer is empty")


_IDENTITY_PREFIX = re.compile(r"\s*(?:[+^]?(?:CGM[IMR]|GM[IMR])|Manufacturer|Model|Revision)\s*:", re.IGNORECASE)


def parse_imei(lines: Sequence[str]) -> str:
    """Read the answer to AT+CGSN: 14 to 16 digits."""
    return _digits(lines, "AT+CGSN", 14, 16)


def parse_imsi(lines: Sequence[str]) -> str:
    """Read the answer to AT+CIMI: 6 to 15 digits."""
    return _digits(lines, "AT+CIMI", 6, 15)


def parse_iccid(lines: Sequence[str]) -> str:
    """Read the answer to AT+CCID and its like: 18 to 20 digits, filler dropped, nibbles put in order (ITU-T E.118)."""
    number = _digits(lines, "AT+CCID", 18, 20)
    if number.startswith("98") and len(number) % 2 == 0:
        number = "".join(number[place + 1] + number[place] for place in range(0, len(number), 2))
    return number


def _digits(lines: Sequence[str], command: str, least: int, most: int) -> str:
    for line in lines:
        for given in fields(line):
            number = ucs2(given.text).replace("-", "").replace(" ", "").rstrip("Ff")
            swapped = re.fullmatch(r"(98\d{16})[Ff](\d)", number)  # a filler within a swapped last octet
            if swapped is not None:
                number = "".join(number[place + 1] + number[place] for place in range(0, len(number), 2)).rstrip("Ff")
            if least <= len(number) <= most and number.isdecimal() and number.isascii():
                return number
    raise MalformedResponse(command, f"no number of {least} to {most} digits in the answer")


def parse_pin_state(lines: Sequence[str]) -> str:
    """Read the answer to AT+CPIN?: `READY`, `SIM PIN`, `SIM PUK`, … (27.007 8.3)."""
    state = field(split(arguments(line_of(lines, "+CPIN")))[0]).text.strip().upper()
    if not state:
        raise MalformedResponse("AT+CPIN", "no state in the answer")
    return state


@dataclass(frozen=True, slots=True)
class PinCounters:
    """Tries left; None where the modem does not say."""

    pin: int | None = None
    puk: int | None = None
    pin2: int | None = None
    puk2: int | None = None


def parse_pin_counters(lines: Sequence[str], state: str = "SIM PIN") -> PinCounters:
    """Read any of +CPINR, ^CPIN, +UPINCNT, +QPINC, #PCT, ^SPIC and +SPIC.

    #PCT and ^SPIC count the tries for what is asked now, which is `state` of +CPIN.
    """
    named: dict[str, int | None] = {}
    for line in lines:
        prefix = line.partition(":")[0].strip().upper()
        reader = _COUNTERS.get(prefix)
        if reader is not None:
            named.update(reader([given.text for given in fields(line)], state))
    if all(count is None for count in named.values()):
        raise MalformedResponse("AT+CPINR", "no tries left in the answer")
    return PinCounters(**named)


_CODES = {"SIM PIN": "pin", "SIM PUK": "puk", "SIM PIN2": "pin2", "SIM PUK2": "puk2"}
_Counters = dict[str, int | None]


def _count(text: str) -> int | None:
    return int(text) if text.isdecimal() and text.isascii() else None


def _in_order(names: Sequence[str], texts: Sequence[str]) -> _Counters:
    return {name: _count(text) for name, text in zip(names, texts, strict=False)}


def _cpinr(texts: Sequence[str], _: str) -> _Counters:
    name = _CODES.get(texts[0].upper())
    return {name: _count(texts[1])} if name is not None and len(texts) > 1 else {}


def _huawei(texts: Sequence[str], _: str) -> _Counters:
    return _in_order(("puk", "pin", "puk2", "pin2"), texts[2:])


def _ublox(texts: Sequence[str], _: str) -> _Counters:
    return _in_order(("pin", "pin2", "puk", "puk2"), texts)


def _quectel(texts: Sequence[str], _: str) -> _Counters:
    return _in_order(("pin2", "puk2") if texts[0] == "P2" else ("pin", "puk"), texts[1:])


def _current(texts: Sequence[str], state: str) -> _Counters:
    return {_CODES.get(state, "pin"): _count(texts[0])}


def _simcom(texts: Sequence[str], _: str) -> _Counters:
    # Older ones give pin, pin2, puk, puk2, newer ones pin, puk, pin2, puk2; a PUK has more than three tries at first.
    newer = len(texts) > 1 and (_count(texts[1]) or 0) > 3
    return _in_order(("pin", "puk", "pin2", "puk2") if newer else ("pin", "pin2", "puk", "puk2"), texts)


_COUNTERS = {
    "+CPINR": _cpinr,
    "^CPIN": _huawei,
    "+UPINCNT": _ublox,
    "+QPINC": _quectel,
    "#PCT": _current,
    "^SPIC": _current,
    "+SPIC": _simcom,
}


@dataclass(frozen=True, slots=True)
class OwnNumber:
    """One entry of +CNUM."""

    name: str
    number: str
    type_of_address: int | None

    def __repr__(self) -> str:
        return f"OwnNumber(…{self.number[-2:]}, {self.type_of_address})"


def parse_own_numbers(lines: Sequence[str]) -> list[OwnNumber]:
    """Read the answer to AT+CNUM; entries without a number are left out."""
    own = []
    for line in lines:
        given = fields(line)
        if has_prefix(line, "+CNUM") and len(given) > 1 and given[1].text.strip():
            toa = given[2].number if len(given) > 2 else None
            own.append(OwnNumber(ucs2(given[0].text), ucs2(given[1].text.strip()), toa))
    return own


_CLOCK = re.compile(r"(\d{2}|\d{4})/(\d{1,2})/(\d{1,2}),(\d{1,2}):(\d{1,2}):(\d{1,2})\s*([+-]\d{1,2})?")


def parse_clock(lines: Sequence[str]) -> datetime:
    """Read the answer to AT+CCLK?: with a zone where the modem gives one, in quarters of an hour (27.007 8.15)."""
    found = _CLOCK.search(line_of(lines, "+CCLK"))
    if found is None:
        raise MalformedResponse("AT+CCLK", "not a date and time")
    year, month, day, hour, minute, second = (int(found[group]) for group in range(1, 7))
    if len(found[1]) == 2:
        year += 1900 if year >= 80 else 2000
    try:
        zone = timezone(timedelta(minutes=15 * int(found[7]))) if found[7] else None
        return datetime(year, month, day, hour, minute, second, tzinfo=zone)
    except ValueError as error:
        raise MalformedResponse("AT+CCLK", f"not a date and time: {error}") from error


def parse_functionality(lines: Sequence[str]) -> int | None:
    """Read the answer to AT+CFUN?: the level; None where the modem lists the levels it has (ZTE)."""
    return fields(line_of(lines, "+CFUN"))[0].number


def parse_character_sets(lines: Sequence[str]) -> tuple[str, ...]:
    """Read the answer to AT+CSCS=? or AT+CSCS?."""
    return tuple(name for piece in split(arguments(line_of(lines, "+CSCS"))) for name in words(piece))


def parse_capabilities(lines: Sequence[str]) -> frozenset[str]:
    """Read the answer to AT+GCAP or ATI: the names with their +. A GSM modem has +CGSM, a CDMA one has not."""
    names = (word.text.strip() for line in lines if has_prefix(line, "+GCAP") for word in fields(line))
    found = frozenset(name for name in names if name)
    if not found:
        raise MalformedResponse("AT+GCAP", "no capabilities in the answer")
    return found


def parse_ranges(lines: Sequence[str], prefix: str) -> list[tuple[int, ...]]:
    """Read the ranges of any test answer, one tuple of values for each argument."""
    return [numbers(piece) for piece in split(arguments(line_of(lines, prefix)))]
