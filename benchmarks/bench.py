"""What the measurements share: a gateway process, the instant modem, a bare floor, percentiles and the table.

The module of a row has `TITLE`, `add_options(parser)`, `QUICK` (options for a short look), `measure(options)`, which
gives its figures by name and the rows of its table, and `main()`, which is `alone(its module's name)`.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import re
import select
import sqlite3
import subprocess
import sys
import tempfile
import time
import tty
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

Note = tuple[int, int, int]
SCOPES = ("messages:send", "messages:read", "otp:send", "otp:check", "modems:manage")
Figures = dict[str, float]
Row = tuple[str, str, str, bool | None]
"""What, measured, target or floor, and whether the target is met: None where there is none."""
_started: dict[Path, list[subprocess.Popen[bytes]]] = {}
PDU = b"0011000C914477009000000000000A" + b"E8329BFD4697D9EC37"  # as long as a short message's


class Instrument:
    """The instant modem in a process of its own."""

    def __init__(self, radio: float = 0.0, reports: float | None = None) -> None:
        words = ["--radio", str(radio)] + ([] if reports is None else ["--reports", str(reports)])
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.instant_modem", *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.path = self.process.stdout.readline().strip()

    def end(self) -> dict[str, list[Any]]:
        """End it; all that it noted: `parts`, `numbers`, `reports`, as its module says."""
        output, _ = self.process.communicate(timeout=30)
        noted: dict[str, list[Any]] = json.loads(output)
        return noted

    def stop(self) -> list[Note]:
        """End it; the notes of every message it took."""
        return [tuple(note) for note in self.end()["parts"]]


class Gateway:
    """`simwire serve` over one modem or several, with a key that may do everything an application does."""

    def __init__(self, folder: Path, port: str | Mapping[str, str], extra: str = "", *, able: bool = True) -> None:
        """`port`: of the one modem, or of each by name. `extra` goes on in the last modem's table.

        Without `able` the modems are not waited for.
        """
        ports = {"sim1": port} if isinstance(port, str) else port
        modems = "".join(f'[[modem]]\nname = "{name}"\nport = "{where}"\n' for name, where in ports.items())
        self.config = folder / "config.toml"
        self.config.write_text(
            '[gateway]\norganisation = "Example Bank"\ncountry = "GB"\ndatabase = "bench.db"\nkey_file = "bench.key"\n'
            f"[api]\nport = 0\n{modems}{extra}\n",
            encoding="utf-8",
        )
        self.log = folder / "log.txt"
        self.start()
        command = [sys.executable, "-m", "gateway.cli", "keys"]
        granted = [word for scope in SCOPES for word in ("--scope", scope)]
        answer = subprocess.run(
            [*command, "create", "bench", "--json", "--config", str(self.config), *granted],
            capture_output=True,
            check=True,
        )
        self.key = json.loads(answer.stdout)["key"]
        if able:
            self.until_able(len(ports))

    def start(self) -> None:
        """Start the process, and wait for its ready line."""
        with self.log.open("w") as sink:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gateway.cli", "serve", "--config", str(self.config)],
                stdout=subprocess.DEVNULL,
                stderr=sink,
            )
        _started.setdefault(self.config.parent, []).append(self.process)
        host, port = self._ready()
        self.host, self.port = host, port
        self.connection = HTTPConnection(host, port)

    def until_able(self, modems: int = 1) -> None:
        """Wait until so many modems can send."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if sum(modem["state"] == "ready" for modem in self.get("/v1/modems")["items"]) >= modems:
                return
            time.sleep(0.05)
        raise SystemExit(f"not every modem became ready:\n{self.log.read_text()}")

    def _ready(self) -> tuple[str, int]:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if match := re.search(r"ready http://([^:/\s]+):(\d+)", self.log.read_text()):
                return match[1], int(match[2])
            if self.process.poll() is not None:
                break
            time.sleep(0.005)
        raise SystemExit(f"the gateway did not start:\n{self.log.read_text()}")

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

    def kill(self) -> None:
        """End it as kill -9 does."""
        self.connection.close()
        self.process.kill()
        self.process.wait()

    @property
    def cpu(self) -> float:
        """Seconds of a core that it has used."""
        return cpu_seconds(self.process.pid)


