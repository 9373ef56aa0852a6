"""GSM 7-bit and UCS-2 as a network and a handset read them (3GPP TS 23.038).

Written for the simulator alone: the driver under test has another implementation, so that a mistake in either shows.
"""

from __future__ import annotations

_DEFAULT = (
    "@£$¥èéùìòÇ\nØø\rÅå"
    "Δ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ"
    " !\"#¤%&'()*+,-./"
    "0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNO"
    "PQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmno"
    "pqrstuvwxyzäöñüà"
)
ESCAPE = 0x1B
_EXTENSION = {
    0x0A: "\f",
    0x14: "^",
    0x28: "{",
    0x29: "}",
    0x2F: "\\",
    0x3C: "[",
    0x3D: "~",
    0x3E: "]",
    0x40: "|",
    0x65: "€",
}


def _patched(changes: dict[int, str]) -> str:
    table = list(_DEFAULT)
    for code, character in changes.items():
        table[code] = character
    return "".join(table)


def _run(start: int, characters: str) -> dict[int, str]:
    return {start + offset: character for offset, character in enumerate(characters)}


# 23.038 A.3: language identifiers 1 Turkish, 2 Spanish, 3 Portuguese. There is no Spanish locking table.
LOCKING: dict[int, str] = {
    0: _DEFAULT,
    1: _patched({0x04: "€", 0x07: "ı", **_run(0x0B, "Ğğ"), **_run(0x1C, "Şş"), 0x40: "İ", 0x60: "ç"}),
    3: _patched(
        {
            0x04: "ê",
            **_run(0x06, "úíóç"),
            **_run(0x0B, "Ôô"),
            **_run(0x0E, "Áá"),
            **_run(0x12, "ªÇÀ∞^\\€Ó|"),
            **_run(0x1C, "Ââ"),
            0x1E: "Ê",
            0x24: "º",
            0x40: "Í",
            **_run(0x5B, "Ã"),
            **_run(0x5C, "ÕÚ"),
            0x60: "~",
            **_run(0x7B, "ãõ`"),
        }
    ),
}
SINGLE: dict[int, dict[int, str]] = {
    0: _EXTENSION,
    1: {
        **_EXTENSION,
        0x47: "Ğ",
        0x49: "İ",
        0x53: "Ş",
        0x63: "ç",
        0x67: "ğ",
        0x69: "ı",
        0x73: "ş",
    },
    2: {
        **_EXTENSION,
        0x09: "ç",
        0x41: "Á",
        0x49: "Í",
        0x4F: "Ó",
        0x55: "Ú",
        0x61: "á",
        0x69: "í",
        0x6F: "ó",
        0x75: "ú",
    },
    3: {
        **_EXTENSION,
        0x05: "ê",
        0x09: "ç",
        **_run(0x0B, "Ôô"),
        **_run(0x0E, "Áá"),
        **_run(0x12, "ΦΓ"),
        **_run(0x15, "ΩΠΨΣΘ"),
        0x1F: "Ê",
        0x41: "À",
        0x49: "Í",
        0x4F: "Ó",
        0x55: "Ú",
        0x5B: "Ã",
        0x5C: "Õ",
        0x61: "Â",
        0x69: "í",
        0x6F: "ó",
        0x75: "ú",
        0x7B: "ã",
        0x7C: "õ",
        0x7F: "â",
    },
}


def septets_of(text: str) -> list[int] | None:
    """The default-alphabet septets of `text`, escapes included; None where a character has no code in it."""
    septets: list[int] = []
    for character in text:
        code = _ENCODE.get(character)
        if code is None:
            return None
        septets.extend(code)
    return septets


_ENCODE: dict[str, tuple[int, ...]] = {
    **{character: (code,) for code, character in enumerate(_DEFAULT) if code != ESCAPE},
    **{character: (ESCAPE, code) for code, character in _EXTENSION.items()},
}


def text_of(septets: list[int], locking: int = 0, single: int = 0) -> str:
    """The text a handset shows: an unknown table is the default one, an unknown escape its base character."""
    table, extension = LOCKING.get(locking, _DEFAULT), SINGLE.get(single, _EXTENSION)
    shown: list[str] = []
    escaped = False
    for septet in septets:
        if escaped:
            shown.append(" " if septet == ESCAPE else extension.get(septet, table[septet]))
            escaped = False
        elif septet == ESCAPE:
            escaped = True
        else:
            shown.append(table[septet])
    return "".join(shown)


def pack(septets: list[int], fill_bits: int = 0) -> bytes:
    """Septets into octets, least significant bit first, after `fill_bits` zero bits (23.038 6.1.2.1)."""
    value = 0
    for position, septet in enumerate(septets):
        value |= septet << (7 * position + fill_bits)
    return value.to_bytes((7 * len(septets) + fill_bits + 7) // 8, "little")


def unpack(octets: bytes, count: int, fill_bits: int = 0) -> list[int]:
    """The first `count` septets of `octets`; raises ValueError where the octets end before."""
    if 8 * len(octets) < 7 * count + fill_bits:
        raise ValueError(f"{len(octets)} octets hold fewer than {count} septets")
    value = int.from_bytes(octets, "little") >> fill_bits
    return [(value >> (7 * position)) & 0x7F for position in range(count)]


def pack_ussd(text: str) -> bytes:
    """A USSD string packed; seven spare bits are filled with CR, lest they read as an @ (23.038 6.1.2.3.1)."""
    septets = septets_of(text)
    if septets is None:
        raise ValueError("text is not in the GSM default alphabet")
    if len(septets) % 8 == 7 or (septets and len(septets) % 8 == 0 and septets[-1] == 0x0D):
        septets.append(0x0D)
    return pack(septets)


def unpack_ussd(octets: bytes) -> str:
    """The text of a packed USSD string, without the CR that only fills."""
    septets = unpack(octets, 8 * len(octets) // 7)
    if len(septets) % 8 == 0 and septets and septets[-1] == 0x0D:
        septets.pop()
    return text_of(septets)
