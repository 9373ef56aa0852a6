"""The log of events: what a reader behind an id sees while others write."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.messages import Json
from gateway.store import Sight, Subscription

from .bench import Bench

EVERYTHING = Sight(None, inbox=True, modems=True)
ACCEPTS, MARKS, TURNS, UNDONE = 4, 2, 60, 3  # threads of each kind, what each does, and every how many-th is undone


def emit(bench: Bench, cx: sqlite3.Connection, *, undone: bool = False) -> None:
    bench.store.events.emit(cx, "modem.ready", None, "sim1", {}, bench.now)
    if undone:
        raise RuntimeError


def accepts(bench: Bench) -> None:
    for turn in range(TURNS):
        undone = turn % UNDONE == 0
        try:
            bench.store.database.accept(lambda cx, undone=undone: emit(bench, cx, undone=undone))
        except RuntimeError:
            continue


def marks(bench: Bench) -> None:
    for _ in range(TURNS):
        with bench.store.database.mark() as cx:
            emit(bench, cx)


def follow(bench: Bench, done: threading.Event, read: list[int]) -> None:
    position, last = 0, False
    while True:
        events, position = bench.store.events.seen(position, EVERYTHING, 7)
        read.extend(event.id for event in events)
        if last and not events:
            return
        last = done.is_set()
        bench.store.events.wait(position, 0.02)


def test_a_reader_misses_and_repeats_nothing_while_many_write(bench: Bench) -> None:
    """Also where a part of a shared commit is undone: its ids are given again before anybody can see them."""
    done = threading.Event()
    read: list[list[int]] = [[], []]
    readers = [threading.Thread(target=follow, args=(bench, done, one)) for one in read]
    work: list[Callable[[Bench], None]] = [*[accepts] * ACCEPTS, *[marks] * MARKS]
    writers = [threading.Thread(target=one, args=(bench,)) for one in work]
    for thread in (*readers, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    for thread in readers:
        thread.join()
    written = ACCEPTS * (TURNS - TURNS // UNDONE) + MARKS * TURNS
    assert read == [list(range(1, written + 1))] * 2


def test_what_is_not_shown_is_passed_over(bench: Bench) -> None:
    for _ in range(5):
        with bench.store.database.mark() as cx:
            emit(bench, cx)
    assert bench.store.events.seen(0, Sight("shop")) == ([], 5)
    events, upto = bench.store.events.seen(1, EVERYTHING, 2)
    assert ([event.id for event in events], upto) == ([2, 3], 3)
    assert bench.store.events.seen(9, EVERYTHING) == ([], 9)


def lose_power(bench: Bench, kept: Path) -> None:
    """Everything after the last sync is gone, and the machine starts anew."""
    bench.close()
    shutil.rmtree(bench.folder)
    shutil.copytree(kept, bench.folder)
    bench.clock.reboot("after the power loss", wall=bench.now.wall + 60)
    bench.crash()


@pytest.mark.parametrize("before", [0, 3])
def test_an_id_that_was_told_before_a_power_loss_comes_to_mean_no_other_event(
    bench: Bench, tmp_path_factory: pytest.TempPathFactory, before: int
) -> None:
    hook = (Subscription("hook"),)
    bench.store.events.subscriptions = hook
    for _ in range(before):
        with bench.store.database.mark() as cx:
            emit(bench, cx)
    kept = tmp_path_factory.mktemp("kept") / "synced"
    shutil.copytree(bench.folder, kept)
    with bench.store.database.mark(synced=False) as cx:
        emit(bench, cx)
    told, position = bench.store.events.seen(0, EVERYTHING)
    with bench.store.database.read() as read:
        queued = {row["id"] for row in read.execute("SELECT id FROM deliveries")}
    lose_power(bench, kept)
    bench.store.events.subscriptions = hook
    with bench.store.database.mark() as cx:
        emit(bench, cx)
    (event,), _ = bench.store.events.seen(position, EVERYTHING)
    assert event.id not in {one.id for one in told}
    with bench.store.database.read() as read:
        assert read.execute("SELECT max(id) FROM deliveries").fetchone()[0] not in queued


def test_ids_go_on_without_a_gap_where_only_the_process_ended(bench: Bench) -> None:
    for expected in (1, 2):
        with bench.store.database.mark() as cx:
            emit(bench, cx)
        assert bench.store.events.span() == (1, expected)
        bench.crash()


def test_listeners_hear_of_what_is_committed_and_of_nothing_else(bench: Bench) -> None:
    heard: list[tuple[str, Json]] = []
    bench.store.events.listeners.append(lambda kind, body: heard.append((kind, body)))
    accepts(bench)
    assert heard == [("modem.ready", {})] * (TURNS - TURNS // UNDONE)
