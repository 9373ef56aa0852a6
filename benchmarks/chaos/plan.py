"""What goes wrong and when: made from a seed, kept as JSON lines, so that a run can be made again."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Parameters = dict[str, Any]
Entry = dict[str, Any]
"""`at` (seconds from the start of the load), `what`, and what that needs; see `Injector`."""

_NOISE = ["^RSSI: 12", "RING", "+CREG: 1", '+CUSD: 0,"Balance: 5.00",15', "^DSFLOWRPT:0,0,0,0,0,0,0", "+CIEV: 2,3"]
_RUBBISH = ["00fffe7e7d800d0ac3", "0d0a", "ff" * 40, "2b434d47533a20", "0d0a4f4b41590d0a", "3e20"]
_TEMPORARY, _OTHER_MODEM, _PERMANENT = (38, 41, 42, 192), (8, 10, 29, 50), (21, 30, 96, 195)
_HELP, _OPTIONS, _UNCERTAIN = (302, 310, 314, 322), (145, 198, 199), (332, 350, 500)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of fault of a modem: `parameters` draws those of its action."""

    step: str
    action: str
    parameters: Callable[[random.Random], Parameters]
    weight: float = 1.0
    commands: tuple[str | None, ...] = (None,)


def _seconds(least: float, most: float) -> Callable[[random.Random], Parameters]:
    return lambda chance: {"seconds": round(chance.uniform(least, most), 2)}


def _code(*codes: int, kind: str = "CMS") -> Callable[[random.Random], Parameters]:
    return lambda chance: {"code": chance.choice(codes), "kind": kind}


def _nothing(_: random.Random) -> Parameters:
    return {}


def _rubbish(chance: random.Random) -> Parameters:
    return {"octets": chance.choice(_RUBBISH)}


def _storm(chance: random.Random) -> Parameters:
    return {"lines": chance.sample(_NOISE, chance.randint(1, 3)), "times": chance.randint(1, 10)}


def _vanish(chance: random.Random) -> Parameters:
    return {"seconds": round(chance.uniform(0.1, 4), 2), "reboot": chance.random() < 0.6}


def _lost_network(chance: random.Random) -> Parameters:
    return {"status": chance.choice((0, 2, 3)), "seconds": round(chance.uniform(0.5, 5), 2)}


_ASKED = ("+CMGS", "+CSQ", "+CREG", "+CPMS", "+CMGF", "+CNMI", "+CMGL", "+CMGD", "+COPS", "+CPIN", "+CFUN")
_SILENT = _seconds(0.2, 6)
KINDS = (
    Kind("command", "Refuse", _code(100, 10, 30, kind="CME"), 2, ("+CSQ", "+CREG", "+CPMS", "+COPS", "+CNMI")),
    Kind("command", "Refuse", _code(*_TEMPORARY, *_HELP), 3, ("+CMGS", "+CMGL", "+CMGR", "+CMGD")),
    Kind("command", "LoseAnswer", _nothing, 3, _ASKED),
    Kind("command", "Slow", _seconds(0.05, 0.6), 4, _ASKED),
    Kind("command", "Silence", _SILENT, 1, _ASKED),
    Kind("command", "Reboot", _nothing, 1, _ASKED),
    Kind("command", "Vanish", _vanish, 2, _ASKED),
    Kind("command", "Rubbish", _rubbish, 4, (None, "+CMGS", "+CSQ")),
    Kind("command", "Storm", _storm, 4, (None, "+CMGS", "+CSQ")),
    Kind("answer", "Rubbish", _rubbish, 3, ("+CMGS", "+CSQ", "+CREG", "+CPMS", "+CMGL")),
    Kind("answer", "Storm", _storm, 5, ("+CMGS", "+CSQ", "+CREG", "+CPMS", "+CMGL")),
    Kind("answer", "Vanish", _vanish, 1, ("+CMGS", "+CSQ")),
    Kind("answer", "Reboot", _nothing, 0.5, ("+CMGS", "+CSQ")),
    Kind("answer", "Silence", _SILENT, 0.5, ("+CMGS", "+CSQ")),
    Kind("prompt", "Refuse", _code(*_TEMPORARY, *_HELP, *_OTHER_MODEM), 4),
    Kind("prompt", "LoseAnswer", _nothing, 3),
    Kind("prompt", "Slow", _seconds(0.05, 1.5), 3),
    Kind("prompt", "Silence", _SILENT, 1),
    Kind("prompt", "Reboot", _nothing, 1),
    Kind("prompt", "Vanish", _vanish, 2),
    Kind("prompt", "Rubbish", _rubbish, 2),
    Kind("prompt", "Storm", _storm, 3),
    Kind("pdu", "Refuse", _code(*_TEMPORARY), 6),
    Kind("pdu", "Refuse", _code(*_OTHER_MODEM), 3),
    Kind("pdu", "Refuse", _code(*_PERMANENT), 2),
    Kind("pdu", "Refuse", _code(*_OPTIONS, *_UNCERTAIN), 3),
    Kind("pdu", "LoseAnswer", _nothing, 3),
    Kind("pdu", "Slow", _seconds(0.1, 5), 3),
    Kind("pdu", "Silence", _SILENT, 1.5),
    Kind("pdu", "Reboot", _nothing, 1),
    Kind("pdu", "Vanish", _vanish, 3),
    Kind("pdu", "Rubbish", _rubbish, 2),
    Kind("pdu", "Storm", _storm, 2),
    # A refusal of what went out is only fair with a code that does not say for sure that it did not.
    Kind("result", "Refuse", _code(*_UNCERTAIN), 3),
    Kind("result", "LoseAnswer", _nothing, 5),
    Kind("result", "NoReference", _nothing, 3),
    Kind("result", "Slow", _seconds(0.1, 5), 3),
    Kind("result", "EarlyReport", lambda chance: {"margin": round(chance.uniform(0.05, 1), 2)}, 3),
    Kind("result", "Silence", _SILENT, 1.5),
    Kind("result", "Reboot", _nothing, 1),
    Kind("result", "Vanish", _vanish, 3),
    Kind("result", "Rubbish", _rubbish, 2),
    Kind("result", "Storm", _storm, 2),
    Kind("report", "LoseReport", _nothing, 5),
    Kind("report", "DelayReport", _seconds(0.2, 15), 4),
    Kind("report", "RepeatReport", lambda chance: {"times": chance.randint(2, 4), "seconds": 0.5}, 4),
    Kind("incoming", "SplitLines", _seconds(0.05, 1.5), 4),
    Kind("incoming", "Rubbish", _rubbish, 1),
    Kind("incoming", "Storm", _storm, 2),
    Kind("incoming", "Vanish", _vanish, 1),
    Kind("incoming", "Reboot", _nothing, 0.5),
    Kind("incoming", "Silence", _SILENT, 0.5),
    Kind("time", "LoseRegistration", _lost_network, 3),
    Kind("time", "FillStorage", _nothing, 2),
    Kind("time", "Rubbish", _rubbish, 2),
    Kind("time", "Storm", _storm, 3),
    Kind("time", "Reboot", _nothing, 1),
    Kind("time", "Vanish", _vanish, 2),
    Kind("time", "Silence", _SILENT, 1),
)
"""Every action of the simulator at each step where it makes sense; for the length of a run any modem may get any."""

