"""Lifetimes: in the queue, half sent, unreported, over a reboot, and with a clock that cannot be trusted."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import pytest

from gateway.messages import Lane, MessageState
from gateway.store import upkeep

from .bench import ANY, CODE, ONE, PLANNED, Bench

S = MessageState
MINUTE = replace(ANY, lifetime=60.0)


def test_what_was_not_sent_in_time_expires_in_the_queue(bench: Bench) -> None:
    message = bench.add(MINUTE)
    assert bench.store.outbox.next_due(0, 0) == bench.clock.boot() + 60
    bench.wake(59.9)
    assert bench.state(message) == (S.QUEUED, None)
    bench.wake(0.1)
    assert bench.state(message) == (S.EXPIRED, "expired_in_queue")
    assert bench.nothing_for()
    assert bench.store.outbox.next_due(0, 0) is None


def test_nothing_is_claimed_or_begun_after_the_lifetime_even_before_expiry_looked(bench: Bench) -> None:
    bench.add(MINUTE)
    bench.add(MINUTE)
    attempt = bench.claim()
    bench.clock.advance(60)
    assert not bench.store.outbox.begin(attempt.id, bench.now)
    assert bench.nothing_for()


def test_a_code_with_too_little_time_left_is_expired_rather_than_sent(bench: Bench) -> None:
    message, claimed = bench.add(CODE), bench.add(CODE)
    attempt = bench.claim()
    bench.clock.advance(270)
    assert bench.nothing_for()
    assert not bench.store.outbox.begin(attempt.id, bench.now)
    bench.wake()
    assert bench.state(message) == bench.state(claimed) == (S.EXPIRED, "expired_in_queue")


def test_half_sent_is_told(bench: Bench) -> None:
    message = bench.add(MINUTE, count=2)
    bench.send(1)
    bench.wake(60)
    assert bench.state(message) == (S.EXPIRED, "expired_partly_sent")
    bench.report(1, stamp=-60)
    assert bench.state(message) == (S.EXPIRED, "expired_partly_sent")


def test_a_part_on_the_air_when_the_lifetime_ends_is_waited_for(bench: Bench) -> None:
    message = bench.add(MINUTE)
    attempt = bench.begin()
    bench.wake(61)
    assert bench.state(message) == (S.SENDING, None)
    bench.store.outbox.accepted(attempt.id, 1, bench.now, "+CMGS: 1")
    assert bench.state(message) == (S.SENT, None)
    assert not bench.message(message).final
    bench.report(1)
    assert bench.state(message) == (S.DELIVERED, None)
    assert bench.timeline(message)[-1].result == "delivered_late"


def test_a_refusal_after_the_lifetime_is_not_tried_again(bench: Bench) -> None:
    message = bench.add(MINUTE)
    attempt = bench.begin()
    bench.clock.advance(61)
    bench.refuse(attempt)
    assert bench.state(message) == (S.EXPIRED, "expired_in_queue")


def test_an_unknown_outcome_at_the_end_of_the_lifetime_stays_unknown(bench: Bench) -> None:
    message = bench.add(CODE)
    bench.lose(bench.begin())
    bench.wake(300)
    assert bench.state(message) == (S.UNKNOWN, "unknown_outcome")


def test_without_a_report_it_ends_a_minute_after_the_networks_last_try(bench: Bench) -> None:
    long, short = bench.add(replace(ANY, lifetime=3600)), bench.add(MINUTE)
    bench.send(1)
    bench.send(2)
    bench.wake(359)
    assert bench.state(short) == (S.SENT, None), "the network may deliver for five minutes, whatever was asked"
    bench.wake(1)
    assert bench.state(short) == (S.EXPIRED, "expired_unconfirmed")
    bench.wake(3299)
    assert bench.state(long) == (S.SENT, None)
    bench.wake(1)
    assert bench.state(long) == (S.EXPIRED, "expired_unconfirmed")


@pytest.mark.parametrize(
    ("status", "state"),
    [(0x00, (S.DELIVERED, None)), (0x62, (S.UNDELIVERED, "temporary")), (0x01, (S.SENT, "unconfirmed"))],
)
def test_a_late_report_still_counts(bench: Bench, status: int, state: tuple[MessageState, str | None]) -> None:
    message = bench.add(MINUTE)
    bench.send(1)
    bench.wake(400)
    assert bench.state(message) == (S.EXPIRED, "expired_unconfirmed")
    bench.report(1, status=status, stamp=-400)
    assert bench.state(message) == state


def test_thousands_expire_in_chunks(bench: Bench) -> None:
    messages = bench.store.database.accept(
        lambda cx: [bench.store.outbox.enqueue(cx, MINUTE, bench.now) for _ in range(1201)]
    )
    assert bench.wake(60) == 1201
    assert bench.store.outbox.counts_by_state()[S.EXPIRED] == len(messages)


def test_a_mass_that_expires_at_once_keeps_a_code_waiting_for_no_more_than_a_round(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "CHUNK", 5)
    bench.store.database.accept(
        lambda cx: [bench.store.outbox.enqueue(cx, MINUTE, bench.now) for _ in range(5 * upkeep.CHUNKS + 1)]
    )
    assert bench.wake(60) == 5 * upkeep.CHUNKS
    due = bench.store.outbox.next_due(0, 0)
    assert due is not None and due <= bench.clock.boot(), "the clockwork goes on at once"
    assert bench.wake() == 1
    assert bench.store.outbox.next_due(0, 0) is None


# -- clocks -----------------------------------------------------------------------------------------------------------


def test_a_step_of_the_wall_clock_changes_no_lifetime(bench: Bench) -> None:
    message = bench.add(MINUTE)
    bench.clock.step_wall(86_400)
    bench.wake(59)
    assert bench.state(message) == (S.QUEUED, None)
    bench.clock.step_wall(-10 * 86_400)
    bench.wake(1)
    assert bench.state(message) == (S.EXPIRED, "expired_in_queue")


def test_after_another_boot_wall_time_counts(bench: Bench) -> None:
    gone, left = bench.add(MINUTE), bench.add(replace(ANY, lifetime=200))
    bench.clock.reboot("boot-2", wall=bench.now.wall + 100)
    bench.crash()
    bench.wake()
    assert bench.state(gone) == (S.EXPIRED, "expired_in_queue")
    assert bench.claim().expires_boot == pytest.approx(bench.clock.boot() + 100)
    bench.wake(100)
    assert bench.state(left) == (S.EXPIRED, "expired_in_queue")


def test_after_another_boot_retries_are_due_and_starts_in_the_future_stay_so(bench: Bench) -> None:
    bench.add()
    bench.refuse(bench.begin(), delay=120)
    bench.add(replace(ANY, not_before=bench.now.wall + 500))
    bench.clock.reboot("boot-2", wall=bench.now.wall + 30)
    bench.crash()
    bench.wake()
    assert bench.claim().number == 2
    bench.wake(469)
    assert bench.nothing_for()
    bench.wake(1)
    assert bench.claim().number == 1


def test_a_sent_message_waits_for_its_report_over_a_boot(bench: Bench) -> None:
    message = bench.add(MINUTE)
    bench.send(1)
    bench.clock.reboot("boot-2", wall=bench.now.wall + 300)
    bench.crash()
    bench.wake(59)
    assert bench.state(message) == (S.SENT, None)
    bench.wake(1)
    assert bench.state(message) == (S.EXPIRED, "expired_unconfirmed")


@pytest.mark.parametrize("doubt", ["behind", "not synchronised"])
def test_no_code_of_an_earlier_boot_is_sent_while_the_clock_is_in_doubt(bench: Bench, doubt: str) -> None:
    old = bench.add(CODE)
    truth = bench.now.wall + 100
    bench.clock.reboot("boot-2", wall=0.0 if doubt == "behind" else truth, synchronised=doubt == "behind")
    bench.crash()
    bench.wake()
    new = bench.add(CODE)
    assert bench.claim().message_id == new.id
    assert bench.nothing_for()
    bench.crash()
    assert bench.claim().message_id == new.id
    assert bench.nothing_for(), "a second start within the boot forgot the doubt"
    bench.clock.step_wall(truth - bench.now.wall)
    bench.clock.set_synchronised(True)
    claimed = bench.claim()
    assert claimed.message_id == old.id
    assert claimed.expires_boot == pytest.approx(bench.clock.boot() + 200)


# -- waiting ----------------------------------------------------------------------------------------------------------


def test_a_long_poll_ends_with_the_message(bench: Bench) -> None:
    message = bench.add()
    bench.send(1)
    found: list[object] = []
    waiter = threading.Thread(target=lambda: found.append(bench.store.outbox.wait_final(message.id, 60)))
    waiter.start()
    bench.report(1)
    waiter.join(30)
    assert found[0].state is S.DELIVERED


def test_a_long_poll_that_is_over_tells_what_is_known(bench: Bench) -> None:
    message = bench.add()
    began = time.monotonic()
    assert bench.store.outbox.wait_final(message.id, 0.01).state is S.QUEUED
    assert bench.store.outbox.wait_final("nothing", 5) is None
    assert bench.store.outbox.wait_final(message.id, 5, "another client") is None
    assert time.monotonic() - began < 5


def test_next_due_names_the_earliest(bench: Bench) -> None:
    bench.add(replace(ANY, lifetime=600))
    bench.refuse(bench.begin(ONE), delay=30)
    assert bench.store.outbox.next_due(15, 45) == bench.clock.boot() + 30
    bench.add(CODE)
    bench.begin()
    assert bench.store.outbox.next_due(15, 45) == bench.clock.boot() + 15
    assert bench.store.outbox.next_due(0, 45) == bench.clock.boot() + 30
    bench.clock.advance(20)
    assert bench.store.outbox.next_due(15, 45) == bench.clock.boot() + 10, "what is past must not be armed again"


def test_reports_are_not_waited_for_by_the_clock_of_an_earlier_boot(bench: Bench) -> None:
    bench.clock.advance(60 * 86_400)
    message = bench.add(count=2)
    bench.send(1)
    bench.clock.reboot("boot-2")
    bench.crash()
    bench.send(2)
    assert bench.state(message) == (S.SENT, None)
    bench.wake(2 * 3600)
    assert bench.state(message) == (S.EXPIRED, "expired_unconfirmed")


def test_a_code_on_the_air_while_the_clock_is_put_right_was_not_begun_earlier_for_that(bench: Bench) -> None:
    bench.add(replace(ANY, lifetime=86_400.0))
    bench.clock.advance(3600)
    bench.clock.reboot("boot-2", wall=bench.now.wall - 3600, synchronised=False)
    bench.crash()
    bench.add_code()
    bench.begin()
    bench.clock.advance(1)
    bench.clock.step_wall(3600)
    bench.clock.set_synchronised(True)
    bench.wake()  # what other boots have left is moved onto this one's clock
    assert bench.store.outbox.hedge_due(bench.now, 15.0, PLANNED) == 0
    bench.clock.advance(15)
    assert bench.store.outbox.hedge_due(bench.now, 15.0, PLANNED) == 1


def test_what_an_earlier_boot_has_left_in_a_queue_is_as_old_as_the_wall_clock_says(bench: Bench) -> None:
    bench.add()
    bench.clock.advance(30)
    bench.clock.reboot("boot-2", wall=bench.now.wall + 20)
    bench.crash()
    depth, since = bench.store.outbox.waiting()[Lane.NORMAL]
    assert (depth, bench.now.wall - since / 1000) == (1, 50.0)
