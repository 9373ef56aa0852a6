"""The life of challenges under any order of calls and any passing of time, held against a model of the rules.

The model knows nothing of the gateway's code: it is the documented rules written down a second time.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from tests.gateway.world import NUMBER, OTHER, World

LIFETIME, MOST_FAILURES, MOST_SENDS = 300.0, 5, 5
COOLDOWN = (30.0, 60.0, 120.0)
LOCK_AFTER, LOCK_FOR, STOP_AFTER = 7, 1800.0, 15
SETTINGS = f"[otp]\nlock_after = {LOCK_AFTER}\nstop_after = {STOP_AFTER}\n"


@dataclass
class Model:
    """One challenge as the rules have it; times in seconds of the world's clock."""

    id: str
    client: str
    to: str
    purpose: str
    code: str
    ends: float
    sent: float
    failures: int = 0
    sends: int = 1
    state: str = "pending"
    by_number: bool = False
    """Whether the lock of its number has closed it."""
    dead: list[str] = field(default_factory=list)
    """Codes that were valid once under it."""

    @property
    def subject(self) -> tuple[str, str, str]:
        return self.client, self.to, self.purpose


@dataclass
class Number:
    """The guesses at one client's number."""

    failures: int = 0
    locked_until: float = 0.0

    def shut(self, now: float) -> bool:
        return now < self.locked_until or self.failures >= STOP_AFTER

    def left(self) -> int:
        return LOCK_AFTER - self.failures % LOCK_AFTER


