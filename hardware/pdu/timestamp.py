"""TP-SCTS, TP-DT and absolute TP-VP: seven swapped semi-octet pairs (3GPP TS 23.040 9.2.3.11)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from hardware.errors import EncodeError

from .primitives import pack_semi_octets

_QUARTER = timedelta(minutes=15)
_CENTURY_TURN = 90  # two digits from 90 on are 19xx: GSM began in 1990
LENGTH = 7


def encode(moment: datetime) -> bytes:
    """Octets of `moment` in its own zone, or in UTC where that is no whole number of quarter hours.

    Raises EncodeError without a zone and outside of the years 1990 to 2089.
    """
    offset = moment.utcoffset()
    if offset is None:
        raise EncodeError("timestamp", "a time without a zone")
    if offset % _QUARTER:
        moment, offset = moment.astimezone(UTC), timedelta(0)
    if not 1900 + _CENTURY_TURN <= moment.year < 2000 + _CENTURY_TURN:
        raise EncodeError("timestamp", f"the year {moment.year} has no two-digit form")
    quarters = abs(offset) // _QUARTER
    octets = bytearray(pack_semi_octets(f"{moment.year % 100:02}{moment:%m%d%H%M%S}{quarters:02}"))
    if offset < timedelta(0):
        octets[6] |= 0x08
    return bytes(octets)


def decode(octets: bytes) -> datetime | None:
    """The moment with its zone, None where the octets are no date: a message is never lost over its time stamp."""
    zone = octets[6]
    values = [10 * (octet & 0x0F) + (octet >> 4) for octet in (*octets[:6], zone & 0xF7)]
    if any(octet & 0x0F > 9 or octet >> 4 > 9 for octet in (*octets[:6], zone & 0xF7)):
        return None
    year, month, day, hour, minute, second, quarters = values
    offset = quarters * _QUARTER * (-1 if zone & 0x08 else 1)
    try:
        century = 1900 if year >= _CENTURY_TURN else 2000
        return datetime(century + year, month, day, hour, minute, second, tzinfo=timezone(offset))
    except ValueError:
        return None
