"""python -m benchmarks.soak [--minutes 60] [--rate 50] [--modems 32] [--faults 0.01]

So many accepted messages a second over so many simulated modems, half a second a part on the air, a fault of a modem
for each hundred messages, and nothing that ends the process: the oracle of `benchmarks.chaos`, and each minute a row
of threads, descriptors, memory, write-ahead log, queue and CPU. Exit status 1 where anything that must hold did not.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.chaos import plan
from benchmarks.chaos.clients import Load
from benchmarks.chaos.run import run
from benchmarks.chaos.setting import Setting
from benchmarks.chaos.show import show


def main() -> int:
    """Set it up, wait, judge."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--rate", type=float, default=50, help="messages a second")
    parser.add_argument("--modems", type=int, default=32)
    parser.add_argument("--faults", type=float, default=0.01, help="faults for each message")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--settle", type=float, default=430, help="seconds within which everything must be final")
    parser.add_argument("--keep", type=Path, help="a folder for database and logs that stays")
    options = parser.parse_args()
    seconds = options.minutes * 60
    entries = plan.make(options.seed, seconds, options.modems, options.faults * options.rate * 60, ("incoming",))
    load = Load(
        seconds,
        options.rate,
        applications=12,
        codes=0.4,
        lists=0.0,
        parts=(96, 3, 1, 0),  # 1.05 parts a message: two parts a second is all that a modem carries
        odd=0.01,
        looks=0.05,
        lifetimes=(60, 120, 300),
        code_lifetimes=(120, 300),
    )
    setting = Setting(
        modems=options.modems,
        families=("generic", "ec25", "sim800", "huawei"),
        submit_seconds=0.5,
        load=load,
        seed=options.seed,
        settle=options.settle,
        every=min(60.0, max(5.0, seconds / 10)),
    )
    outcome = run(setting, entries, keep=options.keep)
    heading = {name: getattr(options, name) for name in ("minutes", "rate", "modems", "faults", "seed")}
    return show(f"Soak, {options.rate:g} a second over {options.modems} modems", outcome, heading)


if __name__ == "__main__":
    sys.exit(main())
