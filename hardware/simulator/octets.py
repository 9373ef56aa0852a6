"""The fields that TPDUs share: a bounded reader, addresses and time stamps (3GPP TS 23.040 9.1.2, 9.2.3.11)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

from hardware.errors import DecodeError
from hardware.simulator import alphabet

_SEMI_OCTETS = "0123456789*#abc"


class Reader:
    """Takes octets from the front and knows the name and place of what it could not take."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets
        self.at = 0

    @property
    def left(self) -> int:
        """Octets not taken yet."""
        return len(self._octets) - self.at

    def octet(self, field: str) -> int:
        """The next octet; DecodeError where there is none."""
        return self.take(1, field)[0]

    def take(self, count: int, field: str) -> bytes:
        """The next `count` octets; DecodeError where they are not all there."""
        if self.left < count:
            raise DecodeError(field, self.at, f"{count} octets needed, {self.left} left")
        taken = self._octets[self.at : self.at + count]
        self.at += count
        return taken

    def rest(self) -> bytes:
        """Everything not taken yet."""
        return self.take(self.left, "rest")


def mask(number: str) -> str:
    """A number as logs may show it."""
    return number if len(number) <= 4 else f"{number[:3]}…{number[-2:]}"


@dataclass(frozen=True, slots=True)
class Address:
    """Digits with their type-of-address octet."""

    digits: str
    toa: int

    @classmethod
    def of(cls, number: str) -> Address:
        """`+4477…` as an international number, other digits as an unknown one, anything else as alphanumeric."""
        if number.startswith("+"):
            return cls(number[1:], 0x91)
        if number and all(character in _SEMI_OCTETS for character in number):
            return cls(number, 0x81)
        return cls(number, 0xD0)

    @property
    def alphanumeric(self) -> bool:
        """Whether the type of number is 5, packed GSM characters."""
        return self.toa & 0x70 == 0x50

    @property
    def number(self) -> str:
        """As people write it: international numbers with their plus."""
        return f"+{self.digits}" if self.toa & 0x70 == 0x10 else self.digits

    def __repr__(self) -> str:
        return f"Address({mask(self.number)}, toa=0x{self.toa:02X})"


def read_address(reader: Reader, field: str) -> Address:
    """An address whose length counts semi-octets (9.1.2.5)."""
    length = reader.octet(f"{field}.length")
    if length > 20:
        raise DecodeError(f"{field}.length", reader.at - 1, f"{length} semi-octets, 20 allowed")
    toa = reader.octet(f"{field}.type")
    octets = reader.take((length + 1) // 2, f"{field}.digits")
    if toa & 0x70 == 0x50:
        return Address(alphabet.text_of(alphabet.unpack(octets, length * 4 // 7)), toa)
    return Address(_digits(octets, length, f"{field}.digits", reader.at - len(octets)), toa)


def _digits(octets: bytes, length: int, field: str, at: int) -> str:
    digits = ""
    for offset, octet in enumerate(octets):
        for semi in (octet & 0x0F, octet >> 4):
            if len(digits) == length:
                break
            if semi == 0x0F:
                raise DecodeError(field, at + offset, "filler where a digit is due")
            digits += _SEMI_OCTETS[semi]
    return digits


def write_address(address: Address) -> bytes:
    """The octets of a TP address; ValueError for characters that it cannot hold."""
    if address.alphanumeric:
        septets = alphabet.septets_of(address.digits)
        if septets is None or len(septets) > 11:
            raise ValueError("an alphanumeric address holds at most 11 GSM characters")
        return bytes([(7 * len(septets) + 3) // 4, address.toa]) + alphabet.pack(septets)
    return bytes([len(address.digits), address.toa]) + _semi_octets(address.digits)


def _semi_octets(digits: str) -> bytes:
    codes = [_SEMI_OCTETS.index(digit) for digit in digits]
    if len(codes) % 2:
        codes.append(0x0F)
    return bytes(low | high << 4 for low, high in zip(codes[::2], codes[1::2], strict=True))


def read_service_centre(reader: Reader) -> Address | None:
    """The address in front of a TPDU at the AT interface, whose length counts octets (27.005 3.1); None for 00."""
    length = reader.octet("service_centre.length")
    if not length:
        return None
    if length > 11:
        raise DecodeError("service_centre.length", 0, f"{length} octets, 11 allowed")
    toa = reader.octet("service_centre.type")
    octets = reader.take(length - 1, "service_centre.digits")
    semis = 2 * len(octets) - (1 if octets and octets[-1] >> 4 == 0x0F else 0)
    return Address(_digits(octets, semis, "service_centre.digits", 2), toa)


def write_service_centre(address: Address | None) -> bytes:
    """The octets in front of a TPDU; 00 for None."""
    if address is None:
        return b"\0"
    digits = _semi_octets(address.digits)
    return bytes([len(digits) + 1, address.toa]) + digits


def read_time(octets: bytes) -> datetime | None:
    """A TP time stamp; None where it is no date, as after a service centre without a clock."""
    swapped = [(octet & 0x0F) * 10 + (octet >> 4) for octet in octets[:6]]
    if any(octet & 0x0F > 9 or octet >> 4 > 9 for octet in octets[:6]):
        return None
    year, month, day, hour, minute, second = swapped
    zone = octets[6]
    quarters = (zone & 0x07) * 10 + (zone >> 4)
    offset = timedelta(minutes=15 * (-quarters if zone & 0x08 else quarters))
    try:
        return datetime(
            year + (1900 if year >= 90 else 2000), month, day, hour, minute, second, tzinfo=timezone(offset)
        )
    except ValueError:
        return None


def write_time(wall: float, quarters: int) -> bytes:
    """Unix time as seven octets in a zone of `quarters` of an hour east of UTC."""
    local = datetime.fromtimestamp(wall, UTC) + timedelta(minutes=15 * quarters)
    fields = (local.year % 100, local.month, local.day, local.hour, local.minute, local.second)
    zone = abs(quarters)
    return bytes(value // 10 | value % 10 << 4 for value in fields) + bytes(
        [zone // 10 | zone % 10 << 4 | (0x08 if quarters < 0 else 0)]
    )
