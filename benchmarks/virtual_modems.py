"""Virtual modems in a process of their own, on pseudo-terminals, driven over standard input: one JSON document a line.

python -m benchmarks.virtual_modems --folder DIR [--modems N] [--submit-seconds S] …

The first line that it prints is {"ports": {name: path}}; then each request line is answered by one line. Requests are
{"do": …} with: `fault` (modem, step, action, parameters, and the other fields of Fault), `act` (modem, action,
parameters), `restore` and `power` (modem), `clear`, `network` (any attribute), `handset` (number, state), `send`
(sender, text, to), `submits` (after: how many are known), `received`, `struck` (faults by action), `stop`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hardware.simulator as simulator
from hardware.clock import SystemClock
from hardware.simulator import (
    PERSONALITIES,
    Fault,
    SimCard,
    SimulatedModem,
    SimulatedNetwork,
    SimulatorServer,
    Step,
)


class VirtualModems:
    """The process, from outside. Thread-safe: one request at a time."""

    def __init__(self, folder: Path, modems: int = 1, personality: str = "generic", **network: float) -> None:
        words = ["--folder", str(folder), "--modems", str(modems), "--personality", personality]
        for name, value in network.items():
            words += [f"--{name.replace('_', '-')}", str(value)]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.virtual_modems", *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._lock = threading.Lock()
        self.ports: dict[str, str] = self._read()["ports"]
        self.pid = self._process.pid

    def ask(self, do: str, **details: Any) -> Any:
        """One request; its answer. Raises RuntimeError with what the process said was wrong."""
        with self._lock:
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps({"do": do, **details}) + "\n")
            self._process.stdin.flush()
            answer = self._read()
        if "error" in answer:
            raise RuntimeError(f"{do}: {answer['error']}")
        return answer.get("result")

    def stop(self) -> None:
        """End it; idempotent."""
        if self._process.poll() is None:
            self._process.communicate('{"do": "stop"}\n', timeout=30)

    def _read(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the virtual modems have ended")
        return json.loads(line)


class _World:
    def __init__(self, options: argparse.Namespace) -> None:
        self.network = SimulatedNetwork(
            SystemClock(),
            submit_seconds=options.submit_seconds,
            linked_submit_seconds=options.linked_submit_seconds or options.submit_seconds,
            delivery_seconds=options.delivery_seconds,
            report_seconds=options.report_seconds,
        )
        families = options.personality.split(",")
        self.modems = {
            f"sim{n}": SimulatedModem(
                self.network,
                SimCard(imsi=f"00101{n:010}", iccid=f"894410{n:013}", number=f"+{447_700_950_000 + n}"),
                PERSONALITIES[families[n % len(families)]],
                name=f"sim{n}",
                imei=f"49015420{n:07}",
            )
            for n in range(options.first, options.first + options.modems)
        }

    def do(self, do: str, **details: Any) -> Any:
        """What one request asks for, on the simulator's thread."""
        requests: dict[str, Callable[..., Any]] = {
            "fault": self._fault,
            "act": self._act,
            "restore": lambda modem: self.modems[modem].restore(),
            "power": lambda modem: self.modems[modem].power_cycle(),
            "clear": self._clear,
            "network": self._set,
            "handset": lambda number, state: setattr(self.network.handset(number), "state", state),
            "send": lambda sender, text, to: self.network.send_from(sender, text, to),
            "submits": lambda after=0: list(self._submits(after)),
            "received": self._received,
            "struck": self._struck,
        }
        return requests[do](**details)

    def _act(self, modem: str, action: str, parameters: dict[str, Any] | None = None) -> None:
        if not self.modems[modem].act(getattr(simulator, action)(**(parameters or {}))):
            raise ValueError(f"{action} needs a step: use fault")

    def _fault(self, modem: str, step: str, action: str, parameters: dict[str, Any] | None = None, **more: Any) -> None:
        made = getattr(simulator, action)(**(parameters or {}))
        self.modems[modem].inject(Fault(Step(step), made, **more))

    def _clear(self) -> None:
        for modem in self.modems.values():
            modem.clear_faults()

    def _set(self, **attributes: Any) -> None:
        for name, value in attributes.items():
            setattr(self.network, name, value)

    def _submits(self, after: int) -> Iterator[list[Any]]:
        for record in self.network.submits[after:]:
            yield [record.time.boot, record.time.wall, record.imsi, record.destination, record.reference]

    def _received(self) -> list[list[Any]]:
        return [
            [handset.number, message.text, message.received_at.boot]
            for handset in self.network.handsets.values()
            for message in handset.messages
        ]

    def _struck(self) -> Counter[str]:
        return Counter(type(fault.action).__name__ for modem in self.modems.values() for fault in modem.struck)


def main() -> None:
    """Serve until `stop` or the end of standard input."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--modems", type=int, default=1)
    parser.add_argument("--first", type=int, default=1, help="number of the first one: names and SIMs follow from it")
    parser.add_argument("--personality", default="generic", help="names of families with commas in between")
    parser.add_argument("--submit-seconds", type=float, default=0.5)
    parser.add_argument("--linked-submit-seconds", type=float, default=None)
    parser.add_argument("--delivery-seconds", type=float, default=0.2)
    parser.add_argument("--report-seconds", type=float, default=0.1)
    options = parser.parse_args()
    world = _World(options)
    with SimulatorServer(world.network, world.modems.values(), options.folder) as server:
        _say({"ports": {name: str(server.path(name)) for name in world.modems}})
        for line in sys.stdin:
            request = json.loads(line)
            if request["do"] == "stop":
                break
            try:
                _say({"result": server.call(lambda asked=request: world.do(**asked))})
            except Exception as error:  # noqa: BLE001 - whoever asked is told
                _say({"error": f"{type(error).__name__}: {error}"})


def _say(answer: dict[str, Any]) -> None:
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
