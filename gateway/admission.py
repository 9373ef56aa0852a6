"""Who may send where, and how often: every rule that is asked before something is accepted."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from functools import lru_cache

from gateway.backlog import Backlog, Modems
from gateway.config import Config
from gateway.guard import Guard
from gateway.limits import Denial, Destinations
from gateway.messages import NewMessage
from gateway.numbers import Destination, NotANumber, destination
from gateway.policy import Caller
from gateway.refusals import FieldError, Forbidden, InvalidInput, Unavailable
from gateway.store import Block, Store
from hardware.clock import Clock

RETRY_WHEN_FULL = 30.0
"""Seconds."""
_BLOCKED = {
    Block.OPTED_OUT: (
        "recipient_opted_out",
        "this person opted out by an answer like STOP: only codes are sent until they answer START",
    ),
    Block.BLOCKED: ("recipient_blocked", "an operator blocked this number: only codes are sent to it"),
    Block.BLOCKED_ALL: ("recipient_blocked", "an operator blocked this number: nothing is sent to it"),
}


class Admission:
    """The rules of the gateway and of the caller's key. Thread-safe."""

    def __init__(self, store: Store, config: Config, clock: Clock, modems: Modems, guard: Guard | None = None) -> None:
        """`guard`: one that goes on, with what it has counted."""
        self._store, self._config = store, config
        prefixes = {prefix for modem in config.modem for prefix in modem.prefixes}
        self.backlog = Backlog(store, modems, prefixes, config.otp.min_remaining)
        """Whether a code can still leave in time."""
        self.guard = guard or Guard(store, config, clock.now())
        """How often somebody may send, or be sent to."""
        self._home = config.gateway.country
        self.allowed = Destinations(config.allowed_countries)
        """What the gateway sends to, whoever asks."""
        self._of_key = lru_cache(maxsize=256)(Destinations)
        self._read_number = lru_cache(maxsize=4096)(destination)

    def warm_up(self) -> None:
        """Load the number metadata, which the first request would otherwise wait for."""
        self._read_number("+447700900123", self._home)

    def must_accept(self) -> None:
        """Raise Unavailable while the disk is near full or too many messages wait."""
        if not self._store.database.accepting():
            raise Unavailable("the disk is nearly full: nothing is accepted", RETRY_WHEN_FULL, "disk_full")
        if self._store.outbox.queue_depth() >= self._config.limits.max_queued:
            raise Unavailable("too many messages wait already: none is accepted", RETRY_WHEN_FULL, "queue_full")

    def destinations(self, written_numbers: str | tuple[str, ...], caller: Caller) -> list[Destination]:
        """Read and check every number; errors name each one. Raises InvalidInput, else Forbidden."""
        many = not isinstance(written_numbers, str)
        numbers = (written_numbers,) if isinstance(written_numbers, str) else written_numbers
        found: list[Destination] = []
        invalid: list[FieldError] = []
        denied: list[FieldError] = []
        code = ""
        for place, number in enumerate(numbers):
            name = f"to[{place}]" if many else "to"
            try:
                to = self._read_number(number, self._home)
            except NotANumber as error:
                invalid.append(FieldError(name, str(error)))
                continue
            if denial := self._denial(to, caller):
                code = code or denial.code
                denied.append(FieldError(name, denial.message))
            found.append(to)
        if invalid:
            raise InvalidInput(invalid + denied)
        if denied:
            raise Forbidden(f"{denied[0].field}: {denied[0].message}", code, denied)
        return found

    def blocks(self, cx: sqlite3.Connection, new: Iterable[NewMessage]) -> dict[str, Block]:
        """Which of the recipients are blocked, or of the handsets that messages really go to; inside the transaction
        that queues the messages, so that what is queued after a STOP is not missed.
        """
        return self._store.blocked.among(cx, {number for one in new for number in (one.to, one.sent_to) if number})

    def must_be_wanted(self, blocks: dict[str, Block], new: Sequence[NewMessage], *, many: bool = False) -> None:
        """Raise Forbidden, naming each, where a recipient, or the handset in its place, is among what is blocked."""
        if not blocks:
            return
        denied: list[FieldError] = []
        code = ""
        for place, message in enumerate(new):
            for number, whose in ((message.to, ""), (message.sent_to, "the handset that this key redirects to: ")):
                block = blocks.get(number) if number else None
                if block is not None and block.refuses(message.lane):
                    block_code, words = _BLOCKED[block]
                    code = code or block_code
                    denied.append(FieldError(f"to[{place}]" if many else "to", whose + words))
                    break
        if denied:
            raise Forbidden(f"{denied[0].field}: {denied[0].message}", code, denied)

    def number(self, written: str, name: str) -> str:
        """A number from a query, in the form it is stored in; raises InvalidInput naming the field."""
        if written.startswith(" "):  # a raw + in a query string arrives as a space
            written = f"+{written[1:]}"
        try:
            return self._read_number(written, self._home).number
        except NotANumber as error:
            raise InvalidInput.of(name, str(error)) from None

    def _denial(self, to: Destination, caller: Caller) -> Denial | None:
        policy = caller.policy
        if denial := self.allowed.check(to, short_codes=policy.short_codes):
            return denial
        if policy.countries and not to.short and self._of_key(policy.countries).check(to):
            return Denial(
                "country_not_allowed", f"this key may not send to {to.region}, only to {', '.join(policy.countries)}"
            )
        return None
