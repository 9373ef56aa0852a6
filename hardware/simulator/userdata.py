"""What TP-DCS, TP-UDH and TP-UD mean to the one who receives them (3GPP TS 23.038 4, 23.040 9.2.3.24)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from hardware.errors import DecodeError
from hardware.simulator import alphabet

Alphabet = Literal["gsm7", "octets", "ucs2"]

CONCATENATION_8, PORTS_8, PORTS_16, CONCATENATION_16 = 0x00, 0x04, 0x05, 0x08
_GENERAL: tuple[Alphabet, ...] = ("gsm7", "octets", "ucs2", "gsm7")
SINGLE_SHIFT, LOCKING_SHIFT = 0x24, 0x25


def alphabet_of(dcs: int) -> Alphabet:
    """The alphabet of the user data; reserved codings are read as the default alphabet (23.038 4)."""
    if dcs < 0x80:
        return _GENERAL[dcs >> 2 & 3]
    if dcs & 0xF0 == 0xE0:
        return "ucs2"
    if dcs & 0xF0 == 0xF0:
        return "octets" if dcs & 4 else "gsm7"
    return "gsm7"


def class_of(dcs: int) -> int | None:
    """The message class 0 to 3, None where the coding carries none."""
    if dcs < 0x80:
        return dcs & 3 if dcs & 0x10 else None
    return dcs & 3 if dcs & 0xF0 == 0xF0 else None


def compressed(dcs: int) -> bool:
    """Whether the text is compressed (23.042)."""
    return dcs < 0x80 and bool(dcs & 0x20)


@dataclass(frozen=True, slots=True)
class Content:
    """Decoded user data. `text` is None for 8-bit data, `data` is None for text."""

    elements: tuple[tuple[int, bytes], ...]
    text: str | None = field(repr=False)
    data: bytes | None = field(repr=False)

    def _last(self, identifier: int, length: int) -> bytes | None:
        # 23.040 9.2.3.24: of an element that may be there once only, the last one counts.
        found = [data for number, data in self.elements if number == identifier and len(data) == length]
        return found[-1] if found else None

    @property
    def part(self) -> tuple[int, int, int] | None:
        """(reference, total, sequence) of a valid concatenation element, else None."""
        wide, narrow = self._last(CONCATENATION_16, 4), self._last(CONCATENATION_8, 3)
        if wide is not None:
            reference, total, sequence = wide[0] << 8 | wide[1], wide[2], wide[3]
        elif narrow is not None:
            reference, total, sequence = narrow
        else:
            return None
        return (reference, total, sequence) if 1 <= sequence <= total else None

    @property
    def ports(self) -> tuple[int, int] | None:
        """(destination, source) of application port addressing, else None."""
        wide, narrow = self._last(PORTS_16, 4), self._last(PORTS_8, 2)
        if wide is not None:
            return wide[0] << 8 | wide[1], wide[2] << 8 | wide[3]
        return (narrow[0], narrow[1]) if narrow is not None else None


def read_elements(octets: bytes) -> tuple[tuple[int, bytes], ...]:
    """Information elements of a header, without its length octet; DecodeError where one overruns it."""
    elements: list[tuple[int, bytes]] = []
    at = 0
    while at < len(octets):
        if at + 2 > len(octets) or at + 2 + octets[at + 1] > len(octets):
            raise DecodeError("user_data_header", at, "an information element overruns the header")
        length = octets[at + 1]
        elements.append((octets[at], octets[at + 2 : at + 2 + length]))
        at += 2 + length
    return tuple(elements)


def write_elements(elements: tuple[tuple[int, bytes], ...]) -> bytes:
    """A header with its length octet; nothing for no elements."""
    body = b"".join(bytes([identifier, len(data)]) + data for identifier, data in elements)
    return bytes([len(body)]) + body if body else b""


def read_content(dcs: int, has_header: bool, length: int, octets: bytes) -> Content:
    """User data of `length` septets or octets (TP-UDL); DecodeError where `octets` are not exactly those."""
    kind = alphabet_of(dcs)
    if length > (160 if kind == "gsm7" else 140):
        raise DecodeError("user_data.length", 0, f"{length} is more than one message holds")
    needed = (7 * length + 7) // 8 if kind == "gsm7" else length
    if len(octets) != needed:
        raise DecodeError("user_data", 0, f"{needed} octets announced, {len(octets)} there")
    elements: tuple[tuple[int, bytes], ...] = ()
    header = 0
    if has_header:
        if not octets or octets[0] + 1 > len(octets):
            raise DecodeError("user_data_header.length", 0, "the header is longer than the user data")
        header = octets[0] + 1
        elements = read_elements(octets[1:header])
    if kind == "octets" or compressed(dcs):
        return Content(elements, None, octets[header:])
    if kind == "ucs2":
        units = octets[header : len(octets) - (len(octets) - header) % 2]
        # A pair of surrogates may be split over two parts: each half is kept until the parts are joined.
        return Content(elements, units.decode("utf-16-be", "surrogatepass"), None)
    return Content(elements, _seven_bit(octets, length, header, elements), None)


def _seven_bit(octets: bytes, length: int, header: int, elements: tuple[tuple[int, bytes], ...]) -> str:
    skipped = (8 * header + 6) // 7
    septets = alphabet.unpack(octets, length)[skipped:] if header else alphabet.unpack(octets, length)
    tables = {identifier: data[0] for identifier, data in elements if len(data) == 1}
    return alphabet.text_of(septets, tables.get(LOCKING_SHIFT, 0), tables.get(SINGLE_SHIFT, 0))


def write_content(
    body: str | bytes, elements: tuple[tuple[int, bytes], ...] = (), *, kind: Alphabet
) -> tuple[int, bytes]:
    """TP-UDL and TP-UD; ValueError where the body is not in the alphabet or too long for one message."""
    header = write_elements(elements)
    if isinstance(body, bytes) or kind != "gsm7":
        octets = header + (body if isinstance(body, bytes) else body.encode("utf-16-be", "surrogatepass"))
        if len(octets) > 140:
            raise ValueError("more than 140 octets")
        return len(octets), octets
    septets = alphabet.septets_of(body)
    if septets is None:
        raise ValueError("text is not in the GSM default alphabet")
    skipped = (8 * len(header) + 6) // 7
    if skipped + len(septets) > 160:
        raise ValueError("more than 160 septets")
    packed = alphabet.pack(septets, 7 * skipped - 8 * len(header))
    return skipped + len(septets), header + packed
