"""Accepts of several fibres on one thread: one commit for those that came to it, and nobody waits for one aside."""

from __future__ import annotations

import gc
import itertools
import sqlite3
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from greenlet import greenlet
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.fibres import Fibre, step_aside
from gateway.store import Database
from hardware.clock import FakeClock
from tests.gateway.transactions import counted

PATIENCE = 30


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database.open(tmp_path / "simwire.db", tmp_path / "simwire.key", FakeClock())
    yield database
    database.close()


def note(name: str) -> Callable[[sqlite3.Connection], str]:
    def work(cx: sqlite3.Connection) -> str:
        cx.execute("INSERT INTO meta VALUES (?, '')", (name,))
        return name.upper()

    return work


def tell(database: Database, told: list[str], name: str) -> None:
    told.append(database.accept(note(name)))


def noted(database: Database) -> set[str]:
    with database.read() as cx:
        return {row[0] for row in cx.execute("SELECT name FROM meta WHERE name GLOB 'n[-0-9]*'")}


def test_fibres_share_a_commit(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    counts, told = counted(database, monkeypatch), list[str]()
    fibres = [Fibre(partial(tell, database, told, name)) for name in ("n1", "n2", "n3")]
    for fibre in fibres:
        fibre.switch()
    assert (told, noted(database)) == ([], set())
    for fibre in fibres:
        fibre.switch()
    assert told == ["N1", "N2", "N3"]
    assert counts == [3]
    assert all(fibre.dead for fibre in fibres)
    assert noted(database) == {"n1", "n2", "n3"}


def test_nobody_waits_for_a_fibre_that_stands_aside(database: Database) -> None:
    """Neither who comes after it, nor who waited already when the lead was handed on."""
    told = list[str]()
    fibre = Fibre(partial(tell, database, told, "n-fibre"))
    fibre.switch()  # nobody leads; it is the first in the queue
    threads = [
        threading.Thread(target=tell, args=(database, told, name), daemon=True) for name in ("n-a", "n-b", "n-c")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert sorted(told) == ["N-A", "N-B", "N-C"]
    assert noted(database) == {"n-fibre", "n-a", "n-b", "n-c"}  # what was asked for goes with the others, too
    fibre.switch()
    assert told[-1] == "N-FIBRE"


def test_a_lead_is_handed_past_a_fibre_that_stands_aside(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """It came while another one led, and is the first of those who are left."""
    monkeypatch.setattr("gateway.store.writer.BATCH", 1)
    told = list[str]()
    fibre = Fibre(partial(tell, database, told, "n-fibre"))
    threads = [threading.Thread(target=tell, args=(database, told, name), daemon=True) for name in ("n-a", "n-b")]
    with database.mark():
        for place, thread in enumerate(threads, 1):
            thread.start()
            while len(database._writer._queue) < place + (place > 1):
                pass
            if place == 1:
                fibre.switch()
    for thread in threads:
        thread.join(PATIENCE)
    assert sorted(told) == ["N-A", "N-B"]
    fibre.switch()
    assert fibre.dead
    assert noted(database) == {"n-fibre", "n-a", "n-b"}


def test_whatever_the_order_each_gets_its_own(database: Database) -> None:
    """Fibres that accept several times, some of it refused, and go on in any order."""
    rounds = itertools.count()

    @given(
        asked=st.lists(st.lists(st.booleans(), min_size=1, max_size=3), min_size=1, max_size=6),
        order=st.lists(st.integers(0, 5), max_size=40),
    )
    @settings(max_examples=50, deadline=None)
    def holds(asked: list[list[bool]], order: list[int]) -> None:
        before, told, this = noted(database), dict[str, object](), next(rounds)

        def ask(name: str, good: bool) -> None:
            def refuse(cx: sqlite3.Connection) -> str:
                note(name)(cx)
                raise LookupError(name)

            try:
                told[name] = database.accept(note(name) if good else refuse)
            except LookupError as error:
                told[name] = str(error)

        def run(place: int, wishes: list[bool]) -> None:
            for number, good in enumerate(wishes):
                ask(f"n{this}.{place}.{number}", good)

        fibres = [Fibre(partial(run, place, wishes)) for place, wishes in enumerate(asked)]
        while fibres:
            fibres[(order.pop() if order else 0) % len(fibres)].switch()
            fibres = [fibre for fibre in fibres if not fibre.dead]
        names = {f"n{this}.{p}.{number}": good for p, one in enumerate(asked) for number, good in enumerate(one)}
        assert told == {name: name.upper() if good else name for name, good in names.items()}
        assert noted(database) - before == {name for name, good in names.items() if good}

    holds()


def test_a_fibre_to_which_nobody_comes_back_is_ended() -> None:
    ends = list[str]()

    def work() -> None:
        try:
            step_aside()
        finally:
            ends.append("ended")

    fibre = Fibre(work)
    fibre.switch()
    assert ends == []
    del fibre
    gc.collect()
    assert ends == ["ended"]


def test_nothing_else_than_a_fibre_steps_aside() -> None:
    done = list[str]()

    def work() -> None:
        step_aside()
        done.append("done")

    work()
    greenlet(work).switch()
    assert done == ["done", "done"]
