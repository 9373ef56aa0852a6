"""A short run of `benchmarks.chaos` with a fixed seed; and an oracle that notices what it is there to notice."""

from __future__ import annotations

import copy
import pickle
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.chaos import oracle, plan
from benchmarks.chaos.clients import Load
from benchmarks.chaos.evidence import Evidence, Part, Row
from benchmarks.chaos.growth import GROWTH
from benchmarks.chaos.injector import able
from benchmarks.chaos.judge import load
from benchmarks.chaos.oracle import judge
from benchmarks.chaos.run import EVIDENCE, PROCESS, Outcome, run
from benchmarks.chaos.setting import Setting
from benchmarks.chaos.told import Told
from hardware.simulator.faults import Action, Step

SEED, SECONDS, MODEMS = 214, 8.0, 4
AROUND = ("kill", "term", "disk_full", "locked", "clock", "webhook", "dead_modem", "handsets_off", "incoming")
"""Once or twice each in the short run; `boot` and `congested` are left to the long ones."""


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """One run for all tests of this file."""
    around = [name for name in AROUND if name not in able()]
    entries = plan.make(SEED, SECONDS, MODEMS, 360, around, pace=10)
    entries = [entry | {"seconds": 0.7} if "seconds" in entry else entry for entry in entries]
    load = Load(SECONDS, 12, applications=4, lifetimes=(20, 60), code_lifetimes=(60,))
    setting = Setting(MODEMS, ("generic", "ec25"), 0.03, 0.03, load=load, seed=SEED, settle=30, every=1.0)
    return run(setting, entries, keep=tmp_path_factory.mktemp("chaos"))


def test_what_must_hold_holds(outcome: Outcome) -> None:
    assert [(one.rule, one.words, one.message) for one in outcome.verdict.violations] == []


def test_the_run_was_no_idle_one(outcome: Outcome) -> None:
    assert outcome.done["kill"] >= 1
    assert outcome.done["term"] >= 1
    assert outcome.done["disk_full"] >= 1
    assert outcome.done["locked"] >= 1
    assert sum(outcome.struck.values()) >= 10
    for rule in (oracle.LOST, oracle.STATE, oracle.TIME, oracle.TWICE, oracle.MOVE, oracle.ORDER, oracle.CODE):
        assert outcome.verdict.looked[rule] >= 5, rule


def delivered(evidence: Evidence) -> Told:
    """A message of one part that arrived, and that no copy was made of."""
    for told in evidence.ledger.told:
        alone = told.token and len(evidence.parts_of(told, evidence.submits)) == 1
        if alone and evidence.messages[told.id]["state"] == "delivered" and not marked(evidence, told):
            return told
    raise AssertionError("nothing was delivered")


def marked(evidence: Evidence, told: Told) -> bool:
    return any(row["duplicate"] for row in evidence.timelines[told.id])


def lose(evidence: Evidence, told: Told) -> None:
    del evidence.messages[told.id]


def send_again(evidence: Evidence, told: Told) -> None:
    evidence.submits[told.to] += evidence.parts_of(told, evidence.submits)


def never_show(evidence: Evidence, told: Told) -> None:
    evidence.shown[told.to].clear()


def never_send(evidence: Evidence, told: Told) -> None:
    evidence.submits[told.to].clear()


def send_late(evidence: Evidence, told: Told) -> None:
    told.answered -= 10_000
    assert evidence.parts_of(told, evidence.pdus)


def leap(evidence: Evidence, told: Told) -> None:
    evidence.timelines[told.id].append({**evidence.timelines[told.id][-1], "state": "queued"})


def call_it_failed(evidence: Evidence, told: Told) -> None:
    evidence.messages[told.id]["state"] = "failed"


def call_it_unconfirmed(evidence: Evidence, told: Told) -> None:
    """Though its report was there, and nothing disturbed anything."""
    evidence.messages[told.id] |= {"state": "expired", "reason": "expired_unconfirmed"}
    for attempt in evidence.attempts[told.id]:
        attempt["state"] = "accepted" if attempt["state"] == "delivered" else attempt["state"]
    evidence.faults.clear()
    evidence.windows.clear()


def lose_its_report(evidence: Evidence, told: Told) -> Row:
    """As if its report had not come, and nothing had disturbed anything; the attempt that waits for it."""
    evidence.messages[told.id] |= {"state": "sent", "reason": None, "final": 0}
    attempt = next(row for row in evidence.attempts[told.id] if row["state"] == "delivered")
    attempt |= {"state": "accepted", "report_status": None}
    evidence.stored.pop((attempt["imsi"], attempt["mr"]), None)
    evidence.faults.clear()
    evidence.windows.clear()
    evidence.lives.clear()
    return attempt


