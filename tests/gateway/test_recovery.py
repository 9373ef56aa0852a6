"""The rule of the recovery ladder: any course of troubles and successes, and what must hold in each."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.recovery import (
    FRUITLESS_LASTING,
    GONE_BEFORE_POWER,
    HOUR,
    LASTING,
    PER_HOUR,
    QUARANTINE_WAITS,
    REOPEN_WAITS,
    Recovery,
    Step,
    Trouble,
)

WHOLE = [Step.RESYNCHRONISE, Step.REOPEN, Step.RADIO, Step.RESET, Step.POWER, Step.QUARANTINE]


def climb(recovery: Recovery, trouble: Trouble, now: float, times: int) -> list[tuple[float, Step]]:
    """The same trouble after each step: when each step was taken."""
    taken = []
    for _ in range(times):
        plan = recovery.failed(trouble, now, "no answer")
        now = plan.at
        taken.append((now, recovery.taken(now)))
    return taken


def test_the_whole_ladder_once_and_then_a_look_now_and_then() -> None:
    recovery = Recovery()
    recovery.can_cycle_power = True
    taken = climb(recovery, Trouble.UNANSWERED, 1000.0, 10)
    assert [step for _, step in taken] == [*WHOLE, *[Step.QUARANTINE] * 4]
    looks = [at for at, step in taken if step is Step.QUARANTINE]
    assert [after - before for before, after in pairwise(looks)] == [900.0, 3600.0, 3600.0, 3600.0]
    assert recovery.tried == tuple(WHOLE)


def test_one_that_answers_is_looked_at_more_often() -> None:
    looks = [at for at, step in climb(Recovery(), Trouble.FRUITLESS, 0.0, 9) if step is Step.QUARANTINE]
    assert [after - before for before, after in pairwise(looks)] == [900.0, 900.0, 900.0, 900.0]


@pytest.mark.parametrize(("reset", "power"), [(False, False), (True, False), (False, True)])
def test_rungs_that_there_are_not_are_left_out(reset: bool, power: bool) -> None:
    recovery = Recovery()
    recovery.can_reset, recovery.can_cycle_power = reset, power
    steps = [step for _, step in climb(recovery, Trouble.FRUITLESS, 0.0, 6)]
    assert (Step.RESET in steps, Step.POWER in steps) == (reset, power)
    assert steps[-1] is Step.QUARANTINE


def test_a_port_that_is_away_is_looked_for_and_its_power_cycled_once() -> None:
    recovery = Recovery()
    recovery.can_cycle_power = True
    taken = climb(recovery, Trouble.GONE, 0.0, 400)
    power = [at for at, step in taken if step is Step.POWER]
    assert len(power) == 1 and power[0] >= GONE_BEFORE_POWER
    assert {step for _, step in taken} == {Step.REOPEN, Step.POWER}
    assert max(after - before for (before, _), (after, _) in pairwise(taken)) <= REOPEN_WAITS[-1]


def test_the_power_of_a_port_that_another_program_holds_is_left_alone() -> None:
    recovery = Recovery()
    recovery.can_cycle_power = True
    assert {step for _, step in climb(recovery, Trouble.HELD, 0.0, 400)} == {Step.REOPEN}


def test_the_power_of_a_port_that_a_hanging_call_holds_is_cycled() -> None:
    recovery = Recovery()
    recovery.can_cycle_power = True
    climb(recovery, Trouble.STUCK, 0.0, 1)
    assert Step.POWER in {step for _, step in climb(recovery, Trouble.HELD, 1.0, 40)}


def test_a_port_that_goes_with_a_reset_is_waited_for() -> None:
    recovery = Recovery()
    recovery.can_cycle_power = True
    (*_, (now, step)) = climb(recovery, Trouble.UNANSWERED, 0.0, 4)
    assert step is Step.RESET
    assert recovery.failed(Trouble.LOST, now + 1, "it vanished").step is Step.REOPEN
    assert recovery.failed(Trouble.GONE, now + 2, "no such device").step is Step.REOPEN
    recovery.taken(now + 3)
    assert recovery.failed(Trouble.SILENT, now + 40, "no answer").step is Step.POWER


def test_ready_for_a_moment_is_no_success() -> None:
    recovery = Recovery()
    now = climb(recovery, Trouble.UNANSWERED, 0.0, 3)[-1][0]
    recovery.ready(now)
    recovery.ready(now + LASTING - 1)
    assert recovery.failed(Trouble.UNANSWERED, now + LASTING - 1, "").step is Step.RESET
    now = recovery.failed(Trouble.UNANSWERED, now + LASTING, "").at
    recovery.taken(now)
    recovery.ready(now)
    assert recovery.failed(Trouble.UNANSWERED, now + LASTING, "").step is Step.RESYNCHRONISE


def test_being_ready_proves_nothing_about_submits() -> None:
    recovery = Recovery()
    now = climb(recovery, Trouble.FRUITLESS, 0.0, 3)[-1][0]
    recovery.ready(now)
    assert recovery.failed(Trouble.FRUITLESS, now + LASTING + 1, "").step is Step.RESET
    now += LASTING + 10
    recovery.taken(now)
    recovery.ready(now)
    assert recovery.failed(Trouble.FRUITLESS, now + FRUITLESS_LASTING, "").step is Step.RESYNCHRONISE
    recovery.accepted()
    assert recovery.settled(now)


def test_a_modem_that_is_plugged_in_anew_in_quarantine_is_looked_at_soon() -> None:
    recovery = Recovery()
    now = climb(recovery, Trouble.UNANSWERED, 0.0, 4)[-1][0] + 100
    assert recovery.failed(Trouble.SILENT, now, "").step is Step.QUARANTINE
    plan = recovery.failed(Trouble.LOST, now + 10, "unplugged")
    assert plan.step is Step.REOPEN and plan.at - now - 10 <= REOPEN_WAITS[-1]
    assert recovery.failed(Trouble.SILENT, now + 60, "").at - now - 60 == QUARANTINE_WAITS[1]


def test_who_is_forgiven_begins_at_the_foot_and_its_resets_stay_counted() -> None:
    recovery = Recovery()
    taken, now = [], 0.0
    for _ in range(6):
        recovery.forgive(now)
        taken += climb(recovery, Trouble.UNANSWERED, now, 5)
        now = taken[-2][0]
    resets = [at for at, step in taken if step is Step.RESET and at < HOUR]
    assert len(resets) == PER_HOUR[Step.RESET]
    recovery.failed(Trouble.UNANSWERED, now, "")
    recovery.forgive(now)
    assert recovery.plan is not None and (recovery.plan.step, recovery.plan.at) == (Step.REOPEN, now)


happenings = st.lists(
    st.tuples(
        st.sampled_from([*Trouble, "accepted", "ready"]),
        st.one_of(st.floats(0, 5), st.floats(0, 400), st.floats(0, 5000)),
    ),
    max_size=200,
)


@given(happenings, st.booleans(), st.booleans(), st.sampled_from([1.0, 0.05]))
def test_whatever_happens_resets_are_rare_and_no_rung_repeats(
    course: list[tuple[Trouble | str, float]], reset: bool, power: bool, scale: float
) -> None:
    recovery = Recovery(scale)
    recovery.can_reset, recovery.can_cycle_power = reset, power
    now, hard, since_foot = 100.0, list[tuple[float, Step]](), list[Step]()
    for what, seconds in course:
        now += seconds * scale
        if what == "accepted":
            recovery.accepted()
        elif what == "ready":
            recovery.ready(now)
        else:
            plan = recovery.failed(Trouble(what), now, "why")
            assert plan.at >= now
            assert plan.at - now <= QUARANTINE_WAITS[-1] * scale + REOPEN_WAITS[-1]
            now = plan.at
            if recovery.tried in ((), (plan.step,)):
                since_foot = []
            assert recovery.taken(now) is plan.step
            if plan.step in (Step.RADIO, Step.RESET, Step.POWER):
                assert plan.step not in since_foot
                hard.append((now, plan.step))
            since_foot.append(plan.step)
            assert recovery.plan is None
        if recovery.settled(now):
            since_foot = []
            assert recovery.tried == ()
    for step, most in PER_HOUR.items():
        times = [at for at, one in hard if one is step]
        assert all(later - earlier >= HOUR * scale for earlier, later in zip(times, times[most:], strict=False))
    assert reset or not any(step is Step.RESET for _, step in hard)
    assert power or not any(step is Step.POWER for _, step in hard)
