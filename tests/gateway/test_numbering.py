"""Numbers read by their plan are what `phonenumbers` itself says of them."""

from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from phonenumbers import PhoneNumberType

from gateway import numbering
from gateway.numbers import NotANumber, destination

CODES = sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE)
KINDS = (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE, PhoneNumberType.PREMIUM_RATE, PhoneNumberType.VOIP)


def examples() -> list[str]:
    """A number of each kind in each country."""
    regions = sorted(phonenumbers.SUPPORTED_REGIONS)
    found = [phonenumbers.example_number_for_type(region, kind) for region in regions for kind in KINDS]
    return [phonenumbers.format_number(one, phonenumbers.PhoneNumberFormat.E164) for one in found if one is not None]


EXAMPLES = examples()


def must_agree(number: str) -> None:
    plain = numbering.read(number)
    if plain is None:
        return  # left to the library
    parsed = phonenumbers.parse(number)
    region = phonenumbers.region_code_for_number(parsed)
    assert phonenumbers.is_possible_number(parsed)
    assert phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164) == number
    assert plain.region == region
    assert plain.main_region == phonenumbers.region_code_for_country_code(parsed.country_code or 0)
    assert plain.valid == phonenumbers.is_valid_number(parsed)
    if plain.valid:
        kind = phonenumbers.number_type(parsed)
        assert plain.premium == (kind == PhoneNumberType.PREMIUM_RATE)
        assert plain.voip or kind != PhoneNumberType.VOIP


def test_every_kind_of_number_of_every_country() -> None:
    for number in EXAMPLES:
        must_agree(number)
    # Nearly all of them are read without the library; those that are not may begin with a prefix of their country.
    assert sum(numbering.read(number) is not None for number in EXAMPLES) > len(EXAMPLES) * 0.8


@given(st.sampled_from(CODES), st.text("0123456789", min_size=3, max_size=13))
def test_any_digits_after_a_calling_code(code: int, digits: str) -> None:
    must_agree(f"+{code}{digits}"[:16])


@given(st.sampled_from(EXAMPLES), st.data())
def test_numbers_that_are_nearly_right(number: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(2, len(number) - 1))
    digits = data.draw(st.text("0123456789", max_size=2))
    must_agree(number[:place] + digits + number[place + 1 :])


@pytest.mark.parametrize("number", ["+4407700900123", "+390612345678", "+447700", "+9991234567", "+44770090012345"])
def test_what_takes_more_than_looking_it_up(number: str) -> None:
    assert numbering.read(number) is None


@pytest.mark.parametrize(
    ("written", "valid"), [("+33612345678", True), ("+33012345678", False), ("+48012345678", False)]
)
def test_a_number_that_its_country_gives_to_nobody_is_taken_with_a_warning(written: str, valid: bool) -> None:
    """Also where the country shares its calling code with no other."""
    try:
        found = destination(written, "GB")
    except NotANumber:
        pytest.fail("possible by its length")
    assert found.valid is valid
    assert bool(found.warnings) is not valid
