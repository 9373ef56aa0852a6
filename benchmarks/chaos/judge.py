"""python -m benchmarks.chaos.judge FOLDER [--families generic,ec25,…]

Judge the evidence of an earlier run (`--keep FOLDER`) by the rules of today, also where an older program wrote it.
What only the run itself knew is not in it: how its processes ended. Exit status 1 where anything did not hold.
"""

from __future__ import annotations

import argparse
import pickle
import sys
from collections import Counter, defaultdict
from pathlib import Path

from benchmarks.chaos.evidence import Evidence, Row
from benchmarks.chaos.growth import judge_growth
from benchmarks.chaos.oracle import judge
from benchmarks.chaos.run import EVIDENCE
from benchmarks.chaos.setting import FAMILIES, storing
from benchmarks.chaos.show import show_verdict


def load(folder: Path, families: list[str]) -> Evidence:
    """Read evidence; what an older program did not write is made from the rest."""
    evidence: Evidence = pickle.loads((folder / EVIDENCE).read_bytes())
    if not hasattr(evidence, "stored"):
        evidence.stored = _stored(evidence)
        modems = {modem for _, modem, *_ in evidence.faults} | {event.subject for event in evidence.events}
        numbers = [int(name[3:]) for name in modems if name.startswith("sim") and name[3:].isdecimal()]
        evidence.storing = storing(families, max(numbers, default=0))
    return evidence


def _stored(evidence: Evidence) -> dict[tuple[str, int], list[Row]]:
    """What can be told of stored reports by their outcomes alone: which attempt has one, and which belong to none."""
    stored: dict[tuple[str, int], list[Row]] = defaultdict(list)
    for attempts in evidence.attempts.values():
        for row in attempts:
            if row["report_status"] is not None:
                told = {"outcome": "matched", "attempt": row["id"], "status": row["report_status"]}
                stored[row["imsi"], row["mr"]].append(told | {"recipient_tail": row["recipient_tail"]})
    unreferenced = _without_reference(evidence)
    for key, outcomes in evidence.kept_reports.items():
        strays = Counter(outcomes)
        spare = strays["unmatched"] + strays["ambiguous"] - len(unreferenced[key])
        for imsi, mr, number in list(evidence.reports):
            if spare > 0 and (imsi, mr) == key:
                for _, _, status in evidence.reports[imsi, mr, number]:
                    stray = {"outcome": "unmatched", "attempt": None, "status": status, "recipient_tail": number[-6:]}
                    stored[key].append(stray)
    return dict(stored)


def _without_reference(evidence: Evidence) -> dict[tuple[str, int], list[str]]:
    """Submits whose attempt never learned its reference: their reports belong to nothing that the database knows."""
    known: dict[tuple[str, int], set[str]] = defaultdict(set)
    for rows in evidence.attempts.values():
        for row in rows:
            known[row["imsi"], row["mr"]].add(row["recipient_tail"])
    found: dict[tuple[str, int], list[str]] = defaultdict(list)
    for number, parts in evidence.submits.items():
        for part in parts:
            key = (part.imsi, part.reference)
            if not any(number.endswith(tail) for tail in known[key]):
                found[key].append(number)
    return found


def main() -> int:
    """Judge, and show what was found."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.chaos.judge")
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--families", default=",".join(FAMILIES), help="of the modems, where the evidence is an old one"
    )
    options = parser.parse_args()
    evidence = load(options.folder, options.families.split(","))
    verdict = judge(evidence)
    judge_growth(verdict, evidence.lives)
    show_verdict(verdict, evidence)
    return 1 if verdict.violations else 0


if __name__ == "__main__":
    sys.exit(main())
