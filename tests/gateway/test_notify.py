"""What systemd is told, as it arrives at its socket, and which exit statuses say that another start mends nothing."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from gateway.cli.failure import Failure
from gateway.cli.serve import _statuses
from gateway.config import load
from gateway.notify import EXTENSION, STATUS_EVERY, TELL_EVERY, ServiceManager, StatusLine
from gateway.store import Store
from hardware.clock import FakeClock
from tests.gateway.rig import Rig

CONFIG = """
[gateway]
organisation = "Example Bank"
country = "GB"
[api]
port = 0
[[modem]]
port = "/dev/there-is-none"
"""


class Systemd:
    """The other end of $NOTIFY_SOCKET."""

    def __init__(self, address: str) -> None:
        self.environ = {"NOTIFY_SOCKET": address}
        self._door = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._door.bind(address.replace("@", "\0", 1))
        self._door.settimeout(100)
        self.heard: list[str] = []

    def next(self) -> str:
        self.heard.append(self._door.recv(4096).decode())
        return self.heard[-1]

    def until(self, line: str) -> None:
        while line not in self.next().splitlines():
            pass

    def nothing(self) -> bool:
        """Whether nothing more has come."""
        self._door.setblocking(False)
        try:
            return not self.next()
        except BlockingIOError:
            return True
        finally:
            self._door.settimeout(100)

    def close(self) -> None:
        self._door.close()


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[Callable[[str], Systemd]]:
    made: list[Systemd] = []

    def make(address: str = "") -> Systemd:
        made.append(Systemd(address or str(tmp_path / "notify")))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.mark.parametrize("address", ["", f"@simwire-test-{os.getpid()}"], ids=["path", "abstract"])
def test_each_thing_that_is_told_arrives(listening: Callable[[str], Systemd], address: str) -> None:
    systemd = listening(address)
    manager = ServiceManager.of(systemd.environ, 42, FakeClock())
    assert systemd.environ == {}
    manager.ready()
    manager.alive()
    manager.status("two\nlines")
    manager.stopping()
    told = [systemd.next() for _ in range(4)]
    assert told[:3] == ["READY=1\n", "WATCHDOG=1\n", "STATUS=two lines\n"]
    assert told[3].startswith("STOPPING=1\n")


def test_a_reload_ends_with_ready_whatever_comes_of_it(listening: Callable[..., Systemd]) -> None:
    systemd = listening()
    manager = ServiceManager.of(systemd.environ, 42, FakeClock())

    def reload() -> None:
        with manager.reloading():
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        reload()
    begun = systemd.next().splitlines()
    assert begun[0] == "RELOADING=1"
    assert begun[1].startswith("MONOTONIC_USEC=")
    assert systemd.next() == "READY=1\n"


def test_a_start_that_gets_on_is_given_more_time_now_and_then(listening: Callable[..., Systemd]) -> None:
    systemd, clock = listening(), FakeClock()
    manager = ServiceManager.of(systemd.environ, 42, clock)
    for _ in range(100):
        manager.starting()
    assert systemd.next().splitlines()[0] == f"EXTEND_TIMEOUT_USEC={int(EXTENSION * 1e6)}"
    assert systemd.nothing()
    clock.advance(TELL_EVERY)
    manager.starting()
    assert "EXTEND_TIMEOUT_USEC" in systemd.next()
    manager.ready()
    assert systemd.next() == "READY=1\n"
    clock.advance(TELL_EVERY)
    manager.starting()
    assert systemd.nothing(), "statements take their time later on, too"


def test_the_watchdog_of_another_process_is_not_ours() -> None:
    clock = FakeClock()
    ours = {"NOTIFY_SOCKET": "@x", "WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "42"}
    assert ServiceManager.of(dict(ours), 42, clock).watchdog == 60.0
    assert ServiceManager.of(dict(ours), 43, clock).watchdog is None
    assert ServiceManager.of({"NOTIFY_SOCKET": "@x"}, 42, clock).watchdog is None


def test_without_a_service_manager_nothing_happens(tmp_path: Path) -> None:
    for environ in ({}, {"NOTIFY_SOCKET": str(tmp_path / "gone")}):
        nobody = ServiceManager.of(environ, 42, FakeClock())
        assert nobody.watchdog is None
        nobody.ready()
    assert not list(tmp_path.iterdir())


def test_the_status_line_counts_modems_and_messages(listening: Callable[..., Systemd], tmp_path: Path) -> None:
    systemd, rig = listening(), Rig(tmp_path, 2)
    line = StatusLine(ServiceManager.of(systemd.environ, 42, rig.clock), rig.store, rig.fleet.views)
    line.round(rig.clock.now())
    assert systemd.next() == "STATUS=0 of 2 modems ready, no messages to be sent\n"
    rig.send()
    rig.code()
    line.round(rig.clock.now())
    assert systemd.nothing()
    rig.clock.advance(STATUS_EVERY)
    line.round(rig.clock.now())
    assert systemd.next() == "STATUS=0 of 2 modems ready, 2 messages to be sent, 1 of them code\n"
    rig.store.close()


def serve(folder: Path, **environ: str) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "gateway.cli", "serve", "--config", str(folder / "simwire.toml")]
    return subprocess.Popen(words, env={**os.environ, **environ}, stderr=subprocess.PIPE, text=True)


def test_a_served_gateway_tells_its_life(listening: Callable[..., Systemd], tmp_path: Path) -> None:
    systemd = listening()
    (tmp_path / "simwire.toml").write_text(CONFIG, encoding="utf-8")
    with serve(tmp_path, WATCHDOG_USEC="400000", **systemd.environ) as gateway:
        systemd.until("READY=1")
        systemd.until("WATCHDOG=1")
        systemd.until("WATCHDOG=1")
        gateway.send_signal(signal.SIGTERM)
        systemd.until("STOPPING=1")
        gateway.communicate(timeout=100)
    assert gateway.returncode == 0
    assert any(line.startswith("STATUS=0 of 1 modem ready") for line in systemd.heard)


def status(folder: Path) -> int:
    """The exit status of a serve that fails so, once its configuration was read."""

    @_statuses()
    def start() -> None:
        config = load(folder / "simwire.toml").gateway
        Store.open(config.database, config.key_file, FakeClock(), checked=True)

    with pytest.raises(Failure) as failed:
        start()
    return failed.value.exit_code


def test_what_only_a_person_can_mend_has_an_exit_status_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "simwire.toml").write_text(CONFIG.replace("GB", "XX"), encoding="utf-8")
    assert status(tmp_path) == 78
    (tmp_path / "simwire.toml").write_text(CONFIG, encoding="utf-8")
    database, key = tmp_path / "simwire.db", tmp_path / "simwire.key"
    Store.open(database, key, FakeClock()).close()
    away = key.rename(tmp_path / "away")
    assert status(tmp_path) == 78
    away.rename(key)
    with closing(sqlite3.connect(database, isolation_level=None)) as cx:
        cx.execute("INSERT INTO _sqlite_migrations VALUES (99, 'simwire', '9999_later', 'now')")
    assert status(tmp_path) == 78
    database.write_bytes(b"no database at all" * 100)
    assert status(tmp_path) == 65
