"""The outcome of a run for people and for programs."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping

from benchmarks.chaos.evidence import Evidence
from benchmarks.chaos.oracle import Verdict, Violation
from benchmarks.chaos.run import Outcome

SHOWN = 20  # violations with all that is known of them


def show(title: str, outcome: Outcome, more: Mapping[str, object]) -> int:
    """Print tables, one line of JSON, and the first violations; the exit status."""
    verdict, evidence = outcome.verdict, outcome.evidence
    machine = (
        f"{platform.machine()}, {os.cpu_count()} cores, Linux {platform.release()}, Python {platform.python_version()}"
    )
    faults = sum(outcome.struck.values()) + sum(outcome.done.values()) - outcome.done["incoming"]
    print(f"{title}\n{machine}\n{outcome.seconds:.0f} s of load, {outcome.settled:.0f} s to settle")
    print(f"disk full is {outcome.disk}\n")
    print(f"{len(evidence.ledger.told)} messages accepted, {len(evidence.lives)} processes, {faults} faults")
    print(f"{evidence.ledger.repeats} requests made again, {evidence.ledger.unanswered} never answered\n")
    _table("around it (messages that come in are no faults)", sorted(outcome.done.items()))
    _table("faults of modems, struck", sorted(outcome.struck.items()))
    _samples(outcome)
    rules = show_verdict(verdict, evidence)
    figures = {
        "benchmark": title,
        "machine": machine,
        **more,
        "seconds": round(outcome.seconds),
        "settled": round(outcome.settled),
        "messages": len(evidence.ledger.told),
        "faults": faults,
        "processes": len(evidence.lives),
        "repeats": evidence.ledger.repeats,
        "unanswered": evidence.ledger.unanswered,
        "around": dict(outcome.done),
        "struck": dict(outcome.struck),
        "looked": dict(verdict.looked),
        "violations": {rule: verdict.of(rule) for rule in rules},
        "notes": dict(verdict.notes),
        "excused": round(verdict.excused, 3),
        "samples": outcome.samples[-1:],
    }
    print("\n" + json.dumps(figures))
    return 1 if verdict.violations else 0


def show_verdict(verdict: Verdict, evidence: Evidence) -> list[str]:
    """Print what was looked at and what was wrong, with the story of the first violations; the rules."""
    _table("ends of messages, and what explains what", sorted(verdict.notes.items()))
    print(f"moments at which a report may have been taken away: {verdict.excused:.0%} of all, over all modems")
    print(f"worst end of a PDU: {verdict.worst_late:+.2f} s from the end of its lifetime, as clients know it\n")
    rules = sorted(verdict.looked)
    print(f"{'rule':32}{'looked at':>12}{'violations':>12}")
    for rule in rules:
        print(f"{rule:32}{verdict.looked[rule]:>12}{verdict.of(rule):>12}")
    for number, violation in enumerate(verdict.violations[:SHOWN], 1):
        print(f"\n{number}. {violation.rule}: {violation.words}")
        _story(evidence, violation)
    return rules


def _table(title: str, rows: list[tuple[str, int]]) -> None:
    print(title)
    for name, number in rows:
        print(f"  {name:70}{number:>8}")
    print()


def _samples(outcome: Outcome) -> None:
    if not outcome.samples:
        return
    names = list(outcome.samples[0])
    step = max(1, len(outcome.samples) // 70)
    print("  ".join(f"{name:>12}" for name in names))
    for sample in outcome.samples[::step]:
        print("  ".join(f"{sample[name]:>12g}" for name in names))
    print()


def _story(evidence: Evidence, violation: Violation) -> None:
    """The message's timeline, and what the network saw of it."""
    told = evidence.by_id.get(violation.message or "")
    if told is None:
        return
    message = evidence.messages.get(told.id)
    what = told.token or f"code of {told.challenge}"
    print(f"   {told.id} to {told.to}: {what}, asked {told.asked:.2f}, lifetime {told.lifetime:g}")
    if message is not None:
        print(f"   {message['state']} {message['reason']} parts {message['parts']} report {message['report']}")
    for row in evidence.timelines.get(told.id, ()):
        mark = " possible duplicate" if row["duplicate"] else ""
        print(
            f"   {row['at']} {row['state']} {row['reason'] or ''} {row['modem'] or ''} attempt {row['attempt']}"
            f" part {row['part']} {row['result'] or ''}{mark}"
        )
    for row in evidence.attempts.get(told.id, ()):
        print(
            f"   attempt {row['id']} part {row['part']} {row['kind']} {row['state']} {row['imsi']} mr {row['mr']}"
            f" begun {row['submitted_boot']} {row['result'] or ''} report {row['report_status']}"
        )
    for part in evidence.parts_of(told, evidence.submits):
        print(f"   network: {part.at:.3f} {evidence.modem_of(part.imsi)} mr {part.reference} part {part.joint or 1}")
        for at, fate, status in evidence.reports.get((part.imsi, part.reference, told.to), ()):
            print(f"            report {at:.3f} {fate} {status:#x}")
    for text in evidence.shows(told):
        print(f"   shown: {len(text)} characters")
