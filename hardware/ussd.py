"""USSD answers: the +CUSD line, and its text in the four ways in which modems give it (TS 27.007 7.15, 23.038 5)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from hardware.errors import MalformedResponse
from hardware.pdu import gsm7

_LINE = re.compile(
    r"""\+CUSD\s*:\s*(?P<mode>\d)
        (?:\s*,\s*(?:"(?P<quoted>.*)"|"(?P<open>[^"]*)|(?P<bare>[^",]*))
        (?:\s*,\s*(?P<scheme>\d{1,3})?)?)?\s*\Z""",
    re.VERBOSE | re.DOTALL,
)
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})+\Z")
_GSM_ONLY = re.compile(r"\x1b[\x00-\x7f]|[\x00-\x09\x0b\x0c\x0e-\x1a\x1c-\x1f]")
_CR = 0x0D
_LANGUAGE_OCTETS = 2  # two 7-bit letters before UCS-2 text (23.038 5, coding group 0001)


@dataclass(frozen=True, slots=True)
class UssdAnswer:
    """One +CUSD line; `text` is None where there was none."""

    mode: int
    """0 done, 1 reply expected, 2 ended by the network, 3 another client answered, 4 not supported, 5 timed out."""
    text: str | None
    data_coding: int | None

    def __repr__(self) -> str:
        text = "no text" if self.text is None else f"text of {len(self.text)} characters"
        return f"UssdAnswer({self.mode}, {text})"


def parse_ussd(line: str) -> UssdAnswer:
    """Read a +CUSD line; raises MalformedResponse for what is none."""
    found = _LINE.match(line)
    if found is None:
        raise MalformedResponse("AT+CUSD", "not a USSD answer")
    said = next((found[form] for form in ("quoted", "open") if found[form] is not None), found["bare"] or None)
    scheme = int(found["scheme"]) if found["scheme"] else None
    return UssdAnswer(int(found["mode"]), None if said is None else decode(said, scheme), scheme)


def decode(said: str, data_coding: int | None) -> str:
    """The text of a USSD string as a modem gives it: characters, UCS-2 in hex, packed septets in hex, or octets in hex.

    The data coding scheme decides where it can; modems give text under the scheme of hex and hex under that of text.
    """
    if len(said) < 2 or not _HEX.match(said):
        return _characters(said)
    octets = bytes.fromhex(said)
    if data_coding == 0x11:
        return _ucs2(octets[_LANGUAGE_OCTETS:] if _names_language(octets) else octets)
    alphabet = _alphabet(data_coding)
    if alphabet == "ucs2" or (alphabet == "gsm7" and _looks_like_ucs2(octets)):
        return _ucs2(octets)
    if alphabet == "octets":
        return octets.decode("latin-1")
    # Of packed septets hardly any are decimal digits only; a balance or a number is.
    return said if said.isdecimal() else _packed(said, octets)


def pack(code: str) -> str:
    """A USSD code as packed septets in hex, for modems that expect it so; raises EncodeError."""
    septets = gsm7.encode(code)
    if len(septets) % 8 == 7:
        septets += bytes((_CR,))
    return gsm7.pack(septets).hex().upper()


def _alphabet(scheme: int | None) -> str:
    """The alphabet of a cell broadcast data coding scheme (23.038 5)."""
    if scheme is None:
        return "gsm7"
    group = scheme >> 4
    if group in (0x4, 0x5, 0x6, 0x7, 0x9):
        return ("gsm7", "octets", "ucs2", "gsm7")[scheme >> 2 & 3]
    if scheme == 8:
        return "ucs2"  # the scheme of a short message in place of that of a broadcast
    if scheme == 4 or (group == 0xF and scheme & 4):
        return "octets"
    return "gsm7"


def _characters(said: str) -> str:
    """Text as it is written under +CSCS="GSM" (27.007 5.5): what would be control characters are letters of the GSM
    alphabet. What prints is left alone, as many modems write it in ASCII whatever they were told.
    """
    return _GSM_ONLY.sub(lambda found: gsm7.decode(found[0].encode("ascii")), said)


def _names_language(octets: bytes) -> bool:
    """Whether two letters of a language (ISO 639) stand before the text."""
    letters = gsm7.decode(gsm7.unpack(octets, 2)) if len(octets) >= _LANGUAGE_OCTETS else ""
    return letters.isascii() and letters.isalpha()


def _looks_like_ucs2(octets: bytes) -> bool:
    """Whether whole units, most of them of Latin, Cyrillic or Arabic script, are more likely than packed septets."""
    if len(octets) % 2 or len(octets) < 4:
        return False
    high = octets[0::2]
    return sum(octet in (0x00, 0x04, 0x06) for octet in high) * 4 >= len(high) * 3


def _ucs2(octets: bytes) -> str:
    text = octets[: len(octets) // 2 * 2].decode("utf-16-be", "replace")
    return text.partition("\0")[0]  # some modems give what lies behind the text in their memory


def _packed(said: str, octets: bytes) -> str:
    """Packed septets, unless that makes no text: then the digits are the text."""
    count = len(octets) * 8 // 7
    septets = gsm7.unpack(octets, count)
    if count % 8 == 0 and septets[-1] in (0, _CR):
        septets = septets[:-1]  # seven spare bits are padded with CR (23.038 6.1.2.3.1)
    text = gsm7.decode(septets)
    return text if text and all(char.isprintable() or char in "\r\n" for char in text) else said
