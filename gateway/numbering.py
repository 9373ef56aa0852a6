"""Numbers in E.164 read by the numbering plan of their calling code, compiled once. Pure.

What `phonenumbers` finds out about a number, of the same data and in the same order, at a tenth of its time: it is
asked for every recipient. Whatever is not plain (a national prefix after the calling code, a length that no number of
the country has) is left to `phonenumbers` itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import phonenumbers
from phonenumbers import PhoneMetadata

_KINDS = (
    *("mobile", "fixed_line", "premium_rate", "toll_free", "shared_cost", "voip", "personal_number", "pager"),
    *("uan", "voicemail"),
)
_LONGEST_CODE = 3  # digits of a calling code (E.164)
_Test = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class _Kind:
    """Numbers of one kind: how long they are, and what they look like."""

    lengths: frozenset[int]
    test: _Test

    def has(self, national: str) -> bool:
        """Whether it is one of them. Kinds without lengths of their own have those of the country."""
        return (not self.lengths or len(national) in self.lengths) and self.test(national) is not None


@dataclass(frozen=True, slots=True)
class _Region:
    """One country, or territory, of a calling code."""

    name: str
    leading: _Test | None
    """Tells its numbers by how they begin, where that is enough."""
    every: _Kind
    kinds: tuple[_Kind, ...]
    premium: _Kind
    voip: _Kind

    def has(self, national: str) -> bool:
        """Whether a number of the calling code is one of this region."""
        return self.leading(national) is not None if self.leading is not None else self.valid(national)

    def valid(self, national: str) -> bool:
        """Whether it is a number that the region gives to somebody."""
        return self.every.has(national) and any(kind.has(national) for kind in self.kinds)


@dataclass(frozen=True, slots=True)
class _Plan:
    """The numbers of one calling code."""

    code: int
    regions: tuple[_Region, ...]
    """The main one first."""
    lengths: frozenset[int]
    prefix: _Test | None
    """Tells numbers that may have a national prefix, or a carrier's code, before them."""


@dataclass(frozen=True, slots=True)
class Plain:
    """A number that could be read by its plan."""

    region: str | None
    """Whose number it is; None where several share the calling code, and it is none of theirs."""
    main_region: str
    valid: bool
    premium: bool
    voip: bool


def read(number: str) -> Plain | None:
    """Read a `+` and digits; None where that takes more than looking it up."""
    for size in range(1, _LONGEST_CODE + 1):
        if (plan := _plan(number[1 : 1 + size])) is not None:
            return _in_plan(plan, number[1 + size :])
    return None


def _in_plan(plan: _Plan, national: str) -> Plain | None:
    if len(national) not in plan.lengths or national[0] == "0":  # some countries have numbers that begin so
        return None
    if plan.prefix is not None and plan.prefix(national) is not None:
        return None
    main = plan.regions[0].name
    alone = len(plan.regions) == 1
    for region in plan.regions:
        if alone or region.has(national):
            valid, premium, voip = region.valid(national), region.premium.has(national), region.voip.has(national)
            return Plain(region.name, main, valid, premium, voip)
    return Plain(None, main, valid=False, premium=False, voip=False)


@cache
def _plan(digits: str) -> _Plan | None:
    """The plan of a calling code; None for digits that are none. There are at most 1,110 of either."""
    if not digits.isascii() or not digits.isdecimal() or digits[0] == "0":
        return None
    code = int(digits)
    names = phonenumbers.region_codes_for_country_code(code)
    found = [(name, PhoneMetadata.metadata_for_region_or_calling_code(code, name)) for name in names]
    known = [(name, metadata) for name, metadata in found if metadata is not None]
    if not known:
        return None
    main = known[0][1]
    every = main.general_desc
    return _Plan(
        code,
        tuple(_region(name, metadata) for name, metadata in known),
        frozenset(every.possible_length if every is not None else ()),
        re.compile(main.national_prefix_for_parsing).match if main.national_prefix_for_parsing else None,
    )


def _region(name: str, metadata: PhoneMetadata) -> _Region:
    return _Region(
        name,
        re.compile(metadata.leading_digits).match if metadata.leading_digits is not None else None,
        _kind(metadata, "general_desc"),
        tuple(_kind(metadata, kind) for kind in _KINDS if getattr(metadata, kind) is not None),
        _kind(metadata, "premium_rate"),
        _kind(metadata, "voip"),
    )


def _kind(metadata: PhoneMetadata, name: str) -> _Kind:
    described = getattr(metadata, name)
    if described is None or not described.national_number_pattern:
        return _Kind(frozenset(), _nothing)
    return _Kind(frozenset(described.possible_length), re.compile(described.national_number_pattern).fullmatch)


def _nothing(_national: str) -> None:
    """Tells a kind that a country has no numbers of."""
