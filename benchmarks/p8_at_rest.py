"""P8: a gateway with one modem and nothing to do: processor, memory, wake-ups; and how long it takes to start.

python -m benchmarks.p8_at_rest [--seconds 60] [--starts 5]
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from statistics import median

from benchmarks.bench import Figures, Gateway, Instrument, Row, alone, memory_mb, scratch

TITLE = "P8 at rest"
QUICK = {"seconds": 20, "starts": 1}
SETTLE = 5.0  # seconds after the start in which its last work is done


def add_options(parser: argparse.ArgumentParser) -> None:
    """What can be chosen."""
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--starts", type=int, default=5)


def wake_ups(pid: int) -> int:
    """How often the threads of a process have gone to sleep by themselves so far."""
    total = 0
    for status in Path(f"/proc/{pid}/task").glob("*/status"):
        lines = status.read_text(encoding="ascii").splitlines()
        total += next(int(line.split()[1]) for line in lines if line.startswith("voluntary_ctxt"))
    return total


def used(pid: int) -> float:
    """Seconds of a core that the threads which run now have used; finer than the ticks that a process is charged."""
    return sum(int(one.read_text("ascii").split()[0]) for one in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9


def measure(options: argparse.Namespace) -> tuple[Figures, list[Row]]:
    """Starts first, then the rest."""
    with scratch() as folder:
        modem = Instrument()
        gateway = Gateway(folder, modem.path)
        starts, uses = [], []
        for _ in range(options.starts):
            gateway.stop()
            begun = time.monotonic()
            gateway.start()
            starts.append(time.monotonic() - begun)
            uses.append(gateway.cpu)
            gateway.until_able()
        time.sleep(SETTLE)
        pid = gateway.process.pid
        before, woken, begun = used(pid), wake_ups(pid), time.monotonic()
        time.sleep(options.seconds)
        seconds = time.monotonic() - begun
        share, rate = (used(pid) - before) / seconds, (wake_ups(pid) - woken) / seconds
        memory = memory_mb(pid)
        gateway.stop()
        modem.stop()
    start, use = median(starts), median(uses)
    figures = {"cpu_share": share, "memory_mb": memory, "wake_ups_per_s": rate, "start_s": start, "start_cpu_s": use}
    return figures, [
        (f"CPU over {seconds:.0f} s", f"{share:.3%} of a core", "<= 0.2 %", share <= 0.002),
        ("memory (RSS)", f"{memory:.1f} MB", "<= 80 MB", memory <= 80),
        ("wake-ups", f"{rate:.1f} a second", "", None),
        ("process started -> ready; of that CPU", f"{start:.2f} s; {use:.2f} s", "<= 1.5 s", start <= 1.5),
    ]


def main() -> None:
    """Measure and show."""
    alone("benchmarks.p8_at_rest")


if __name__ == "__main__":
    main()
