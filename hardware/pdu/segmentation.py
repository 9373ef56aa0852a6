"""Cutting a text or octets into short messages (3GPP TS 23.040 9.2.3.24.1)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from hardware.errors import EncodeError

from . import gsm7, ucs2
from .clusters import cluster_starts
from .data_coding import Alphabet, DataCodingScheme
from .gsm7_tables import ESCAPE
from .segment import Segment, capacity
from .user_data_header import (
    NATIONAL_LOCKING,
    NATIONAL_SINGLE,
    Concatenation,
    InformationElement,
    PortAddressing,
    UserDataHeader,
)

MAX_PARTS = 255
_TEAR_COST = 6  # units of a part that may stay empty to keep a cluster whole

Encoding = Literal["auto", "gsm7", "ucs2"]
_Ends = Callable[[int], list[int]]
"""From the capacity of a part to the ends of the parts, in units."""


@dataclass(frozen=True, slots=True)
class Segmentation:
    """A message in parts."""

    alphabet: Alphabet
    segments: tuple[Segment, ...]
    forcing: tuple[str, ...] = ()
    """The characters that made it UCS-2 where 7-bit would have been taken, each once."""

    @property
    def data_coding(self) -> DataCodingScheme:
        """The TP-DCS of every part."""
        return self.segments[0].data_coding

    def __repr__(self) -> str:
        return f"Segmentation({self.alphabet.value}, parts={len(self.segments)})"


def segment(
    text: str,
    *,
    encoding: Encoding = "auto",
    reference: int = 0,
    reference_bits: int = 8,
    national: tuple[int, int] | None = None,
    message_class: int | None = None,
) -> Segmentation:
    """Code `text` and cut it into as few parts as it takes, one for an empty text.

    `auto` takes the 7-bit alphabet where every character is in it, else UCS-2. `national` (locking, single shift
    table) serves only where the default alphabet lacks a character. An extension character or surrogate pair is never
    cut; a grapheme cluster is not where that leaves at most 6 units of a part empty and needs no further part.

    Raises EncodeError when `gsm7` is asked for and lacks a character, for a lone surrogate, for more than 255 parts,
    and for a reference that does not fit its 8 or 16 bits.
    """
    if encoding not in ("auto", "gsm7", "ucs2"):
        raise EncodeError("encoding", f"{encoding!r} is not auto, gsm7 or ucs2")
    missing = gsm7.foreign(text) if encoding != "ucs2" else ()
    elements: list[InformationElement] = []
    locking = single = 0
    if missing and national is not None:
        locking, single = national
        missing = gsm7.foreign(text, locking=locking, single=single)
        elements += [InformationElement(NATIONAL_SINGLE, bytes((single,)))] if single else []
        elements += [InformationElement(NATIONAL_LOCKING, bytes((locking,)))] if locking else []
    plan = _Plan(reference, reference_bits, message_class)
    if encoding == "ucs2" or (encoding == "auto" and missing):
        content = ucs2.encode(text)
        segments = plan.cut(Alphabet.UCS2, content, [], lambda size: _ucs2_ends(text, content, size))
        return Segmentation(Alphabet.UCS2, segments, missing)
    septets = gsm7.encode(text, locking=locking, single=single)
    segments = plan.cut(Alphabet.GSM7, septets, elements, lambda size: _gsm7_ends(septets, size))
    return Segmentation(Alphabet.GSM7, segments)


def segment_data(
    data: bytes,
    *,
    ports: tuple[int, int] | None = None,
    reference: int = 0,
    reference_bits: int = 8,
    message_class: int | None = None,
) -> Segmentation:
    """Cut octets into parts, each with the 16-bit application ports (destination, source) where given.

    Raises EncodeError for more than 255 parts and for ports or a reference that do not fit.
    """
    elements = [PortAddressing(*ports).element()] if ports is not None else []
    plan = _Plan(reference, reference_bits, message_class)
    segments = plan.cut(Alphabet.OCTETS, data, elements, lambda size: _plain_ends(len(data), size))
    return Segmentation(Alphabet.OCTETS, segments)


@dataclass(frozen=True, slots=True)
class _Plan:
    """What all parts have in common."""

    reference: int
    reference_bits: int
    message_class: int | None

    def cut(
        self, alphabet: Alphabet, content: bytes, elements: list[InformationElement], ends: _Ends
    ) -> tuple[Segment, ...]:
        width = 2 if alphabet is Alphabet.UCS2 else 1
        size = capacity(
            alphabet, _header_octets([*elements, _concatenation(self.reference, self.reference_bits, 1, 1)])
        )
        if len(content) <= width * capacity(alphabet, _header_octets(elements)):
            return (Segment(alphabet, content, _header(elements), self.message_class),)
        least = -(-len(content) // (width * size))
        stops = ends(size) if least <= MAX_PARTS else []
        if not 0 < len(stops) <= MAX_PARTS:
            raise EncodeError("parts", f"takes {max(least, len(stops))} parts; at most {MAX_PARTS}")
        starts = [0, *stops[:-1]]
        return tuple(
            Segment(
                alphabet,
                content[width * start : width * stop],
                _header([*elements, _concatenation(self.reference, self.reference_bits, len(stops), sequence)]),
                self.message_class,
            )
            for sequence, (start, stop) in enumerate(zip(starts, stops, strict=True), 1)
        )


@lru_cache(maxsize=1024)
def _concatenation(reference: int, bits: int, total: int, sequence: int) -> InformationElement:
    return Concatenation(reference, bits, total, sequence).element()


def _header(elements: list[InformationElement]) -> UserDataHeader | None:
    return UserDataHeader(tuple(elements)) if elements else None


def _header_octets(elements: list[InformationElement]) -> int:
    return 1 + sum(2 + len(element.data) for element in elements) if elements else 0


def _plain_ends(units: int, size: int) -> list[int]:
    return [*range(size, units, size), units]


def _gsm7_ends(septets: bytes, size: int) -> list[int]:
    ends: list[int] = []
    end = size
    while end < len(septets):
        if septets[end - 1] == ESCAPE:
            end -= 1
        ends.append(end)
        end += size
    return [*ends, len(septets)]


def _ucs2_ends(text: str, content: bytes, size: int) -> list[int]:
    fewest = _ucs2_cuts(content, size, frozenset())
    gentle = _ucs2_cuts(content, size, cluster_starts(text))
    return gentle if len(gentle) <= len(fewest) else fewest


def _ucs2_cuts(content: bytes, size: int, starts: frozenset[int]) -> list[int]:
    ends: list[int] = []
    end = size
    while 2 * end < len(content):
        gentle = next((place for place in range(end, end - _TEAR_COST - 1, -1) if place in starts), None)
        if gentle is not None:
            end = gentle
        elif content[2 * end] & 0xFC == 0xDC:  # a low surrogate: its high one goes with it
            end -= 1
        ends.append(end)
        end += size
    return [*ends, len(content) // 2]
