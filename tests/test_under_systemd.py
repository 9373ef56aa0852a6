"""The settings of the unit at a real gateway, under this machine's systemd: it serves, and is restarted when due."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.test_systemd import UNIT

ROOT = Path(__file__).resolve().parent.parent
pytestmark = [
    pytest.mark.skipif(not Path("/run/systemd/system").is_dir(), reason="systemd does not run this machine"),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may start services"),
]
NOT_HERE = (
    *("ConditionPathExists", "ExecStart", "User", "SupplementaryGroups", "LoadCredential", "WatchdogSec"),
    *("ConfigurationDirectory", "ConfigurationDirectoryMode", "StateDirectory", "LogsDirectory", "LogsDirectoryMode"),
    "RestartSec",  # many starts take long
    "ProtectHome",  # the checkout may be in somebody's home
)
"""Settings that belong to an installation."""
WATCHDOG = 4  # seconds
CONFIG = """
[gateway]
organisation = "Example Bank"
country = "GB"
[api]
port = 0
[[modem]]
port = "simulator"
time_scale = 0.1
[[modem]]
port = "/dev/there-is-none"
"""


def systemctl(*words: str) -> str:
    return subprocess.run(["systemctl", *words], capture_output=True, text=True, check=True).stdout.strip()


class Unit:
    """A unit like simwire.service, for the checkout."""

    def __init__(self) -> None:
        name = f"simwire-test-{os.getpid()}"
        self.name, self.state = f"{name}.service", Path("/var/lib", name)
        self._file = Path("/run/systemd/system", self.name)
        self.state.mkdir()
        config = self.state / "simwire.toml"
        config.write_text(CONFIG, encoding="utf-8")
        # Outside of the sandbox, in which root may not give a new file to the owner of its folder.
        words = [sys.executable, "-m", "gateway.cli", "keys", "create", "tests", "--config", str(config), "--json"]
        made = subprocess.run(words, cwd=ROOT, check=True, capture_output=True, text=True)
        self.key = str(json.loads(made.stdout)["key"])
        lines = [
            line for line in UNIT.read_text(encoding="utf-8").splitlines() if line.partition("=")[0] not in NOT_HERE
        ]
        here = [
            f"ExecStart={sys.executable} -m gateway.cli serve --config {config}",
            *(f"Environment=PYTHONPATH={ROOT}", f"StateDirectory={name}", f"WatchdogSec={WATCHDOG}", "RestartSec=1"),
        ]
        lines[lines.index("[Service]") + 1 : lines.index("[Service]") + 1] = here
        self._file.write_text("\n".join(lines), encoding="utf-8")
        systemctl("daemon-reload")
        systemctl("start", self.name)

    def show(self, name: str) -> str:
        return systemctl("show", self.name, f"--property={name}", "--value")

    @property
    def pid(self) -> int:
        return int(self.show("MainPID"))

    def until(self, condition: Callable[[], bool], seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, systemctl("status", "--no-pager", "-n50", self.name)
            time.sleep(0.1)

    def again(self, before: int) -> bool:
        """Whether it serves in another process than that."""
        return self.show("ActiveState") == "active" and self.pid not in (0, before)

    def url(self) -> str:
        said = subprocess.run(["journalctl", "-o", "cat", "-u", self.name], capture_output=True, text=True, check=True)
        return re.findall(r"^ready (\S+)$", said.stdout, re.MULTILINE)[-1]

    def end(self) -> None:
        subprocess.run(["systemctl", "stop", self.name], check=False)
        subprocess.run(["systemctl", "reset-failed", self.name], check=False, stderr=subprocess.DEVNULL)
        self._file.unlink()
        systemctl("daemon-reload")
        shutil.rmtree(self.state)


@pytest.fixture
def unit() -> Iterator[Unit]:
    unit = Unit()
    yield unit
    unit.end()


def test_it_serves_in_its_sandbox_and_comes_back_from_everything(unit: Unit) -> None:
    unit.until(lambda: unit.show("ActiveState") == "active")
    unit.until(lambda: unit.show("StatusText").startswith("1 of 2 modems ready"))
    body = json.dumps({"to": "+447700900123", "text": "hello"}).encode()
    headers = {"Authorization": f"Bearer {unit.key}", "Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(f"{unit.url()}/v1/messages", body, headers)) as answer:
        assert answer.status == 202
    first = unit.pid
    time.sleep(3 * WATCHDOG)  # one that nobody asks, and of whose modems one is away, is left alone
    assert unit.pid == first
    os.kill(first, signal.SIGKILL)
    unit.until(lambda: unit.again(first))
    second = unit.pid
    os.kill(second, signal.SIGSTOP)
    unit.until(lambda: unit.again(second))  # nobody but the watchdog ends a process that is stopped


def test_a_configuration_that_cannot_be_used_is_not_tried_again(unit: Unit) -> None:
    unit.until(lambda: unit.show("ActiveState") == "active")
    (unit.state / "simwire.toml").write_text("nothing = 1", encoding="utf-8")
    os.kill(unit.pid, signal.SIGKILL)
    unit.until(lambda: unit.show("ActiveState") == "failed")
    assert unit.show("ExecMainStatus") == "78"
    assert unit.show("NRestarts") == "1"


def test_what_another_start_may_cure_is_tried_until_it_does(unit: Unit) -> None:
    """More often than the five starts after which systemd gives up by default."""
    unit.until(lambda: unit.show("ActiveState") == "active")
    systemctl("stop", unit.name)
    with (unit.state / "simwire.db.lock").open("a") as held:  # as another gateway that serves the database does
        fcntl.flock(held, fcntl.LOCK_EX)
        systemctl("start", "--no-block", unit.name)
        unit.until(lambda: int(unit.show("NRestarts")) > 6, seconds=120)
        unit.until(lambda: unit.show("ExecMainStatus") == "1")  # 0 while the next one is on its way
    unit.until(lambda: unit.show("ActiveState") == "active")