def cpu_seconds(pid: int) -> float:
    """What a process has used of the processors so far."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mb(pid: int, which: str = "VmRSS") -> float:
    """Memory that a process holds now, or (`VmHWM`) held at most."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(which)) / 1024


def in_seconds(seconds: float) -> str:
    """A time to come, as requests write it; whole seconds, rounded down."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder on the disk that the system gives for temporary files; ends the gateways in it that still run."""
    with tempfile.TemporaryDirectory(prefix="simwire-bench-") as name:
        try:
            yield Path(name)
        finally:
            # One that is left would open the next modem's port: names of pseudo-terminals are used again.
            for process in _started.pop(Path(name), []):
                process.kill()
                process.wait()


def bare_submits(pauses: Sequence[float], file: Path) -> list[float]:
    """The floor, in seconds each: one synced SQLite commit, then AT+CMGS, prompt and PDU over a bare pty.

    `pauses` are the seconds before each of them.
    """
    modem = Instrument()
    database = sqlite3.connect(file, isolation_level=None)
    database.executescript(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE message (id INTEGER, body BLOB)"
    )
    port = raw_port(modem.path)
    begun = []
    for number, pause in enumerate(pauses):
        time.sleep(pause)
        begun.append(time.monotonic_ns())
        database.execute("INSERT INTO message VALUES (?, ?)", (number, PDU))
        bare_submit(port)
    os.close(port)
    database.close()
    return [(note[1] - start) / 1e9 for start, note in zip(begun, modem.stop(), strict=True)]


def raw_port(path: str) -> int:
    """A port's descriptor, without any processing of lines."""
    port = os.open(path, os.O_RDWR | os.O_NOCTTY)
    tty.setraw(port)
    return port


def bare_submit(port: int) -> None:
    """The AT steps of one message and nothing else."""
    os.write(port, b"AT+CMGS=23\r")
    _read_until(port, b"> ")
    os.write(port, PDU + b"\x1a")
    _read_until(port, b"OK\r\n")


def _read_until(port: int, mark: bytes) -> None:
    seen = b""
    while mark not in seen:
        if not select.select([port], [], [], 30)[0]:
            raise SystemExit(f"the instant modem said {seen!r} and nothing more")
        seen += os.read(port, 4096)


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` (0–1) of the values lie, nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def options_of(name: str, words: Sequence[str] = (), **preset: object) -> argparse.Namespace:
    """The options of a row's module, with other defaults where `preset` has them."""
    module = importlib.import_module(name)
    parser = argparse.ArgumentParser(description=module.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    module.add_options(parser)
    parser.set_defaults(**preset)
    return parser.parse_args(words)


def alone(name: str) -> None:
    """The command of one row: measure it with the options of the command line, and show it."""
    module = importlib.import_module(name)
    figures, rows = module.measure(options_of(name, sys.argv[1:]))
    show(module.TITLE, rows, figures)


def machine() -> str:
    """What it was measured on."""
    return (
        f"{platform.machine()}, {os.cpu_count()} cores, Linux {platform.release()}, Python {platform.python_version()}"
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Rows in columns."""
    widths = [max(len(row[n]) for row in [head, *rows]) for n in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in [head, *rows]
    )


def cells(row: Row) -> tuple[str, str, str, str]:
    """A row as it is printed."""
    return (*row[:3], {True: "yes", False: "NO", None: ""}[row[3]])


def show(title: str, rows: Sequence[Row], figures: Figures) -> None:
    """The table for people and one JSON line for programs."""
    print(f"{title}\n{machine()}\n")
    print(table(("what", "measured", "target", "met"), [cells(row) for row in rows]))
    print("\n" + json.dumps({"benchmark": title, "machine": machine(), **figures}))
