"""UCS-2 user data, written and read as UTF-16 so that characters beyond the BMP survive (3GPP TS 23.038 6.2.3)."""

from __future__ import annotations

from typing import NamedTuple

from hardware.errors import EncodeError


class Ucs2Text(NamedTuple):
    """What octets say, and what was wrong with them."""

    text: str
    """Always encodable in UTF-8: a lone surrogate is U+FFFD."""
    lone_surrogate: bool
    odd_length: bool


def encode(text: str) -> bytes:
    """UTF-16 of `text`, big endian, two octets per unit; raises EncodeError for a lone surrogate."""
    try:
        return text.encode("utf-16-be")
    except UnicodeEncodeError as error:
        raise EncodeError("text", f"character {error.start + 1} is half of a surrogate pair") from None


def decode(octets: bytes) -> Ucs2Text:
    """Text of `octets`; never fails. An odd last octet is left out and flagged."""
    odd = bool(len(octets) % 2)
    whole = octets[:-1] if odd else octets
    try:
        return Ucs2Text(whole.decode("utf-16-be"), False, odd)
    except UnicodeDecodeError:
        return Ucs2Text(whole.decode("utf-16-be", errors="replace"), True, odd)
