"""P4: one POST /v1/messages with 1,000 recipients, over and over by one client, each answered once all are on disk.

python -m benchmarks.p4_bulk [--requests 10]
"""

from __future__ import annotations

import argparse
import sqlite3
import time
from itertools import islice
from pathlib import Path

from benchmarks.bench import Figures, Row, alone, cpu_seconds, percentile, scratch
from benchmarks.p3_accept import MESSAGES, TEXT, every_number, paused_gateway

TITLE = "P4 bulk: one request with 1,000 recipients"
QUICK = {"requests": 3}
RECIPIENTS = 1000


def measure(options: argparse.Namespace) -> tuple[Figures, list[Row]]:
    """The figures of one run, and the rows of its table."""
    numbers = every_number()
    taken = []
    with scratch() as folder, paused_gateway(folder) as gateway:
        before = cpu_seconds(gateway.process.pid)
        for _ in range(options.requests):
            sent = list(islice(numbers, RECIPIENTS))
            request = {"to": sent, "text": TEXT, "priority": "bulk"}
            begun = time.monotonic_ns()
            answer = gateway.post(MESSAGES, request)
            taken.append((time.monotonic_ns() - begun) / 1e9)
            if len(answer["items"]) != RECIPIENTS:
                raise SystemExit(f"{len(answer['items'])} of {RECIPIENTS} messages were answered for")
        cpu = (cpu_seconds(gateway.process.pid) - before) / options.requests / RECIPIENTS
        floor = bare_inserts(folder, options.requests)
    figures = {
        "recipients_per_s": RECIPIENTS / percentile(taken, 0.5),
        "p50_ms": percentile(taken, 0.5) * 1e3,
        "worst_ms": max(taken) * 1e3,
        "cpu_us_each": cpu * 1e6,
        "floor_rows_per_s": RECIPIENTS / percentile(floor, 0.5),
    }
    rows: list[Row] = [
        (
            "recipients a second",
            f"{figures['recipients_per_s']:.0f}",
            ">= 10,000",
            figures["recipients_per_s"] >= 10_000,
        ),
        ("one request, p50 / worst", f"{figures['p50_ms']:.1f} / {figures['worst_ms']:.1f} ms", "", None),
        ("CPU for each recipient", f"{figures['cpu_us_each']:.0f} us", "", None),
        ("floor: 1,000 bare rows in one synced commit", f"{figures['floor_rows_per_s']:.0f} rows/s", "", None),
    ]
    return figures, rows


def bare_inserts(folder: Path, times: int) -> list[float]:
    """The floor, in seconds each: as many rows of one table in one commit."""
    connection = sqlite3.connect(folder / "floor.db", isolation_level=None)
    connection.executescript(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE message (id INTEGER PRIMARY KEY, body BLOB)"
    )
    taken = []
    for _ in range(times):
        begun = time.monotonic_ns()
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO message (body) VALUES (?)", [(b"x" * 100,)] * RECIPIENTS)
        connection.execute("COMMIT")
        taken.append((time.monotonic_ns() - begun) / 1e9)
    connection.close()
    return taken


def add_options(parser: argparse.ArgumentParser) -> None:
    """What can be chosen."""
    parser.add_argument("--requests", type=int, default=10)


def main() -> None:
    """Measure and show."""
    alone("benchmarks.p4_bulk")


if __name__ == "__main__":
    main()
