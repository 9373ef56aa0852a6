"""Quotas and quiet hours where they take effect: real store, real driver, simulated modems, a clock that is told."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.messages import Lane
from gateway.quota import QuotaRules
from hardware.clock import FakeClock
from hardware.simulator import Fault, LoseAnswer, Refuse, Step
from tests.gateway.rig import ANYBODY, Make, Rig

DAY = 86_400.0
FIRST, SECOND = "001010000000001", "001010000000002"


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Make]:
    made: list[Rig] = []

    def make(modems: int = 1, **options: object) -> Rig:
        if made:  # the gateway is started again
            made[-1].store.close()
        made.append(Rig(tmp_path, modems, **options))  # type: ignore[arg-type]
        return made[-1]

    yield make
    made[-1].store.close()


def at(written: str) -> FakeClock:
    return FakeClock(wall=datetime.fromisoformat(written).replace(tzinfo=UTC).timestamp())


def bulk(gateway: Rig, count: int, first: int = 500, **options: object) -> list[str]:
    numbers = [f"+4477009{first + n:05}" for n in range(count)]
    for number in numbers:
        gateway.send(to=number, **{"lane": Lane.BULK, "lifetime": 40 * DAY, **options})  # type: ignore[arg-type]
    return numbers


def reached(gateway: Rig) -> list[str]:
    return [record.destination for record in gateway.network.submits]


def quota(gateway: Rig, name: str = "sim1") -> dict[str, int]:
    return {use.rule: use.used for use in gateway.workers[name].view.quota}


# -- quotas -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", ["per_hour", "per_day", "per_month"])
def test_bulk_leaves_room_for_codes_and_goes_on_when_the_quota_renews(rig: Make, rule: str) -> None:
    gateway = rig(clock=at("2026-01-15 12:00"), quotas=QuotaRules(**{rule: 10}, month_starts=20))
    gateway.ready()
    numbers = bulk(gateway, 12)
    gateway.step(60)
    assert reached(gateway) == numbers[:8]
    view = gateway.workers["sim1"].view
    assert view.state == "ready"
    assert (view.reason or "").startswith(f"quota {rule} used (8 of 10, rest kept for codes) until 2026-01-")
    assert view.advice is not None
    codes = [gateway.code(to=f"+44770090020{n}") for n in range(3)]
    gateway.step(30)
    assert [gateway.state(code) for code in codes] == ["delivered", "delivered", "queued"]
    view = gateway.workers["sim1"].view
    assert (view.reason or "").startswith(f"quota {rule} used (10 of 10) until")
    assert not view.usable
    (use,) = view.quota
    assert (use.used, use.limit, use.otp_kept) == (10, 10, 2)
    assert use.renews_at is not None
    gateway.clock.advance(use.renews_at - gateway.clock.now().wall + (60 if rule == "per_hour" else 0))
    gateway.step(60)
    assert reached(gateway)[8:10] == ["+447700900200", "+447700900201"]
    assert set(reached(gateway)) >= set(numbers)
    assert gateway.workers["sim1"].view.reason is None


def test_a_quota_waits_for_no_more_than_it_says(rig: Make) -> None:
    gateway = rig(clock=at("2026-01-15 23:58:00"), quotas=QuotaRules(per_day=1, otp_share=0.0))
    gateway.ready()
    numbers = bulk(gateway, 2)
    gateway.step(30)
    assert reached(gateway) == numbers[:1]
    worker = gateway.workers["sim1"]
    while gateway.clock.now().wall < at("2026-01-16 00:00:00").now().wall:
        worker.turn(3600.0)  # an idle worker looks by itself: nothing is stored, no clockwork runs
    worker.turn(3600.0)
    worker.turn(3600.0)
    assert reached(gateway) == numbers


def test_another_sim_takes_over_and_only_what_the_first_may_not_send(rig: Make) -> None:
    gateway = rig(2, sim1={"prefixes": ("+447",), "quotas": QuotaRules(per_day=5)})
    gateway.ready()
    numbers = bulk(gateway, 6, route="route:+447")
    gateway.step(60)
    sims = [record.imsi for record in gateway.network.submits]
    assert sorted(reached(gateway)) == numbers
    assert sims.count(FIRST) == 4
    code = gateway.code(route="route:+447")
    gateway.step(20)
    assert gateway.state(code) == "delivered"
    assert gateway.network.submits[-1].imsi == FIRST  # its home still keeps room for codes
    code = gateway.code(to="+447700900003", route="route:+447")
    gateway.step(20)
    assert gateway.state(code) == "delivered"
    assert gateway.network.submits[-1].imsi == SECOND


def test_a_modem_kept_for_codes_leaves_its_prefix_to_others_for_the_rest(rig: Make) -> None:
    gateway = rig(2, sim1={"prefixes": ("+447",), "reserve_for_otp": True})
    gateway.ready()
    message, code = gateway.send(route="route:+447"), gateway.code(to="+447700900003", route="route:+447")
    gateway.step(30)
    assert {gateway.state(message), gateway.state(code)} == {"delivered"}
    sims = {record.destination: record.imsi for record in gateway.network.submits}
    assert sims == {ANYBODY: SECOND, "+447700900003": FIRST}


def test_counts_survive_a_restart_and_go_with_the_sim(rig: Make) -> None:
    rules = QuotaRules(per_hour=5, per_day=5, every=30.0)
    gateway = rig(quotas=rules)
    gateway.ready()
    bulk(gateway, 3)
    gateway.step(80)
    assert quota(gateway) == {"per_hour": 3, "per_day": 3}
    gateway = rig(2, quotas=rules, clock=gateway.clock)  # and now there is a second modem
    gateway.ready()
    assert quota(gateway) == {"per_hour": 3, "per_day": 3}
    assert quota(gateway, "sim2") == {"per_hour": 0, "per_day": 0}
    one, two = gateway.modems.values()
    first, second = one.sim, two.sim
    for modem, card in ((one, None), (two, None), (one, second), (two, first)):
        modem.insert(card)
    gateway.step(90)
    assert gateway.workers["sim2"].view.imsi == FIRST
    assert quota(gateway, "sim2") == {"per_hour": 3, "per_day": 3}
    assert quota(gateway) == {"per_hour": 0, "per_day": 0}


def test_what_may_have_left_counts_and_what_was_refused_does_not(rig: Make) -> None:
    rules = QuotaRules(per_day=9)
    gateway = rig(quotas=rules)
    gateway.ready()
    gateway.modems["sim1"].inject(Fault(Step.PDU, Refuse(1)))
    refused = gateway.send()
    gateway.step(20)
    assert gateway.state(refused) == "failed"
    assert quota(gateway) == {"per_day": 0}
    gateway.modems["sim1"].inject(Fault(Step.PDU, LoseAnswer()))
    lost = gateway.send()
    gateway.step(250)
    assert gateway.state(lost) == "unknown"
    assert quota(gateway) == {"per_day": 1}
    gateway = rig(quotas=rules, clock=gateway.clock)
    gateway.ready()
    assert quota(gateway) == {"per_day": 1}


def test_a_wall_clock_that_is_stepped_neither_resets_nor_freezes_the_count(rig: Make) -> None:
    gateway = rig(clock=at("2026-01-15 12:00"), quotas=QuotaRules(per_hour=10))
    gateway.ready()
    bulk(gateway, 9)
    gateway.step(60)
    for step in (2 * DAY, -4 * DAY, 3 * 3600.0):
        gateway.clock.step_wall(step)
        gateway.step(5)
        assert quota(gateway) == {"per_hour": 8}
    gateway.clock.advance(3600)
    gateway.step(20)
    assert quota(gateway) == {"per_hour": 1}
    assert len(gateway.network.submits) == 9


def test_a_part_claimed_ahead_does_not_slip_past_the_quota(rig: Make) -> None:
    gateway = rig(quotas=QuotaRules(per_day=4, otp_share=0.25))
    gateway.ready()
    numbers = bulk(gateway, 5)
    for _ in range(600):
        gateway.workers["sim1"].turn(0.1)
        assert quota(gateway)["per_day"] <= 3
    assert reached(gateway) == numbers[:3]


def test_a_message_that_was_begun_is_finished_out_of_what_is_kept_for_codes(rig: Make) -> None:
    gateway = rig(quotas=QuotaRules(per_day=10, otp_share=0.7))
    gateway.ready()
    long = gateway.send("x" * 700, lane=Lane.NORMAL)  # five parts; three may be begun
    bulk(gateway, 1)
    gateway.step(60)
    assert gateway.state(long) == "delivered"
    assert set(reached(gateway)) == {ANYBODY}


def test_a_pace_holds_between_parts_that_are_no_codes(rig: Make) -> None:
    gateway = rig(quotas=QuotaRules(every=60.0))
    gateway.ready()
    began = gateway.clock.boot()
    message = gateway.send("x" * 300, lane=Lane.HIGH)
    gateway.step(20)
    code = gateway.code()
    gateway.step(20)
    assert gateway.state(code) == "delivered"
    assert len(gateway.network.submits) == 2
    worker = gateway.workers["sim1"]
    while len(gateway.network.submits) < 3:
        worker.turn(3600.0)
    assert 60 <= gateway.clock.boot() - began < 75
    gateway.step(10)
    assert gateway.state(message) == "delivered"


# -- numbers ----------------------------------------------------------------------------------------------------------


def test_used_up_numbers_leave_those_the_sim_has_sent_to(rig: Make) -> None:
    rules = QuotaRules(recipients_per_month=5, month_starts=20)
    gateway = rig(clock=at("2026-01-15 12:00"), quotas=rules)
    gateway.ready()
    numbers = bulk(gateway, 6)
    gateway.step(60)
    assert reached(gateway) == numbers[:4]
    assert quota(gateway) == {"recipients_per_month": 4}
    again = gateway.send("once more", to=numbers[2], lane=Lane.BULK)
    gateway.step(20)
    assert gateway.state(again) == "delivered"
    codes = [gateway.code(to=to) for to in ("+447700900201", "+447700900202", numbers[0])]
    gateway.step(20)
    assert [gateway.state(code) for code in codes] == ["delivered", "queued", "delivered"]
    assert quota(gateway) == {"recipients_per_month": 5}
    gateway = rig(clock=gateway.clock, quotas=rules)
    gateway.ready()
    assert quota(gateway) == {"recipients_per_month": 5}
    gateway.step(20)
    assert gateway.network.submits == []
    gateway.clock.advance(5 * DAY)
    gateway.step(20)
    assert reached(gateway) == numbers[4:]
    assert quota(gateway) == {"recipients_per_month": 2}


def test_numbers_are_counted_back_when_the_quota_is_set_for_the_first_time(rig: Make) -> None:
    gateway = rig(clock=at("2026-01-15 12:00"))
    gateway.ready()
    known = bulk(gateway, 3)
    gateway.step(30)
    gateway = rig(clock=gateway.clock, quotas=QuotaRules(recipients_per_month=3, otp_share=0.0))
    gateway.ready()
    assert quota(gateway) == {"recipients_per_month": 3}
    gateway.send(to=known[0])
    gateway.send(to=ANYBODY)
    gateway.step(20)
    assert reached(gateway) == known[:1]


def test_a_sim_whose_numbers_are_used_up_shares_with_another(rig: Make) -> None:
    rules = QuotaRules(recipients_per_month=2, otp_share=0.0)
    gateway = rig(2, sim1={"prefixes": ("+447",), "quotas": rules})
    gateway.ready()
    numbers = bulk(gateway, 4, route="route:+447")
    gateway.step(60)
    sims = {record.destination: record.imsi for record in gateway.network.submits}
    assert sims == dict(zip(numbers, [FIRST, FIRST, SECOND, SECOND], strict=True))


# -- quiet hours ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "still", "over"),
    [
        ("2026-01-15 21:30", "2026-01-16 07:59:30", "2026-01-16 08:00"),
        ("2026-03-28 21:30", "2026-03-29 06:59:30", "2026-03-29 07:00"),  # the night before summer time
        ("2026-10-24 21:30", "2026-10-25 07:59:30", "2026-10-25 08:00"),
    ],
)
def test_bulk_rests_in_quiet_hours_and_everything_else_goes(rig: Make, now: str, still: str, over: str) -> None:
    gateway = rig(clock=at(now), quiet="21:00-08:00", zone="Europe/London")
    gateway.ready()
    numbers = bulk(gateway, 2)
    others = [gateway.code(), gateway.send(to="+447700900002", lane=Lane.HIGH), gateway.send(to="+447700900003")]
    gateway.step(30)
    assert {gateway.state(message) for message in others} == {"delivered"}
    assert not set(numbers) & set(reached(gateway))
    gateway.clock.advance(at(still).now().wall - gateway.clock.now().wall)
    gateway.step(10)
    assert not set(numbers) & set(reached(gateway))
    worker = gateway.workers["sim1"]
    while gateway.clock.now().wall < at(over).now().wall:
        worker.turn(3600.0)
    assert gateway.clock.now().wall < at(over).now().wall + 1  # it woke for it
    gateway.step(15)
    assert set(numbers) < set(reached(gateway))


def test_what_was_accepted_and_claimed_before_the_quiet_hours_rests_too_but_for_what_was_begun(rig: Make) -> None:
    gateway = rig(clock=at("2026-01-15 20:59:50"), quiet="21:00-08:00")
    gateway.ready()
    gateway.clock.advance(at("2026-01-15 20:59:57").now().wall - gateway.clock.now().wall)
    long = gateway.send("x" * 700, lane=Lane.BULK, lifetime=DAY)
    other = gateway.send("x" * 700, to="+447700900002", lane=Lane.BULK, lifetime=DAY)
    bulk(gateway, 3)
    gateway.step(60)
    assert gateway.state(long) == "delivered"
    assert gateway.state(other) == "queued"
    assert reached(gateway) == [ANYBODY] * 5


def test_single_bulk_messages_claimed_ahead_do_not_slip_into_the_quiet_hours(rig: Make) -> None:
    gateway = rig(clock=at("2026-01-15 20:59:40"), quiet="21:00-08:00")
    gateway.ready()
    bulk(gateway, 30)
    begins = at("2026-01-15 21:00").now().wall
    before = -1
    while gateway.clock.now().wall < begins + 60:
        if gateway.clock.now().wall < begins:
            before = len(gateway.network.submits)
        gateway.workers["sim1"].turn(0.1)
    assert before > 0
    assert len(gateway.network.submits) <= before + 1  # at most the one that was on the air
    with gateway.store.database.read() as cx:
        late = "SELECT count(*) FROM attempts WHERE submitted_at >= ?"
        assert cx.execute(late, (round(begins * 1000),)).fetchone()[0] == 0
        assert cx.execute("SELECT count(*) FROM attempts WHERE state = 'claimed'").fetchone()[0] == 0
