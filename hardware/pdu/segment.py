"""One short message's worth of content, as it is stored and put into an SMS-SUBMIT."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hardware.errors import DecodeError, EncodeError

from . import gsm7
from .data_coding import Alphabet, DataCodingScheme
from .user_data import MAX_OCTETS, MAX_SEPTETS, UserData
from .user_data_header import CONCATENATION_8, CONCATENATION_16, Concatenation, UserDataHeader

_ALPHABETS = tuple(Alphabet)
_FORM = 1  # first octet of the stored form; another form gets another number


def capacity(alphabet: Alphabet, header_octets: int) -> int:
    """How many units fit beside a header of that many octets (with UDHL): septets, UTF-16 units or octets."""
    if alphabet is Alphabet.GSM7:
        return MAX_SEPTETS - (8 * header_octets + 6) // 7
    return (MAX_OCTETS - header_octets) // (2 if alphabet is Alphabet.UCS2 else 1)


@dataclass(frozen=True, slots=True, repr=False)
class Segment:
    """Content and header of one part. `content` is septets one per octet, UTF-16 octets or plain octets."""

    alphabet: Alphabet
    content: bytes
    header: UserDataHeader | None = None
    message_class: int | None = None

    def __post_init__(self) -> None:
        if self.message_class not in (None, 0, 1, 2, 3):
            raise EncodeError("message_class", f"{self.message_class} is not 0, 1, 2 or 3")

    @property
    def units(self) -> int:
        """Septets, UTF-16 units or octets of the content, the header not counted."""
        return len(self.content) // 2 if self.alphabet is Alphabet.UCS2 else len(self.content)

    @property
    def concatenation(self) -> Concatenation | None:
        """Which part of a long message this is, None for one that stands alone."""
        return self.header.concatenation if self.header else None

    @property
    def data_coding(self) -> DataCodingScheme:
        """The TP-DCS that says how this is coded."""
        return DataCodingScheme.of(self.alphabet, self.message_class)

    @property
    def text(self) -> str | None:
        """What a handset shows; None for octets."""
        return UserData(DataCodingScheme.of(self.alphabet), self.header, self.content, 0).text

    def with_reference(self, reference: int) -> Segment:
        """The same part under another concatenation reference of the same width; itself where it stands alone.

        Raises EncodeError when the reference does not fit.
        """
        concatenation = self.concatenation
        if self.header is None or concatenation is None:
            return self
        others = [e for e in self.header.elements if e.id not in (CONCATENATION_8, CONCATENATION_16)]
        return replace(self, header=UserDataHeader((*others, replace(concatenation, reference=reference).element())))

    def user_data(self) -> bytes:
        """TP-UDL and TP-UD; raises EncodeError when they are longer than a TPDU has room for."""
        header = self.header.encode() if self.header is not None else b""
        if self.alphabet is not Alphabet.GSM7:
            if len(header) + len(self.content) > MAX_OCTETS:
                raise EncodeError("user_data", f"{len(header) + len(self.content)} octets; at most {MAX_OCTETS}")
            return bytes((len(header) + len(self.content),)) + header + self.content
        header_septets = (8 * len(header) + 6) // 7
        length = header_septets + len(self.content)
        if length > MAX_SEPTETS:
            raise EncodeError("user_data", f"{length} septets; at most {MAX_SEPTETS}")
        return bytes((length,)) + header + gsm7.pack(self.content, 7 * header_septets - 8 * len(header))

    def to_bytes(self) -> bytes:
        """A compact form for storage, stable over releases; `from_bytes` reads it."""
        header = self.header.encode() if self.header is not None else b""
        kind = _ALPHABETS.index(self.alphabet) << 4 | (0 if self.message_class is None else self.message_class + 1)
        return bytes((_FORM, kind, len(header))) + header + self.content

    @classmethod
    def from_bytes(cls, stored: bytes) -> Segment:
        """Read the stored form; raises DecodeError for anything else."""
        if len(stored) < 3 or stored[0] != _FORM or stored[1] >> 4 >= len(_ALPHABETS) or stored[1] & 0x0F > 4:
            raise DecodeError("segment", 0, "not a stored segment")
        header = stored[3 : 3 + stored[2]]
        if len(header) < stored[2] or (header and header[0] != len(header) - 1):
            raise DecodeError("segment", 2, "header cut off")
        return cls(
            _ALPHABETS[stored[1] >> 4],
            stored[3 + len(header) :],
            UserDataHeader.decode(header[1:], 4) if header else None,
            (stored[1] & 0x0F) - 1 if stored[1] & 0x0F else None,
        )

    def __repr__(self) -> str:
        return f"Segment({self.alphabet.value}, units={self.units}, concatenation={self.concatenation})"