class ChallengeLife(RuleBasedStateMachine):
    """Two clients, two numbers, two purposes."""

    challenges = Bundle("challenges")

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self.world = World(Path(self._folder.name), SETTINGS)
        self.all: list[Model] = []
        self.numbers: dict[tuple[str, str], Number] = {}

    def teardown(self) -> None:
        self.world.close()
        self._folder.cleanup()

    # -- the model's own view -----------------------------------------------------------------------------------------

    @property
    def now(self) -> float:
        return self.world.clock.boot()

    def number(self, client: str, to: str) -> Number:
        return self.numbers.setdefault((client, to), Number())

    def state(self, model: Model) -> str:
        return "expired" if model.state == "pending" and self.now >= model.ends else model.state

    def may_send(self, model: Model) -> bool:
        if model.sends >= MOST_SENDS:
            return False
        return self.now - model.sent >= COOLDOWN[min(model.sends, len(COOLDOWN)) - 1]

    def counts_on(self, client: str, to: str, purpose: str) -> Model | None:
        """The challenge whose failures and sends a new one takes over."""
        last = next((one for one in reversed(self.all) if one.subject == (client, to, purpose)), None)
        if last is None or self.state(last) in ("approved", "expired") or self.now >= last.ends:
            return None
        return last

    @staticmethod
    def stays_shut(before: Model, number: Number) -> bool:
        """Whether nothing more is sent after `before`, whose number is not locked, until its lifetime is over."""
        if before.state != "locked" or (before.by_number and not number.failures):
            return False
        return not before.by_number or before.failures >= MOST_FAILURES

    # -- what can be done ---------------------------------------------------------------------------------------------

    @initialize()
    def begin(self) -> None:
        assert self.world.get("/v1/modems").status_code == 200

    @rule(seconds=st.sampled_from([0.0, 29.0, 30.0, 30.0, 60.0, 60.0, 121.0, 300.0, 1800.0]))
    def time_passes(self, seconds: float) -> None:
        self.world.clock.advance(seconds)
        self.world.store.outbox.expire_due(self.world.clock.now())

    @rule(
        target=challenges,
        # Mostly the same subject, so that what is carried from one challenge to the next is met often.
        client=st.sampled_from(["shop"] * 4 + ["bank"]),
        to=st.sampled_from([NUMBER] * 4 + [OTHER]),
        purpose=st.sampled_from(["login"] * 4 + ["signup"]),
    )
    def start(self, client: str, to: str, purpose: str) -> Any:
        number, before = self.number(client, to), self.counts_on(client, to, purpose)
        answer = self.world.post("/v1/otp", {"to": to, "purpose": purpose}, client=client)
        if number.failures >= STOP_AFTER:
            assert (answer.status_code, answer.get_json()["code"]) == (403, "number_stopped")
            return multiple()
        if number.shut(self.now):
            assert (answer.status_code, answer.get_json()["code"]) == (429, "number_locked")
            return multiple()
        if before is not None and (self.stays_shut(before, number) or not self.may_send(before)):
            assert answer.status_code == 429, answer.text
            assert int(answer.headers["Retry-After"]) >= 1
            return multiple()
        assert answer.status_code == 202, answer.text
        body = answer.get_json()
        code = self.world.code(body["message_id"])
        assert code not in answer.text
        made = Model(body["id"], client, to, purpose, code, self.now + LIFETIME, self.now)
        if before is not None:
            forgiven = before.by_number and not number.failures
            made.failures, made.sends = 0 if forgiven else before.failures, before.sends + 1
            if before.state == "pending":
                before.state = "cancelled"
        self.all.append(made)
        assert body["attempts_left"] > 0
        assert body["attempts_left"] == min(MOST_FAILURES - made.failures, number.left())
        return made

    @rule(model=challenges, kind=st.sampled_from(["right", "wrong", "wrong", "wrong", "old"]))
    def check(self, model: Model, kind: str) -> None:
        number = self.number(model.client, model.to)
        codes = {"right": model.code, "wrong": self._wrong(model), "old": next(iter(model.dead), self._wrong(model))}
        given = codes[kind]
        answer = self.world.post(f"/v1/otp/{model.id}/check", {"code": given}, client=model.client)
        assert answer.status_code == 200, answer.text
        result, left = answer.get_json()["result"], answer.get_json()["attempts_left"]
        state = self.state(model)
        if state != "pending":
            after = "locked" if state != "locked" or self.now < model.ends else "expired"
            told = {"cancelled": "cancelled", "approved": "used", "expired": "expired"}
            assert result == told.get(state, "too_many_attempts" if after == "locked" else "expired")
            assert left == 0
        elif number.shut(self.now):
            assert (result, left) == ("too_many_attempts", 0)
            model.state, model.by_number = "locked", True
        elif given == model.code:
            assert (result, left) == ("approved", 0)
            model.state, number.failures = "approved", 0
        else:
            self._count_wrong(model, number)
            assert result == "wrong_code"
            assert left == (0 if model.state == "locked" else min(MOST_FAILURES - model.failures, number.left()))

    def _count_wrong(self, model: Model, number: Number) -> None:
        model.failures += 1
        number.failures += 1
        if number.failures % LOCK_AFTER == 0:
            number.locked_until = self.now + LOCK_FOR
        if model.failures >= MOST_FAILURES or number.shut(self.now):
            model.state, model.by_number = "locked", number.shut(self.now)

    @staticmethod
    def _wrong(model: Model) -> str:
        return next(code for code in ("000000", "000001", "000002") if code not in (model.code, *model.dead))

    @rule(model=challenges, same=st.booleans())
    def resend(self, model: Model, same: bool) -> None:
        number = self.number(model.client, model.to)
        answer = self.world.post(f"/v1/otp/{model.id}/resend", {"same": same}, client=model.client)
        if self.state(model) != "pending":
            assert answer.status_code == 409, answer.text
        elif not self.may_send(model):
            assert answer.status_code == 429, answer.text
        elif same and model.ends - self.now <= 30:
            assert (answer.status_code, answer.get_json()["code"]) == (409, "expires_too_soon")
        elif number.shut(self.now):
            assert answer.status_code in (403, 429), answer.text
        else:
            assert answer.status_code == 202, answer.text
            code = self.world.code(answer.get_json()["message_id"])
            model.sends, model.sent = model.sends + 1, self.now
            if same:
                assert code == model.code
            else:
                if code != model.code:
                    model.dead.append(model.code)
                model.code, model.ends = code, self.now + LIFETIME

    @rule(model=challenges)
    def cancel(self, model: Model) -> None:
        answer = self.world.delete(f"/v1/otp/{model.id}", client=model.client)
        if self.state(model) in ("pending", "cancelled"):
            assert answer.status_code == 200, answer.text
            model.state = "cancelled"
        else:
            assert answer.status_code == 409, answer.text

    @rule(client=st.sampled_from(["shop"] * 4 + ["bank"]), to=st.sampled_from([NUMBER] * 4 + [OTHER]))
    def an_operator_unlocks(self, client: str, to: str) -> None:
        number = self.number(client, to)
        cleared = self.world.delete(f"/v1/locks/{to}?client={client}", client="boss", scopes=("admin",)).get_json()
        assert cleared["cleared"] == (number.failures > 0)
        self.numbers[client, to] = Number()

    @rule(model=challenges)
    def another_client_sees_nothing(self, model: Model) -> None:
        other = "bank" if model.client == "shop" else "shop"
        assert self.world.get(f"/v1/otp/{model.id}", client=other).status_code == 404
        assert self.world.post(f"/v1/otp/{model.id}/check", {"code": model.code}, client=other).status_code == 404

    @rule(model=consumes(challenges))
    def forget(self, model: Model) -> None:
        assert self.state(model) == self.world.get(f"/v1/otp/{model.id}", client=model.client).get_json()["state"]

    # -- what always holds --------------------------------------------------------------------------------------------

    @invariant()
    def one_is_open_at_most(self) -> None:
        pending = [one.subject for one in self.all if self.state(one) == "pending"]
        assert len(pending) == len(set(pending))

    @invariant()
    def states_are_told_as_they_are(self) -> None:
        for model in self.all[-3:]:
            answer = self.world.get(f"/v1/otp/{model.id}", client=model.client).get_json()
            assert answer["state"] == self.state(model)
            if answer["state"] != "pending":
                assert answer["attempts_left"] == 0
                assert answer["resend_after"] is None


@pytest.mark.timeout(600)  # a failure is made as short as it can be first
def test_challenges_follow_the_rules_in_any_order() -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        ChallengeLife, settings=settings(max_examples=60, stateful_step_count=40, deadline=None)
    )
