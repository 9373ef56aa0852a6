"""Accepts of several fibres on one thread: one commit for those that came to it, and nobody waits for one aside."""

from __future__ import annotations

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

from gateway.fibres import Errand, Fibre, this_fibre
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


class Turns:
    """A host of fibres, each turn and each errand when the test says so."""

    def __init__(self) -> None:
        self.errands: list[Errand] = []
        self.waiting: list[Fibre] = []

    def run_errand(self, errand: Errand) -> None:
        self.errands.append(errand)

    def ready(self, fibre: Fibre) -> None:
        self.waiting.append(fibre)

    def begin(self, work: Callable[[], object]) -> Fibre:
        fibre = Fibre(work, self)
        fibre.switch()
        return fibre

    def run_errands(self) -> None:
        """As another thread does."""
        errands, self.errands = self.errands, []
        for errand in errands:
            thread = threading.Thread(target=errand)
            thread.start()
            thread.join(PATIENCE)
            assert not thread.is_alive()


@pytest.fixture
def turns() -> Turns:
    return Turns()


def test_fibres_share_a_commit(database: Database, turns: Turns, monkeypatch: pytest.MonkeyPatch) -> None:
    counts, told = counted(database, monkeypatch), list[str]()
    fibres = [turns.begin(partial(tell, database, told, name)) for name in ("n1", "n2", "n3")]
    assert (told, noted(database), turns.waiting) == ([], set(), [])
    turns.run_errands()
    assert turns.waiting == fibres
    assert told == []
    for fibre in fibres:
        fibre.switch()
    assert told == ["N1", "N2", "N3"]
    assert counts == [3]
    assert all(fibre.dead for fibre in fibres)
    assert noted(database) == {"n1", "n2", "n3"}
    assert turns.errands == []


def test_nobody_waits_for_a_fibre_that_stands_aside(database: Database, turns: Turns) -> None:
    """Whoever comes after it leads by itself, and what it asked for goes with the others."""
    told = list[str]()
    fibre = turns.begin(partial(tell, database, told, "n-fibre"))
    threads = [
        threading.Thread(target=tell, args=(database, told, name), daemon=True) for name in ("n-a", "n-b", "n-c")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert sorted(told) == ["N-A", "N-B", "N-C"]
    assert noted(database) == {"n-fibre", "n-a", "n-b", "n-c"}
    assert turns.waiting == [fibre]
    turns.run_errands()  # which find nothing to do
    fibre.switch()
    assert told[-1] == "N-FIBRE"


def test_a_lead_goes_past_fibres_to_a_thread_and_what_is_left_to_their_host(
    database: Database, turns: Turns, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.store.writer.BATCH", 1)
    told = list[str]()
    threads = [threading.Thread(target=tell, args=(database, told, name), daemon=True) for name in ("n-a", "n-b")]
    with database.mark():
        for place, thread in enumerate(threads, 1):
            thread.start()
            while len(database._writer._queue) < place + (place > 1):
                pass
            if place == 1:
                fibre = turns.begin(partial(tell, database, told, "n-fibre"))
                turns.run_errands()  # somebody leads already
    for thread in threads:
        thread.join(PATIENCE)
    assert sorted(told) == ["N-A", "N-B"]
    while not turns.waiting:
        turns.run_errands()
    assert turns.waiting == [fibre]
    fibre.switch()
    assert fibre.dead
    assert noted(database) == {"n-fibre", "n-a", "n-b"}


def test_the_host_is_asked_again_until_all_are_served(
    database: Database, turns: Turns, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One errand is one batch: the thread that runs them may have others to run."""
    monkeypatch.setattr("gateway.store.writer.BATCH", 2)
    counts, told = counted(database, monkeypatch), list[str]()
    fibres = [turns.begin(partial(tell, database, told, f"n{place}")) for place in range(5)]
    del turns.errands[1:]
    for served in (2, 4, 5):
        turns.run_errands()
        assert turns.waiting == fibres[:served]
    assert counts == [2, 2, 1]
    assert turns.errands == []


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

        turns = Turns()
        begun = [turns.begin(partial(run, place, wishes)) for place, wishes in enumerate(asked)]
        while turns.errands or turns.waiting:
            which = order.pop() if order else 0
            if turns.waiting and (which % 2 or not turns.errands):
                turns.waiting.pop(which % len(turns.waiting)).switch()
            else:
                turns.run_errands()
        assert all(fibre.dead for fibre in begun)
        names = {f"n{this}.{p}.{number}": good for p, one in enumerate(asked) for number, good in enumerate(one)}
        assert told == {name: name.upper() if good else name for name, good in names.items()}
        assert noted(database) - before == {name for name, good in names.items() if good}

    holds()


def test_nothing_else_is_taken_for_a_fibre() -> None:
    found = list[Fibre | None]()
    found.append(this_fibre())
    greenlet(lambda: found.append(this_fibre())).switch()
    assert found == [None, None]
