"""Phone numbers as people write them, to E.164 with their country; by `phonenumbers`. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

import phonenumbers
from phonenumbers import ValidationResult
from phonenumbers.shortnumberinfo import is_possible_short_number_for_region, is_valid_short_number_for_region

from gateway import numbering

_PLAIN = re.compile(r"\+[1-9][0-9]{6,14}")
_SHORT = re.compile(r"[0-9]{2,8}")
LONGEST = 32
"""Characters that a number may be written with, separators included."""

NOT_VALID = "possible but not a valid number of its country: check it"


class NotANumber(ValueError):
    """Text that cannot be a phone number; says why, without the number."""


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a message goes."""

    number: str
    """E.164, or the bare digits of a short code."""
    region: str | None
    """Country by the number itself, else the main one of its calling code; None for short codes."""
    main_region: str | None
    """Main country of the calling code, e.g. GB for a number in Jersey."""
    premium: bool = False
    voip: bool = False
    """Whether its number range is one of internet telephony."""
    short: bool = False
    valid: bool = True

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the client should look at."""
        return () if self.valid else (f"to: {NOT_VALID}",)


_REASONS = {
    ValidationResult.TOO_SHORT: "too short to be a phone number",
    ValidationResult.TOO_LONG: "too long to be a phone number",
    ValidationResult.INVALID_COUNTRY_CODE: "no country has this calling code",
    ValidationResult.INVALID_LENGTH: "no number of this country has that many digits",
    ValidationResult.IS_POSSIBLE_LOCAL_ONLY: "a local number: write it with its area code or with +",
}


def destination(written: str, home: str) -> Destination:
    """Read a number in E.164 or in the national form of region `home`; raises NotANumber where it is impossible."""
    if len(written) > LONGEST:
        raise NotANumber(_REASONS[ValidationResult.TOO_LONG])
    bare = written.strip()
    if _PLAIN.fullmatch(bare) and (plain := numbering.read(bare)) is not None:
        of = plain.region or plain.main_region
        return Destination(bare, of, plain.main_region, premium=plain.premium, voip=plain.voip, valid=plain.valid)
    if _SHORT.fullmatch(bare) and is_valid_short_number_for_region(_parsed(bare, home), home):
        return Destination(bare, None, None, short=True)
    parsed = _parsed(bare, home)
    reason = phonenumbers.is_possible_number_with_reason(parsed)
    if reason != ValidationResult.IS_POSSIBLE:
        if _SHORT.fullmatch(bare) and is_possible_short_number_for_region(parsed, home):
            return Destination(bare, None, None, short=True)
        raise NotANumber(_REASONS.get(reason, "not a possible phone number"))
    code = parsed.country_code or 0
    main = phonenumbers.region_code_for_country_code(code)
    region = phonenumbers.region_code_for_number(parsed)
    national = phonenumbers.national_significant_number(parsed)
    return Destination(
        f"+{code}{national}",
        region or main,
        main,
        premium=region is not None and _is_kind("premium_rate", region, code, national),
        voip=region is not None and _is_kind("voip", region, code, national),
        valid=phonenumbers.is_valid_number(parsed),
    )


def _is_kind(kind: str, region: str, code: int, national: str) -> bool:
    """Whether a valid number of `region` is of a kind; what `number_type` finds out, at a fifth of its time."""
    pattern, lengths = _numbers_of(kind, region, code)
    return len(national) in lengths and pattern.fullmatch(national) is not None


@cache
def _numbers_of(name: str, region: str, code: int) -> tuple[re.Pattern[str], frozenset[int]]:
    metadata = phonenumbers.PhoneMetadata.metadata_for_region_or_calling_code(code, region)
    kind = getattr(metadata, name) if metadata is not None else None
    if metadata is None or kind is None or kind.national_number_pattern is None:
        return re.compile(""), frozenset()
    # A kind without lengths of its own has those of the country.
    lengths = kind.possible_length or (metadata.general_desc.possible_length if metadata.general_desc else ())
    return re.compile(kind.national_number_pattern), frozenset(lengths)


def _parsed(bare: str, home: str) -> phonenumbers.PhoneNumber:
    if not _PLAIN.fullmatch(bare) and any(c.isalpha() or c in ";#*,=" for c in bare):
        # phonenumbers would read letters as a keypad word and cut extensions off: neither is meant here.
        raise NotANumber("write the number with digits only, e.g. +447700900123")
    try:
        return phonenumbers.parse(bare, home)
    except phonenumbers.NumberParseException as error:
        if error.error_type == phonenumbers.NumberParseException.INVALID_COUNTRY_CODE:
            raise NotANumber(_REASONS[ValidationResult.INVALID_COUNTRY_CODE]) from None
        raise NotANumber("not a phone number; write it like +447700900123") from None


def written_forms(number: str) -> tuple[str, ...]:
    """The forms in which networks and people give a number that is stored as E.164; a short code only as it is."""
    if not _PLAIN.fullmatch(number):
        return (number,)
    parsed = phonenumbers.parse(number)
    national = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.NATIONAL)
    digits = "".join(char for char in national if char.isdigit())
    return tuple(dict.fromkeys((number, number[1:], f"00{number[1:]}", digits)))
