"""A short run of `benchmarks.chaos` with a fixed seed; and an oracle that notices what it is there to notice."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.chaos import oracle, plan
from benchmarks.chaos.clients import Load
from benchmarks.chaos.evidence import Evidence
from benchmarks.chaos.injector import able
from benchmarks.chaos.oracle import judge
from benchmarks.chaos.run import Outcome, run
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
        assert outcome.verdict.looked[rule] >= 10, rule


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


def test_a_seed_is_a_schedule(tmp_path: Path) -> None:
    one, other = (plan.make(3, 600, 16, 160, plan.AROUND) for _ in range(2))
    assert one == other != plan.make(4, 600, 16, 160, plan.AROUND)
    plan.write(tmp_path / "schedule.jsonl", {"seed": 3}, one)
    assert plan.read(tmp_path / "schedule.jsonl") == ({"seed": 3}, one)
    assert {entry["what"] for entry in one} == {"modem", *plan.AROUND}


def test_every_action_and_every_step_of_the_simulator_is_drawn() -> None:
    assert {kind.action for kind in plan.KINDS} == {action.__name__ for action in Action.__args__}
    assert {kind.step for kind in plan.KINDS} == {step.value for step in Step}
