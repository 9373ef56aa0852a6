"""Where a text may be cut without tearing what a reader sees as one character (after Unicode UAX 29, roughly)."""

from __future__ import annotations

import unicodedata

_JOINER, _NON_JOINER = "\u200d", "\u200c"
_MARKS = frozenset({"Mn", "Me", "Mc"})


def _extends(char: str) -> bool:
    """Whether a character belongs to the one before it."""
    if char < "\u0300":
        return False
    return (
        unicodedata.category(char) in _MARKS
        or char in (_JOINER, _NON_JOINER)
        or "\U0001f3fb" <= char <= "\U0001f3ff"  # skin tones
        or "\U000e0020" <= char <= "\U000e007f"  # tags of subdivision flags
        or "\u1160" <= char <= "\u11ff"  # Hangul vowels and finals
    )


def cluster_starts(text: str) -> frozenset[int]:
    """Offsets, in UTF-16 units, at which a cluster begins."""
    starts: set[int] = set()
    offset = regionals = 0
    previous = ""
    for char in text:
        regional = "\U0001f1e6" <= char <= "\U0001f1ff"
        if not previous or not (previous == _JOINER or _extends(char) or (regional and regionals % 2)):
            starts.add(offset)
        regionals = regionals + 1 if regional else 0
        offset += 2 if char > "\uffff" else 1
        previous = char
    return frozenset(starts)
