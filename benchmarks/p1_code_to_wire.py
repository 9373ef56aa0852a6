"""P1: from the first byte of POST /v1/otp to the last byte of the PDU at the modem, on disk in between.

python -m benchmarks.p1_code_to_wire [--codes 500]
"""

from __future__ import annotations

import argparse
import random
import time

from benchmarks.bench import Figures, Gateway, Instrument, Row, alone, bare_submits, percentile, scratch

TITLE = "P1 request to code on the wire"
QUICK = {"codes": 60}


def add_options(parser: argparse.ArgumentParser) -> None:
    """What can be chosen."""
    parser.add_argument("--codes", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)


def measure(options: argparse.Namespace) -> tuple[Figures, list[Row]]:
    """Floor and gateway in one run."""
    chance = random.Random(options.seed)
    with scratch() as folder:
        floor = bare_submits(options.codes, folder)
        modem = Instrument()
        gateway = Gateway(folder, modem.path)
        begun, answered = [], []
        for number in range(options.codes):
            time.sleep(chance.expovariate(1 / 0.03) + 0.01)
            begun.append(time.monotonic_ns())
            gateway.post("/v1/otp", {"to": f"+447700{900000 + number % 1000}", "purpose": "login"})
            answered.append((time.monotonic_ns() - begun[-1]) / 1e9)
        time.sleep(0.5)
        gateway.stop()
        notes = modem.stop()
    if len(notes) != options.codes:
        raise SystemExit(f"{options.codes} codes accepted, {len(notes)} PDUs seen")
    taken = [(note[1] - start) / 1e9 for start, note in zip(begun, notes, strict=True)]
    figures = {
        "p50_ms": percentile(taken, 0.5) * 1e3,
        "p99_ms": percentile(taken, 0.99) * 1e3,
        "answer_p50_ms": percentile(answered, 0.5) * 1e3,
        "floor_p50_ms": percentile(floor, 0.5) * 1e3,
        "floor_p99_ms": percentile(floor, 0.99) * 1e3,
    }
    figures["ratio_p50"] = figures["p50_ms"] / figures["floor_p50_ms"]
    floors = f"{figures['floor_p50_ms']:.2f} / {figures['floor_p99_ms']:.2f} ms"
    return figures, [
        ("p50", f"{figures['p50_ms']:.2f} ms", "<= 6 ms", figures["p50_ms"] <= 6),
        ("p99", f"{figures['p99_ms']:.2f} ms", "<= 25 ms", figures["p99_ms"] <= 25),
        ("202 at the client, p50", f"{figures['answer_p50_ms']:.2f} ms", "", None),
        ("floor p50 / p99: one synced commit, and the AT steps", floors, "", None),
        ("p50 over floor", f"{figures['ratio_p50']:.1f} x", "<= 3 x", figures["ratio_p50"] <= 3),
    ]


def main() -> None:
    """Measure and show."""
    alone("benchmarks.p1_code_to_wire")


if __name__ == "__main__":
    main()
