"""P7: whether anything gets slower while the outbox fills: each operation with 10^4, 10^5, 10^6, 10^7 messages kept.

python -m benchmarks.p7_full_outbox [--largest 1000000] [--rounds 200] [--folder DIR]

The databases are made first (10^7: some 25 GB, about ten minutes). Then every operation is asked of each database in
turn, round after round, so that what else the machine does falls on all of them alike; first through the store, then
over HTTP, one served process a database. Then each is counted instead of timed, through the store: steps of SQLite's
machine, which no other program disturbs, and reads of the file, each a page that the connection's cache did not hold
(how much of that came from the disk is the page cache's doing, and the machine's).
"""

from __future__ import annotations

import argparse
import random
import sqlite3
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from benchmarks.bench import Figures, Gateway, Row, alone, percentile, scratch
from benchmarks.kept import fill
from benchmarks.kept_work import Work
from hardware.clock import SystemClock

TITLE = "P7 full outbox"
QUICK = {"largest": 100_000, "rounds": 20}
SMALLEST = 10_000
FLAT = 1.5  # times the smallest
COUNTED = 30  # rounds in which steps and reads are counted
STILL = 1.2  # times the steps of the size before the largest: what is less than a page in the smallest grows up to one
NOISE = 0.2  # milliseconds by which two sizes may differ whatever the ratio: what the machine does beside
MODEMS = 8
CONFIG = "\n".join(
    f'[[modem]]\nname = "sim{n}"\nport = "simulator"\ntime_scale = 0.1' for n in range(2, MODEMS + 1)
) + (
    '\n[retention]\ntexts = "forever"\nmessages = "forever"\ncodes = "forever"\ninbox = "forever"\nevents = "forever"\n'
)

Taken = dict[str, dict[int, list[float]]]
"""Seconds by operation and size."""
Counts = dict[str, dict[int, list[tuple[int, int]]]]
"""Steps of SQLite's machine and reads of the file, by operation and size."""


def main() -> None:
    """Measure and show."""
    alone("benchmarks.p7_full_outbox")


def add_options(parser: argparse.ArgumentParser) -> None:
    """What can be chosen."""
    parser.add_argument("--largest", type=int, default=1_000_000, help="messages in the largest database")
    parser.add_argument("--rounds", type=int, default=200, help="how often each operation is asked")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="where the databases are made, and kept for the next run")


def measure(options: argparse.Namespace) -> tuple[Figures, list[Row]]:
    """Figures for programs and rows for people."""
    sizes = [size for size in (10**power for power in range(4, 10)) if size <= options.largest]
    with scratch() as temporary:
        folders = {size: kept(options.folder or temporary, size) for size in sizes}
        taken: Taken = defaultdict(lambda: defaultdict(list))
        counts: Counts = defaultdict(lambda: defaultdict(list))
        figures = through_the_store(folders, options, taken, counts)
        for size, folder in folders.items():
            figures |= over_http(folder, size, options, taken)
    return figures, [*judged(taken, sizes, figures), *counted(counts, sizes, figures)]


def kept(folder: Path, size: int) -> Path:
    """The folder of the database of a size, which is made unless an earlier run left it."""
    own = folder / str(size)
    if not (own / "made").exists():
        own.mkdir(parents=True, exist_ok=True)
        fill(own, size, SystemClock().now())
        (own / "made").touch()
    return own


def of_this_process(what: str) -> int:
    """What the kernel has counted: `read_bytes` from a disk and not from the page cache, `syscr` calls that read."""
    lines = Path("/proc/self/io").read_text(encoding="ascii").splitlines()
    return int(dict(line.split(": ") for line in lines)[what])


@contextmanager
def watched(work: Work) -> Iterator[list[int]]:
    """Steps that the database takes meanwhile, in a list of one, on the connections that write and read."""
    steps = [0]

    def step() -> None:
        steps[0] += 1

    with work.store.database.mark() as writer, work.store.database.read() as reader:
        connections: tuple[sqlite3.Connection, ...] = (writer, reader)
    for connection in connections:
        connection.set_progress_handler(step, 1)
    try:
        yield steps
    finally:
        for connection in connections:
            connection.set_progress_handler(None, 1)


def through_the_store(
    folders: dict[int, Path], options: argparse.Namespace, taken: Taken, counts: Counts
) -> dict[str, float]:
    """Every operation of `Work`, the sizes in turn."""
    figures: dict[str, float] = {}
    works = {}
    for size, folder in folders.items():
        begun = time.perf_counter()
        works[size] = Work(folder, random.Random(options.seed))
        figures[f"open_{size}_ms"] = (time.perf_counter() - begun) * 1e3
    operations = {size: work.operations() for size, work in works.items()}
    for number in range(-2, options.rounds):  # the first two only warm up
        for size in folders:
            before = of_this_process("read_bytes")
            for name, operation in operations[size].items():
                begun = time.perf_counter()
                operation()
                if number >= 0:
                    taken[name][size].append(time.perf_counter() - begun)
            key = f"disk_{size}_octets_a_round"
            figures[key] = figures.get(key, 0.0) + (of_this_process("read_bytes") - before) / options.rounds * (
                number >= 0
            )
    for size, work in works.items():
        count(work, size, operations[size], counts)
        for _ in range(3):
            begun = time.perf_counter()
            done = work.retention()
            if done:
                taken["retention, a message"][size].append((time.perf_counter() - begun) / done)
        work.store.close()
    return figures


