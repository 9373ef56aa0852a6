"""TP-DCS: alphabet, class, waiting indication (3GPP TS 23.038 4)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from hardware.errors import EncodeError


class Alphabet(Enum):
    """How user data is coded."""

    GSM7 = "gsm7"
    OCTETS = "8bit"
    UCS2 = "ucs2"


class WaitingKind(Enum):
    """What waits, by the two lowest bits of a waiting indication group."""

    VOICEMAIL = "voicemail"
    FAX = "fax"
    EMAIL = "email"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class WaitingIndication:
    """Message waiting indication groups 1100 to 1110."""

    kind: WaitingKind
    active: bool
    store: bool
    """Whether the text is to be kept, or may be dropped once the indicator is set."""


_ALPHABETS = (Alphabet.GSM7, Alphabet.OCTETS, Alphabet.UCS2, Alphabet.GSM7)
_KINDS = tuple(WaitingKind)
_BITS = {Alphabet.GSM7: 0x00, Alphabet.OCTETS: 0x04, Alphabet.UCS2: 0x08}


@dataclass(frozen=True, slots=True)
class DataCodingScheme:
    """The octet and what it says. Reserved codings are read as the default alphabet, as 23.038 4 asks of receivers."""

    value: int

    def __post_init__(self) -> None:
        if not 0 <= self.value <= 0xFF:
            raise EncodeError("data_coding", f"{self.value} is no octet")

    @classmethod
    def of(cls, alphabet: Alphabet, message_class: int | None = None) -> DataCodingScheme:
        """The scheme of the general group; raises EncodeError for a class that is not 0-3."""
        if message_class is None:
            return cls(_BITS[alphabet])
        if not 0 <= message_class <= 3:
            raise EncodeError("message_class", f"{message_class} is not 0, 1, 2 or 3")
        return cls(_BITS[alphabet] | 0x10 | message_class)

    @property
    def _general(self) -> bool:
        return self.value < 0x80

    @property
    def reserved(self) -> bool:
        """Whether the coding has no meaning yet."""
        return 0x80 <= self.value < 0xC0 or (self._general and self.value & 0x0C == 0x0C)

    @property
    def alphabet(self) -> Alphabet:
        """The alphabet of the user data (before compression, where `compressed`)."""
        if self._general:
            return _ALPHABETS[self.value >> 2 & 3]
        if self.value >= 0xF0:
            return Alphabet.OCTETS if self.value & 0x04 else Alphabet.GSM7
        return Alphabet.UCS2 if self.value >= 0xE0 else Alphabet.GSM7

    @property
    def message_class(self) -> int | None:
        """0 (shown at once), 1 (equipment), 2 (SIM), 3 (terminal) or None."""
        has_class = self.value & 0x10 if self._general else self.value >= 0xF0
        return self.value & 3 if has_class else None

    @property
    def compressed(self) -> bool:
        """Whether the user data is compressed (23.042); it is then handed on as octets."""
        return self._general and bool(self.value & 0x20)

    @property
    def auto_delete(self) -> bool:
        """Whether the message asks to be deleted once read."""
        return 0x40 <= self.value < 0x80

    @property
    def mwi(self) -> WaitingIndication | None:
        """The waiting indication, where the group has one."""
        if not 0xC0 <= self.value < 0xF0:
            return None
        return WaitingIndication(_KINDS[self.value & 3], bool(self.value & 0x08), self.value >= 0xD0)
