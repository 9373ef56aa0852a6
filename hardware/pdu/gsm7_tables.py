"""The 7-bit alphabets of 3GPP TS 23.038: data only.

`DEFAULT` (6.2.1) and `EXTENSION` (6.2.1.1) are what every handset knows. National tables (annex A) differ from them
in the listed places: 1 Turkish, 2 Spanish (single shift only), 3 Portuguese.
"""

from __future__ import annotations

ESCAPE = 0x1B

DEFAULT = (
    "@£$¥èéùìòÇ\nØø\rÅå"
    "Δ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ"
    " !\"#¤%&'()*+,-./"
    "0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNO"
    "PQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmno"
    "pqrstuvwxyzäöñüà"
)


def _places(listing: str) -> dict[int, str]:
    """Codes and characters of a listing in which each character stands behind its code in hexadecimal."""
    return {int(entry[:2], 16): entry[2:] for entry in listing.split(" ")}


EXTENSION = _places("0A\f 14^ 28{ 29} 2F\\ 3C[ 3D~ 3E] 40| 65€")

_TURKISH_LOCKING = _places("04€ 07ı 0BĞ 0Cğ 1CŞ 1Dş 40İ 60ç")
_PORTUGUESE_LOCKING = _places(
    "04ê 06ú 07í 08ó 09ç 0BÔ 0Cô 0EÁ 0Fá 12ª 13Ç 14À 15∞ 16^ 17\\ 18€ 19Ó 1A| 1CÂ 1Dâ 1EÊ 24º 40Í "
    "5BÃ 5CÕ 5DÚ 60~ 7Bã 7Cõ 7D`"
)
_TURKISH_SINGLE = _places("47Ğ 49İ 53Ş 63ç 67ğ 69ı 73ş")
_SPANISH_SINGLE = _places("09ç 41Á 49Í 4FÓ 55Ú 61á 69í 6Fó 75ú")
_PORTUGUESE_SINGLE = _places(
    "05ê 09ç 0BÔ 0Cô 0EÁ 0Fá 12Φ 13Γ 15Ω 16Π 17Ψ 18Σ 19Θ 1FÊ 41À 49Í 4FÓ 55Ú 5BÃ 5CÕ 61Â 69í 6Fó 75ú 7Bã 7Cõ 7Fâ"
)


def _with(differences: dict[int, str]) -> str:
    return "".join(differences.get(code, char) for code, char in enumerate(DEFAULT))


LOCKING: dict[int, str] = {0: DEFAULT, 1: _with(_TURKISH_LOCKING), 3: _with(_PORTUGUESE_LOCKING)}
SINGLE: dict[int, dict[int, str]] = {
    0: EXTENSION,
    1: EXTENSION | _TURKISH_SINGLE,
    2: EXTENSION | _SPANISH_SINGLE,
    3: EXTENSION | _PORTUGUESE_SINGLE,
}