def came_at(evidence: Evidence, told: Told, attempt: Row) -> float:
    return next(at for at, fate, _ in evidence.reports[attempt["imsi"], attempt["mr"], told.to] if fate == "came")


def lose_it_seconds_after_rubbish(evidence: Evidence, told: Told) -> None:
    attempt = lose_its_report(evidence, told)
    at = came_at(evidence, told, attempt) - 3
    evidence.faults.append((at, evidence.modem_of(attempt["imsi"]), "time", "Rubbish", None))


def lose_it_long_after_a_short_absence(evidence: Evidence, told: Told) -> None:
    """Gone for half a second, three seconds ago."""
    attempt = lose_its_report(evidence, told)
    at = came_at(evidence, told, attempt) - 3
    evidence.faults.append((at, evidence.modem_of(attempt["imsi"]), "time", "Vanish", 0.5))


def lose_it_seconds_after_a_lock(evidence: Evidence, told: Told) -> None:
    at = came_at(evidence, told, lose_its_report(evidence, told))
    evidence.windows.append((at - 8, at - 3, "locked", ""))


def lose_what_its_modem_stored(evidence: Evidence, told: Told) -> None:
    """The gateway was away, but the modem had it."""
    attempt = lose_its_report(evidence, told)
    at = came_at(evidence, told, attempt)
    evidence.windows.append((at - 1, at + 1, "kill", ""))
    evidence.storing = frozenset({evidence.modem_of(attempt["imsi"])})


def store_its_report(outcome: str, owner: int | None) -> Callable[[Evidence, Told], None]:
    def harm(evidence: Evidence, told: Told) -> None:
        attempt = lose_its_report(evidence, told)
        at = came_at(evidence, told, attempt)
        evidence.windows.append((at - 1, at + 1, "kill", ""))  # that excuses what is nowhere, and not this
        row = {"outcome": outcome, "attempt": owner, "status": 0, "recipient_tail": attempt["recipient_tail"]}
        evidence.stored[attempt["imsi"], attempt["mr"]] = [row]

    return harm


def send_code_again(evidence: Evidence, told: Told) -> None:
    """The first code twice, and after it another one by request: once each and the first once too often."""
    evidence.submits["+447700900999"] = [
        Part(at, "001010000000001", "+447700900999", mr, f"{code} is your code", None)
        for at, mr, code in ((1, 1, 11111111), (2, 2, 11111111), (3, 3, 22222222))
    ]
    resend(evidence, told, 60, 60)


def send_code_late(evidence: Evidence, told: Told) -> None:
    """Its lifetime is over; that of the one sent again is not."""
    evidence.submits["+447700900999"] = parts = [
        Part(at, "001010000000001", "+447700900999", mr, f"{code} is your code", None)
        for at, mr, code in ((30, 1, 11111111), (31, 3, 22222222))
    ]
    evidence.pdus["+447700900999"] = [replace(part, at=part.at - 0.2, reference=-1) for part in parts]
    resend(evidence, told, 10, 60)


def resend(evidence: Evidence, told: Told, first: float, second: float) -> None:
    """Two messages of one challenge, with the references 1 and 3."""
    for name, mr, lifetime in (("one", 1, first), ("two", 3, second)):
        code = Told(name, "+447700900999", "", 0.0, 0.1, lifetime, challenge="challenge")
        evidence.ledger.told.append(code)
        evidence.challenges.setdefault("challenge", []).append(code)
        evidence.messages[name] = evidence.messages[told.id]
        evidence.timelines[name] = evidence.timelines[told.id]
        likeness = evidence.attempts[told.id][-1]
        evidence.attempts[name] = [likeness | {"imsi": "001010000000001", "mr": mr, "part": 1}]
    evidence.boots.clear()


def show_half(evidence: Evidence, told: Told) -> None:
    """With its token, but not all of it."""
    evidence.shown[told.to] = [text[:-3] for text in evidence.shown[told.to]]


def swap_events(evidence: Evidence, told: Told) -> None:
    places = [n for n, event in enumerate(evidence.events) if event.subject == told.id and event.taken]
    first, last = places[0], places[-1]
    evidence.events[first], evidence.events[last] = evidence.events[last], evidence.events[first]


def drop_events(evidence: Evidence, told: Told) -> None:
    evidence.events[:] = [event for event in evidence.events if event.subject != told.id]


def tell_something_else(_: Evidence, told: Told) -> None:
    told.seen.append((0.0, "undelivered", True))


