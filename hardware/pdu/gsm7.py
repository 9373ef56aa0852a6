"""GSM 7-bit text: characters to septets, septets to octets, and back (3GPP TS 23.038 6)."""

from __future__ import annotations

from functools import cache

from hardware.errors import DecodeError, EncodeError

from .gsm7_tables import DEFAULT, ESCAPE, EXTENSION, LOCKING, SINGLE
from .primitives import pack_septets as pack

__all__ = ["DEFAULT", "EXTENSION", "LOCKING", "SINGLE", "decode", "encode", "foreign", "pack", "unpack"]

_ESCAPE_CHAR = chr(ESCAPE)


class _Codes(dict[int, str]):
    """By character: its septets, as characters of that number. Serves `str.translate`, which needs no loop."""

    def __missing__(self, char: int) -> str:
        raise ValueError(char)  # not a KeyError, for which `translate` leaves a character as it is


@cache
def _codes(locking: int, single: int) -> _Codes:
    if locking not in LOCKING or single not in SINGLE:
        raise EncodeError(
            "national", f"no 7-bit tables ({locking}, {single}); locking 0, 1, 3 and single 0-3 are known"
        )
    codes = {ord(char): chr(ESCAPE) + chr(code) for code, char in SINGLE[single].items()}
    codes |= {ord(char): chr(code) for code, char in enumerate(LOCKING[locking]) if code != ESCAPE}
    return _Codes(codes)


@cache
def _alphabet(locking: int, single: int) -> frozenset[str]:
    return frozenset(map(chr, _codes(locking, single)))


def encode(text: str, *, locking: int = 0, single: int = 0) -> bytes:
    """Septets of `text`, one per octet, an extension character being two (escape and code).

    Raises EncodeError naming the place of the first character that the tables lack. A form feed is 1B 0A; an escape
    character in `text` is refused, so that no text can smuggle one in.
    """
    codes = _codes(locking, single)
    try:
        return text.translate(codes).encode("ascii")
    except ValueError:
        place = next(place for place, char in enumerate(text) if ord(char) not in codes)
        raise EncodeError("text", f"character {place + 1} is not in the 7-bit alphabet") from None


def foreign(text: str, *, locking: int = 0, single: int = 0) -> tuple[str, ...]:
    """The characters of `text` that the tables lack, each once, in order of appearance."""
    alphabet = _alphabet(locking, single)
    if alphabet.issuperset(text):
        return ()
    return tuple(char for char in dict.fromkeys(text) if char not in alphabet)


def decode(septets: bytes, *, locking: int = 0, single: int = 0) -> str:
    """Text of `septets` (values 0-127). Never fails on them: an unknown table number counts as the default one,
    escape escape is a space, escape and an unused code the character of the locking table, a last lone escape nothing
    (23.038 6.2.1.1).
    """
    table = LOCKING.get(locking, DEFAULT)
    plain = "".join(map(table.__getitem__, septets))
    if _ESCAPE_CHAR not in plain:
        return plain
    extension = SINGLE.get(single, EXTENSION)
    chars: list[str] = []
    following = iter(septets)
    for septet in following:
        if septet != ESCAPE:
            chars.append(table[septet])
            continue
        code = next(following, None)
        if code == ESCAPE:
            chars.append(" ")
        elif code is not None:
            chars.append(extension.get(code, table[code]))
    return "".join(chars)


def unpack(octets: bytes, count: int, fill_bits: int = 0) -> bytes:
    """The `count` septets packed in `octets` after `fill_bits`, one per octet (23.038 6.1.2.1).

    Raises DecodeError when there are fewer octets than that many septets need.
    """
    needed = (7 * count + fill_bits + 7) // 8
    if len(octets) < needed:
        raise DecodeError("septets", len(octets), f"{count} septets need {needed} octets")
    bits = int.from_bytes(octets[:needed], "little") >> fill_bits
    septets = bytearray(count)
    for place in range(0, count, 8):  # in groups of eight septets: shifting one long number would be quadratic
        group = bits >> (7 * place) & 0xFF_FFFF_FFFF_FFFF
        for offset in range(min(8, count - place)):
            septets[place + offset] = group >> (7 * offset) & 0x7F
    return bytes(septets)
