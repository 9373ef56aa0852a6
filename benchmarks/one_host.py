"""What one host holds: growth of the database, a backup while messages are accepted, retention.

python -m benchmarks.one_host [--messages 1000000] [--folder DIR]

The database is one of `benchmarks.p7_full_outbox` (same --folder: made once). Nothing is changed in it but some
messages that are accepted during the backup, and what one round of retention erases.
"""

from __future__ import annotations

import argparse
import random
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.bench import Figures, Row, percentile, scratch, show
from benchmarks.kept_work import Work
from benchmarks.p7_full_outbox import kept


def main() -> None:
    """Measure and show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser)
    figures, rows = measure(parser.parse_args())
    show("One host", rows, figures)


def add_options(parser: argparse.ArgumentParser) -> None:
    """What can be chosen."""
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, help="where the databases are made, and kept for the next run")


def measure(options: argparse.Namespace) -> tuple[Figures, list[Row]]:
    """Figures for programs and rows for people."""
    with scratch() as temporary:
        folder = kept(options.folder or temporary, options.messages)
        work = Work(folder, random.Random(1))
        figures = grown(folder / "bench.db")
        accepted = work.operations()["accept a message"]
        alone = [timed(accepted) for _ in range(300)]
        figures["accept_alone_p50_ms"], figures["accept_alone_p99_ms"] = in_ms(alone)
        figures |= backed_up(folder / "bench.db", temporary / "copy.db", accepted)
        begun = time.perf_counter()
        erased = work.retention()
        figures["retention_messages_a_second"] = erased / (time.perf_counter() - begun)
        work.store.close()
    return figures, [(name, f"{value:,.2f}", "", None) for name, value in figures.items()]


def grown(path: Path) -> dict[str, float]:
    """Octets a message, by table with its indexes."""
    cx = sqlite3.connect(path)
    (messages,) = cx.execute("SELECT count(*) FROM messages").fetchone()
    figures = {"messages": float(messages), "octets_a_message": path.stat().st_size / messages}
    try:
        tables = cx.execute(
            "SELECT coalesce(m.tbl_name, s.name), sum(s.pgsize) FROM dbstat AS s LEFT JOIN sqlite_master AS m"
            " ON m.name = s.name WHERE s.aggregate = 1 GROUP BY 1 ORDER BY 2 DESC LIMIT 8"
        ).fetchall()
    except sqlite3.OperationalError:  # this SQLite was built without dbstat
        tables = []
    for name, octets in tables:
        (rows,) = cx.execute(f"SELECT count(*) FROM {name}").fetchone()
        figures[f"octets_of_{name}_a_row"] = octets / max(1, rows)
        figures[f"octets_of_{name}_a_message"] = octets / messages
    cx.close()
    return figures


def backed_up(path: Path, target: Path, accept: Callable[[], object]) -> dict[str, float]:
    """SQLite's online backup on a connection of its own, while messages are accepted all the time.

    In one step: one of several begins anew whenever another connection has written in between.
    """
    done = threading.Event()
    taken: list[float] = []

    def work() -> None:
        source, copy = sqlite3.connect(path), sqlite3.connect(target)
        source.backup(copy)
        copy.close()
        source.close()
        done.set()

    thread = threading.Thread(target=work)
    begun = time.perf_counter()
    thread.start()
    while not done.is_set():
        taken.append(timed(accept))
        done.wait(0.02)  # fifty a second
    thread.join()
    seconds = time.perf_counter() - begun
    p50, p99 = in_ms(taken)
    return {
        "backup_s": seconds,
        "backup_mb_a_second": target.stat().st_size / seconds / 1e6,
        "accept_beside_backup_p50_ms": p50,
        "accept_beside_backup_p99_ms": p99,
        "accept_beside_backup_max_ms": max(taken) * 1e3,
        "wal_after_backup_mb": path.with_name(path.name + "-wal").stat().st_size / 1e6,
    }


def timed(action: Callable[[], object]) -> float:
    """Seconds that it takes."""
    begun = time.perf_counter()
    action()
    return time.perf_counter() - begun


def in_ms(taken: list[float]) -> tuple[float, float]:
    """p50 and p99."""
    return percentile(taken, 0.5) * 1e3, percentile(taken, 0.99) * 1e3


if __name__ == "__main__":
    main()
