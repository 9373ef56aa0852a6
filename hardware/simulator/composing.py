"""Splits a text or data into the user data of as many messages as it takes (3GPP TS 23.040 9.2.3.24.1)."""

from __future__ import annotations

from dataclasses import dataclass, field

from hardware.simulator import alphabet
from hardware.simulator.userdata import CONCATENATION_8, PORTS_16, Alphabet, write_content

_CODING: dict[Alphabet, int] = {"gsm7": 0x00, "octets": 0x04, "ucs2": 0x08}
Elements = tuple[tuple[int, bytes], ...]


@dataclass(frozen=True, slots=True)
class Part:
    """User data of one message with its data coding scheme."""

    dcs: int
    has_header: bool
    length: int
    octets: bytes = field(repr=False)


def compose(
    body: str | bytes,
    *,
    message_class: int | None = None,
    ports: tuple[int, int] | None = None,
    reference: int = 0,
) -> list[Part]:
    """The parts of a message: GSM default alphabet where the text allows, else UCS-2; bytes as 8-bit data."""
    kind: Alphabet = (
        "octets" if isinstance(body, bytes) else "gsm7" if alphabet.septets_of(body) is not None else "ucs2"
    )
    dcs = _CODING[kind] | (0 if message_class is None else 0x10 | message_class)
    elements: Elements = ()
    if ports is not None:
        elements = ((PORTS_16, ports[0].to_bytes(2) + ports[1].to_bytes(2)),)
    pieces = _split(body, kind, elements)
    if len(pieces) > 255:
        raise ValueError("longer than 255 messages")
    parts = []
    for number, piece in enumerate(pieces, 1):
        header = elements
        if len(pieces) > 1:
            header = ((CONCATENATION_8, bytes([reference, len(pieces), number])), *elements)
        length, octets = write_content(piece, header, kind=kind)
        parts.append(Part(dcs, bool(header), length, octets))
    return parts


def _split(body: str | bytes, kind: Alphabet, elements: Elements) -> list[str | bytes]:
    room = _room(kind, elements)
    if _size(body, kind) <= room:
        return [body]
    room = _room(kind, ((CONCATENATION_8, bytes(3)), *elements))
    if isinstance(body, bytes):
        return [body[at : at + room] for at in range(0, len(body), room)]
    pieces: list[str | bytes] = []
    piece, used = "", 0
    for character in body:
        size = _size(character, kind)
        if used + size > room:
            pieces.append(piece)
            piece, used = "", 0
        piece, used = piece + character, used + size
    return [*pieces, piece]


def _room(kind: Alphabet, elements: Elements) -> int:
    header = sum(2 + len(data) for _, data in elements) + 1 if elements else 0
    return (140 - header) * 8 // 7 if kind == "gsm7" else (140 - header) // (2 if kind == "ucs2" else 1)


def _size(body: str | bytes, kind: Alphabet) -> int:
    if isinstance(body, bytes):
        return len(body)
    return (
        len(alphabet.septets_of(body) or ()) if kind == "gsm7" else len(body.encode("utf-16-be", "surrogatepass")) // 2
    )
