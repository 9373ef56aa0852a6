"""Opt-in replacement of characters that the 7-bit alphabet lacks, where their meaning survives it."""

from __future__ import annotations

import unicodedata

from . import gsm7

_REPLACEMENTS = str.maketrans(
    {
        **dict.fromkeys("‘’‚‛`´ʼ′", "'"),
        **dict.fromkeys("“”„‟«»″", '"'),
        **dict.fromkeys("–—−‑‐‒―", "-"),
        **dict.fromkeys("•·", "-"),
        **dict.fromkeys("\t\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f", " "),
        **dict.fromkeys("\u200b\u200c\u200d\u2060\u00ad\ufeff\u200e\u200f", ""),
        **dict(zip("łŁıđĐðÐ", "lLidDdD", strict=True)),
        # Capital Greek letters that look like Latin ones have no code of their own; the small ones have none at all.
        **dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ABEZHIKMNOPTYX", strict=True)),
        **dict(zip("αβγδεζηθικλμνξοπρσςτυφχψω", "ABΓΔEZHΘIKΛMNΞOΠPΣΣTYΦXΨΩ", strict=True)),
        "…": "...",
        "™": "(TM)",
        "©": "(C)",
        "®": "(R)",
        "œ": "oe",
        "Œ": "OE",
        "þ": "th",
        "Þ": "Th",
    }
)


def transliterate(text: str) -> str:
    """`text` in the 7-bit alphabet where typographic signs, accents and Greek letters are all that is in the way.

    Returns `text` unchanged when anything else is, as Cyrillic, CJK or emoji: it must then go as UCS-2 as it stands,
    so nothing is gained by changing the rest.
    """
    if not gsm7.foreign(text):
        return text
    replaced = "".join(_replace(char) for char in unicodedata.normalize("NFC", text))
    return text if gsm7.foreign(replaced) else replaced


def _replace(char: str) -> str:
    if not gsm7.foreign(char):
        return char
    replaced = char.translate(_REPLACEMENTS)
    if gsm7.foreign(replaced):
        base = "".join(part for part in unicodedata.normalize("NFD", replaced) if not unicodedata.combining(part))
        replaced = base.translate(_REPLACEMENTS)
    return replaced
