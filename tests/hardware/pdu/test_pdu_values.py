"""Validity periods and delivery statuses."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from gsmmodem import pdu as library
from hypothesis import given
from hypothesis import strategies as st

from hardware.errors import EncodeError
from hardware.pdu import AbsoluteValidity, DeliveryOutcome, DeliveryStatus, EnhancedValidity, RelativeValidity

MINUTE, HOUR, DAY, WEEK = 60, 3600, 86400, 604800


@pytest.mark.parametrize(
    ("octet", "seconds"),
    [
        (0, 5 * MINUTE),
        (11, HOUR),
        (143, 12 * HOUR),
        (144, 12 * HOUR + 30 * MINUTE),
        (167, DAY),
        (168, 2 * DAY),
        (196, 30 * DAY),
        (197, 5 * WEEK),
        (255, 63 * WEEK),
    ],
)
def test_relative_steps(octet: int, seconds: int) -> None:
    step = RelativeValidity(octet)
    assert step.seconds == seconds
    assert RelativeValidity.at_most(seconds) == RelativeValidity.at_least(seconds) == step
    assert RelativeValidity.at_most(seconds + 0.9) == step
    assert RelativeValidity.at_least(seconds - 0.9) == step


@pytest.mark.parametrize("octet", range(256))
def test_every_step_agrees_with_the_library(octet: int) -> None:
    assert timedelta(seconds=RelativeValidity(octet).seconds) == library._decodeRelativeValidityPeriod(octet)


@given(st.floats(-10, 80 * WEEK))
def test_at_most_is_never_longer_but_for_the_smallest_and_at_least_never_shorter_but_for_the_largest(
    seconds: float,
) -> None:
    shorter, longer = RelativeValidity.at_most(seconds), RelativeValidity.at_least(seconds)
    assert shorter.seconds <= seconds or shorter.octet == 0
    assert shorter.octet == 255 or RelativeValidity(shorter.octet + 1).seconds > seconds
    assert longer.seconds >= seconds or longer.octet == 255
    assert longer.octet == 0 or RelativeValidity(longer.octet - 1).seconds < seconds


def test_absolute_validity() -> None:
    until = datetime(2027, 1, 31, 23, 59, 58, tzinfo=timezone(timedelta(hours=2)))
    assert AbsoluteValidity.at(until).octets.hex() == "72101332958580"
    assert AbsoluteValidity.at(until).moment == until
    odd = datetime(2027, 1, 31, 12, 0, tzinfo=timezone(timedelta(minutes=7)))
    assert AbsoluteValidity.at(odd).octets.hex() == "72101311350000"
    assert AbsoluteValidity(b"\xff" * 7).moment is None


@given(st.datetimes(datetime.fromisoformat("1990-01-01"), datetime.fromisoformat("2089-12-31")), st.integers(-79, 79))
def test_moments_come_back(moment: datetime, quarters: int) -> None:
    there = moment.replace(microsecond=0, tzinfo=timezone(quarters * timedelta(minutes=15)))
    back = AbsoluteValidity.at(there).moment
    assert back == there
    assert back is not None
    assert back.utcoffset() == there.utcoffset()


@pytest.mark.parametrize(
    "moment", [datetime.fromisoformat("2027-01-01"), datetime(1989, 1, 1, tzinfo=UTC), datetime(2090, 1, 1, tzinfo=UTC)]
)
def test_moments_that_have_no_form_are_refused(moment: datetime) -> None:
    with pytest.raises(EncodeError):
        AbsoluteValidity.at(moment)


@pytest.mark.parametrize(
    ("octets", "seconds", "single_shot"),
    [
        ("00000000000000", None, False),
        ("010B0000000000", HOUR, False),
        ("425A0000000000", 90, True),
        ("02000000000000", None, False),
        ("03105493000000", HOUR + 45 * MINUTE + 39, False),
        ("82005A00000000", None, False),
        ("07000000000000", None, False),
    ],
)
def test_enhanced_validity(octets: str, seconds: int | None, single_shot: bool) -> None:
    found = EnhancedValidity(bytes.fromhex(octets))
    assert (found.seconds, found.single_shot) == (seconds, single_shot)


@pytest.mark.parametrize(
    "make", [lambda: RelativeValidity(256), lambda: AbsoluteValidity(b""), lambda: EnhancedValidity(b"")]
)
def test_values_that_do_not_fit_are_refused(make: object) -> None:
    assert callable(make)
    with pytest.raises(EncodeError):
        make()


def expected_outcome(value: int) -> DeliveryOutcome:
    exact = {1: "unconfirmed", 2: "replaced", 0x46: "expired", 0x66: "expired"}
    if value in exact:
        return DeliveryOutcome(exact[value])
    for limit, name in ((0x20, "delivered"), (0x40, "trying"), (0x60, "permanent")):
        if value < limit:
            return DeliveryOutcome(name)
    return DeliveryOutcome("temporary")


@pytest.mark.parametrize("value", range(256))
def test_every_status_has_an_outcome_and_a_meaning(value: int) -> None:
    status = DeliveryStatus(value)
    assert status.value == value
    assert status.outcome is expected_outcome(value)
    assert status.meaning


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0x00, "received"),
        (0x21, "recipient busy, still trying"),
        (0x43, "not obtainable"),
        (0x50, "specific to the service centre"),
        (0x4A, "reserved"),
        (0x63, "service rejected"),
        (0xAB, "service rejected"),
    ],
)
def test_meanings(value: int, words: str) -> None:
    assert words in DeliveryStatus(value).meaning
