"""What a SIM has sent, as the store knows it; and claims that are bounded by it."""

from __future__ import annotations

from dataclasses import replace

from gateway.messages import Lane
from gateway.quota import Bounds
from tests.gateway.store.bench import ANY, CODE, NUMBER, ONE, TWO, Bench

OTHER = "+447700900102"


def test_every_part_counts_that_left_or_may_have(bench: Bench) -> None:
    begun = bench.clock.now()
    left = []
    for mr in (0, 255, None):
        bench.add(CODE if mr == 0 else ANY)
        attempt = bench.begin()
        bench.store.outbox.accepted(attempt.id, mr, bench.now, "OK")
        left.append(attempt.id)
    bench.add()
    bench.lose(lost := bench.begin())
    bench.add()
    bench.give_up(bench.begin())  # refused: it does not count
    bench.add()
    bench.claim()  # only claimed: neither does this one
    bench.add()
    on_air = bench.begin()
    bench.add()
    bench.send(7, TWO)
    sent = bench.store.sim_usage.sent(ONE.imsi, 60.0, bench.now)
    assert sorted(one.attempt for one in sent) == sorted([*left, lost.id, on_air.id])
    assert {one.lane for one in sent if one.attempt == left[0]} == {Lane.OTP}
    assert {one.at for one in sent} == {begun.wall}
    bench.clock.advance(120)
    assert bench.store.sim_usage.sent(ONE.imsi, 60.0, bench.now) == []


def test_numbers_are_written_with_the_mark_or_found_in_what_was_sent(bench: Bench) -> None:
    period = round(bench.now.wall * 1000)
    bench.add(replace(ANY, sent_to=OTHER))
    attempt = bench.claim()
    assert bench.store.outbox.begin(attempt.id, bench.now, period)
    assert stored(bench) == {(ONE.imsi, period, OTHER)}
    bench.give_up(attempt)  # its number stays: whether the network counts it is not known
    bench.add()
    bench.send(1)
    assert bench.store.sim_usage.recipients(ONE.imsi, period) == {OTHER, NUMBER}
    assert stored(bench) == {(ONE.imsi, period, OTHER), (ONE.imsi, period, NUMBER)}
    assert bench.store.sim_usage.recipients(ONE.imsi, period + 1) == set()
    later = period + 101 * 86_400_000
    assert bench.store.sim_usage.recipients(ONE.imsi, later) == set()
    assert stored(bench) == set()


def test_a_bounded_claim(bench: Bench) -> None:
    outbox, period = bench.store.outbox, 1
    bench.add(replace(ANY, lane=Lane.BULK), count=2)
    assert outbox.claim(ONE, bench.now, Bounds(Lane.NORMAL, finish=True)) is None
    bench.send(1)
    assert outbox.claim(ONE, bench.now, Bounds(Lane.NORMAL)) is None
    assert outbox.claim(TWO, bench.now, Bounds(Lane.NORMAL, finish=True)) is None
    second = outbox.claim(ONE, bench.now, Bounds(Lane.NORMAL, finish=True))
    assert second is not None
    assert (second.part, second.bound) == (2, True)
    assert outbox.begin(second.id, bench.now, period)
    far, near = bench.add(replace(ANY, to=OTHER)), bench.add()
    known = outbox.claim(ONE, bench.now, Bounds(known_from=Lane.HIGH, period=period))
    assert known is not None
    assert known.message_id == near.id
    assert outbox.claim(ONE, bench.now, Bounds(known_from=Lane.HIGH, period=period + 1)) is None
    assert outbox.claim(ONE, bench.now, Bounds(known_from=Lane.OTP, period=period)) is None
    code = bench.add(replace(CODE, to=OTHER))
    assert outbox.claim(ONE, bench.now, Bounds(known_from=Lane.OTP, period=period)) is None
    claimed = outbox.claim(ONE, bench.now, Bounds(known_from=Lane.HIGH, period=period))
    assert claimed is not None
    assert claimed.message_id == code.id
    assert bench.claim().message_id == far.id


def test_a_modem_that_stands_in_takes_everything_but_codes(bench: Bench) -> None:
    stands_in = replace(ONE, queues=ONE.queues[:2], but_codes=("route:+44",))
    bench.add(replace(CODE, route="route:+44"))
    assert bench.nothing_for(stands_in)
    message = bench.add(replace(ANY, route="route:+44"))
    assert bench.claim(stands_in).message_id == message.id


def stored(bench: Bench) -> set[tuple[object, ...]]:
    with bench.store.database.read() as cx:
        return {tuple(row) for row in cx.execute("SELECT * FROM sim_recipients")}
