"""A file that is damaged, held by another program or not to be written: said at the start, and while it is in use."""

from __future__ import annotations

import logging
import re
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from gateway.messages import MessageState
from gateway.store import Store, StoreDamaged, StoreFailed, soundness
from hardware.clock import FakeClock
from tests.acceptance.harness import Gateway, World, until
from tests.faults.conftest import MountDisk
from tests.gateway.store.bench import ANY, CODE, Bench

pytestmark = pytest.mark.timeout(240)  # processes start slowly on a machine that is busy
LONGER_THAN_WAITED_FOR = 7.0  # seconds; the store waits for five


def root_page(path: Path, name: str) -> tuple[int, int]:
    """Where the first page of a table or an index begins in the file, and its size."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as cx:
        size = cx.execute("PRAGMA page_size").fetchone()[0]
        page = cx.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (name,)).fetchone()[0]
    return (page - 1) * size, size


def overwrite(path: Path, at: int, octets: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(octets)


def reopened(folder: Path) -> Store:
    return Store.open(folder / "simwire.db", folder / "simwire.key", FakeClock(), checked=True)


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """A database with something in it, closed."""
    bench = Bench(tmp_path)
    with bench.store.database.mark() as cx:
        for _ in range(20):
            bench.store.outbox.enqueue(cx, ANY, bench.now)
    code = bench.add_code(CODE)
    bench.store.challenges.check(code.challenge_id, "shop", lambda _: False, bench.now)
    bench.send(1)
    bench.close()
    return tmp_path


def test_a_sound_database_opens(filled: Path) -> None:
    """SQLite 3.40 finds values missing in a table of wrong codes where none is."""
    store = reopened(filled)
    assert store.outbox.queue_depth() > 0
    store.close()


@pytest.mark.parametrize(
    ("name", "octets"),
    [
        ("messages", b"\xff" * 4096),
        ("attempts", b"\0" * 4096),
        ("attempts_ready", b"\x0d\x01\x02\xff\xfe" * 800),
        ("guesses", b"\xff" * 4096),
    ],
)
def test_a_start_refuses_a_damaged_page_and_says_how_to_restore(filled: Path, name: str, octets: bytes) -> None:
    path = filled / "simwire.db"
    overwrite(path, root_page(path, name)[0], octets)
    before = path.read_bytes()
    with pytest.raises(StoreDamaged, match="restore a backup: with simwire stopped, move") as caught:
        reopened(filled)
    assert str(path) in str(caught.value)
    assert "docs/durability.md" in str(caught.value)
    assert path.read_bytes() == before, "nothing was written to it"


@pytest.mark.parametrize("place", [0, 16, 100])
def test_a_start_refuses_a_damaged_header(filled: Path, place: int) -> None:
    overwrite(filled / "simwire.db", place, b"\xa5" * 84)
    with pytest.raises(StoreDamaged, match="restore a backup"):
        reopened(filled)


def test_a_file_that_was_cut_off_is_refused(filled: Path) -> None:
    path = filled / "simwire.db"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(StoreDamaged, match="restore a backup"):
        reopened(filled)


def test_a_look_at_the_pages_ends_in_time_and_says_what_it_left_out(
    filled: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(sqlite3.connect(filled / "simwire.db")) as cx, caplog.at_level(logging.INFO):
        soundness.check_pages(cx, filled / "simwire.db", seconds=-1.0)
        assert cx.execute("SELECT count(*) FROM messages").fetchone()[0] == 21, "nothing interrupts what comes later"
    assert "not looked at" in caplog.text
    assert "timeline" in caplog.text


def test_damage_that_is_met_in_use_ends_all_reading_and_writing(filled: Path) -> None:
    path = filled / "simwire.db"
    store = reopened(filled)
    told = threading.Event()
    store.database.soundness.on_damage = told.set
    overwrite(path, root_page(path, "inbox")[0], b"\xff" * 4096)
    with pytest.raises(StoreDamaged, match="restore a backup"):
        store.inbox.list()
    assert told.is_set()
    now = store.database.clock.now()
    with pytest.raises(StoreDamaged):
        store.outbox.counts_by_state()
    with pytest.raises(StoreDamaged):
        store.outbox.recover(now)
    with pytest.raises(StoreDamaged):
        store.database.accept(lambda cx: store.blocked.opt_out(cx, "+447700900101", now))
    store.close()


def test_damage_that_one_message_meets_is_not_taken_for_a_damaged_message(bench_of_pages: Bench) -> None:
    """Rounds go on without a message that cannot be dealt with; without a page they must not."""
    bench = bench_of_pages
    path = bench.folder / "simwire.db"
    overwrite(path, root_page(path, "events")[0], b"\xff" * 4096)
    bench.clock.advance(4000)
    with pytest.raises(StoreDamaged):
        bench.store.outbox.expire_due(bench.now)
    assert bench.store.database.soundness.damage is not None


@pytest.fixture
def bench_of_pages(tmp_path: Path) -> Bench:
    """A store whose file has everything, and whose connections know no page of it yet."""
    bench = Bench(tmp_path)
    bench.add()
    bench.crash()
    return bench


def test_a_backup_and_what_is_said_of_restoring_it_do_what_they_say(tmp_path: Path) -> None:
    """A copy of a database in use, put back later: what it had queued goes, or does not where that is wanted."""
    page = (Path(__file__).parents[2] / "docs" / "durability.md").read_text(encoding="utf-8")
    statement = re.search(r'sqlite3 simwire\.db "(UPDATE [^"]+)"', page)
    assert statement is not None
    bench = Bench(tmp_path)
    message = bench.add()
    with closing(sqlite3.connect(tmp_path / "simwire.db")) as source, closing(sqlite3.connect(tmp_path / "b.db")) as to:
        source.backup(to)
    bench.send(1)
    bench.close()
    (tmp_path / "b.db").rename(tmp_path / "simwire.db")
    with closing(sqlite3.connect(tmp_path / "simwire.db", isolation_level=None)) as cx:
        cx.execute(statement[1])
    bench.store = reopened(tmp_path)
    assert bench.nothing_for()
    bench.wake(3600)
    assert bench.state(message) == (MessageState.CANCELLED, "by_client")
    bench.close()


# -- served -----------------------------------------------------------------------------------------------------------


def test_a_served_gateway_that_meets_damage_ends_and_says_so_and_does_not_start_again(tmp_path: Path) -> None:
    world = World(tmp_path, modems=1)
    gateway = Gateway(world.write_config())
    path, log = tmp_path / "simwire.db", tmp_path / "log.txt"
    try:
        gateway.start(90)
        gateway.make_key("messages:send", "messages:read", "inbox:read")
        gateway.stop()
        gateway.start(90)
        overwrite(path, root_page(path, "inbox")[0], b"\xff" * 4096)
        assert gateway.call("GET", "/v1/inbox")[0] == 500
        assert gateway.process is not None
        assert gateway.process.wait(20) == 65
        assert f"simwire: {path} is damaged" in log.read_text()
        again = subprocess.run(
            [sys.executable, "-m", "gateway.cli", "serve", "--config", str(gateway.config)],
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert again.returncode == 65
        assert f"simwire: {path} is damaged (inbox" in again.stderr
        assert "restore a backup" in again.stderr
        assert "Traceback" not in again.stderr
    finally:
        if gateway.process is not None and gateway.process.poll() is None:
            gateway.kill()
        world.stop()


def test_a_program_that_holds_the_database_delays_everything_and_loses_nothing(tmp_path: Path) -> None:
    """Held while a part is on the air: its outcome waits, and is not taken for unknown."""
    world = World(tmp_path, modems=1, submit_seconds=1.5)
    gateway = Gateway(world.write_config())
    try:
        gateway.start(90)
        gateway.make_key("messages:send", "messages:read", "modems:read")
        gateway.until_ready(1)
        _, first = gateway.call("POST", "/v1/messages", {"to": "+447700900201", "text": "on the air"})
        until(lambda: gateway.call("GET", f"/v1/messages/{first['id']}")[1]["attempts"] == 1, 20, "begun")
        with closing(sqlite3.connect(tmp_path / "simwire.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            until_then = time.monotonic() + LONGER_THAN_WAITED_FOR
            status, body = gateway.call("POST", "/v1/messages", {"to": "+447700900202", "text": "refused"})
            assert (status, body["code"]) == (503, "store_unavailable")
            assert "held by another program" in body["detail"]
            assert gateway.call("GET", f"/v1/messages/{first['id']}")[0] == 200, "reading goes on"
            threading.Event().wait(max(0.0, until_then - time.monotonic()))
            other.execute("ROLLBACK")
        status, second = gateway.call("POST", "/v1/messages", {"to": "+447700900203", "text": "afterwards"})
        assert status == 202
        for message in (first, second):
            told = gateway.message(message["id"])
            assert told["state"] == "delivered"
            assert not any(entry["possible_duplicate"] for entry in told["timeline"])
        assert [record.destination for record in world.submits()] == ["+447700900201", "+447700900203"]
        assert gateway.stop() == 0
    finally:
        if gateway.process is not None and gateway.process.poll() is None:
            gateway.kill()
        world.stop()


def test_a_disk_that_cannot_be_written_is_said_at_the_start(mount_disk: MountDisk) -> None:
    disk = mount_disk(8)
    bench = Bench(disk)
    bench.add()
    bench.close()
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    with pytest.raises(StoreFailed, match=r"simwire\.db cannot be read or written .*; check the disk and who owns"):
        reopened(disk)
