"""What must hold, whatever went wrong."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from itertools import pairwise

from benchmarks.chaos.evidence import Evidence, Part
from benchmarks.chaos.owners import Owners
from benchmarks.chaos.told import TOKEN, Told
from benchmarks.chaos.truth import Truth
from gateway.messages import MOVES, MessageState

LATE = 0.05
"""Seconds that the simulator may need to see the last octet of a PDU; the worst is shown."""
_NUMBER = re.compile(r"\+44\d{10}|\b07\d{9}\b")
_RECORD = re.compile(r"^(?=\d{4}-\d\d-\d\dT)", re.MULTILINE)
_EXPECTED = re.compile(r"^gateway\.store\.errors\.Store(Full|Busy|Failed): ")
"""What a trace in the log may end in: the disk was full, or the database locked."""


@dataclass(frozen=True, slots=True)
class Violation:
    """Something that must not be."""

    rule: str
    words: str
    message: str | None = None


@dataclass(slots=True)
class Verdict:
    """What was looked at, rule by rule, and what was wrong."""

    looked: Counter[str] = field(default_factory=Counter)
    violations: list[Violation] = field(default_factory=list)
    notes: Counter[str] = field(default_factory=Counter)
    worst_late: float = float("-inf")
    excused: float = 0.0
    """Share of the moments of all modems at which a report may have been taken away: what `STATE` cannot see."""

    def found(self, rule: str, words: str, message: str | None = None) -> None:
        """One violation."""
        self.violations.append(Violation(rule, words, message))

    def of(self, rule: str) -> int:
        """How many violations of a rule."""
        return sum(1 for violation in self.violations if violation.rule == rule)


LOST, TIME, TWICE, STATE = "accepted but lost", "PDU ended after its lifetime", "sent twice, unmarked", "final state"
MOVE, ANSWER, CODE, ORDER = "state move", "answer that the timeline lacks", "code approved twice", "webhook missing"
SECRET, DEFECT, STATUS = "secret in the log", "defect in the log", "HTTP status"
REPEAT = "repeat with its own outcome"


def judge(evidence: Evidence) -> Verdict:
    """Every rule over every message."""
    verdict = Verdict()
    truth = Truth(evidence)
    for told in evidence.ledger.told:
        verdict.looked[LOST] += 1
        message = evidence.messages.get(told.id)
        if message is None or not evidence.timelines[told.id]:
            verdict.found(LOST, "accepted, and the database does not know it", told.id)
            continue
        verdict.looked[STATE] += 1
        if (wrong := truth.fault_in(told, message)) is not None:
            verdict.found(STATE, wrong, told.id)
        _moves(evidence, told, verdict)
        verdict.notes[f"{message['state']} {message['reason'] or ''}".strip()] += 1
    verdict.excused = _excused(evidence, truth)
    verdict.notes.update({f"no report: {why}": number for why, number in truth.why.items()})
    owners = Owners(evidence)
    _late(evidence, owners, verdict)
    _twice(evidence, owners, verdict)
    _codes(evidence, verdict)
    _webhooks(evidence, verdict)
    _log(evidence, verdict)
    for words in evidence.ledger.differing:
        verdict.found(REPEAT, words)
    verdict.looked[REPEAT] = evidence.ledger.repeats
    for status, code in evidence.ledger.statuses:
        verdict.looked[STATUS] += 1
        if status not in (409, 429, 503):
            verdict.found(STATUS, f"{status} {code}")
    return verdict


def _excused(evidence: Evidence, truth: Truth) -> float:
    modems = {evidence.modem_of(part.imsi) for parts in evidence.submits.values() for part in parts}
    times = [part.at for parts in evidence.submits.values() for part in parts]
    return truth.disturbed.share(modems, min(times), max(times)) if times else 0.0


def _moves(evidence: Evidence, told: Told, verdict: Verdict) -> None:
    states = [MessageState(row["state"]) for row in evidence.timelines[told.id]]
    verdict.looked[MOVE] += len(states) - 1
    for before, after in pairwise(states):
        if after is not before and after not in MOVES[before]:
            verdict.found(MOVE, f"from {before} to {after}", told.id)
    if states[0] is not MessageState.QUEUED or states[-1] != evidence.messages[told.id]["state"]:
        verdict.found(MOVE, f"the timeline goes from {states[0]} to {states[-1]}", told.id)
    for _, state, _ in told.seen:
        verdict.looked[ANSWER] += 1
        if state not in states:
            verdict.found(ANSWER, f"a client was told {state}", told.id)


def _late(evidence: Evidence, owners: Owners, verdict: Verdict) -> None:
    """By what clients know: no lifetime begins later than its 202 was read."""
    for number, parts in evidence.pdus.items():
        for part in parts:
            which = owners.of_pdu(part)
            if not which or evidence.boot_between(min(told.asked for told in which), part.at):
                verdict.notes["PDUs of messages that another boot came over, or that nobody was told of"] += 1
                continue
            verdict.looked[TIME] += 1
            late = part.at - max(told.answered + told.starts_in + told.lifetime for told in which)
            verdict.worst_late = max(verdict.worst_late, late)
            if late > LATE:
                verdict.found(TIME, f"{late:.2f} s late, to {number}", which[0].id)


def _twice(evidence: Evidence, owners: Owners, verdict: Verdict) -> None:
    """A part once for each message that has it, and once more for each mark in the timeline of one of those."""
    marks: Counter[tuple[str, int]] = Counter()
    for told in evidence.ledger.told:
        for row in evidence.timelines.get(told.id, ()):
            if row["duplicate"]:
                marks[told.id, row["part"] or 1] += 1
    for number, parts in evidence.submits.items():
        copies: dict[tuple[str, int, str], list[Part]] = defaultdict(list)
        for part in parts:
            # The words of a part with a token may differ from one sending to the next; those of a code are the code.
            token = part.token
            copies[token, part.number, "" if token else part.text].append(part)
        floating = {told.id: told for part in parts[:1] for told in owners.floating(part)}
        for (_, at, _), same in copies.items():
            verdict.looked[TWICE] += 1
            which = owners.of_text(same[0])
            marked = sum(marks[told.id, at] for told in which)
            more = len(same) - len(which) - marked
            while more > 0 and floating and not same[0].token:
                told = floating.pop(next(iter(floating)))
                which, marked, more = [*which, told], marked + marks[told.id, at], more - 1 - marks[told.id, at]
            # Of what nobody was told of, one is one.
            if more > 0 and len(same) > max(1, len(which)) + marked:
                words = f"part {at} went {len(same)} times to {number}, {marked} marked"
                verdict.found(TWICE, words, which[0].id if which else None)
            elif len(same) > max(1, len(which)):
                verdict.notes["parts that went again, marked"] += 1


def _codes(evidence: Evidence, verdict: Verdict) -> None:
    approved: Counter[str] = Counter()
    for _, challenge, result, right in evidence.ledger.checks:
        verdict.looked[CODE] += 1
        if result == "approved":
            approved[challenge] += 1
            if not right:
                verdict.found(CODE, f"challenge {challenge} was approved by a wrong code")
    for challenge, times in approved.items():
        if times > 1:
            verdict.found(CODE, f"challenge {challenge} was approved {times} times")
    verdict.notes["codes approved"] = len(approved)


def _webhooks(evidence: Evidence, verdict: Verdict) -> None:
    """What receivers took of a message is every state of its timeline, in order; again is allowed."""
    taken: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for event in evidence.events:
        if event.taken and event.kind.startswith("message."):
            taken[event.subject].append((event.id, event.kind.removeprefix("message.")))
    for told in evidence.ledger.told:
        rows = evidence.timelines.get(told.id)
        if not rows:
            continue
        verdict.looked[ORDER] += 1
        first: dict[int, str] = {}
        for number, state in taken[told.id]:
            first.setdefault(number, state)
        if list(first) != sorted(first):
            verdict.found(ORDER, f"events came in the order {list(first)}", told.id)
        heard = _runs(state for state in first.values())
        wanted = _runs(row["state"] for row in rows)[1:]
        if heard != wanted:
            verdict.found(ORDER, f"the webhook told {heard}, the timeline {wanted}", told.id)


def _runs(states: object) -> list[str]:
    runs: list[str] = []
    for state in states:  # type: ignore[attr-defined]
        if not runs or runs[-1] != state:
            runs.append(state)
    return runs


def _log(evidence: Evidence, verdict: Verdict) -> None:
    verdict.looked[SECRET] = evidence.log.count("\n")
    words = set(re.findall(r"(?<![\w-])\w{8,}(?![\w-])", evidence.log))
    for name, found in (
        ("a code", words & evidence.ledger.codes),
        ("a text", set(TOKEN.findall(evidence.log))),
        ("a number", set(_NUMBER.findall(evidence.log))),
        ("a key", {secret for secret in evidence.secrets if secret in evidence.log}),
    ):
        if found:
            verdict.found(SECRET, f"{name} stands in the log, {len(found)} times")
    verdict.looked[DEFECT] = verdict.looked[SECRET]
    for record in _RECORD.split(evidence.log):
        end = record.rstrip().rpartition("\n")[2]
        if "a defect of the program" in record or ("Traceback" in record and not _EXPECTED.match(end)):
            verdict.found(DEFECT, f"{record[:200]} … {end[:200]}")
