"""Deliveries in the store: what is due, what ended, lists, replays, what is deleted."""

from __future__ import annotations

import pytest

from gateway.store import Ended, Keep, Subscription, Waiting

from .bench import Bench

DAY = 86_400


def emit(bench: Bench, *subjects: str, kind: str = "message.sent") -> None:
    with bench.store.database.mark() as cx:
        for subject in subjects:
            bench.store.events.emit(cx, kind, "shop", subject, {"id": subject, "to": "+447700900123"}, bench.now)


def subscribe(bench: Bench, *endpoints: str) -> None:
    bench.store.events.subscriptions = tuple(Subscription(endpoint) for endpoint in endpoints)


def due(bench: Bench, endpoint: str = "a", limit: int = 10) -> list[str]:
    return [one.event.subject for one in bench.store.deliveries.due(endpoint, bench.now, limit)[0]]


def kill(bench: Bench, endpoint: str = "a") -> list[int]:
    """Give up everything that is due there."""
    found, _ = bench.store.deliveries.due(endpoint, bench.now, 1000)
    bench.store.deliveries.end([Ended(one.id, "dead", status=500, error="answered 500") for one in found], bench.now)
    return [one.id for one in found]


def test_one_event_a_subject_is_due_and_the_oldest_first(bench: Bench) -> None:
    subscribe(bench, "a", "b")
    emit(bench, "m1", "m1", "m2", "m1", "m3")
    assert due(bench) == due(bench, "b") == ["m1", "m2", "m3"]
    assert due(bench, limit=2) == ["m1", "m2"]
    first = bench.store.deliveries.due("a", bench.now, 1)[0][0]
    bench.store.deliveries.end([Ended(first.id, "done", status=200)], bench.now)
    assert due(bench) == ["m1", "m2", "m3"]
    assert due(bench, "b", 1) == ["m1"]
    assert bench.store.deliveries.due("a", bench.now, 1)[0][0].event.id == 2


def test_who_waits_for_what_is_told_after_the_commit(bench: Bench) -> None:
    told: list[str] = []
    bench.store.events.subscriptions = (Subscription("a", ("otp.*",)), Subscription("b"))
    bench.store.events.on_queued = told.extend
    emit(bench, "m1")
    assert told == ["b"]
    with pytest.raises(TypeError):  # a body that is no JSON undoes the transaction with the event before it
        emit(bench, "c1", b"c2", kind="otp.approved")  # type: ignore[arg-type]
    assert told == ["b"]
    assert due(bench) == []


def test_what_waits_says_when_it_is_due(bench: Bench) -> None:
    subscribe(bench, "a")
    assert bench.store.deliveries.due("a", bench.now, 5) == ([], None)
    emit(bench, "m1", "m1")
    (one,), upcoming = bench.store.deliveries.due("a", bench.now, 5)
    assert upcoming is None
    later = round((bench.now.boot + 30) * 1000)
    bench.store.deliveries.end([Ended(one.id, "waiting", later, 500, "answered 500")], bench.now)
    assert bench.store.deliveries.due("a", bench.now, 5) == ([], later)
    bench.clock.advance(30)
    (again,), _ = bench.store.deliveries.due("a", bench.now, 5)
    assert (again.id, again.attempts, again.until_boot) == (one.id, 1, one.until_boot)


def test_what_waits_is_there_after_a_crash(bench: Bench) -> None:
    subscribe(bench, "a")
    emit(bench, "m1")
    bench.crash()
    assert due(bench) == ["m1"]


def test_bodies_are_sealed_on_disk(bench: Bench) -> None:
    subscribe(bench, "a")
    emit(bench, "m1")
    bench.close()
    assert all(b"+447700900123" not in file.read_bytes() for file in bench.folder.iterdir())


