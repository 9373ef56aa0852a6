"""Applications under steady load: what they send, and every word that they were told."""

from __future__ import annotations

import heapq
import http.client
import random
import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count

from benchmarks.chaos.connection import Connection, Json, NoAnswer
from benchmarks.chaos.process import boot
from benchmarks.chaos.told import FATES, SHARED, SOMETIMES_OFF, Ledger, Numbers, Told, text_of
from benchmarks.virtual_modems import VirtualModems

_CODE = re.compile(r"(?<!\d)\d{8,10}(?!\d)")


class Application(threading.Thread):
    """One application: a thread with a kept connection, and a list of what it means to do next."""

    def __init__(
        self, number: int, seed: int, load: Load, connection: Callable[[], Connection], modems: VirtualModems
    ) -> None:
        super().__init__(name=f"application-{number}", daemon=True)
        self._chance = random.Random(f"{seed}-{number}")
        self._load, self._modems, self._ledger = load, modems, load.ledger
        self._connection, self._second = connection(), connection()
        self._later: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self._pool = ThreadPoolExecutor(1)
        self._keys = count()
        self.failed: BaseException | None = None

    def run(self) -> None:
        """Send at the load's pace until it ends; then do what is still to be done."""
        try:
            for due in self._load.turns():
                self._until(due)
                self._one()
            self._until(time.monotonic() + 15, drain=True)
        except NoAnswer:
            self._ledger.unanswered += 1
        except BaseException as error:
            self.failed = error
            raise
        finally:
            self._pool.shutdown()
            self._connection.drop()
            self._second.drop()

    def _until(self, due: float, *, drain: bool = False) -> None:
        while self._later and (drain or self._later[0][0] <= due):
            when, _, action = heapq.heappop(self._later)
            if when > due:
                return
            time.sleep(max(0.0, when - time.monotonic()))
            self._tried(action)
        if not drain:
            time.sleep(max(0.0, due - time.monotonic()))

    def _one(self) -> None:
        drawn, share = self._chance.random(), self._load.codes
        if drawn < share:
            self._tried(self._code)
        elif drawn < share + self._load.lists:
            self._tried(self._list)
        else:
            self._tried(self._message)

    def _tried(self, action: Callable[[], None]) -> None:
        try:
            action()
        except NoAnswer:
            self._ledger.unanswered += 1

    def _soon(self, seconds: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._later, (time.monotonic() + seconds, next(self._order), action))

    # -- asking -------------------------------------------------------------------------------------------------------

    def _post(self, path: str, body: Json | None = None) -> tuple[int, Json, float, float]:
        """A POST that sends; most have an Idempotency-Key, and some of those lose their answer or are made twice."""
        key = f"{self.name}-{next(self._keys)}" if self._chance.random() < 0.9 else None
        lost, twice = self._chance.random() < 0.03, self._chance.random() < 0.03
        asked = boot()
        if key is not None and lost:
            with suppress(OSError, http.client.HTTPException):
                self._connection.send("POST", path, body, key)
            self._connection.drop()
        status, answer, tries = self._connection.ask("POST", path, body, key=key)
        answered = boot()
        self._ledger.repeats += tries - 1 + (key is not None and lost)
        if status >= 300:
            self._refused(status, answer)
        elif key is not None and twice:
            self._ledger.repeats += 1
            again, other, _ = self._connection.ask("POST", path, body, key=key)
            if (again, _ids(other)) != (status, _ids(answer)):
                self._ledger.differing.append(f"{path}: {status} {_ids(answer)}, then {again} {_ids(other) or other}")
        return status, answer, asked, answered

    def _refused(self, status: int, answer: Json) -> None:
        self._ledger.statuses.append((status, str(answer.get("code"))))

    # -- messages -----------------------------------------------------------------------------------------------------

    def _message(self) -> None:
        chance, token = self._chance, self._load.numbers.token()
        parts = chance.choices((1, 2, 3, 4), self._load.parts)[0]
        body: Json = {"text": text_of(token, parts, wide=chance.random() < self._load.wide), "to": self._number()}
        body["lifetime"] = lifetime = chance.choice(self._load.lifetimes)
        body["priority"] = chance.choice(("high", "normal", "normal", "normal", "bulk"))
        starts_in = 0.0
        if chance.random() < self._load.later:
            starts_in = chance.uniform(1, 10)
            at = time.time() + starts_in
            body["not_before"] = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at)) + f".{int(at % 1 * 1000):03}Z"
        if chance.random() < 0.1:
            body["report"] = False
        status, answer, asked, answered = self._post("/v1/messages", body)
        if status != 202:
            return
        told = Told(answer["id"], body["to"], token, asked, answered, lifetime, starts_in, body.get("report", True))
        self._ledger.told.append(told)
        if chance.random() < 0.03:
            self._soon(chance.choice((0.0, 0.5)), lambda: self._cancel(told))
        elif chance.random() < self._load.looks:
            self._soon(chance.uniform(0, 5), lambda: self._look(told, chance.choice((0.0, 1.0))))

    def _list(self) -> None:
        chance, token = self._chance, self._load.numbers.token()
        numbers = [self._load.numbers.number() for _ in range(chance.randint(5, 25))]
        lifetime = chance.choice(self._load.lifetimes)
        body = {"to": numbers, "text": text_of(token, 1, wide=False), "priority": "bulk", "lifetime": lifetime}
        status, answer, asked, answered = self._post("/v1/messages", body)
        if status == 202:
            for number, item in zip(numbers, answer["items"], strict=True):
                self._ledger.told.append(Told(item["id"], number, token, asked, answered, lifetime))

    def _number(self) -> str:
        drawn = self._chance.random()
        if drawn < self._load.shared:
            return self._chance.choice(SHARED)
        if drawn < self._load.shared + self._load.odd:
            return self._chance.choice([*FATES, *SOMETIMES_OFF])
        return self._load.numbers.number()

    def _cancel(self, told: Told) -> None:
        status, answer, _ = self._connection.ask("DELETE", f"/v1/messages/{told.id}", patience=0)
        if status == 200:
            told.cancelled = True
            told.seen.append((boot(), answer["state"], True))
        elif status != 409:
            self._refused(status, answer)

    def _look(self, told: Told, wait: float) -> None:
        status, answer, _ = self._connection.ask("GET", f"/v1/messages/{told.id}?wait={wait:g}", patience=5)
        if status == 200:
            told.seen.append((boot(), answer["state"], False))
        else:
            self._refused(status, answer)

    # -- codes --------------------------------------------------------------------------------------------------------

    def _code(self) -> None:
        chance = self._chance
        body: Json = {"to": self._load.numbers.number(), "purpose": chance.choice(("login", "signup", "custom"))}
        body["lifetime"] = lifetime = chance.choice(self._load.code_lifetimes)
        code = None
        if chance.random() < 0.5:
            body["code"] = code = str(chance.randint(10**8, 10**9 - 1))
            self._ledger.codes.add(code)
        else:
            body["length"] = 10
        if chance.random() < 0.3:
            body["binding"] = f"session-{chance.randint(1, 10**6)}"
        status, answer, asked, answered = self._post("/v1/otp", body)
        if status != 202:
            return
        self._told_of_code(answer, body["to"], asked, answered, lifetime, code)
        then = {"binding": body["binding"]} if "binding" in body else {}
        self._soon(chance.uniform(0.5, 6), lambda: self._follow(answer["id"], body["to"], lifetime, then, code))

    def _told_of_code(
        self, answer: Json, to: str, asked: float, answered: float, lifetime: float, code: str | None
    ) -> None:
        told = Told(answer["message_id"], to, "", asked, answered, lifetime, challenge=answer["id"], code=code)
        self._ledger.told.append(told)

    def _follow(self, challenge: str, to: str, lifetime: float, then: Json, code: str | None) -> None:
        """What a person does with a code: mostly types it in; or mistypes it, asks again, gives up."""
        drawn = self._chance.random()
        if drawn < 0.08:
            self._resend(challenge, to, lifetime, code)
            self._soon(self._chance.uniform(1, 5), lambda: self._type(challenge, to, then, twice=False))
        elif drawn < 0.15:
            status, answer, _ = self._connection.ask("DELETE", f"/v1/otp/{challenge}", patience=0)
            if status != 200:
                self._refused(status, answer)
        elif drawn < 0.85:
            if drawn < 0.3:
                self._check(challenge, {"code": "00000000", **then}, right=False)
            self._type(challenge, to, then, twice=drawn > 0.75)

    def _resend(self, challenge: str, to: str, lifetime: float, code: str | None) -> None:
        same = self._chance.random() < 0.3
        status, answer, asked, answered = self._post(f"/v1/otp/{challenge}/resend", {"same": True} if same else None)
        if status == 202:
            self._told_of_code(answer, to, asked, answered, lifetime, code)

    def _type(self, challenge: str, to: str, then: Json, *, twice: bool) -> None:
        texts = self._modems.ask("texts", number=to)
        if not texts:
            return
        found = _CODE.search(texts[-1])
        if found is None:
            return
        self._ledger.codes.add(found[0])
        body = {"code": found[0], **then}
        other: Future[None] | None = None
        if twice:
            second = self._second
            other = self._pool.submit(lambda: self._check(challenge, body, right=True, over=second))
        self._check(challenge, body, right=True)
        if other is not None:
            other.result()

    def _check(self, challenge: str, body: Json, *, right: bool, over: Connection | None = None) -> None:
        status, answer, _ = (over or self._connection).ask("POST", f"/v1/otp/{challenge}/check", body, patience=0)
        if status == 200:
            self._ledger.checks.append((boot(), challenge, answer["result"], right))
        else:
            self._refused(status, answer)


@dataclass(slots=True)
class Load:
    """How much of what, and for how long."""

    seconds: float
    rate: float
    """Requests a second that send, over all applications."""
    applications: int = 6
    codes: float = 0.45
    lists: float = 0.02
    parts: tuple[float, float, float, float] = (78, 12, 6, 4)
    wide: float = 0.1
    shared: float = 0.25
    odd: float = 0.06
    looks: float = 0.3
    later: float = 0.02
    """Share of messages that are to go at a moment of their own."""
    lifetimes: tuple[float, ...] = (10, 20, 40, 90, 240)
    code_lifetimes: tuple[float, ...] = (60, 60, 90, 180)
    numbers: Numbers = field(default_factory=Numbers)
    ledger: Ledger = field(default_factory=Ledger)

    def turns(self) -> Iterator[float]:
        """The times (monotonic) at which one application sends something."""
        began, each = time.monotonic(), self.applications / self.rate
        due = began
        while (due := max(due + each, time.monotonic() - 5)) < began + self.seconds:
            yield due


def _ids(answer: Json) -> list[str]:
    return [item["id"] for item in answer.get("items", [answer]) if "id" in item]
