"""Databases with as many messages as asked for, as the product leaves them: for P7 and for what one host can hold.

A pattern of a few messages of each kind is sent through the product (workers, simulated modems, reports, checks), and
then copied in SQL: new ids, numbers, references and times, one message in ten seconds up to now, everything sealed for
its new place. Ids keep their time and order, numbers come again as people's do, references run through 0-255 on four
SIMs, and what the usual retention erases first is gone: events after 7 days, texts after 30.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.copier import Copier
from benchmarks.rig import LONG, Rig
from gateway.messages import Lane
from gateway.store.cipher import Cipher, read_key_file
from hardware.clock import FakeClock, Instant
from hardware.pdu import DeliverPdu

SIMS = 4
TAG, OTHER_TAG = "campaign", "receipt"
BATCH = 5000  # copies of the pattern that one statement makes
RECEIVED = "07911326040000F0040B911346610089F60000208062917314080CC8F71D14969741F977FD07"

_KINDS = ("code",) * 9 + ("wrong code", "late code") + ("text",) * 5 + ("long",) * 2 + ("refused", "tagged")
PATTERN = len(_KINDS)
"""Messages in one copy of the pattern."""


def pattern(folder: Path, clock: FakeClock) -> Path:
    """One message of each kind, sent by the product and final; the database's path."""
    rig = Rig(folder, SIMS, (0.2, 0.4), clock=clock)
    store, challenges = rig.store, rig.store.challenges
    for number, kind in enumerate(_KINDS):
        to = f"+4477009{number:05}"
        if kind in ("code", "wrong code", "late code"):
            message = rig.code(to, lifetime=60.0)
            assert message.challenge_id is not None
            rig.play(3.0)
            if kind == "wrong code":
                challenges.check(message.challenge_id, None, lambda _: False, clock.now())
            if kind != "late code":
                challenges.check(message.challenge_id, None, lambda _: True, clock.now())
        elif kind == "refused":
            rig.network.open = False
            rig.send("a message to a number that does not exist", to)
            rig.play(3.0)
            rig.network.open = True
        else:
            tags = {"tagged": (TAG, OTHER_TAG), "long": (TAG,)}.get(kind, ())
            rig.send(
                LONG if kind == "long" else "Your parcel comes tomorrow between 10 and 12.", to, Lane.BULK, tags=tags
            )
            rig.play(3.0)
    for number in range(2):
        raw = RECEIVED[:-4] + f"{number:02X}07"
        store.inbox.receive(raw, DeliverPdu.decode(raw), "sim1", "001010000000001", clock.now())
    rig.settle()
    rig.play(70.0)
    rig.close()
    return folder / "rig.db"


def fill(folder: Path, messages: int, now: Instant, tell: Callable[[str], None] = lambda _: None) -> Path:
    """A database `bench.db` with its key file `bench.key` and so many messages, the newest a minute before `now`."""
    clock = FakeClock(wall=now.wall - 1200.0, boot=now.boot)
    database = pattern(folder, clock).rename(folder / "bench.db")
    key_file = (folder / "rig.key").rename(folder / "bench.key")
    cx = sqlite3.connect(database, isolation_level=None)
    # Made for measurements: what a crash would leave of it does not matter.
    cx.executescript(
        "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -2000000; PRAGMA temp_store = FILE"
    )
    copies = max(1, messages // PATTERN)
    copier = Copier(cx, Cipher(read_key_file(key_file, database)), copies, round((now.wall - 60.0) * 1000))
    begun = time.monotonic()
    indexes = cx.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL").fetchall()
    for name, _ in indexes:
        cx.execute(f"DROP INDEX {name}")
    for first in range(0, copies, BATCH):
        copier.copy(first, min(copies, first + BATCH))
        tell(f"{min(copies, first + BATCH) * PATTERN} messages, {time.monotonic() - begun:.0f} s")
    copier.finish()
    for _, statement in indexes:
        cx.execute(statement)
    cx.execute("PRAGMA journal_mode = WAL")
    cx.close()
    tell(f"with indexes, {time.monotonic() - begun:.0f} s")
    return database