def approve_again(evidence: Evidence, _: Told) -> None:
    approved = next(check for check in evidence.ledger.checks if check[2] == "approved")
    evidence.ledger.checks.append(approved)


def log_a_number(evidence: Evidence, told: Told) -> None:
    evidence.log += f"sent to {told.to}\n"


def log_a_text(evidence: Evidence, told: Told) -> None:
    evidence.log += f"sent {told.token} your parcel\n"


def log_a_code(evidence: Evidence, _: Told) -> None:
    evidence.log += f"code={next(iter(evidence.ledger.codes))}\n"


def answer_with_an_error(evidence: Evidence, _: Told) -> None:
    evidence.ledger.statuses.append((500, "internal"))


@pytest.mark.parametrize(
    ("harm", "rule"),
    [
        (lose, oracle.LOST),
        (send_again, oracle.TWICE),
        (never_show, oracle.STATE),
        (never_send, oracle.STATE),
        (call_it_failed, oracle.STATE),
        (call_it_unconfirmed, oracle.STATE),
        (show_half, oracle.STATE),
        (lose_it_seconds_after_rubbish, oracle.STATE),
        (lose_it_long_after_a_short_absence, oracle.STATE),
        (lose_it_seconds_after_a_lock, oracle.STATE),
        (lose_what_its_modem_stored, oracle.STATE),
        (store_its_report("ambiguous", None), oracle.STATE),
        (store_its_report("unmatched", None), oracle.STATE),
        (store_its_report("matched", 0), oracle.STATE),
        (send_code_again, oracle.TWICE),
        (send_code_late, oracle.TIME),
        (send_late, oracle.TIME),
        (leap, oracle.MOVE),
        (swap_events, oracle.ORDER),
        (drop_events, oracle.ORDER),
        (tell_something_else, oracle.ANSWER),
        (approve_again, oracle.CODE),
        (log_a_number, oracle.SECRET),
        (log_a_text, oracle.SECRET),
        (log_a_code, oracle.SECRET),
        (answer_with_an_error, oracle.STATUS),
    ],
)
def test_the_oracle_notices(outcome: Outcome, harm: Callable[[Evidence, Told], None], rule: str) -> None:
    evidence = copy.deepcopy(outcome.evidence)
    evidence = replace(evidence)  # its indexes are made anew over the copies
    before = judge(evidence).of(rule)
    harm(evidence, delivered(evidence))
    assert judge(evidence).of(rule) > before


def test_a_report_may_be_lost_while_the_gateway_is_away(outcome: Outcome) -> None:
    evidence = replace(copy.deepcopy(outcome.evidence))
    told = delivered(evidence)
    at = came_at(evidence, told, lose_its_report(evidence, told))
    evidence.windows.append((at - 1, at + 1, "kill", ""))
    assert [one for one in judge(evidence).violations if one.message == told.id and one.rule == oracle.STATE] == []


def test_what_is_excused_is_a_share_of_the_run(outcome: Outcome) -> None:
    assert 0 < outcome.verdict.excused < 1
    calm = replace(copy.deepcopy(outcome.evidence), faults=[], windows=[])
    assert judge(calm).excused == 0


def test_evidence_of_an_older_program_is_judged(outcome: Outcome, tmp_path: Path) -> None:
    evidence = copy.deepcopy(outcome.evidence)
    evidence.faults[:] = [fault[:4] for fault in evidence.faults]
    del evidence.stored, evidence.storing
    (tmp_path / EVIDENCE).write_bytes(pickle.dumps(evidence))
    read = load(tmp_path, ["generic", "ec25"])
    assert [(one.rule, one.words) for one in judge(read).violations] == []
    assert judge(read).looked == outcome.verdict.looked - Counter({PROCESS: 99, GROWTH: 99})


def test_a_seed_is_a_schedule(tmp_path: Path) -> None:
    one, other = (plan.make(3, 600, 16, 160, plan.AROUND) for _ in range(2))
    assert one == other != plan.make(4, 600, 16, 160, plan.AROUND)
    plan.write(tmp_path / "schedule.jsonl", {"seed": 3}, one)
    assert plan.read(tmp_path / "schedule.jsonl") == ({"seed": 3}, one)
    assert {entry["what"] for entry in one} == {"modem", *plan.AROUND}


def test_every_action_and_every_step_of_the_simulator_is_drawn() -> None:
    assert {kind.action for kind in plan.KINDS} == {action.__name__ for action in Action.__args__}
    assert {kind.step for kind in plan.KINDS} == {step.value for step in Step}
