"""The user data header: information elements before the text (3GPP TS 23.040 9.2.3.24)."""

from __future__ import annotations

from dataclasses import dataclass

from hardware.errors import DecodeError, EncodeError

CONCATENATION_8, CONCATENATION_16 = 0x00, 0x08
PORTS_8, PORTS_16 = 0x04, 0x05
NATIONAL_SINGLE, NATIONAL_LOCKING = 0x24, 0x25


@dataclass(frozen=True, slots=True)
class Concatenation:
    """Which part of which long message this is (9.2.3.24.1, 9.2.3.24.8)."""

    reference: int
    bits: int
    """8 or 16: the width of the reference; references of different widths are different."""
    total: int
    sequence: int

    @property
    def valid(self) -> bool:
        """Whether the part can belong to a message; if not, it stands alone (9.2.3.24.1)."""
        return 1 <= self.sequence <= self.total

    def element(self) -> InformationElement:
        """The element that says this; raises EncodeError for values out of range."""
        if self.bits not in (8, 16) or not 0 <= self.reference < 1 << self.bits:
            raise EncodeError("concatenation", f"reference {self.reference} does not fit {self.bits} (8 or 16) bits")
        if not self.valid or self.total > 0xFF:
            raise EncodeError("concatenation", f"part {self.sequence} of {self.total}")
        identifier = CONCATENATION_8 if self.bits == 8 else CONCATENATION_16
        tail = bytes((self.total, self.sequence))
        return InformationElement(identifier, self.reference.to_bytes(self.bits // 8, "big") + tail)


@dataclass(frozen=True, slots=True)
class PortAddressing:
    """Application ports (9.2.3.24.3, 9.2.3.24.4)."""

    destination: int
    source: int
    bits: int = 16

    def element(self) -> InformationElement:
        """The element that says this; raises EncodeError for a port that does not fit."""
        if self.bits not in (8, 16) or not all(0 <= port < 1 << self.bits for port in (self.destination, self.source)):
            raise EncodeError(
                "ports", f"ports {self.destination} and {self.source} do not fit {self.bits} (8 or 16) bits"
            )
        width = self.bits // 8
        octets = self.destination.to_bytes(width, "big") + self.source.to_bytes(width, "big")
        return InformationElement(PORTS_8 if self.bits == 8 else PORTS_16, octets)


@dataclass(frozen=True, slots=True)
class InformationElement:
    """One element: identifier and data."""

    id: int
    data: bytes


@dataclass(frozen=True, slots=True)
class UserDataHeader:
    """Elements in order. Of several of a kind the last counts (9.2.3.24); one of a wrong length is no such element."""

    elements: tuple[InformationElement, ...] = ()

    def encode(self) -> bytes:
        """UDHL and elements; raises EncodeError when they are longer than user data can be."""
        octets = bytearray(1)
        for element in self.elements:
            if not 0 <= element.id <= 0xFF or len(element.data) > 0xFF:
                raise EncodeError("user_data_header", f"element {element.id} does not fit")
            octets += bytes((element.id, len(element.data)))
            octets += element.data
        if len(octets) > 140:
            raise EncodeError("user_data_header", f"{len(octets)} octets; at most 140")
        octets[0] = len(octets) - 1
        return bytes(octets)

    @classmethod
    def decode(cls, octets: bytes, place: int = 0) -> UserDataHeader:
        """Read what follows UDHL and stands at octet `place`; raises DecodeError for an element that runs over it."""
        elements: list[InformationElement] = []
        at = 0
        while at < len(octets):
            data = octets[at + 2 : at + 2 + octets[at + 1]] if at + 1 < len(octets) else b""
            if at + 1 >= len(octets) or len(data) < octets[at + 1]:
                raise DecodeError("user_data_header", place + at, "an element runs over the header's end")
            elements.append(InformationElement(octets[at], data))
            at += 2 + len(data)
        return cls(tuple(elements))

    def _last(self, lengths: dict[int, int]) -> InformationElement | None:
        fitting = (element for element in reversed(self.elements) if lengths.get(element.id) == len(element.data))
        return next(fitting, None)

    @property
    def concatenation(self) -> Concatenation | None:
        """The part of a long message, where one is named."""
        element = self._last({CONCATENATION_8: 3, CONCATENATION_16: 4})
        if element is None:
            return None
        *reference, total, sequence = element.data
        return Concatenation(int.from_bytes(bytes(reference), "big"), 8 * len(reference), total, sequence)

    @property
    def ports(self) -> PortAddressing | None:
        """The application ports, where named."""
        element = self._last({PORTS_8: 2, PORTS_16: 4})
        if element is None:
            return None
        half = len(element.data) // 2
        destination, source = element.data[:half], element.data[half:]
        return PortAddressing(int.from_bytes(destination, "big"), int.from_bytes(source, "big"), 8 * half)

    @property
    def locking_table(self) -> int:
        """National language of the main table, 0 for the default alphabet (9.2.3.24.16)."""
        element = self._last({NATIONAL_LOCKING: 1})
        return element.data[0] if element else 0

    @property
    def single_table(self) -> int:
        """National language of the escape table, 0 for the default extension (9.2.3.24.15)."""
        element = self._last({NATIONAL_SINGLE: 1})
        return element.data[0] if element else 0
