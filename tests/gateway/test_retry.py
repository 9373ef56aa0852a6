"""When and where a refused part is tried again."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.messages import AttemptKind, ClaimedAttempt, Lane, Reason, Refusal
from gateway.retry import GiveUp, Retry, RetryPolicy, decide

POLICY = RetryPolicy()
ATTEMPT = ClaimedAttempt(
    id=1,
    message_id="m",
    part=1,
    parts=1,
    lane=Lane.NORMAL,
    kind=AttemptKind.FIRST,
    to="+447700900101",
    segment=b"",
    concat_reference=0,
    expires_boot=4000.0,
    report=True,
    replace=None,
    silent=False,
    message_class=None,
    number=1,
)
CLASSES = ("retry", "other_modem", "recover", "uncertain")


def verdict(
    error_class: str,
    attempt: ClaimedAttempt = ATTEMPT,
    code: int | None = None,
    *,
    others: bool = False,
    chance: float = 0.5,
) -> Retry | GiveUp:
    return decide(
        Refusal(error_class, "+CMS ERROR", code), attempt, POLICY, others_usable=others, chance=lambda: chance
    )


def test_waits_grow_and_the_last_one_repeats() -> None:
    waits, attempt = [], ATTEMPT
    for _ in range(9):
        found = verdict("retry", attempt)
        assert isinstance(found, Retry)
        waits.append(found.delay)
        attempt = replace(attempt, number=attempt.number + 1, step=found.step, hopped=found.hopped)
    assert waits == [2, 5, 15, 30, 60, 120, 120, 120, 120]


@given(chance=st.floats(0, 1, exclude_max=True), step=st.integers(0, 18))
def test_waits_vary_by_a_tenth(chance: float, step: int) -> None:
    found = verdict("retry", replace(ATTEMPT, step=step), chance=chance)
    plain = POLICY.schedule[min(step, 5)]
    assert isinstance(found, Retry)
    assert 0.9 * plain - 1e-9 <= found.delay <= 1.1 * plain + 1e-9


@pytest.mark.parametrize("error_class", CLASSES)
def test_each_step_may_use_one_other_modem_at_once(error_class: str) -> None:
    first = verdict(error_class, others=True)
    assert first == Retry(0.0, "other", step=0, hopped=True)
    second = verdict(error_class, replace(ATTEMPT, number=2, hopped=True), others=True)
    assert second == Retry(2.0, step=1)
    third = verdict(error_class, replace(ATTEMPT, number=3, step=1), others=True)
    assert third == Retry(0.0, "other", step=1, hopped=True)


@pytest.mark.parametrize("error_class", CLASSES)
def test_a_message_bound_to_its_sim_waits_for_it(error_class: str) -> None:
    assert verdict(error_class, replace(ATTEMPT, bound=True), others=True) == Retry(2.0, step=1)


def test_a_permanent_refusal_ends_it() -> None:
    assert verdict("permanent", others=True) == GiveUp(Reason.REFUSED)


@pytest.mark.parametrize("error_class", CLASSES)
def test_the_number_of_attempts_is_bounded(error_class: str) -> None:
    assert isinstance(verdict(error_class, replace(ATTEMPT, number=19)), Retry)
    assert verdict(error_class, replace(ATTEMPT, number=20), others=True) == GiveUp(Reason.NO_ATTEMPT_LEFT)


@pytest.mark.parametrize(
    ("code", "attempt", "option"),
    [
        (198, ATTEMPT, "validity"),
        (199, ATTEMPT, "validity"),
        (129, replace(ATTEMPT, silent=True), "pid"),
        (130, replace(ATTEMPT, replace=3), "pid"),
        (145, replace(ATTEMPT, message_class=0), "class"),
        (159, replace(ATTEMPT, message_class=0), "class"),
    ],
)
def test_a_refused_option_is_left_out_at_once(code: int, attempt: ClaimedAttempt, option: str) -> None:
    found = verdict("adapt", attempt, code, others=True)
    assert found == Retry(0.0, "same", frozenset({option}))
    assert verdict("adapt", replace(attempt, without=frozenset({option})), code) == GiveUp(Reason.REFUSED)


@pytest.mark.parametrize("code", [130, 145, 42, None])
def test_an_option_that_is_not_there_cannot_be_left_out(code: int | None) -> None:
    assert verdict("adapt", ATTEMPT, code) == GiveUp(Reason.REFUSED)
