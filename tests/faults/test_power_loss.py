"""The database as a power loss can leave it: its log cut, torn or with junk behind it, its file half written.

A power loss keeps what was synced and any part of what was not. So every length of the log behind a step is a file
that may be found at the next start, and everything that was promised up to that step must hold in it. A run looks at
one such file for each step; SIMWIRE_CUTS=20 looks at twenty.
"""

from __future__ import annotations

import os
import random
import sqlite3
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

from gateway.messages import MOVES, MessageState
from gateway.store import Store, StoreDamaged
from hardware.clock import FakeClock
from tests.faults.life import Life, marked
from tests.gateway.store.bench import ONE, TWO, Bench

STEPS, AFTER_CHECKPOINT = 60, 12
LOG_HEADER = 32  # octets, in one sector: it is never half written
CUTS = int(os.environ.get("SIMWIRE_CUTS", "1"))


@dataclass(frozen=True)
class Files:
    """What lies on the disk: the main file and its log."""

    step: int
    main: bytes
    log: bytes


class Scene:
    """A life in a folder, and the files after each of its steps."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder / "run"
        self.folder.mkdir()
        Bench(self.folder).close()  # the schema is in the main file
        self.bench = Bench(self.folder)
        self.bench.store.database._connection.execute("PRAGMA wal_autocheckpoint = 0")
        self.key = (self.folder / "simwire.key").read_bytes()
        self.life = Life(self.bench, seed)
        self.files = [self.now()]

    def now(self) -> Files:
        name = self.folder / "simwire.db"
        log = name.with_name("simwire.db-wal")
        return Files(self.life.steps, name.read_bytes(), log.read_bytes() if log.exists() else b"")

    def live(self, steps: int) -> None:
        for _ in range(steps):
            self.life.step()
            self.files.append(self.now())


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """In memory where that can be: thousands of syncs prove nothing here, see test_order_of_syncs."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(prefix="simwire-tests-", dir=memory) as made:
        yield Path(made)


@pytest.fixture(params=[1, 2])
def scene(folder: Path, request: pytest.FixtureRequest) -> Iterator[Scene]:
    made = Scene(folder, request.param)
    yield made
    made.bench.close()


def test_every_promise_holds_wherever_the_log_is_cut(scene: Scene, folder: Path) -> None:
    scene.live(STEPS)
    assert len({promise.what.split()[0] for promise in scene.life.promises}) > 5
    chance = random.Random(7)
    for before, after in pairwise(scene.files):
        for number in range(CUTS):
            cut = chance.randint(len(before.log), len(after.log))
            junk = chance.choice((b"", b"", chance.randbytes(chance.randint(1, 9000)), bytes(5000)))
            judge(scene, Files(before.step, before.main, after.log[:cut] + junk), folder / f"{before.step}-{number}")
    judge(scene, scene.files[-1], folder / "whole")


def test_every_promise_holds_where_a_checkpoint_was_cut_short(scene: Scene, folder: Path) -> None:
    scene.live(STEPS)
    before, chance = scene.files[-1], random.Random(8)
    scene.bench.store.database._connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
    after = scene.now()
    assert after.main != before.main
    size = scene.bench.store.database._connection.execute("PRAGMA page_size").fetchone()[0]
    for number in range(2 + CUTS):
        pages = [
            (after if chance.random() < (0.1, 0.5, 0.9)[number % 3] else before).main[at : at + size].ljust(size, b"\0")
            for at in range(0, len(after.main), size)
        ]
        judge(scene, Files(before.step, b"".join(pages), before.log), folder / f"half-{number}")
    # From here on the log is written anew from its beginning, over frames that the file has.
    scene.files = [after]
    scene.live(AFTER_CHECKPOINT)
    for one, two in pairwise(scene.files):
        for number in range(CUTS):
            edge = next((at for at, (a, b) in enumerate(zip(one.log, two.log, strict=False)) if a != b), len(one.log))
            log = two.log[: max(LOG_HEADER, chance.randint(edge, len(two.log)))]
            judge(scene, Files(one.step, after.main, log + one.log[len(log) :]), folder / f"anew-{one.step}-{number}")


