"""Every interleaving of what clients, modems, networks, time and crashes do keeps the promises of the outbox."""

from __future__ import annotations

import itertools
import random
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gateway.messages import MOVES, POSSIBLE_DUPLICATES, ClaimedAttempt, Message, MessageState, Reason
from gateway.reports import STEPPED, WINDOW_LIMIT
from gateway.retry import GiveUp, Retry
from gateway.store import Conflict, Outbox, Slot

from .bench import ANY, BARRED, BUSY, CODE, ONE, TWO, Bench

SLOTS = {slot.modem: slot for slot in (ONE, TWO)}


class OutboxMachine(RuleBasedStateMachine):
    """Two modems, messages of one to three parts, and a network that knows what it got."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self.bench = Bench(Path(self._folder.name))
        self.messages: list[Message] = []
        self.claimed: dict[int, tuple[Slot, ClaimedAttempt]] = {}
        self.begun: dict[int, tuple[Slot, ClaimedAttempt]] = {}
        self.lost: dict[int, tuple[Slot, ClaimedAttempt]] = {}
        self.network: dict[int, tuple[Slot, ClaimedAttempt, int, float]] = {}
        self.mr = defaultdict(int)
        self.may_have: dict[int, tuple[Slot, ClaimedAttempt]] = {}
        self.arrived: dict[int, ClaimedAttempt] = {}

    def teardown(self) -> None:
        self.bench.close()
        self._folder.cleanup()

    @property
    def outbox(self) -> Outbox:
        return self.bench.store.outbox

    def pick(self, data: Any, choices: Sequence[Any]) -> Any:
        return data.draw(st.sampled_from(choices))

    # -- clients ------------------------------------------------------------------------------------------------------

    @precondition(lambda self: len(self.messages) < 6)
    @rule(parts=st.integers(1, 3), code=st.booleans(), lifetime=st.sampled_from([60.0, 300.0]), report=st.booleans())
    def enqueue(self, parts: int, code: bool, lifetime: float, report: bool) -> None:
        if code:
            self.messages.append(self.bench.add_code(replace(CODE, lifetime=lifetime), purpose=str(len(self.messages))))
        else:
            self.messages.append(self.bench.add(replace(ANY, lifetime=lifetime, report=report), parts))

    @precondition(lambda self: self.messages)
    @rule(data=st.data())
    def cancel(self, data: Any) -> None:
        message = self.pick(data, self.messages)
        try:
            assert self.bench.cancel(message).state is MessageState.CANCELLED
        except Conflict:
            assert self.bench.message(message).attempts or self.bench.message(message).final

    # -- modems -------------------------------------------------------------------------------------------------------

    @rule(name=st.sampled_from(sorted(SLOTS)))
    def claim(self, name: str) -> None:
        attempt = self.outbox.claim(SLOTS[name], self.bench.now)
        if attempt is not None:
            assert attempt.id not in self.claimed, "handed out twice"
            assert attempt.id not in self.begun, "handed out after it was begun"
            self.claimed[attempt.id] = (SLOTS[name], attempt)

    @precondition(lambda self: self.claimed)
    @rule(data=st.data())
    def begin(self, data: Any) -> None:
        self._begin(self.pick(data, sorted(self.claimed)))

    def _begin(self, attempt_id: int) -> None:
        slot, attempt = self.claimed.pop(attempt_id)
        if any(holder is slot for holder, _ in self.begun.values()):
            self.claimed[attempt_id] = (slot, attempt)  # one submit at a time
            return
        if not self.outbox.begin(attempt_id, self.bench.now):
            self.outbox.release(attempt_id, self.bench.now)
            return
        assert self.bench.clock.boot() < attempt.expires_boot, "begun after its lifetime"
        earlier = any(
            (other.message_id, other.part) == (attempt.message_id, attempt.part) for _, other in self.may_have.values()
        )
        assert not earlier or attempt.kind in POSSIBLE_DUPLICATES, f"{attempt.kind} may be sent twice unmarked"
        self.may_have[attempt_id] = self.begun[attempt_id] = (slot, attempt)

    @rule(name=st.sampled_from(sorted(SLOTS)), outcome=st.sampled_from(["accepted", "lost", "vanished", "on air"]))
    def submit(self, name: str, outcome: str) -> None:
        """The usual way in one step, so that walks get far."""
        slot = SLOTS[name]
        if any(holder is slot for holder, _ in (self.begun | self.claimed).values()):
            return
        attempt = self.outbox.claim(slot, self.bench.now)
        if attempt is None:
            return
        self.claimed[attempt.id] = (slot, attempt)
        self._begin(attempt.id)
        if attempt.id in self.begun and outcome != "on air":
            self._end(attempt.id, taken=outcome != "vanished", lost=outcome != "accepted")

    @precondition(lambda self: self.claimed)
    @rule(data=st.data())
    def release(self, data: Any) -> None:
        attempt_id = self.pick(data, sorted(self.claimed))
        self.claimed.pop(attempt_id)
        self.outbox.release(attempt_id, self.bench.now)

    @precondition(lambda self: self.begun)
    @rule(data=st.data(), taken=st.booleans(), lost=st.booleans())
    def submit_ends(self, data: Any, taken: bool, lost: bool) -> None:
        self._end(self.pick(data, sorted(self.begun)), taken=taken, lost=lost or not taken)

    def _end(self, attempt_id: int, *, taken: bool, lost: bool) -> None:
        slot, attempt = self.begun.pop(attempt_id)
        mr = self._take(slot, attempt) if taken else None
        if lost:
            self.lost[attempt_id] = (slot, attempt)
            self.outbox.unknown(attempt_id, self.bench.now, "no answer")
        else:
            self.outbox.accepted(attempt_id, mr, self.bench.now, f"+CMGS: {mr}")

    @precondition(lambda self: self.lost)
    @rule(data=st.data())
    def answer_comes_late(self, data: Any) -> None:
        attempt_id = self.pick(data, sorted(self.lost))
        if attempt_id in self.network:
            slot, attempt, mr, at = self.network[attempt_id]
            if self.bench.now.wall - at >= WINDOW_LIMIT:
                return  # no modem answers that late
            settled = self.outbox.settle_stray(slot.imsi, mr, self.bench.now)
            assert settled in (None, attempt.message_id), "the late answer went astray"
            if settled is not None:
                self.lost.pop(attempt_id)

    @precondition(lambda self: self.begun or self.claimed)
    @rule(data=st.data(), verdict=st.sampled_from(["now", "later", "other", "never"]))
    def refused(self, data: Any, verdict: str) -> None:
        held = self.begun | self.claimed
        attempt_id = self.pick(data, sorted(held))
        self.begun.pop(attempt_id, None)
        self.may_have.pop(attempt_id, None)
        self.claimed.pop(attempt_id, None)
        verdicts = {
            "now": (BUSY, Retry(0.0, "same")),
            "later": (BUSY, Retry(5.0, step=1)),
            "other": (BUSY, Retry(0.0, "other", hopped=True)),
            "never": (BARRED, GiveUp(Reason.REFUSED)),
        }
        self.outbox.refused(attempt_id, *verdicts[verdict], self.bench.now)

    # -- the network --------------------------------------------------------------------------------------------------

    def _take(self, slot: Slot, attempt: ClaimedAttempt) -> int:
        self.mr[slot.imsi] = (self.mr[slot.imsi] + 1) % 256
        self.network[attempt.id] = (slot, attempt, self.mr[slot.imsi], self.bench.now.wall)
        return self.mr[slot.imsi]

    @precondition(lambda self: self.network)
    @rule(data=st.data(), status=st.sampled_from([0x00, 0x00, 0x01, 0x02, 0x30, 0x46, 0x41, 0x62]))
    def report(self, data: Any, status: int) -> None:
        attempt_id = self.pick(data, sorted(self.network))
        slot, attempt, mr, at = self.network[attempt_id]
        outcome = self.bench.report(mr, status, by=slot, stamp=at - self.bench.now.wall)
        known = attempt_id not in self.lost
        assert not known or outcome.attempt_id == attempt_id, f"the report for {attempt_id} went astray: {outcome}"
        assert outcome.attempt_id in (None, attempt_id)
        if status == 0:
            self.arrived[attempt_id] = attempt

    # -- time and crashes ---------------------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([1.0, 5.0, 20.0, 61.0, 400.0]))
    def time_passes(self, seconds: float) -> None:
        self.bench.wake(seconds)

    @rule(usable=st.sampled_from([(ONE, TWO), (ONE,), (TWO,), ()]))
    def round(self, usable: tuple[Slot, ...]) -> None:
        slots = [Slot(slot.modem, slot.imsi, ()) for slot in usable]
        self.outbox.hedge_due(self.bench.now, 15.0, slots)
        self.outbox.unconfirmed_due(self.bench.now, 45.0, slots)
        self.outbox.strand_due(self.bench.now, slots)
        self.outbox.retry_unmatched(self.bench.now)

    @rule(reboot=st.booleans())
    def crash(self, reboot: bool) -> None:
        if reboot:
            # Two boots that begin within STEPPED of each other are not told apart: a report may stay ambiguous then.
            self.bench.clock.reboot(f"boot-{random.random()}", wall=self.bench.now.wall + STEPPED + 1)
        self.lost |= self.begun
        self.claimed.clear()
        self.begun.clear()
        self.bench.crash()

    # -- promises -----------------------------------------------------------------------------------------------------

    @invariant()
    def nothing_is_lost_and_every_move_is_allowed(self) -> None:
        for message in self.messages:
            found = self.outbox.get(message.id)
            assert found is not None, "an accepted message is gone"
            states = [entry.state for entry in self.outbox.timeline(message.id)]
            assert states[0] is MessageState.QUEUED
            assert states[-1] is found.state
            for before, after in itertools.pairwise(states):
                assert before is after or after in MOVES[before], f"{before} to {after}"

    @invariant()
    def delivered_is_what_the_network_said(self) -> None:
        told = self._whole(set(self.arrived))
        known = self._whole(set(self.arrived) - set(self.lost))
        delivered = {m.id for m in self.messages if self.outbox.get(m.id).state is MessageState.DELIVERED}
        assert known <= delivered <= told

    def _whole(self, attempts: set[int]) -> set[str]:
        """Messages of which every part of one sending is among these attempts."""
        parts = defaultdict(set)
        for attempt_id in attempts:
            attempt = self.arrived[attempt_id]
            parts[attempt.message_id, attempt.parts, attempt.concat_reference if attempt.parts > 1 else 0].add(
                attempt.part
            )
        return {message for (message, total, _), found in parts.items() if len(found) == total}

    @invariant()
    def one_sending_goes_by_one_sim(self) -> None:
        sims = defaultdict(set)
        for slot, attempt in self.may_have.values():
            if attempt.parts > 1:
                sims[attempt.message_id, attempt.concat_reference].add(slot.imsi)
        assert all(len(used) == 1 for used in sims.values()), "a handset cannot join the parts"

    @invariant()
    def queued_means_that_nothing_has_left(self) -> None:
        left = {attempt.message_id for _, attempt in self.may_have.values()}
        for message in self.messages:
            if message.id in left:
                assert self.outbox.get(message.id).state is not MessageState.QUEUED
            if self.outbox.get(message.id).reason == "expired_in_queue":
                assert message.id not in left

    @invariant()
    def a_copy_shows_in_the_timeline(self) -> None:
        marked = {
            entry.attempt
            for message in self.messages
            for entry in self.outbox.timeline(message.id)
            if entry.possible_duplicate
        }
        copies = {key for key, (_, attempt) in self.may_have.items() if attempt.possible_duplicate}
        assert copies <= marked


TestOutbox = OutboxMachine.TestCase
TestOutbox.settings = settings(
    max_examples=30, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
