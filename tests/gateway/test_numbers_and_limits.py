"""Numbers, countries, and how often a code may be sent."""

from __future__ import annotations

import pytest

from gateway.limits import Destinations, SendRule, whole_seconds
from gateway.numbers import NotANumber, destination
from gateway.quantities import octets, rate, seconds, written


@pytest.mark.parametrize(
    "text",
    ["+447700900123", "07700900123", "07700 900 123", "+44 (0)7700 900-123", "447700900123", "00447700900123",
     " +447700900123 ", "٠٧٧٠٠٩٠٠١٢٣"],
)  # fmt: skip
def test_one_number_in_many_forms(text: str) -> None:
    assert destination(text, "GB").number == "+447700900123"


@pytest.mark.parametrize(
    "text",
    ["", "+", "12", "+44", "+9991234567", "+44770090012345678", "hello", "0800FLOWERS", "+447700900123 ext 5",
     "+447700900123;ext=5", "tel:+447700900123", "1" * 40],
)  # fmt: skip
def test_what_is_no_number(text: str) -> None:
    with pytest.raises(NotANumber) as caught:
        destination(text, "GB")
    assert len(text) < 6 or text not in str(caught.value)


def test_possible_but_not_valid_is_taken_with_a_warning() -> None:
    found = destination("+15555550123", "GB")
    assert (found.number, found.region, found.valid) == ("+15555550123", "US", False)
    assert found.warnings
    assert not destination("+33612345678", "GB").warnings


@pytest.mark.parametrize("text", ["112", "5588", "85500"])
def test_short_codes_are_known_as_such_and_denied(text: str) -> None:
    found = destination(text, "GB")
    assert found.short
    denial = Destinations(["GB"]).check(found)
    assert denial is not None
    assert denial.code == "short_code_not_allowed"


@pytest.mark.parametrize(
    ("rules", "number", "allowed"),
    [
        (["GB"], "+447400123456", True),
        (["GB"], "+447781123456", True),  # Guernsey
        (["GB!"], "+447781123456", False),
        (["GB!"], "+447400123456", True),
        (["GG"], "+447781123456", True),
        (["GG"], "+447400123456", False),
        (["GB"], "+33612345678", False),
        (["GB", "FR"], "+33612345678", True),
        (["US"], "+15555550123", True),
        (["US"], "+14165550123", True),  # Canada shares +1
        (["US!"], "+14165550123", False),
        (["GB"], "+881612345678", False),  # satellite
        (["GB"], "+979123456789", False),  # international premium rate
    ],
)
def test_countries(rules: list[str], number: str, allowed: bool) -> None:
    denial = Destinations(rules).check(destination(number, "GB"))
    assert (denial is None) == allowed
    assert denial is None or denial.code == "country_not_allowed"


def test_premium_rate_is_denied_in_an_allowed_country() -> None:
    denial = Destinations(["GB"]).check(destination("+449098790000", "GB"))
    assert denial is not None
    assert denial.code == "premium_rate_not_allowed"


def test_cooldown_grows_and_its_last_step_repeats() -> None:
    rule = SendRule((30.0, 60.0, 120.0), 5)
    assert [rule.pause_after(sends) for sends in range(1, 6)] == [30.0, 60.0, 120.0, 120.0, None]
    assert rule.wait(1, 29.5, 200.0) == 0.5
    assert rule.wait(1, 30.0, 200.0) == 0.0
    assert rule.wait(5, 1000.0, 77.0) == 77.0
    assert SendRule((), 3).wait(1, 0.0, 300.0) == 0.0
    assert SendRule((0.0,), 3).wait(2, 0.0, 300.0) == 0.0


def test_retry_after_is_rounded_up() -> None:
    assert [whole_seconds(wait) for wait in (0.0, 0.2, 1.0, 29.01)] == [1, 1, 1, 30]


@pytest.mark.parametrize(
    ("text", "value"), [("5m", 300), ("1h30m", 5400), ("2d", 172_800), ("1.5s", 1.5), (7, 7), ("60", 60)]
)
def test_seconds(text: object, value: float) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize(
    "text", [None, True, -1, 10**400, float("nan"), float("inf"), "5 m", "m", "5w", [1], "-5s", "", "x"]
)
def test_no_seconds(text: object) -> None:
    with pytest.raises(ValueError, match="duration"):
        seconds(text)


def test_octets() -> None:
    assert [octets(size) for size in ("64MB", "64MiB", "1 GB", 512, "7")] == [64_000_000, 67_108_864, 10**9, 512, 7]
    for bad in ("64 parsecs", "-1", -1, True, None, 1.5):
        with pytest.raises(ValueError, match="size"):
            octets(bad)


def test_durations_for_people() -> None:
    assert [written(value) for value in (45, 60, 600, 86_400, 63 * 86_400)] == [
        "45 s",
        "60 s",
        "10 min",
        "24 h",
        "63 days",
    ]


@pytest.mark.parametrize(
    ("written", "voip"),
    [("+445600123456", True), ("+33970123456", True), ("+447700900123", False), ("+447400123456", False)],
)
def test_numbers_of_internet_telephony_are_known_as_such(written: str, voip: bool) -> None:
    assert destination(written, "GB").voip is voip


@pytest.mark.parametrize("written", ["3/10", "0/10m", "3", "3/", "x/10m", "3/0s", "3/32d"])
def test_no_rate(written: str) -> None:
    with pytest.raises(ValueError, match="rate"):
        rate(written)