def judge(scene: Scene, files: Files, folder: Path) -> None:
    """Start on these files in the next boot: all that was promised holds, and nothing is sent twice unmarked."""
    folder.mkdir()
    (folder / "simwire.db").write_bytes(files.main)
    (folder / "simwire.db-wal").write_bytes(files.log)
    (folder / "simwire.key").touch(0o600)
    (folder / "simwire.key").write_bytes(scene.key)
    now = scene.bench.now
    store = Store.open(
        folder / "simwire.db", folder / "simwire.key", FakeClock(now.wall + 20, 5.0, "boot-2"), checked=True
    )
    try:
        found = [row[0] for row in store.database._connection.execute("PRAGMA integrity_check")]
        # SQLite 3.40 finds NULL where there is none, in tables without rowid whose primary key does not come first.
        assert [one for one in found if not one.startswith(("ok", "NULL value in guesses"))] == []
        assert store.database._connection.execute("PRAGMA foreign_key_check").fetchall() == []
        made = [promise for promise in scene.life.promises if promise.step <= files.step]
        assert [promise.what for promise in made if not promise.holds(store)] == []
        store.outbox.recover(store.database.clock.now())
        assert [promise.what for promise in made if not promise.holds(store)] == [], "after recovering"
        nothing_goes_twice_unmarked(scene, store, files.step)
        moves_are_allowed(store)
    finally:
        store.close()


def nothing_goes_twice_unmarked(scene: Scene, store: Store, step: int) -> None:
    clock = store.database.clock
    assert isinstance(clock, FakeClock)
    left = [sent for sent in scene.life.sent if sent.step <= step]
    for _ in range(3):
        for by in (ONE, TWO):
            while (attempt := store.outbox.claim(by, clock.now())) is not None:
                before = [
                    sent
                    for sent in left
                    if (sent.attempt.message_id, sent.attempt.part) == (attempt.message_id, attempt.part)
                    and (sent.refused is None or sent.refused > step + 1)  # that of the next step may be stored, too
                ]
                assert not before or marked(attempt), f"part {attempt.part} of {attempt.message_id} goes twice"
                assert store.outbox.begin(attempt.id, clock.now())
                store.outbox.accepted(attempt.id, 200, clock.now(), "+CMGS: 200")
        clock.advance(6)
        store.outbox.wake_due(clock.now())


def moves_are_allowed(store: Store) -> None:
    with store.database.read() as cx:
        open_ones = cx.execute("SELECT count(*) FROM attempts WHERE state IN ('claimed', 'submitting')").fetchone()[0]
        ids = [row["id"] for row in cx.execute("SELECT id FROM messages")]
    assert open_ones == 0
    for message_id in ids:
        states = [MessageState(entry.state) for entry in store.outbox.timeline(message_id)]
        assert states[0] is MessageState.QUEUED
        assert all(one is two or two in MOVES[one] for one, two in pairwise(states)), states


def test_a_log_that_is_none_is_refused_and_named(scene: Scene, folder: Path) -> None:
    """SQLite would take it for an empty one, and what was accepted last would be gone without a word."""
    scene.live(10)
    files = scene.now()
    for place in (0, 3, 9, 20, 30):
        log = bytearray(files.log)
        log[place] ^= 0x55
        with pytest.raises(StoreDamaged, match=r"simwire\.db-wal, which holds what was stored last, is damaged"):
            judge(scene, Files(files.step, files.main, bytes(log)), folder / f"flipped-{place}")
    for number, log in enumerate((b"", b"\x37\x7f", bytes(32), bytes(9000))):  # a power loss before the first sync
        judge(scene, Files(0, scene.files[0].main, log), folder / f"nothing-{number}")


def test_what_needs_no_sync_is_not_promised_and_what_follows_it_takes_it_along(folder: Path) -> None:
    """A claim is not synced; the mark that follows it is, and both are there or the mark was never told."""
    bench = Bench(folder)
    cx: sqlite3.Connection = bench.store.database._connection
    seen: list[str] = []
    cx.set_trace_callback(lambda sql: seen.append(sql) if "synchronous" in sql or sql == "COMMIT" else None)
    bench.add()
    bench.begin()
    cx.set_trace_callback(None)
    assert [sql for sql in seen if sql == "COMMIT"] == ["COMMIT"] * 3
    assert seen == ["COMMIT", "PRAGMA synchronous = NORMAL", "COMMIT", "PRAGMA synchronous = FULL", "COMMIT"]
    bench.close()
