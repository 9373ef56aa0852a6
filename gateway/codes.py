"""Finds the code in a text, as a person would: for messages that test systems keep instead of sending. Pure."""

from __future__ import annotations

import re
from bisect import bisect_left

LOOKED_AT = 4000
"""Characters of a text that are looked at: a code stands near the beginning, and modems may wait meanwhile."""
_TOKEN = re.compile(r"[^\W_]+(?:[.,:/'\u2019-][^\W_]+)*")
_GROUPED = re.compile(r"(?<![\w+])(\d{3})[- ](\d{3,4})(?![\w]|[-. ,:/]\d)")
_PLAIN = re.compile(r"(?=[A-Za-z0-9]*[0-9])[A-Za-z0-9]{4,10}", re.ASCII)
_PREFIXED = re.compile(r"[A-Z]{1,3}-(\d{4,10})", re.ASCII)
_WORDS = re.compile(
    r"\b(?:codes?|c[oó]digo|codice|kod|otp|pin|tan|pass(?:code|word)|verif\w+|v[eé]rif\w+|confirm\w*)\b", re.IGNORECASE
)
_NEAR = 40  # characters between a code and the word that calls it one
_YEAR = re.compile(r"(?:19|20)\d\d")


def code_in(text: str) -> str | None:
    """The code that a text carries: the one of an origin-bound line, else its most code-like word; None without one.

    A code in two groups ("123 456", "123-456") is given without what parts them. Takes time in proportion to the text.
    """
    text = text[:LOOKED_AT]
    if (bound := _bound(text)) is not None:
        return bound
    named = [match.span() for match in _WORDS.finditer(text)]
    begins = [begin for begin, _ in named]
    best: tuple[float, str] | None = None
    for place, end, code in _candidates(text):
        after = bisect_left(begins, place)  # words do not overlap: only the ones next to it can be nearest
        away = min((_distance(place, end, word) for word in named[max(0, after - 1) : after + 1]), default=_NEAR)
        score = _likeness(code) + 8 * max(0.0, 1 - away / _NEAR)
        if best is None or score > best[0]:
            best = score, code
    return None if best is None else best[1]


def _bound(text: str) -> str | None:
    """The code of the last origin-bound line, by which browsers find it: `@example.com #123456`."""
    for line in reversed(text.split("\n")):
        host, *words = line.split() if line.startswith("@") else [""]
        codes = [word[1:] for word in words if word.startswith("#") and len(word) > 1]
        if codes and len(host) > 1:
            return codes[-1]
    return None


def _candidates(text: str) -> list[tuple[int, int, str]]:
    """Where something that could be a code begins and ends, and the code; in the order of the text."""
    found = []
    for match in _TOKEN.finditer(text):
        before, after = text[max(0, match.start() - 1) : match.start()], text[match.end() : match.end() + 1]
        if before in {"+", "€", "£", "$", "¥", "/", "@"} or after in {"€", "£", "$", "¥", "%", "/", "@"}:
            continue
        prefixed = _PREFIXED.fullmatch(match[0])
        if prefixed is not None:
            found.append((*match.span(), prefixed[1]))
        elif _PLAIN.fullmatch(match[0]):
            found.append((*match.span(), match[0]))
    found += [(*match.span(), match[1] + match[2]) for match in _GROUPED.finditer(text)]
    return sorted(found)


def _likeness(code: str) -> int:
    """How much it looks like a code by itself: six digits most of all, a year least."""
    if not code.isdigit():
        return 1 if code == code.upper() else 0
    if _YEAR.fullmatch(code):
        return 0
    return 5 if len(code) == 6 else 4 if len(code) <= 8 else 3


def _distance(place: int, end: int, word: tuple[int, int]) -> int:
    return max(word[0] - end, place - word[1], 0)
