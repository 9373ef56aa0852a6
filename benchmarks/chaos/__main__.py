"""python -m benchmarks.chaos [--minutes 10] [--seed 7] [--replay FILE] [--backlog 100000] …

Exit status 1 where anything that must hold did not.
"""

from __future__ import annotations

import argparse
import random
import sys
from pathlib import Path

from benchmarks.chaos import plan
from benchmarks.chaos.clients import Load
from benchmarks.chaos.injector import able
from benchmarks.chaos.run import run
from benchmarks.chaos.setting import FAMILIES, Setting
from benchmarks.chaos.show import show


def main() -> int:
    """Make or read the schedule, run it, judge."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.chaos")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--replay", type=Path, help="a schedule that an earlier run has written")
    parser.add_argument("--schedule", type=Path, default=Path("chaos.jsonl"), help="where the schedule is written")
    parser.add_argument("--modems", type=int, default=16)
    parser.add_argument("--rate", type=float, default=12, help="requests a second that send")
    parser.add_argument("--faults", type=float, default=160, help="faults of modems a minute")
    parser.add_argument("--backlog", type=int, default=0, help="messages queued before the load begins")
    parser.add_argument("--settle", type=float, default=430, help="seconds within which everything must be final")
    parser.add_argument("--keep", type=Path, help="a folder for database and logs that stays")
    options = parser.parse_args()
    missing = able()
    around = [name for name in plan.AROUND if name not in missing]
    if options.replay:
        heading, entries = plan.read(options.replay)
        entries = [entry for entry in entries if entry["what"] not in missing]
    else:
        seed = options.seed if options.seed is not None else random.SystemRandom().randrange(10**6)
        heading = {name: getattr(options, name) for name in ("minutes", "modems", "rate", "faults", "backlog")}
        heading["seed"] = seed
        entries = plan.make(seed, options.minutes * 60, options.modems, options.faults, around)
        plan.write(options.schedule, heading, entries)
    for name, reason in missing.items():
        print(f"left out: {name}: {reason}")
    print(f"seed {heading['seed']}, {len(entries)} entries in the schedule", flush=True)
    setting = Setting(
        modems=heading["modems"],
        families=FAMILIES,
        load=Load(heading["minutes"] * 60, heading["rate"]),
        seed=heading["seed"],
        backlog=heading["backlog"],
        settle=options.settle,
    )
    outcome = run(setting, entries, keep=options.keep)
    return show(f"Chaos, seed {heading['seed']}", outcome, heading)


if __name__ == "__main__":
    sys.exit(main())
