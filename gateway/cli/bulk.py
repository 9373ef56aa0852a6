"""A message to each row of a table: looked at first, then handed over one by one, none twice and none left out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from gateway.cli.batch import Batch
from gateway.cli.client import BEHIND_A_PROXY, Gateway, Refused, Unreachable
from gateway.cli.failure import Failure
from gateway.cli.messages import SUCCESS, outcome
from gateway.cli.sheet import Row
from gateway.cli.signals import StopSignals
from gateway.messages import TERMINAL, Json
from gateway.quantities import Rate

T = TypeVar("T")
Tell = Callable[[str], None]

PATIENCE = 600.0
"""Seconds for which a gateway that answered before may be away: it is restarted, or its machine is."""
PAUSES = (0.2, 0.5, 1.0, 2.0, 5.0)
"""Seconds between tries meanwhile; the last one repeats."""
PART_SECONDS = 4.0
"""What one part keeps a modem busy for, by and large; only a dry run reckons with it."""
LOOK = 5.0
"""Seconds of one look at what became of a message: a signal is heeded after it."""
_TOO_MANY = 429
_OF_THE_KEY = {"scope_missing", "source_not_allowed"}
_OF_THE_ROW = ("to", "text")


class Interrupted(Exception):
    """A signal came, or the gateway stays away: what is left goes with the next run."""


@dataclass(slots=True)
class Line:
    """What becomes of one row."""

    row: Row
    number: str
    """As the gateway writes it, once it has looked at it."""
    state: str = "waiting"
    """`bad`, `duplicate`, `refused`, `waiting` (not handed over yet), `accepted`, or the state of its message."""
    reason: str | None = None
    identity: str | None = None
    reference: str = ""
    parts: int = 0
    encoding: str = ""
    forcing: str = ""
    """Characters that the 7-bit alphabet lacks."""
    earlier: bool = False
    """Whether an earlier run handed it over."""


@dataclass(slots=True)
class Run:
    """One run over a table. Its steps are called in their order; each raises Interrupted, and Failure."""

    gateway: Gateway
    batch: Batch
    lines: list[Line]
    options: Json
    """What every message has besides number and text."""
    stop: StopSignals
    repeat_numbers: bool = False
    rate: Rate | None = None
    said: Tell = field(kw_only=True)
    """Told why it goes on slowly."""
    _answered: bool = field(default=False)

    def look(self, advance: Callable[[], None]) -> None:
        """Have the gateway read every number and text; finds what cannot be sent, and who would get two."""
        seen: dict[str, Line] = {}
        for line in self.lines:
            if line.state == "waiting":
                self._look_at(line, seen)
            advance()

    def _look_at(self, line: Line, seen: dict[str, Line]) -> None:
        text = line.row.text.reveal()
        asked = {"to": line.row.number, "text": text, "encoding": self.options.get("encoding", "auto")}
        try:
            found = self._patiently(lambda: self.gateway.post("/v1/preview", asked))
        except Refused as error:
            if not _of_the_row(error):
                raise
            line.state, line.reason = "bad", _words(error)
            return
        line.number, line.parts, line.encoding = found["to"], found["parts"], found["encoding"]
        line.forcing = "".join(found["forcing"])
        line.reference = self.batch.reference(line.number, text if self.repeat_numbers else None)
        first = seen.setdefault(line.reference, line)
        if first is not line:
            line.state, line.reason = "duplicate", f"row {first.row.place} has the same number"
            if self.repeat_numbers:
                line.reason += " and text"

    def hand_over(self, advance: Callable[[], None]) -> None:
        """Give the gateway what it does not have yet."""
        self._patiently(lambda: self.batch.ask(self.gateway))
        due = time.monotonic()
        for line in self.lines:
            if line.state == "waiting":
                line.identity = self.batch.ids.get(line.reference)
                line.earlier = line.identity is not None
                if line.earlier:
                    line.state = "accepted"
                else:
                    due = self._pace(due)
                    self._send(line)
            advance()

    def _send(self, line: Line) -> None:
        body: Json = {"to": line.number, "text": line.row.text.reveal(), "client_ref": line.reference, **self.options}
        headers = {"Idempotency-Key": f"bulk-{line.reference}"}
        try:
            message = self._patiently(lambda: self.gateway.post("/v1/messages", body, headers=headers))
        except Refused as error:
            if not _of_the_row(error):
                raise
            line.state, line.reason = "refused", _words(error)
            return
        self.batch.taken(line.reference, message["id"])
        line.identity, line.state = message["id"], "accepted"

    def wait(self, seconds: float, advance: Callable[[], None]) -> None:
        """See what became of each message, for so long at most."""
        deadline = time.monotonic() + seconds
        for line in self.lines:
            if (identity := line.identity) is not None:
                known = self.batch.states.get(identity)
                if known is not None:
                    line.state = known
                else:
                    self._wait_for(line, identity, deadline)
            advance()

    def _wait_for(self, line: Line, identity: str, deadline: float) -> None:
        message = self._patiently(lambda: outcome(self.gateway, identity, deadline, self._still_wanted, LOOK))
        line.state, line.reason = message["state"], message["reason"]
        if line.state in TERMINAL:
            self.batch.ended(identity, line.state)

    def _still_wanted(self, _: str) -> None:
        if self.stop.wait(0):
            raise Interrupted

    def _pace(self, due: float) -> float:
        """Wait for this message's turn; when the next one's is."""
        self._rest(max(0.0, due - time.monotonic()))
        return max(due, time.monotonic() - 1.0) + (self.rate.window / self.rate.count if self.rate else 0.0)

    def _patiently(self, ask: Callable[[], T]) -> T:
        """Ask until there is an answer. A repetition is safe: it carries the same Idempotency-Key."""
        away: float | None = None
        pauses = _pauses()
        while True:
            try:
                got = ask()
            except Unreachable as error:
                away = away or time.monotonic()
                if not self._answered:
                    raise
                if time.monotonic() - away > PATIENCE:
                    raise Interrupted(str(error)) from None
                self.said("the gateway does not answer")
                self._rest(next(pauses))
            except Refused as error:
                self._answered = True
                if error.status != _TOO_MANY and error.status not in BEHIND_A_PROXY:
                    raise
                self.said(_words(error))
                self._rest(error.retry_after or next(pauses))
            else:
                self._answered = True
                if away is not None:
                    self.said("it answers again")
                return got

    def _rest(self, seconds: float) -> None:
        if self.stop.wait(seconds):
            raise Interrupted

    def in_short(self) -> Json:
        """What became of all of them, in numbers and lists."""
        taken = [line for line in self.lines if line.identity is not None]
        states: dict[str, int] = {}
        for line in self.lines:
            states[line.state] = states.get(line.state, 0) + 1
        return {
            "batch": self.batch.name,
            "rows": len(self.lines),
            "accepted": len(taken),
            "earlier": sum(line.earlier for line in taken),
            "left": states.get("waiting", 0),
            "states": states,
            **{state: _told(self.lines, state) for state in ("bad", "duplicate", "refused")},
        }


def good(lines: Sequence[Line], *, skip_bad: bool, waited: bool) -> bool:
    """Whether everything became of them that was asked for."""
    fine = {"duplicate", *(SUCCESS if waited else {"accepted"}), *({"bad"} if skip_bad else set())}
    return all(line.state in fine for line in lines)


def reckoned(lines: Sequence[Line], price: float, modems: int, rate: Rate | None) -> Json:
    """What it would take to send them."""
    sent = [line for line in lines if line.state == "waiting"]
    parts = sum(line.parts for line in sent)
    by_rate = len(sent) * rate.window / rate.count if rate else 0.0
    return {
        "messages": len(sent),
        "parts": parts,
        "encodings": {name: sum(line.encoding == name for line in sent) for name in sorted({x.encoding for x in sent})},
        "forcing": "".join(sorted({char for line in sent for char in line.forcing})),
        "longest": max((line.parts for line in sent), default=0),
        "cost": round(parts * price, 4) if price else None,
        "seconds": round(max(by_rate, parts * PART_SECONDS / max(1, modems))),
    }


def modems_of(gateway: Gateway) -> int | None:
    """How many modems can send now; None where the key may not know."""
    try:
        return len([one for one in gateway.get("/v1/modems")["items"] if one["state"] == "ready"])
    except Refused:
        return None


def _told(lines: Sequence[Line], state: str) -> list[Json]:
    return [{"row": line.row.place, "reason": line.reason} for line in lines if line.state == state]


def _of_the_row(error: Refused) -> bool:
    """Whether a refusal is about this number or text, and says nothing of the next one."""
    fields = [str(one.get("field", "")) for one in error.problem.get("errors", ())]
    if error.status == 422:
        return bool(fields) and all(field in _OF_THE_ROW for field in fields)
    return error.status in {409, 413} or (error.status == 403 and error.problem.get("code") not in _OF_THE_KEY)


def _words(error: Failure) -> str:
    return " ".join(error.message.split())


def _pauses() -> Iterator[float]:
    yield from PAUSES
    while True:
        yield PAUSES[-1]
