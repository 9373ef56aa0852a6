"""Virtual modems in a process of their own, on pseudo-terminals, driven over standard input: one JSON document a line.

python -m benchmarks.virtual_modems --folder DIR [--modems N] [--submit-seconds S] …

The first line that it prints is {"ports": {name: path}}; then each request line is answered by one line. Requests are
{"do": …} with: `fault` (modem, step, action, parameters, and the other fields of Fault), `act` (modem, action,
parameters), `restore` and `power` (modem), `clear`, `network` (any attribute), `handset` (number, and state, answer or
delay), `texts` (number), `send` (sender, text, to), `submits`, `pdus`, `reports` and `faults` (after: how many are
known; limit), `received`, `struck` (faults by action), `spent` (CPU seconds, resident bytes), `stop`.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import hardware.simulator as simulator
from benchmarks.watched_modem import Record, WatchedModem, hurried
from hardware.clock import SystemClock
from hardware.simulator import (
    PERSONALITIES,
    Fault,
    SimCard,
    SimulatedNetwork,
    SimulatorServer,
    Step,
)
from hardware.simulator.tpdu import Submit

PAGE = 5_000  # records in one answer


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

    def every(self, what: str) -> list[Any]:
        """All of `submits`, `pdus`, `reports` or `faults`, page by page."""
        found: list[Any] = []
        while page := self.ask(what, after=len(found)):
            found += page
        return found

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
        self.network.retry_seconds *= options.boot_scale
        self.record = Record()
        families = [hurried(PERSONALITIES[name], options.boot_scale) for name in options.personality.split(",")]
        self.modems = {
            f"sim{n}": WatchedModem(
                self.network,
                SimCard(imsi=f"00101{n:010}", iccid=f"894410{n:012}0", number=f"+{447_700_950_000 + n}"),
                families[n % len(families)],
                self.record,
                name=f"sim{n}",
                imei=f"490154{n:08}0",
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
            "handset": self._handset,
            "texts": lambda number: self.network.handset(number).texts,
            "send": lambda sender, text, to: self.network.send_from(sender, text, to),
            "submits": self._submits,
            "pdus": self._pdus,
            "reports": self._reports,
            "faults": self._faults,
            "spent": lambda: [time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024],
            "received": self._received,
            "struck": self._struck,
        }
        return requests[do](**details)

    def _act(self, modem: str, action: str, parameters: dict[str, Any] | None = None) -> None:
        made = getattr(simulator, action)(**_frozen(parameters))
        if not self.modems[modem].act(made):
            raise ValueError(f"{action} needs a step: use fault")
        self.modems[modem].note(Fault(Step.TIME, made))

    def _fault(self, modem: str, step: str, action: str, parameters: dict[str, Any] | None = None, **more: Any) -> None:
        made = getattr(simulator, action)(**_frozen(parameters))
        self.modems[modem].inject(Fault(Step(step), made, **more))

    def _clear(self) -> None:
        for modem in self.modems.values():
            modem.clear_faults()

    def _set(self, **attributes: Any) -> None:
        for name, value in attributes.items():
            setattr(self.network, name, value)

    def _handset(self, number: str, state: str | None = None, **more: Any) -> None:
        handset = self.network.handset(number, **more)
        if state is not None:
            handset.state = state

    def _submits(self, after: int = 0, limit: int = PAGE) -> list[list[Any]]:
        return [
            [
                *(record.time.boot, record.time.wall, record.imsi, record.destination, record.reference),
                *_told(record.tpdu)[1:],
            ]
            for record in self.network.submits[after : after + limit]
        ]

    def _reports(self, after: int = 0, limit: int = PAGE) -> list[Any]:
        return self.record.reports[after : after + limit]

    def _faults(self, after: int = 0, limit: int = PAGE) -> list[Any]:
        return self.record.faults[after : after + limit]

    def _pdus(self, after: int = 0, limit: int = PAGE) -> list[list[Any]]:
        return [[at, imsi, *_told(submit)] for at, imsi, submit in self.record.pdus[after : after + limit]]

    def _received(self) -> list[list[Any]]:
        return [
            [handset.number, message.text, message.received_at.boot, message.parts]
            for handset in self.network.handsets.values()
            for message in handset.messages
        ]

    def _struck(self) -> Counter[str]:
        return Counter(type(fault.action).__name__ for modem in self.modems.values() for fault in modem.struck)


def _told(submit: Submit) -> list[Any]:
    """Destination, text, (reference, total, number) of a part, and whether a report was asked for."""
    content = submit.content
    return [submit.destination.number, content.text, content.part, submit.report_requested]


def _frozen(parameters: dict[str, Any] | None) -> dict[str, Any]:
    """Parameters of an action as JSON has them, as the action wants them."""
    made = dict(parameters or {})
    for name, value in made.items():
        if isinstance(value, list):
            made[name] = tuple(value)
        elif name == "octets":
            made[name] = bytes.fromhex(value)
    return made


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
    parser.add_argument("--boot-scale", type=float, default=1.0, help="factor on the time that modems take to start")
    options = parser.parse_args()
    world = _World(options)
    with SimulatorServer(world.network, world.modems.values(), options.folder) as server:
        _say({"ports": {name: str(server.path(name)) for name in world.modems}})
        for line in sys.stdin:
            request = json.loads(line)
            if request["do"] == "stop":
                break
            try:
                _say({"result": server.call(partial(world.do, **request))})
            except Exception as error:  # noqa: BLE001 - whoever asked is told
                _say({"error": f"{type(error).__name__}: {error}"})


def _say(answer: dict[str, Any]) -> None:
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
