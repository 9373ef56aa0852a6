"""A wall clock that is wrong makes nothing go that is young in truth, and holds up for ever nothing that is old."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.store import Keep
from gateway.store.ages import GAP, SETTLED, STEP, Ages
from hardware.clock import FakeClock

from .bench import ANY, Bench
from .test_inbox import deliver, receive

DAY = 86_400.0
EVERYTHING = Keep(texts=DAY, messages=3 * DAY, codes=2 * DAY, inbox=2 * DAY, events=2 * DAY, caught=DAY)


def prepare(bench: Bench) -> str:
    """A final message, a received one, half of another, and a remembered answer, all young."""
    message = bench.add(replace(ANY, lifetime=3600.0))
    bench.cancel(message)
    receive(bench, deliver("whole"))
    receive(bench, deliver("half", part=(9, 2, 1)))
    idempotency = bench.store.idempotency
    bench.store.database.accept(lambda cx: idempotency.save(cx, "shop", "key", b"request", 202, b"{}", bench.now))
    return message.id


def lost(bench: Bench) -> int:
    """How much goes by its age in one round."""
    store, now = bench.store, bench.now
    store.outbox.expire_due(now)
    store.retention.keep = EVERYTHING
    return store.retention.purge(now) + store.idempotency.purge(now) + store.inbox.release_incomplete(now)


def test_a_new_boot_with_a_clock_that_is_not_synchronised_loses_nothing(bench: Bench) -> None:
    message = prepare(bench)
    bench.clock.reboot("boot-2", wall=bench.now.wall + 200 * DAY, synchronised=False)
    bench.crash()
    assert lost(bench) == 0
    bench.clock.advance(SETTLED)
    assert lost(bench) == 0
    bench.clock.step_wall(-200 * DAY)
    bench.clock.set_synchronised(True)
    assert lost(bench) == 0
    bench.clock.advance(SETTLED)
    assert lost(bench) == 0
    assert bench.store.outbox.text(message) is not None


@pytest.mark.parametrize("synchronised", [True, False])
def test_a_clock_that_is_put_forward_is_believed_an_hour_later_at_the_earliest(
    bench: Bench, synchronised: bool
) -> None:
    prepare(bench)
    assert lost(bench) == 0
    bench.clock.set_synchronised(synchronised)
    bench.clock.step_wall(200 * DAY)
    assert lost(bench) == 0
    bench.clock.advance(SETTLED - 1)
    assert lost(bench) == 0
    bench.clock.advance(1)
    assert (lost(bench) > 0) is synchronised


def test_a_start_long_after_everything_stored_waits_for_the_hour_too(bench: Bench) -> None:
    prepare(bench)
    bench.clock.reboot("boot-2", wall=bench.now.wall + 200 * DAY)
    bench.crash()
    assert lost(bench) == 0
    bench.clock.advance(SETTLED)
    assert lost(bench) > 0


def test_a_clock_that_is_never_synchronised_erases_what_grew_old_in_one_run(bench: Bench) -> None:
    prepare(bench)
    bench.clock.reboot("boot-2", wall=bench.now.wall + 60, synchronised=False)
    bench.crash()
    assert lost(bench) == 0
    bench.clock.advance(DAY - 1)
    assert lost(bench) == 0
    bench.clock.advance(1 + SETTLED)
    assert lost(bench) > 0


def test_a_minute_of_sleep_and_a_clock_that_is_slewed_are_no_steps(bench: Bench) -> None:
    prepare(bench)
    for _ in range(100):
        bench.clock.advance(DAY / 20)
        bench.clock.step_wall(0.5)
        lost(bench)
    with bench.store.database.read() as cx:
        assert cx.execute("SELECT count(*) FROM messages").fetchone()[0] == 0


@given(
    events=st.lists(
        st.one_of(
            st.tuples(st.just("pass"), st.floats(0, 3 * DAY)),
            st.tuples(st.just("step"), st.floats(-400 * DAY, 400 * DAY).filter(lambda by: abs(by) > 2 * STEP)),
            st.tuples(st.just("unsynchronised"), st.just(0.0)),
        ),
        max_size=20,
    ),
    asked=st.floats(1, 4 * DAY),
)
def test_without_an_hour_of_a_good_clock_nothing_young_is_called_old(
    events: list[tuple[str, float]], asked: float
) -> None:
    """Something is stored at the first moment; it is said to have reached an age only after that much boot time."""
    clock = FakeClock()
    ages, begun = Ages(clock.now(), round((clock.now().wall - 2 * GAP) * 1000)), clock.boot()
    for kind, value in events:
        if kind == "pass":
            clock.advance(value)
        elif kind == "step":
            clock.step_wall(value)
        ages.look(clock.now(), trusted=False)
        if ages.reached(clock.now(), asked):
            assert clock.boot() - begun >= asked
