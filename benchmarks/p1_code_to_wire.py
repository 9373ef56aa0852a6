"""P1: from the first byte of POST /v1/otp to the last byte of the PDU at the modem, on disk in between.

Three floors in the same run, each from its own first step to the last byte of the PDU: a script that makes one synced
commit and the AT steps, over and over; the same at the random moments of the codes, when no cache is warm; and at
these moments behind bare Flask on Waitress, the road that a request to the gateway takes.

python -m benchmarks.p1_code_to_wire [--codes 500]
"""

from __future__ import annotations

import argparse
import http.client
import json
import random
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.bare_web import BareWeb
from benchmarks.bench import Figures, Gateway, Instrument, Row, alone, bare_submits, percentile, scratch

TITLE = "P1 request to code on the wire"
QUICK = {"codes": 60}
THREADS = 64  # as [api] threads is by default


def add_options(parser: argparse.ArgumentParser) -> None:
    """What can be chosen."""
    parser.add_argument("--codes", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)


def measure(options: argparse.Namespace) -> tuple[Figures, list[Row]]:
    """Floors and gateway in one run."""
    chance = random.Random(options.seed)
    pauses = [chance.expovariate(1 / 0.03) + 0.01 for _ in range(options.codes)]
    with scratch() as folder:
        warm = bare_submits([0.002] * options.codes, folder / "warm.db")
        floor = bare_submits(pauses, folder / "floor.db")
        behind_flask = _behind_flask(pauses, folder)
        taken, answered = _codes(pauses, folder)
    figures = {
        "p50_ms": percentile(taken, 0.5) * 1e3,
        "p99_ms": percentile(taken, 0.99) * 1e3,
        "answer_p50_ms": percentile(answered, 0.5) * 1e3,
    }
    for name, times in (("floor", warm), ("floor_then", floor), ("floor_flask", behind_flask)):
        figures[f"{name}_p50_ms"], figures[f"{name}_p99_ms"] = (percentile(times, share) * 1e3 for share in (0.5, 0.99))
        figures[f"{name}_ratio_p50"] = figures["p50_ms"] / figures[f"{name}_p50_ms"]
    return figures, [
        ("p50", f"{figures['p50_ms']:.2f} ms", "<= 6 ms", figures["p50_ms"] <= 6),
        ("p99", f"{figures['p99_ms']:.2f} ms", "<= 25 ms", figures["p99_ms"] <= 25),
        ("202 at the client, p50", f"{figures['answer_p50_ms']:.2f} ms", "", None),
        ("floor: a script's commit and AT steps", *_floor(figures, "floor")),
        ("the same, at the moments of the codes", *_floor(figures, "floor_then")),
        ("the same, behind bare Flask on Waitress", *_floor(figures, "floor_flask")),
    ]


def _floor(figures: Figures, name: str) -> tuple[str, str, bool]:
    p50, p99, ratio = (figures[f"{name}_{what}"] for what in ("p50_ms", "p99_ms", "ratio_p50"))
    return f"{p50:.2f} / {p99:.2f} ms, p50 is {ratio:.1f} x", "<= 3 x", ratio <= 3


def _codes(pauses: Sequence[float], folder: Path) -> tuple[list[float], list[float]]:
    """Of each code: seconds until its PDU is at the modem, and until its client has the answer."""
    modem = Instrument()
    gateway = Gateway(folder, modem.path)
    begun, answered = [], []
    for number, pause in enumerate(pauses):
        time.sleep(pause)
        begun.append(time.monotonic_ns())
        gateway.post("/v1/otp", {"to": f"+447700{900000 + number % 1000}", "purpose": "login"})
        answered.append((time.monotonic_ns() - begun[-1]) / 1e9)
    time.sleep(0.5)
    gateway.stop()
    return _until_seen(begun, modem), answered


def _behind_flask(pauses: Sequence[float], folder: Path) -> list[float]:
    """Seconds from a request until its PDU is at the modem, with next to nothing in between."""
    modem = Instrument()
    web = BareWeb(folder, THREADS, modem.path)
    connection = http.client.HTTPConnection(*web.address)
    begun = []
    for pause in pauses:
        time.sleep(pause)
        begun.append(time.monotonic_ns())
        body = json.dumps({"to": "+447700900000", "purpose": "login"})
        connection.request("POST", "/submit", body, {"Content-Type": "application/json"})
        connection.getresponse().read()
    connection.close()
    web.stop()
    return _until_seen(begun, modem)


def _until_seen(begun: Sequence[int], modem: Instrument) -> list[float]:
    notes = modem.stop()
    if len(notes) != len(begun):
        raise SystemExit(f"{len(begun)} codes accepted, {len(notes)} PDUs seen")
    return [(note[1] - start) / 1e9 for start, note in zip(begun, notes, strict=True)]


def main() -> None:
    """Measure and show."""
    alone("benchmarks.p1_code_to_wire")


if __name__ == "__main__":
    main()