Draw = Callable[[random.Random], Parameters]
AROUND: dict[str, tuple[float, Draw]] = {
    # name: (seconds between two of them, on average, and how one is drawn)
    "kill": (50, lambda chance: {"away": round(chance.choice((0.0, 0.0, 0.5, 3.0)), 1)}),
    "term": (60, lambda chance: {"away": round(chance.choice((0.0, 0.0, 1.0)), 1)}),
    "disk_full": (75, _seconds(1, 6)),
    "locked": (40, _seconds(0.5, 9)),
    "clock": (70, lambda chance: {"offset": chance.choice((3600, -3600, 0))}),
    "boot": (240, lambda chance: {"offset": chance.choice((-3600, -3600, 0)), "right_after": 12.0}),
    "webhook": (20, lambda chance: {"mode": chance.choice(("hang", "500", "close", "slow")), "seconds": 4.0}),
    "dead_modem": (45, lambda chance: {"gone": chance.random() < 0.5, "seconds": round(chance.uniform(3, 12), 1)}),
    "congested": (80, _seconds(0.5, 4)),
    "handsets_off": (60, _seconds(2, 10)),
    "incoming": (4, lambda chance: {"parts": chance.choice((1, 1, 1, 3))}),
}


def make(
    seed: int, seconds: float, modems: int, faults_a_minute: float, around: Iterable[str], pace: float = 1.0
) -> list[Entry]:
    """The schedule of a run; `around` names what happens besides the modems' faults, `pace` hurries that."""
    chance = random.Random(seed)
    entries = []
    weights = [kind.weight for kind in KINDS]
    at = 0.0
    while (at := at + chance.expovariate(faults_a_minute / 60)) < seconds:
        kind = chance.choices(KINDS, weights)[0]
        entry: Entry = {"at": round(at, 3), "what": "modem", "modem": f"sim{chance.randint(1, modems)}"}
        entry |= {"step": kind.step, "action": kind.action, "parameters": kind.parameters(chance)}
        if (command := chance.choice(kind.commands)) is not None:
            entry["command"] = command
        entries.append(entry)
    for name in around:
        every, draw = AROUND[name]
        at = chance.uniform(0.2, 0.9) * every / pace
        while at < seconds:
            entry = {"at": round(at, 3), "what": name, **draw(chance)}
            if name in ("dead_modem", "incoming"):
                entry["modem"] = f"sim{chance.randint(1, modems)}"
            entries.append(entry)
            at += chance.uniform(0.5, 1.5) * every / pace
    return sorted(entries, key=lambda entry: float(entry["at"]))


def steps_clock(entries: Iterable[Entry]) -> bool:
    """Whether the process that runs while these begin gets to see a clock that steps, before it is ended."""
    for entry in entries:
        if entry["what"] in ("clock", "kill", "term", "boot"):
            return bool(entry["what"] == "clock")
    return False


def write(path: Path, heading: Entry, entries: Iterable[Entry]) -> None:
    """One JSON document a line; the first one says what the run was."""
    path.write_text("".join(json.dumps(line) + "\n" for line in [heading, *entries]), encoding="utf-8")


def read(path: Path) -> tuple[Entry, list[Entry]]:
    """What `write` wrote."""
    heading, *entries = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return heading, entries
