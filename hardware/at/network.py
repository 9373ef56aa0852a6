"""Answers about the network: registration, operators, signal (3GPP TS 27.007 7.2, 7.3, 8.5, 8.69, 10.1.20, 10.1.22)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hardware.at.fields import Field, arguments, field, fields, groups, has_prefix, line_of, split, ucs2
from hardware.errors import MalformedResponse

_REGISTRATION_PREFIXES = ("+CREG", "+CGREG", "+CEREG", "+C5GREG")


@dataclass(frozen=True, slots=True)
class Registration:
    """+CREG, +CGREG, +CEREG or +C5GREG, read or unasked."""

    prefix: str
    status: int
    """<stat>: 0 not searching, 1 home, 2 searching, 3 denied, 4 unknown, 5 roaming, 6/7 SMS only, 8 emergency only."""
    mode: int | None = None
    """<n>, of read answers only."""
    area: int | None = None
    """<lac> or <tac>; None where it is missing or 0."""
    cell: int | None = None
    """<ci>; None where it is missing or 0."""
    technology: int | None = None
    """<AcT>: 0 GSM, 2 UTRAN, 3 EDGE, 4-6 HSPA, 7 E-UTRAN, 11 NR."""

    @property
    def roaming(self) -> bool:
        """Whether it is not the home network."""
        return self.status in (5, 7, 10)


def parse_registration(lines: Sequence[str]) -> Registration:
    """Read the first registration line of an answer, or a line that came unasked.

    Both forms are told apart by their second argument: a read answer has <stat> there, a short number without quotes.
    """
    line = next((line for line in lines if line.startswith(_REGISTRATION_PREFIXES)), None)
    if line is None:
        raise MalformedResponse("AT+CREG", "no registration line in the answer")
    prefix = line.partition(":")[0].strip()
    given = fields(line)
    read = len(given) > 1 and not given[1].quoted and given[1].number is not None and len(given[1].text) <= 3
    mode, rest = (given[0].number, given[1:]) if read else (None, given)
    status = rest[0].number
    if status is None:
        raise MalformedResponse(f"AT{prefix}", "registration status is not a number")
    area = rest[1].hexadecimal if len(rest) > 1 else None
    rest = rest[2:]
    if len(rest) > 2 and len(rest[0].text) <= 2 and len(rest[1].text) >= 4:
        rest = rest[1:]  # <rac> between area and cell (LTE modems of Novatel)
    cell = rest[0].hexadecimal if rest else None
    technology = rest[1].number if len(rest) > 1 and len(rest[1].text) <= 2 else None
    return Registration(prefix, status, mode, area or None, cell or None, technology)


@dataclass(frozen=True, slots=True)
class Operator:
    """+COPS? (27.007 7.3): `name` is None where the modem is on no network; `numeric` is MCC and MNC."""

    mode: int
    format: int | None
    name: str | None
    technology: int | None

    @property
    def numeric(self) -> str | None:
        """MCC and MNC, where format 2 was asked for."""
        return self.name if self.format == 2 else None


def parse_operator(lines: Sequence[str]) -> Operator:
    """Read the answer to AT+COPS?."""
    given = fields(line_of(lines, "+COPS"))
    mode = given[0].number
    if mode is None:
        raise MalformedResponse("AT+COPS", "operator mode is not a number")
    at = [*given, *(Field(""),) * 3]
    return Operator(mode, at[1].number, ucs2(at[2].text.strip()) or None, at[3].number)


@dataclass(frozen=True, slots=True)
class Network:
    """One network that AT+COPS=? found: status 0 unknown, 1 available, 2 current, 3 forbidden."""

    status: int
    long_name: str
    short_name: str
    numeric: str
    technology: int | None

    @property
    def availability(self) -> str:
        """The status in words."""
        return _AVAILABILITY.get(self.status, "unknown")


_AVAILABILITY = {1: "available", 2: "current", 3: "forbidden"}


def parse_networks(lines: Sequence[str]) -> list[Network]:
    """Read the answer to AT+COPS=?, also where it goes over several lines; what is no network in it is left out."""
    line_of(lines, "+COPS")
    networks = []
    for group in groups(arguments("".join(lines))):
        given = [field(piece) for piece in split(group)]
        if len(given) < 4:
            continue
        numeric = ucs2(given[3].text.strip())
        if not (5 <= len(numeric) <= 7 and numeric.isdecimal()):
            continue
        technology = given[4].number if len(given) > 4 else None
        names = [ucs2(name.text) for name in given[1:3]]
        networks.append(Network(given[0].number or 0, names[0], names[1], numeric, technology))
    return networks


@dataclass(frozen=True, slots=True)
class Signal:
    """+CSQ: `rssi` 0-31 (or the 100-191 of TD-SCDMA modems), 99 unknown; `ber` 0-7, 99 unknown."""

    rssi: int
    ber: int

    @property
    def dbm(self) -> int | None:
        """Received power in dBm; the ends of the scale mean "at most -113" and "at least -51"."""
        if 0 <= self.rssi <= 31:
            return -113 + 2 * self.rssi
        return self.rssi - 216 if 100 <= self.rssi <= 191 else None


def parse_signal(lines: Sequence[str]) -> Signal:
    """Read the answer to AT+CSQ."""
    given = fields(line_of(lines, "+CSQ"))
    rssi = given[0].number
    if rssi is None:
        raise MalformedResponse("AT+CSQ", "signal strength is not a number")
    ber = given[1].number if len(given) > 1 else None
    return Signal(rssi, 99 if ber is None else ber)


@dataclass(frozen=True, slots=True)
class ExtendedSignal:
    """+CESQ, raw values; 99 or 255 mean unknown."""

    rxlev: int
    ber: int
    rscp: int
    ecno: int
    rsrq: int
    rsrp: int

    @property
    def lte(self) -> bool:
        """Whether the modem is on E-UTRAN, so that `dbm` is RSRP."""
        return self.rsrp <= 97

    @property
    def dbm(self) -> int | None:
        """Received power in dBm of what the modem is on: RSRP, RSCP or RXLEV."""
        if self.lte:
            return self.rsrp - 141
        if self.rscp <= 96:
            return self.rscp - 121
        return self.rxlev - 111 if self.rxlev <= 63 else None


def parse_extended_signal(lines: Sequence[str]) -> ExtendedSignal:
    """Read the answer to AT+CESQ."""
    values = [given.number for given in fields(line_of(lines, "+CESQ"))]
    known = [value for value in values if value is not None]
    if len(values) < 6 or len(known) != len(values):
        raise MalformedResponse("AT+CESQ", "six numbers were expected")
    return ExtendedSignal(*known[:6])


def is_registration(line: str) -> bool:
    """Whether `line` tells a registration."""
    return any(has_prefix(line, prefix) for prefix in _REGISTRATION_PREFIXES)
