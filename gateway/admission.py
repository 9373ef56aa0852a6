"""Who may send where, and how often: every rule that is asked before something is accepted."""

from __future__ import annotations

from functools import lru_cache

from gateway.config import Config
from gateway.limits import Denial, Destinations
from gateway.numbers import Destination, NotANumber, destination
from gateway.policy import Caller
from gateway.refusals import FieldError, Forbidden, InvalidInput, Unavailable
from gateway.store import Store

RETRY_WHEN_FULL = 30.0
"""Seconds."""


class Admission:
    """The rules of the gateway and of the caller's key. Thread-safe."""

    def __init__(self, store: Store, config: Config) -> None:
        self._store, self._config = store, config
        self._home = config.gateway.country
        self._destinations = Destinations(config.allowed_countries)
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
        if denial := self._destinations.check(to, short_codes=policy.short_codes):
            return denial
        if policy.countries and not to.short and self._of_key(policy.countries).check(to):
            return Denial(
                "country_not_allowed", f"this key may not send to {to.region}, only to {', '.join(policy.countries)}"
            )
        return None