def count(work: Work, size: int, operations: dict[str, Callable[[], object]], counts: Counts) -> None:
    """What each operation takes of the database, whatever the machine does beside."""
    own = -of_this_process("syscr") + of_this_process("syscr")  # what it takes to ask
    with watched(work) as steps:
        for _ in range(COUNTED):
            for name, operation in operations.items():
                before, reads = steps[0], of_this_process("syscr")
                operation()
                counts[name][size].append((steps[0] - before, of_this_process("syscr") - reads - own))
        for _ in range(5):  # what it passes over first is no message that it may erase
            before, reads = steps[0], of_this_process("syscr")
            if done := work.retention():
                spent = steps[0] - before, of_this_process("syscr") - reads - own
                counts["retention, a message"][size].append((spent[0] // done, spent[1] // done))


def over_http(folder: Path, size: int, options: argparse.Namespace, taken: Taken) -> dict[str, float]:
    """What clients ask, of a served process with simulated modems; and its start."""
    begun = time.perf_counter()
    gateway = Gateway(folder, "simulator", "time_scale = 0.1\n" + CONFIG)
    started = time.perf_counter() - begun
    chance = random.Random(options.seed + 1)
    ids = [item["id"] for item in gateway.get("/v1/messages?limit=1000")["items"]]
    sent: list[str] = []
    asked: dict[str, Callable[[], object]] = {
        "GET /v1/messages/{id}": lambda: gateway.get(f"/v1/messages/{chance.choice(ids)}"),
        "GET /v1/messages": lambda: gateway.get("/v1/messages"),
        "GET /v1/messages?state=": lambda: gateway.get("/v1/messages?state=failed"),
        "GET /v1/messages?tag=": lambda: gateway.get("/v1/messages?tag=campaign"),
        "GET /v1/messages?to=": lambda: gateway.get(
            f"/v1/messages?to={quote('+447500000' + str(chance.randrange(100, 400)))}"
        ),
        "GET /v1/stats": lambda: gateway.get("/v1/stats?window=6h"),
        "GET /v1/inbox": lambda: gateway.get("/v1/inbox"),
    }
    for number in range(options.rounds):
        to = f"+4477009{number % 1000:05}"
        begun = time.perf_counter()
        if number % 4 == 0:
            sent.append(gateway.post("/v1/messages", {"to": to, "text": "Your parcel comes tomorrow."})["id"])
            taken["POST /v1/messages"][size].append(time.perf_counter() - begun)
        else:
            challenge = gateway.post("/v1/otp", {"to": to, "purpose": "login"})
            taken["POST /v1/otp"][size].append(time.perf_counter() - begun)
            begun = time.perf_counter()
            gateway.post(f"/v1/otp/{challenge['id']}/check", {"code": "000000"})
            taken["POST /v1/otp/{id}/check"][size].append(time.perf_counter() - begun)
        for name, ask in asked.items():
            begun = time.perf_counter()
            ask()
            taken[name][size].append(time.perf_counter() - begun)
    gateway.stop()
    return {f"start_{size}_s": started}


def judged(taken: Taken, sizes: list[int], figures: Figures) -> list[Row]:
    """A row for each operation: p50 and p99 by size in milliseconds, and the greatest ratio to the smallest size."""
    rows: list[Row] = []
    for name, by_size in taken.items():
        if not all(by_size[size] for size in sizes):
            rows.append((name, "nothing was left to erase", "", None))
            continue
        middle = {size: percentile(by_size[size], 0.5) * 1e3 for size in sizes}
        late = {size: percentile(by_size[size], 0.99) * 1e3 for size in sizes}
        word = name.replace(" ", "_")
        for size in sizes:
            figures[f"{word}_{size}_p50_ms"], figures[f"{word}_{size}_p99_ms"] = middle[size], late[size]
        worst = max(middle.values()) / middle[sizes[0]]
        figures[f"{word}_ratio"] = worst
        within = worst <= FLAT or max(middle.values()) - middle[sizes[0]] <= NOISE
        shown = "  ".join(f"{middle[size]:.2f}/{late[size]:.2f}" for size in sizes)
        rows.append((name, f"{shown}  {worst:.2f} x", f"<= {FLAT:g} x", within))
    return rows


def counted(counts: Counts, sizes: list[int], figures: Figures) -> list[Row]:
    """A row for each operation: median of its steps and mean of its reads by size, and how much the last one adds."""
    rows: list[Row] = []
    for name, by_size in counts.items():
        if set(by_size) != set(sizes):
            continue  # nothing to erase in one of them
        steps = {size: percentile([one[0] for one in by_size[size]], 0.5) for size in sizes}
        reads = {size: sum(one[1] for one in by_size[size]) / len(by_size[size]) for size in sizes}
        word = name.replace(" ", "_")
        for size in sizes:
            figures[f"{word}_{size}_steps"], figures[f"{word}_{size}_reads"] = steps[size], reads[size]
        last, before = steps[sizes[-1]], steps[sizes[-2:][0]]
        shown = "  ".join(f"{steps[size]:.0f}/{reads[size]:.1f}" for size in sizes)
        rows.append(
            (f"{name}, steps/reads", f"{shown}  {last / before:.2f} x", f"<= {STILL:g} x", last <= STILL * before)
        )
    return rows


if __name__ == "__main__":
    main()
