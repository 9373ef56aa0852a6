"""The gateway of a run: one process after the other over the same database, under a clock that may be wrong."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path

FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")
STARTED = 8
"""Seconds that a machine has been on when the gateway starts on it."""
STOP_WITHIN = 20.0
"""Seconds for SIGTERM: 10 for the modems, 2 for webhooks, and for the machine to do the rest."""


def boot() -> float:
    """CLOCK_BOOTTIME in seconds."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass(slots=True)
class Life:
    """One process, from start to end."""

    pid: int
    began: float
    ready: float = 0.0
    ended: float = 0.0
    boot_id: str = ""
    samples: list[tuple[float, int, int, int]] = field(default_factory=list)
    """(when, threads, descriptors, resident bytes)"""


class GatewayProcess:
    """`simwire serve`. One thread at a time may start and end it; anyone may look."""

    def __init__(self, folder: Path, config: Path) -> None:
        self.config = config
        self.faked = False
        """Whether the next process gets a clock that can be stepped: that costs it dearly, so only where it is."""
        self.log = folder / "log.txt"
        self.lives: list[Life] = []
        self.up = threading.Event()
        self.trouble: list[str] = []
        """What a process did that it must not do."""
        self._offset = folder / "faketime"
        self._boot_id = folder / "boot_id"
        self._boots_at: int | None = None  # CLOCK_BOOTTIME of the machine at which that other boot began
        self._process: subprocess.Popen[bytes] | None = None
        self.set_clock(0)

    @property
    def life(self) -> Life:
        """The newest process."""
        return self.lives[-1]

    def start(self, wait: float = 60) -> None:
        """Start and wait for the ready line; raises RuntimeError with the log's end where it does not come."""
        known = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as sink:
            self._process = subprocess.Popen(self._words(), stdout=subprocess.DEVNULL, stderr=sink, env=self._env())
        self.lives.append(Life(self._process.pid, boot(), boot_id=self._boot_name()))
        deadline = time.monotonic() + wait
        while time.monotonic() < deadline and self._process.poll() is None:
            with self.log.open("rb") as log:
                log.seek(known)
                if re.search(rb"ready http://", log.read()):
                    self.life.ready = boot()
                    self.up.set()
                    return
            time.sleep(0.02)
        if self._process.poll() is None:
            self._process.kill()
        raise RuntimeError("the gateway did not start:\n" + self.log.read_text()[-3000:])

    def kill(self) -> None:
        """End it as `kill -9` does."""
        self._end(signal.SIGKILL)

    def term(self) -> float:
        """SIGTERM; the seconds that it took. Another exit status than 0, or none in time, is trouble."""
        asked = boot()
        status = self._end(signal.SIGTERM)
        took = self.life.ended - asked
        if status != 0:
            self.trouble.append(f"SIGTERM led to exit status {status} after {took:.1f} s")
        return took

    def _end(self, how: signal.Signals) -> int:
        assert self._process is not None
        self.up.clear()
        if (status := self._process.poll()) is not None:
            self.trouble.append(f"the process had ended by itself with {status}")
        self._process.send_signal(how)
        try:
            status = self._process.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            self._process.kill()
            status = self._process.wait()
            self.trouble.append(f"it did not end within {STOP_WITHIN:g} s of {how.name}")
        self.life.ended = boot()
        return status

    def sample(self) -> tuple[float, int, int, int] | None:
        """Threads, descriptors and memory now; None while no process serves."""
        if not self.up.is_set():
            return None
        proc = Path(f"/proc/{self.life.pid}")
        try:
            status = (proc / "status").read_text()
            files = len(list((proc / "fd").iterdir()))
        except OSError:
            return None
        taken = (boot(), _field(status, "Threads"), files, _field(status, "VmRSS") * 1024)
        self.life.samples.append(taken)
        return taken

    def cpu(self) -> float:
        """CPU seconds of the process that serves."""
        ticks = Path(f"/proc/{self.life.pid}/stat").read_text().rpartition(") ")[2].split()
        return (int(ticks[11]) + int(ticks[12])) / os.sysconf("SC_CLK_TCK")

    # -- what is wrong with its world ---------------------------------------------------------------------------------

    def set_clock(self, offset: float) -> None:
        """Step its wall clock to that many seconds from the machine's."""
        new = self._offset.with_suffix(".new")
        new.write_text(f"{offset:+g}\n")
        new.replace(self._offset)

    def other_boot(self) -> None:
        """From the next start on the machine has another boot id, and a boot clock that began seconds ago."""
        self._boot_id.write_text(f"{uuid.uuid4()}\n")
        self._boots_at = int(boot()) - STARTED

    def limit_files(self, size: int | None) -> None:
        """No file may grow beyond that many octets; None takes the limit away."""
        _, most = resource.prlimit(self.life.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(self.life.pid, resource.RLIMIT_FSIZE, (most if size is None else size, most))

    def _words(self) -> list[str]:
        serve = [sys.executable, "-m", "gateway.cli", "serve", "--config", str(self.config)]
        return serve if self._boots_at is None else [*another_boot(self._boot_id, self._boots_at), *serve]

    def _env(self) -> dict[str, str]:
        if not self.faked:
            return dict(os.environ)
        # Only the wall clock is faked. A step takes effect within two seconds: without a cache each look at a clock
        # opens a file, and each change of threads in the interpreter looks at one.
        return os.environ | {
            "LD_PRELOAD": str(FAKETIME),
            "FAKETIME_TIMESTAMP_FILE": str(self._offset),
            "FAKETIME_CACHE_DURATION": "1",
            "NO_FAKE_STAT": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def _boot_name(self) -> str:
        return self._boot_id.read_text().strip() if self._boots_at is not None else "the machine's"

    def make_key(self, *scopes: str) -> str:
        """A key by the command line."""
        words = [sys.executable, "-m", "gateway.cli", "keys", "create", "chaos", "--config", str(self.config), "--json"]
        for scope in scopes:
            words += ["--scope", scope]
        answer = subprocess.run(words, check=True, capture_output=True, text=True)
        return str(json.loads(answer.stdout)["key"])


def _field(status: str, name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+)", status, re.MULTILINE)
    return int(found[1]) if found else 0


def another_boot(boot_id: Path, boots_at: int) -> list[str]:
    """The words before a command that let it see another boot: that boot id, and a boot clock from `boots_at` on."""
    inside = f'mount --bind {boot_id} /proc/sys/kernel/random/boot_id && exec "$@"'
    return ["unshare", "--mount", "--time", f"--boottime=-{boots_at}", "sh", "-c", inside, "sh"]


def free_port() -> int:
    """A port of loopback that nobody has now; it stays the gateway's over all its lives."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
