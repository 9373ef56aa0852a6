"""TP-DA, TP-OA, TP-RA and the service centre's address (3GPP TS 23.040 9.1.2.5, 27.005 3.1)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from hardware.errors import DecodeError, EncodeError

from . import gsm7
from .octets import OctetReader
from .primitives import pack_semi_octets, unpack_semi_octets

_UNKNOWN, _INTERNATIONAL, _ALPHANUMERIC = 0, 1, 5
_TELEPHONE_PLAN = 1  # E.164
_MAX_SEMI_OCTETS = 20
_MAX_SERVICE_CENTRE_OCTETS = 12
_DIGITS = re.compile(r"[0-9*#abc]+")


@dataclass(frozen=True, slots=True, repr=False)
class Address:
    """A number with its type (TON) and plan (NPI), or an alphanumeric sender (type 5, `digits` is then its text)."""

    digits: str
    type_of_number: int
    numbering_plan: int

    def __post_init__(self) -> None:
        if not (0 <= self.type_of_number <= 7 and 0 <= self.numbering_plan <= 15):
            raise EncodeError("address", "type of number is 0-7, numbering plan 0-15")
        if not self.alphanumeric and self.digits and not _DIGITS.fullmatch(self.digits):
            raise EncodeError("address", "digits are 0-9 * # a b c")

    @classmethod
    def parse(cls, number: str) -> Address:
        """`+` and digits is international (TOA 91), digits alone are of unknown type (TOA 81), short codes too.

        Raises EncodeError for an empty number, anything else in it, or more than 20 digits.
        """
        digits = number[1:] if number.startswith("+") else number
        if not _DIGITS.fullmatch(digits):
            raise EncodeError("address", "a number is digits 0-9 * # a b c, with or without a leading +")
        if len(digits) > _MAX_SEMI_OCTETS:
            raise EncodeError("address", f"{len(digits)} digits; at most {_MAX_SEMI_OCTETS}")
        return cls(digits, _INTERNATIONAL if number.startswith("+") else _UNKNOWN, _TELEPHONE_PLAN)

    @classmethod
    def named(cls, name: str) -> Address:
        """An alphanumeric address (TOA D0); raises EncodeError for over 11 septets or characters beyond GSM 7-bit."""
        septets = len(gsm7.encode(name))
        if not 0 < septets <= _MAX_SEMI_OCTETS * 4 // 7:
            raise EncodeError("address", f"a name takes 1-11 septets, this one {septets}")
        return cls(name, _ALPHANUMERIC, 0)

    @property
    def alphanumeric(self) -> bool:
        """Whether this is a name, not a number."""
        return self.type_of_number == _ALPHANUMERIC

    @property
    def number(self) -> str:
        """As a person writes it: with a leading + where the type is international."""
        return f"+{self.digits}" if self.type_of_number == _INTERNATIONAL and self.digits else self.digits

    @property
    def type_of_address(self) -> int:
        """The TOA octet."""
        return 0x80 | self.type_of_number << 4 | self.numbering_plan

    def encode(self) -> bytes:
        """Length in semi-octets, TOA, address value; raises EncodeError when it is too long."""
        if self.alphanumeric:
            septets = gsm7.encode(self.digits)
            length, value = (7 * len(septets) + 3) // 4, gsm7.pack(septets)
        else:
            length, value = len(self.digits), pack_semi_octets(self.digits)
        if length > _MAX_SEMI_OCTETS:
            raise EncodeError("address", f"takes {length} semi-octets; at most {_MAX_SEMI_OCTETS}")
        return bytes((length, self.type_of_address)) + value

    def encode_service_centre(self) -> bytes:
        """Length in octets, TOA, digits: the prefix that AT+CMGS does not count (27.005 3.1)."""
        if self.alphanumeric:
            raise EncodeError("service_centre", "a service centre has a number, not a name")
        value = pack_semi_octets(self.digits)
        return bytes((1 + len(value), self.type_of_address)) + value

    def __repr__(self) -> str:
        return f"Address({_masked(self.number)!r}, toa=0x{self.type_of_address:02X})"


def read_address(reader: OctetReader, field: str) -> Address:
    """The address at the reader's place; raises DecodeError naming `field`."""
    place = reader.position
    length = reader.octet(field)
    if length > _MAX_SEMI_OCTETS:
        raise DecodeError(field, place, f"{length} semi-octets; at most {_MAX_SEMI_OCTETS}")
    toa = reader.octet(field)
    if not toa & 0x80:
        raise DecodeError(field, place + 1, "type of address without its extension bit")
    value = reader.take(field, (length + 1) // 2)
    kind, plan = toa >> 4 & 7, toa & 0x0F
    if kind != _ALPHANUMERIC:
        return Address(unpack_semi_octets(value, length), kind, plan)
    septets = gsm7.unpack(value, length * 4 // 7)
    # Seven characters fill seven octets but for seven bits; a sender that counts whole octets makes an eighth of them.
    if len(septets) % 8 == 0 and septets.endswith(b"\x00"):
        septets = septets[:-1]
    return Address(gsm7.decode(septets), kind, plan)


def read_service_centre(reader: OctetReader) -> Address | None:
    """The service centre before the TPDU, None where the modem's own is meant; raises DecodeError."""
    place = reader.position
    length = reader.octet("service_centre")
    if length == 0:
        return None
    if length > _MAX_SERVICE_CENTRE_OCTETS:
        raise DecodeError("service_centre", place, f"{length} octets; at most {_MAX_SERVICE_CENTRE_OCTETS}")
    toa = reader.octet("service_centre")
    value = reader.take("service_centre", length - 1)
    kind = toa >> 4 & 7
    # A name makes no sense here; its octets are still read as digits rather than refusing the message behind it.
    digits = unpack_semi_octets(value, 2 * len(value))
    return Address(digits, _UNKNOWN if kind == _ALPHANUMERIC else kind, toa & 0x0F)


def _masked(number: str) -> str:
    return f"{number[:-8]}…{number[-2:]}" if len(number) > 8 else "…"
