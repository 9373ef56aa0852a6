"""Many threads at once, and queries that stay flat however much is stored."""

from __future__ import annotations

import itertools
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from gateway.messages import Lane, MessageState
from gateway.quota import Bounds
from gateway.store import Guesses, MessageFilter, NewChallenge, Sight
from hardware.pdu import DeliverPdu

from .bench import ANY, CODE, HOME, ONE, PLANNED, TWO, Bench, slot
from .test_inbox import SENDER, deliver


def test_no_attempt_is_handed_out_twice(bench: Bench) -> None:
    for _ in range(60):
        bench.add()
    taken: Counter[int] = Counter()

    def work(name: str) -> None:
        while (attempt := bench.store.outbox.claim(slot(name), bench.now)) is not None:
            taken[attempt.id] += 1
            if bench.store.outbox.begin(attempt.id, bench.now):
                bench.store.outbox.accepted(attempt.id, 1, bench.now, "+CMGS: 1")

    threads = [threading.Thread(target=work, args=(f"m{number}",)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == 60
    assert set(taken.values()) == {1}


def test_claims_go_on_while_clients_send(bench: Bench) -> None:
    done = threading.Event()
    sent: list[str] = []

    def work() -> None:
        while not done.is_set() or bench.store.outbox.claim(ONE, bench.now):
            attempt = bench.store.outbox.claim(ONE, bench.now)
            if attempt is not None and bench.store.outbox.begin(attempt.id, bench.now):
                bench.store.outbox.accepted(attempt.id, 1, bench.now, "+CMGS: 1")
                sent.append(attempt.message_id)

    worker = threading.Thread(target=work)
    worker.start()
    clients = [threading.Thread(target=lambda: [bench.add() for _ in range(20)]) for _ in range(4)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    done.set()
    worker.join()
    counts = bench.store.outbox.counts_by_state()
    assert counts[MessageState.SENT] == len(sent)
    assert sum(counts.values()) == 80


def test_a_second_check_never_approves_the_same_code(bench: Bench) -> None:
    challenge = bench.add_code().challenge_id
    results: Counter[str] = Counter()

    def check() -> None:
        result, _ = bench.store.challenges.check(challenge, "shop", lambda _: True, bench.now)
        results[result.value] += 1

    threads = [threading.Thread(target=check) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {"approved": 1, "used": 11}


def _statements(bench: Bench, action: Callable[[], object]) -> set[str]:
    """The statements that an action runs, on whichever connection."""
    database = bench.store.database
    seen: set[str] = set()
    with database.read():
        pass
    with database.read() as reader:
        connections: list[sqlite3.Connection] = [database._connection, reader]
    for connection in connections:
        connection.set_trace_callback(lambda sql: seen.add(sql))
    action()
    for connection in connections:
        connection.set_trace_callback(None)
    return {sql for sql in seen if sql.lstrip().startswith(("SELECT", "UPDATE", "DELETE", "INSERT INTO m"))}


LOGIN = NewChallenge("shop", ANY.to, "login", b"hash", 300, 3)
NO_GUESSES = Guesses("shop", ANY.to, 0, 0.0, None, 0, stopped=False, delivery=0)
HOT = {
    "claim": lambda bench: bench.store.outbox.claim(ONE, bench.now),
    "claim codes": lambda bench: bench.store.outbox.claim(ONE, bench.now, Bounds(least=Lane.OTP)),
    "claim in quiet hours": lambda bench: bench.store.outbox.claim(ONE, bench.now, Bounds(Lane.NORMAL, finish=True)),
    "claim for known numbers": lambda bench: bench.store.outbox.claim(
        ONE, bench.now, Bounds(finish=True, known_from=Lane.HIGH)
    ),
    "count what a SIM sent": lambda bench: bench.store.sim_usage.sent("1", 3600.0, bench.now),
    "count its numbers": lambda bench: bench.store.sim_usage.recipients("1", 0),
    "send": lambda bench: bench.send(1),
    "report": lambda bench: bench.report(1),
    "wake": lambda bench: bench.store.outbox.wake_due(bench.now.after(5000)),
    "expire": lambda bench: bench.store.outbox.expire_due(bench.now.after(5000)),
    "hedge": lambda bench: bench.store.outbox.hedge_due(bench.now.after(20), 15, PLANNED),
    "unconfirmed": lambda bench: bench.store.outbox.unconfirmed_due(bench.now.after(50), 45, PLANNED),
    "strand": lambda bench: bench.store.outbox.strand_due(bench.now, PLANNED),
    "next due": lambda bench: bench.store.outbox.next_due(15, 45),
    "unmatched": lambda bench: (bench.report(77), bench.store.outbox.retry_unmatched(bench.now)),
    "recover": lambda bench: bench.store.outbox.recover(bench.now),
    "get": lambda bench: bench.store.outbox.get("x"),
    "timeline": lambda bench: bench.store.outbox.timeline("x"),
    "list": lambda bench: bench.store.outbox.list(MessageFilter("shop", MessageState.QUEUED)),
    "list by state of everybody": lambda bench: bench.store.outbox.list(MessageFilter(state=MessageState.FAILED)),
    "list of a time": lambda bench: bench.store.outbox.list(MessageFilter("shop", since=1, until=2)),
    "list by number": lambda bench: bench.store.outbox.list(MessageFilter("shop", to="+44")),
    "list by tag": lambda bench: bench.store.outbox.list(MessageFilter("shop", tag="t")),
    "list by number and tag": lambda bench: bench.store.outbox.list(MessageFilter(to="+44", tag="t")),
    "received": lambda bench: bench.store.inbox.list(sender="+44"),
    "received of a time": lambda bench: bench.store.inbox.list(since=1, until=2),
    "code": lambda bench: bench.add_code(),
    "code before": lambda bench: bench.store.database.accept(
        lambda cx: bench.store.challenges.before(cx, [(LOGIN, NO_GUESSES, bench.now)])
    ),
    "codes ready": lambda bench: bench.store.outbox.codes_ready([HOME, "modem:one"], 100),
    "blocked": lambda bench: bench.store.database.accept(lambda cx: bench.store.blocked.among(cx, [ANY.to])),
    "opt out": lambda bench: bench.store.database.accept(lambda cx: bench.store.blocked.opt_out(cx, ANY.to, bench.now)),
    "waiting": lambda bench: bench.store.outbox.waiting(),
    "events": lambda bench: bench.store.events.seen(1, Sight("shop", kinds=("message.*",))),
    "stats": lambda bench: bench.store.stats.window(60, bench.now),
    "stats of a client": lambda bench: bench.store.stats.window(60, bench.now, "shop"),
    "incomplete": lambda bench: bench.store.inbox.release_incomplete(bench.now),
}


@pytest.mark.parametrize("name", sorted(HOT))
def test_nothing_hot_scans_a_table(bench: Bench, name: str) -> None:
    for lane in Lane:
        bench.add(replace(ANY, lane=lane), count=2)
    bench.add(replace(ANY, not_before=bench.now.wall + 5))
    bench.begin(TWO)
    bench.add_code(replace(CODE, to="+447700900102"))
    plans: list[str] = []
    for statement in _statements(bench, lambda: HOT[name](bench)):
        rows = bench.store.database._connection.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall()
        plans += [f"{row['detail']} <- {statement}" for row in rows]
    scans = [plan for plan in plans if plan.startswith("SCAN") and "USING" not in plan.split(" <- ")[0]]
    ours = ("SCAN (subquery", "SCAN CONSTANT", "SCAN (join", "SCAN json_each", "SCAN q VIRTUAL", "SCAN sqlite_sequence")
    assert [plan for plan in scans if not plan.startswith(ours)] == []
    assert plans


LISTS = {
    "by tag": MessageFilter(tag="t"),
    "by tag, of a client": MessageFilter("shop", tag="t"),
    "by tag and state": MessageFilter("shop", MessageState.CANCELLED, tag="t"),
    "by a state that nothing has": MessageFilter(state=MessageState.UNDELIVERED),
    "by a state": MessageFilter(state=MessageState.CANCELLED),
}


def _steps(bench: Bench, action: Callable[[], object]) -> int:
    """How many instructions of SQLite's machine it takes to read something."""
    steps = [0]

    def count() -> None:
        steps[0] += 1

    with bench.store.database.read() as reader:
        reader.set_progress_handler(count, 1)
    action()
    reader.set_progress_handler(None, 1)
    return steps[0]


def test_a_page_of_a_list_costs_the_same_however_much_is_kept(bench: Bench) -> None:
    def end(count: int) -> None:
        for _ in range(count):
            message = bench.add(replace(ANY, tags=("t",)))
            bench.store.database.accept(lambda cx, one=message: bench.store.outbox.cancel(cx, one.id, bench.now))

    outbox = bench.store.outbox
    end(20)
    few = {name: _steps(bench, partial(outbox.list, filters, 5)) for name, filters in LISTS.items()}
    end(200)
    many = {name: _steps(bench, partial(outbox.list, filters, 5)) for name, filters in LISTS.items()}
    assert {name: many[name] / few[name] for name in LISTS if many[name] > 1.2 * few[name]} == {}


INBOX: dict[str, dict[str, Any]] = {
    "until long ago": {"until": 8},
    "of a while long ago": {"since": 1, "until": 8},
    "of one sender until long ago": {"until": 8, "sender": SENDER},
    "since long ago": {"since": 1},
    "until now": {"until": 10**6},
}


def test_a_page_of_the_inbox_costs_the_same_however_much_is_kept(bench: Bench) -> None:
    """Of which a part in fifty waited for parts that never came, and is shown a day late."""
    inbox, begin = bench.store.inbox, bench.now.wall
    number = itertools.count()

    def receive(count: int) -> None:
        for n in range(count):
            n = next(number)
            raw = deliver(f"{n}", part=(n // 50 % 256, 2, 1) if n % 50 == 49 else None)
            inbox.receive(raw, DeliverPdu.decode(raw), "one", "00101one", bench.now)
            bench.clock.advance(600.0)
            inbox.release_incomplete(bench.now)

    def page(days: dict[str, Any]) -> Callable[[], object]:
        times = {name: day if name == "sender" else ms_of(begin + day * 86_400) for name, day in days.items()}
        return lambda: inbox.list(5, **times)

    receive(1200)
    few = {name: _steps(bench, page(days)) for name, days in INBOX.items()}
    everything = inbox.list(2000)[0]
    for day in range(12):
        until = ms_of(begin + day * 86_400)
        assert inbox.list(2000, until=until)[0] == [one for one in everything if one.received_at < until]
    assert [one.missing for one in inbox.list(5, until=ms_of(begin + 3.2 * 86_400))[0]] == [1, 1, 1, 0, 0]
    receive(1800)
    many = {name: _steps(bench, page(days)) for name, days in INBOX.items()}
    assert {name: (few[name], many[name]) for name in INBOX if many[name] > 1.2 * few[name]} == {}


def ms_of(seconds: float) -> int:
    return round(seconds * 1000)
