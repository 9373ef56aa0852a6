"""What the measurements share: a gateway process, the instant modem, a bare floor, percentiles and the table."""

from __future__ import annotations

import json
import os
import platform
import re
import sqlite3
import subprocess
import sys
import tempfile
import time
import tty
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

Note = tuple[int, int, int]
SCOPES = ("messages:send", "messages:read", "otp:send", "otp:check", "modems:manage")
PDU = b"0011000C914477009000000000000A" + b"E8329BFD4697D9EC37"  # as long as a short message's


class Instrument:
    """The instant modem in a process of its own."""

    def __init__(self, radio: float = 0.0) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.instant_modem", "--radio", str(radio)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.path = self.process.stdout.readline().strip()

    def stop(self) -> list[Note]:
        """End it; the notes of every message it took."""
        output, _ = self.process.communicate(timeout=30)
        return [tuple(note) for note in json.loads(output)]


class Gateway:
    """`simwire serve` over one modem, with a key that may do everything an application does."""

    def __init__(self, folder: Path, port: str, extra: str = "") -> None:
        self.config = folder / "config.toml"
        self.config.write_text(
            '[gateway]\norganisation = "Example Bank"\ncountry = "GB"\ndatabase = "bench.db"\nkey_file = "bench.key"\n'
            f'[api]\nport = 0\n[[modem]]\nname = "sim1"\nport = "{port}"\n{extra}\n',
            encoding="utf-8",
        )
        self.log = (folder / "log.txt").open("w")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gateway.cli", "serve", "--config", str(self.config)],
            stdout=subprocess.DEVNULL,
            stderr=self.log,
        )
        self.host, self.port = self._ready(folder / "log.txt")
        command = [sys.executable, "-m", "gateway.cli", "keys"]
        granted = [word for scope in SCOPES for word in ("--scope", scope)]
        answer = subprocess.run(
            [*command, "create", "bench", "--json", "--config", str(self.config), *granted],
            capture_output=True,
            check=True,
        )
        self.key = json.loads(answer.stdout)["key"]
        self.connection = HTTPConnection(self.host, self.port)
        self._until_able()

    def _until_able(self) -> None:
        for _ in range(200):
            self.connection.request("GET", "/health/ready")
            answer = self.connection.getresponse()
            answer.read()
            if answer.status == 200:
                return
            time.sleep(0.05)
        raise SystemExit("the modem did not become ready")

    def _ready(self, log: Path) -> tuple[str, int]:
        for _ in range(600):
            if match := re.search(r"ready http://([^:/\s]+):(\d+)", log.read_text()):
                return match[1], int(match[2])
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise SystemExit(f"the gateway did not start:\n{log.read_text()}")

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """One POST on a kept connection; the parsed answer."""
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        self.connection.request("POST", path, json.dumps(body), headers)
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status >= 300:
            raise SystemExit(f"POST {path}: {answer.status} {text.decode()}")
        return json.loads(text)

    def get(self, path: str) -> Any:
        """One GET."""
        self.connection.request("GET", path, headers={"Authorization": f"Bearer {self.key}"})
        answer = self.connection.getresponse()
        return json.loads(answer.read())

    def stop(self) -> None:
        """SIGTERM, and wait."""
        self.connection.close()
        self.process.terminate()
        self.process.wait(30)
        self.log.close()


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder on the disk that the system gives for temporary files."""
    with tempfile.TemporaryDirectory(prefix="simwire-bench-") as name:
        yield Path(name)


def bare_submits(count: int, folder: Path) -> list[float]:
    """The floor, in seconds each: one synced SQLite commit, then AT+CMGS, prompt and PDU over a bare pty."""
    modem = Instrument()
    database = sqlite3.connect(folder / "floor.db", isolation_level=None)
    database.executescript(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE message (id INTEGER, body BLOB)"
    )
    port = os.open(modem.path, os.O_RDWR | os.O_NOCTTY)
    tty.setraw(port)
    begun = []
    for number in range(count):
        begun.append(time.monotonic_ns())
        database.execute("INSERT INTO message VALUES (?, ?)", (number, PDU))
        os.write(port, b"AT+CMGS=23\r")
        _read_until(port, b"> ")
        os.write(port, PDU + b"\x1a")
        _read_until(port, b"OK\r\n")
        time.sleep(0.002)
    os.close(port)
    database.close()
    return [(note[1] - start) / 1e9 for start, note in zip(begun, modem.stop(), strict=True)]


def _read_until(port: int, mark: bytes) -> None:
    seen = b""
    while mark not in seen:
        seen += os.read(port, 4096)


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` (0–1) of the values lie, nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def show(title: str, rows: Sequence[tuple[str, str, str]], figures: dict[str, float]) -> None:
    """The table for people and one JSON line for programs."""
    machine = (
        f"{platform.machine()}, {os.cpu_count()} cores, Linux {platform.release()}, Python {platform.python_version()}"
    )
    print(f"{title}\n{machine}\n")
    widths = [max(len(row[n]) for row in [("what", "measured", "target"), *rows]) for n in range(3)]
    for row in [("what", "measured", "target"), *rows]:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    print("\n" + json.dumps({"benchmark": title, "machine": machine, **figures}))
