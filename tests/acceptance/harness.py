"""A gateway in a process of its own, virtual modems on pseudo-terminals in this one, HTTP in between."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from email.message import Message
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from gateway.cli.app import simwire
from hardware.clock import SystemClock
from hardware.simulator import (
    GENERIC,
    Personality,
    ReceivedMessage,
    SimCard,
    SimulatedModem,
    SimulatedNetwork,
    SimulatorServer,
    SubmitRecord,
)

CONFIG = """
[gateway]
organisation = "Example Bank"
country = "GB"
database = "simwire.db"
key_file = "simwire.key"
timezone = "Europe/London"
[api]
port = 0
[otp]
cooldown = ["0s"]
hedge_after = "1s"
{extra}
"""
MODEM = """
[[modem]]
name = "{name}"
port = "{port}"
{more}
"""


class World:
    """The simulated side: a network, and modems on ptys of which each holds a SIM of its own."""

    def __init__(self, folder: Path, modems: int = 2, personality: Personality = GENERIC, **network: Any) -> None:
        self.folder = folder
        quick = {
            "submit_seconds": 0.02,
            "linked_submit_seconds": 0.02,
            "delivery_seconds": 0.05,
            "report_seconds": 0.05,
        }
        self.network = SimulatedNetwork(SystemClock(), **quick | network)
        self.modems = {
            f"sim{n}": SimulatedModem(
                self.network,
                SimCard(imsi=f"00101000000000{n}", iccid=f"894410000000000000{n}", number=f"+44770090015{n}"),
                personality,
                name=f"sim{n}",
                imei=f"49015420323751{n}",
            )
            for n in range(1, modems + 1)
        }
        self.server = SimulatorServer(self.network, self.modems.values(), folder / "ports")
        self.server.start()

    def stop(self) -> None:
        """Take the ports away."""
        self.server.stop()

    def received(self, number: str) -> list[ReceivedMessage]:
        """What the telephone of that number shows."""
        return self.server.call(lambda: list(self.network.handset(number).messages))

    def submits(self) -> list[SubmitRecord]:
        """Everything that the network accepted."""
        return self.server.call(lambda: list(self.network.submits))

    def write_config(self, extra: str = "", **more: str) -> Path:
        """The gateway's configuration for these modems; `more` maps a modem's name to further lines of its table."""
        text = CONFIG.format(extra=extra)
        for name in self.modems:
            text += MODEM.format(name=name, port=self.server.path(name), more=more.get(name, ""))
        path = self.folder / "config.toml"
        path.write_text(text, encoding="utf-8")
        return path


class Gateway:
    """`simwire serve` in its own process."""

    def __init__(self, config: Path, *options: str) -> None:
        self.config, self.options = config, options
        self.under: list[str] = []
        """A command that runs the gateway's own: a tracer, say."""
        self.process: subprocess.Popen[str] | None = None
        self.url = ""
        self.key = ""

    def start(self, wait: float = 30) -> None:
        """Start and wait for the ready line."""
        log = self.config.parent / "log.txt"
        known = log.stat().st_size if log.exists() else 0
        with log.open("ab") as sink:
            self.process = subprocess.Popen(
                [
                    *self.under,
                    sys.executable,
                    "-m",
                    "gateway.cli",
                    "serve",
                    "--config",
                    str(self.config),
                    *self.options,
                ],
                stderr=sink,
            )
        deadline = time.monotonic() + wait
        while time.monotonic() < deadline and self.process.poll() is None:
            said = log.read_bytes()[known:].decode()
            if match := re.search(r'ready (http://\S+)\n|"ready", "url": "(http://[^"]+)"', said):
                self.url = match[1] or match[2]
                return
            time.sleep(0.02)
        raise AssertionError("the gateway did not become ready:\n" + log.read_text())

    def make_key(self, *scopes: str) -> None:
        """A key by the command line, while the gateway runs."""
        words = [word for scope in scopes for word in ("--scope", scope)]
        self.key = self.simwire("keys", "create", "tests", *words)["key"]

    def simwire(self, *words: str) -> Any:
        """What a command says that reads the configuration, run in this process, which is not the gateway's."""
        done = CliRunner().invoke(simwire, [*words, "--config", str(self.config), "--json"])
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    def kill(self) -> None:
        """kill -9, as the power goes."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM; returns the exit status."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(30)

    def call(self, method: str, path: str, body: Any = None, timeout: float = 70) -> tuple[int, Any]:
        """One request; status and parsed body, also for refusals."""
        return self.ask(method, path, body, timeout)[:2]

    def ask(self, method: str, path: str, body: Any = None, timeout: float = 70) -> tuple[int, Any, Message]:
        """Like `call`, with the headers of the answer."""
        request = urllib.request.Request(
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return answer.status, json.load(answer), answer.headers
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error), error.headers

    def scrape(self) -> dict[str, float]:
        """What /metrics shows now, by series as it is written there."""
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=30) as answer:
            lines = answer.read().decode().splitlines()
        return {series: float(value) for series, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")}

    def until_ready(self, modems: int) -> None:
        """Wait until so many modems can send."""

        def ready() -> bool:
            return sum(modem["state"] == "ready" for modem in self.call("GET", "/v1/modems")[1]["items"]) >= modems

        until(ready, 30, f"{modems} modems ready")

    def message(self, identity: str, wait: float = 60) -> Any:
        """A message, once its state is terminal."""
        status, body = self.call("GET", f"/v1/messages/{identity}?wait={wait:g}")
        assert status == 200, body
        return body

    def everything(self) -> Iterator[Any]:
        """Every message of this client, page by page."""
        cursor = ""
        while True:
            status, page = self.call("GET", f"/v1/messages?limit=100{cursor}")
            assert status == 200, page
            yield from page["items"]
            if not page["next_cursor"]:
                return
            cursor = f"&cursor={page['next_cursor']}"


def until(condition: Any, seconds: float, what: str) -> None:
    """Wait for a condition of the real world; fails with `what` after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.02)
