"""TP-UDL and TP-UD: reading what a message carries (3GPP TS 23.040 9.2.3.16, 9.2.3.24)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby

from hardware.errors import DecodeError

from . import gsm7, ucs2
from .data_coding import Alphabet, DataCodingScheme
from .octets import OctetReader
from .user_data_header import Concatenation, PortAddressing, UserDataHeader

MAX_SEPTETS, MAX_OCTETS = 160, 140


@dataclass(frozen=True, repr=False)
class UserData:
    """What a received message carries. `content` is raw (septets one per octet, UTF-16 or plain octets), so that parts
    can be joined before they are decoded; `text` and `data` are what it means.
    """

    data_coding: DataCodingScheme
    header: UserDataHeader | None
    content: bytes
    length: int
    """TP-UDL: septets with the header's where the alphabet is 7-bit, else octets with the header."""

    @property
    def alphabet(self) -> Alphabet:
        """How `content` is to be read; compressed user data is octets."""
        return Alphabet.OCTETS if self.data_coding.compressed else self.data_coding.alphabet

    @property
    def concatenation(self) -> Concatenation | None:
        """The part of a long message that this is, where one is named."""
        return self.header.concatenation if self.header else None

    @property
    def ports(self) -> PortAddressing | None:
        """The application ports, where named."""
        return self.header.ports if self.header else None

    @cached_property
    def _ucs2(self) -> ucs2.Ucs2Text:
        return ucs2.decode(self.content if self.alphabet is Alphabet.UCS2 else b"")

    @cached_property
    def text(self) -> str | None:
        """The text; None for octets. Half a surrogate pair reads as U+FFFD (see `join_user_data`)."""
        if self.alphabet is Alphabet.OCTETS:
            return None
        if self.alphabet is Alphabet.UCS2:
            return self._ucs2.text
        locking = self.header.locking_table if self.header else 0
        single = self.header.single_table if self.header else 0
        return gsm7.decode(self.content, locking=locking, single=single)

    @property
    def data(self) -> bytes | None:
        """The octets as they came, UTF-16 ones too; None for 7-bit text."""
        return None if self.alphabet is Alphabet.GSM7 else self.content

    @property
    def lone_surrogate(self) -> bool:
        """Whether half a surrogate pair is in a UCS-2 text: its other half may be in the next part."""
        return self._ucs2.lone_surrogate

    @property
    def odd_length(self) -> bool:
        """Whether a UCS-2 text has an octet too many, which is left out."""
        return self._ucs2.odd_length

    def __repr__(self) -> str:
        return f"UserData({self.alphabet.value}, length={self.length}, concatenation={self.concatenation})"


def read_user_data(reader: OctetReader, data_coding: DataCodingScheme, has_header: bool) -> UserData:
    """Read TP-UDL and TP-UD; raises DecodeError where octets are missing or the header does not fit."""
    place = reader.position
    length = reader.octet("user_data_length")
    septets = data_coding.alphabet is Alphabet.GSM7 and not data_coding.compressed
    if length > (MAX_SEPTETS if septets else MAX_OCTETS):
        raise DecodeError("user_data_length", place, f"{length} {'septets' if septets else 'octets'} cannot be")
    octets = reader.take("user_data", (7 * length + 7) // 8 if septets else length)
    header: UserDataHeader | None = None
    header_octets = 0
    if has_header:
        if not octets or 1 + octets[0] > len(octets):
            raise DecodeError("user_data_header", place + 1, "longer than the user data")
        header_octets = 1 + octets[0]
        header = UserDataHeader.decode(octets[1:header_octets], place + 2)
    if not septets:
        return UserData(data_coding, header, octets[header_octets:], length)
    # Text starts at a septet boundary: the header and its fill bits take whole septets (9.2.3.24, figure 9.2.3.24 (a)).
    header_septets = (8 * header_octets + 6) // 7
    if header_septets > length:
        raise DecodeError("user_data_header", place + 1, "takes more septets than the user data has")
    return UserData(data_coding, header, gsm7.unpack(octets, length)[header_septets:], length)


def join_user_data(parts: Iterable[UserData]) -> str | bytes:
    """The content of the parts of one long message, given in order: text, or bytes where all of them carry octets.

    Units of neighbouring parts in the same coding are put together before they are decoded, so a surrogate pair or an
    escape pair that a sender cut in two is whole again.
    """
    joined = [_join(coding[0], list(run)) for coding, run in groupby(parts, key=_coding)]
    if joined and all(isinstance(run, bytes) for run in joined):
        return b"".join(run for run in joined if isinstance(run, bytes))
    # Octets amid text have no reading as such; they are shown as Latin-1 rather than dropped.
    return "".join(run.decode("latin-1") if isinstance(run, bytes) else run for run in joined)


def _join(alphabet: Alphabet, parts: list[UserData]) -> str | bytes:
    content = b"".join(part.content for part in parts)
    if alphabet is Alphabet.OCTETS:
        return content
    if alphabet is Alphabet.UCS2 and len(content) % 2:
        # Odd parts that make an even whole were cut amid a unit; else each has an octet too many at its end.
        content = b"".join(part.content[: len(part.content) // 2 * 2] for part in parts)
    return replace(parts[0], content=content).text or ""


def _coding(part: UserData) -> tuple[Alphabet, int, int]:
    if part.header is None or part.alphabet is not Alphabet.GSM7:
        return part.alphabet, 0, 0
    return part.alphabet, part.header.locking_table, part.header.single_table
