"""The credit of a prepaid SIM as its network tells it: which code asks, where the amount stands, what it is. Pure."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

DecimalMark = Literal["auto", ".", ","]
_CODE = re.compile(r"[*#][0-9*#]{1,38}#")
_MARKS = ".,٫٬"  # the last two are Arabic
_GROUPERS = "'’ \u00a0\u2009\u202f"
_MINUS = "-−\u2012\u2013"
_THOUSANDS = 3  # digits in a group
_GROUPED = re.compile(r"\d+|\d{1,3}([.,])\d{2,3}(?:\1\d{2,3})*")  # also 12,34,567
_TAIL, _HEAD = re.compile(r"\d[\d.,'’]*\Z"), re.compile(r"(?:\d|[.,'’](?=\d))+")


def ussd_code(value: str) -> str:
    """A code that asks a network; raises ValueError for what is none."""
    if _CODE.fullmatch(value) is None:
        raise ValueError("a USSD code of digits, * and #, e.g. *100#")
    return value


def amount_pattern(value: str) -> str:
    """A regular expression with one group; raises ValueError."""
    try:
        found = re.compile(value)
    except re.error as error:
        raise ValueError(f"is no regular expression: {error}") from None
    if found.groups != 1:
        raise ValueError(f"has {found.groups} groups, not one: put ( ) around the amount, and (?: ) around the rest")
    return value


@dataclass(frozen=True, slots=True)
class BalanceRule:
    """How the credit of one SIM is asked for."""

    code: str
    pattern: str
    minimum: Decimal
    """Below it people are told."""
    every: float
    """Seconds between two questions."""
    decimal: DecimalMark = "auto"

    def read(self, text: str) -> Decimal | None:
        """The first amount in an answer that the pattern finds; None where there is none."""
        for found in re.finditer(self.pattern, text):
            start, end = _whole(text, *found.span(1))
            said = amount(text[start:end], self.decimal) if found[1] else None
            if said is not None:
                return -said if said > 0 and _minus_before(text[:start]) else said
        return None


def amount(said: str, mark: DecimalMark = "auto") -> Decimal | None:
    """The number in a few characters: with either decimal mark, grouped digits, and a sign before or after it.

    With `auto` the last mark separates the decimals, unless it stands more than once, or three digits follow the only
    one and it could be no other: `1.234` is one thousand two hundred and thirty-four, `0.125` an eighth.
    """
    places = [place for place, char in enumerate(said) if unicodedata.decimal(char, None) is not None]
    if not places:
        return None
    first, last = places[0], places[-1]
    body = said[first : last + 1]
    if first and said[first - 1] in _MARKS and not (first > 1 and said[first - 2].isalpha()):
        body = "0" + said[first - 1] + body  # .50
    digits = "".join(str(unicodedata.decimal(char)) if char.isdecimal() else char for char in body)
    digits = "".join(char for char in digits if char not in _GROUPERS).replace("٫", ",").replace("٬", ".")
    if not re.fullmatch(r"\d+(?:[.,]\d+)*", digits):
        return None
    whole, decimals = _split(digits, mark)
    if not (decimals or "0").isdigit() or _GROUPED.fullmatch(whole) is None:
        return None
    value = Decimal(f"{whole.replace('.', '').replace(',', '')}.{decimals or 0}")
    negative = any(char in _MINUS for char in said[:first]) or said[last + 1 :].strip()[:1] in tuple(_MINUS)
    bracketed = said[:first].rstrip().endswith("(") and said[last + 1 :].lstrip().startswith(")")
    return -value if negative or bracketed else value


def _split(digits: str, mark: DecimalMark) -> tuple[str, str]:
    """Whole digits with the marks that group them, and decimal digits."""
    if mark == "auto":
        mark = _decimal_mark(digits)
    whole, _, decimals = digits.rpartition(mark) if mark != "auto" and mark in digits else (digits, "", "")
    return whole, decimals


def _decimal_mark(digits: str) -> DecimalMark:
    """The mark that separates the decimals; `auto` where none does."""
    last = max(digits.rfind("."), digits.rfind(","))
    if last < 0:
        return "auto"
    mark: DecimalMark = "." if digits[last] == "." else ","
    if digits.count(mark) > 1:
        return "auto"  # 1.234.567
    alone = "." not in digits or "," not in digits
    grouped = len(digits) - last - 1 == _THOUSANDS and not digits.startswith("0") and last <= _THOUSANDS
    return "auto" if alone and grouped else mark


def _whole(text: str, start: int, end: int) -> tuple[int, int]:
    """All of the number of which a pattern may have found a piece: `1,23` in `1,234.56` is no amount."""
    before, behind = _TAIL.search(text[:start]), _HEAD.match(text[end:])
    return start - len(before[0] if before else ""), end + len(behind[0] if behind else "")


def _minus_before(text: str) -> bool:
    """Whether a sign stands right before an amount, or before its currency; a hyphen after a word is none."""
    bare = text.rstrip()
    if bare and unicodedata.category(bare[-1]) == "Sc":
        text = bare[:-1]
    return bool(text) and text[-1] in _MINUS and not text[-2:-1].isalnum()