def test_dead_letters_are_listed_in_pages(bench: Bench) -> None:
    subscribe(bench, "a", "b")
    emit(bench, *(f"m{n}" for n in range(5)))
    kill(bench, "a")
    kill(bench, "b")
    seen, cursor = [], None
    while True:
        page, cursor = bench.store.deliveries.dead("a", 2, cursor)
        seen += page
        if cursor is None:
            break
    assert [one.subject for one in seen] == ["m4", "m3", "m2", "m1", "m0"]
    assert {(one.endpoint, one.error, one.attempts) for one in seen} == {("a", "answered 500", 1)}
    assert len(bench.store.deliveries.dead()[0]) == 10
    for wrong in ("x", "-1", "", "9" * 30):
        with pytest.raises(ValueError, match="cursor"):
            bench.store.deliveries.dead("a", 2, wrong)


def test_replays_queue_what_ended_and_nothing_else(bench: Bench) -> None:
    subscribe(bench, "a", "b")
    emit(bench, "m1", "m2")
    dead = [str(one) for one in kill(bench)]
    deliveries = bench.store.deliveries
    waiting = str(deliveries.due("b", bench.now, 1)[0][0].id)
    bench.clock.advance(100_000)
    asked = [dead[0], waiting, "999", "x", "9" * 40]
    assert deliveries.replay(asked, ("a", "b"), bench.now) == asked[1:]
    (one,), _ = deliveries.due("a", bench.now, 5)
    assert (one.event.subject, one.attempts) == ("m1", 0)
    assert one.until_boot == round((bench.now.boot + DAY) * 1000)
    assert deliveries.replay([dead[1]], ("b",), bench.now) == [dead[1]], "its webhook is not configured any more"
    assert deliveries.replay_dead("a", bench.now) == 1
    assert due(bench) == ["m1", "m2"]
    deliveries.end([Ended(one.id, "done", status=200)], bench.now)
    assert deliveries.replay([dead[0]], ("a",), bench.now) == [], "what arrived can be sent once more too"


def test_what_waits_for_nobody_is_ended(bench: Bench) -> None:
    subscribe(bench, "a", "b")
    emit(bench, "m1", "m2")
    assert bench.store.deliveries.end_unknown(("b",), bench.now) == 2
    assert bench.store.deliveries.end_unknown(("b",), bench.now) == 0
    assert (due(bench), due(bench, "b")) == ([], ["m1", "m2"])
    assert {one.error for one in bench.store.deliveries.dead("a")[0]} == {"its webhook is not configured any more"}
    assert bench.store.deliveries.end_unknown((), bench.now) == 2


def test_what_is_too_old_is_given_up(bench: Bench) -> None:
    subscribe(bench, "a")
    emit(bench, "old")
    bench.clock.advance(DAY / 2)
    emit(bench, "young")
    assert bench.store.deliveries.give_up("a", bench.now) == 0
    bench.clock.advance(DAY / 2)
    assert bench.store.deliveries.give_up("a", bench.now) == 1
    assert due(bench) == ["young"]
    assert bench.store.deliveries.dead()[0][0].error == "not delivered within 24 h"


def test_counts_by_endpoint(bench: Bench) -> None:
    subscribe(bench, "a", "b")
    assert bench.store.deliveries.counts() == {}
    emit(bench, "m1", "m2")
    first_at = round(bench.now.wall * 1000)
    kill(bench, "b")
    bench.clock.advance(10)
    emit(bench, "m3")
    assert bench.store.deliveries.counts() == {"a": Waiting(3, first_at, 0), "b": Waiting(1, first_at + 10_000, 2)}


@pytest.mark.parametrize("by", [-7200.0, -400 * DAY, 2 * DAY, 400 * DAY])
def test_a_step_of_the_wall_clock_neither_delays_an_event_nor_gives_it_up(bench: Bench, by: float) -> None:
    subscribe(bench, "a")
    emit(bench, "m1")
    bench.clock.step_wall(by)
    assert due(bench) == ["m1"]
    (one,), _ = bench.store.deliveries.due("a", bench.now, 1)
    bench.store.deliveries.end([Ended(one.id, "waiting", round((bench.now.boot + 30) * 1000))], bench.now)
    bench.clock.step_wall(-by / 2)
    bench.clock.advance(30)
    assert due(bench) == ["m1"]
    assert bench.store.deliveries.give_up("a", bench.now) == 0
    bench.clock.advance(DAY - 31)
    assert bench.store.deliveries.give_up("a", bench.now) == 0
    bench.clock.advance(1)
    assert bench.store.deliveries.give_up("a", bench.now) == 1


