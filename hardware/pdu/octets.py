"""Octets of a PDU read in order, so that whatever is missing is named by its field and place."""

from __future__ import annotations

import re

from hardware.errors import DecodeError

_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})+")
_MAX_OCTETS = 512  # a TPDU has at most 176 with its service centre; SIM records are padded to 176


class OctetReader:
    """A cursor over the octets of one PDU; `position` counts from the first octet of the string as it came."""

    def __init__(self, octets: bytes, position: int = 0) -> None:
        self._octets = octets
        self.position = position

    @classmethod
    def from_hex(cls, text: str) -> OctetReader:
        """Read a modem's hexadecimal line; raises DecodeError for anything else, blanks inside it too."""
        stripped = text.strip()
        if len(stripped) > 2 * _MAX_OCTETS:
            raise DecodeError("pdu", _MAX_OCTETS, f"longer than {_MAX_OCTETS} octets")
        if not _HEX.fullmatch(stripped):
            raise DecodeError("pdu", 0, "not pairs of hexadecimal digits")
        return cls(bytes.fromhex(stripped))

    def octet(self, field: str) -> int:
        """The next octet; raises DecodeError naming `field` when there is none."""
        return self.take(field, 1)[0]

    def peek(self, field: str) -> int:
        """The next octet, left where it is; raises DecodeError naming `field` when there is none."""
        octet = self.octet(field)
        self.position -= 1
        return octet

    def take(self, field: str, count: int) -> bytes:
        """The next `count` octets; raises DecodeError naming `field` when fewer are left."""
        end = self.position + count
        if end > len(self._octets):
            left = len(self._octets) - self.position
            raise DecodeError(field, self.position, f"needs {count} octets, {left} left")
        taken = self._octets[self.position : end]
        self.position = end
        return taken

    def rest(self) -> bytes:
        """Everything that has not been read."""
        taken = self._octets[self.position :]
        self.position = len(self._octets)
        return taken