def test_what_is_left_of_a_day_goes_on_in_the_next_boot(bench: Bench) -> None:
    subscribe(bench, "a")
    emit(bench, "m1")
    (one,), _ = bench.store.deliveries.due("a", bench.now, 1)
    bench.store.deliveries.end([Ended(one.id, "waiting", round((bench.now.boot + 3600) * 1000))], bench.now)
    bench.clock.advance(1000)
    bench.clock.reboot("boot-2", wall=bench.now.wall + DAY / 2)
    bench.crash()
    assert due(bench) == ["m1"], "a machine that has started again has waited for long enough"
    bench.clock.advance(DAY / 2 - 1001)
    assert bench.store.deliveries.give_up("a", bench.now) == 0
    bench.clock.advance(2)
    assert bench.store.deliveries.give_up("a", bench.now) == 1


@pytest.mark.parametrize("by", [200 * DAY, -200 * DAY])
def test_a_boot_with_a_wrong_clock_gives_up_nothing_before_it_is_put_right(bench: Bench, by: float) -> None:
    subscribe(bench, "a")
    emit(bench, "m1")
    bench.clock.reboot("boot-2", wall=bench.now.wall + by, synchronised=False)
    bench.crash()
    (one,), _ = bench.store.deliveries.due("a", bench.now, 1)
    assert one.until_boot > bench.now.boot * 1000
    assert bench.store.deliveries.give_up("a", bench.now) == 0
    bench.clock.advance(3600)
    bench.clock.step_wall(-by)
    bench.clock.set_synchronised(True)
    bench.store.outbox.expire_due(bench.now)  # the clockwork's look
    assert bench.store.deliveries.give_up("a", bench.now) == 0
    bench.clock.advance(DAY - 3700)
    assert bench.store.deliveries.give_up("a", bench.now) == 0
    bench.clock.advance(100)
    assert bench.store.deliveries.give_up("a", bench.now) == 1


def test_an_id_that_was_listed_as_dead_never_replays_another_event(bench: Bench) -> None:
    bench.store.events.subscriptions = (Subscription("a", ("message.*",)),)
    emit(bench, "old")
    (dead,) = kill(bench)
    bench.clock.advance(8 * DAY)
    emit(bench, "sim1", kind="modem.ready")
    bench.store.retention.keep = Keep(events=7 * DAY)
    assert bench.store.retention.purge(bench.now) > 0
    emit(bench, "new")
    kill(bench)
    assert bench.store.deliveries.replay([str(dead)], ("a",), bench.now) == [str(dead)]
    assert due(bench) == []


@pytest.mark.parametrize("body", [b"x" * 40, b""])
def test_an_event_that_cannot_be_read_is_given_up_and_holds_up_nothing(bench: Bench, body: bytes) -> None:
    subscribe(bench, "a")
    emit(bench, "m1", "m2", "m3")
    emit(bench, "m1")  # behind the damaged one of its subject
    with bench.store.database.mark() as cx:
        cx.execute("UPDATE events SET body = ? WHERE id IN (SELECT min(id) FROM events GROUP BY subject)", (body,))
        cx.execute("UPDATE events SET body = ? WHERE subject = 'm2'", (body,))
    found, upcoming = bench.store.deliveries.due("a", bench.now, 1)
    assert ([delivery.event.subject for delivery in found], upcoming) == (["m1"], None)
    dead, _ = bench.store.deliveries.dead("a")
    assert {one.error for one in dead} == {"its stored body cannot be read"}
    assert bench.store.events.after(0) == [found[0].event]
