"""How often: the rates of numbers, addresses, keys and prefixes, and prefixes whose codes nobody types in."""

from __future__ import annotations

import ipaddress
import logging
import threading
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from gateway.config import Config, Mode
from gateway.messages import Json, masked
from gateway.numbers import Destination
from gateway.policy import Caller
from gateway.quantities import Rate, compact
from gateway.refusals import TooMany
from gateway.store import Store, StoreError, Used
from gateway.windows import BUCKETS, Exceeded, Reservation, Shares, Windows
from hardware.clock import Instant

log = logging.getLogger("simwire.limits")

MOST_TOLD = 10_000
"""Subjects for which it is remembered that they were told of."""
MOST_KEYS = 10_000
"""Keys with rates of their own whose counts are in memory; those of others are read again when they send."""
_NETWORKS = {4: 32, 6: 64}
"""Bits by which addresses are told apart: one person has a whole IPv6 network."""
_SHOWN = {4: 24, 6: 48}
"""Bits of an address that logs and events show."""


@dataclass(frozen=True, slots=True)
class _Rule:
    """Rates that one kind of subject is held to."""

    code: str
    name: str
    """As it is configured."""
    what: str
    mode: Mode
    windows: Windows


@dataclass(frozen=True, slots=True)
class _Ask:
    """Places that a request needs under one rule."""

    rule: _Rule
    subject: Hashable
    shown: str
    """The subject for logs and events: nobody's whole number or address."""
    n: int = 1


class _Own:
    """The rule of one key's own rates. `lock` is held while it is made from what is stored, which takes a while."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.rates: tuple[Rate, ...] = ()
        self.rule: _Rule | None = None


class Guard:
    """The rates in force. Thread-safe; remembers over a restart by what is stored."""

    def __init__(self, store: Store, config: Config, now: Instant) -> None:
        limits = config.limits
        self._store, self._digits, self._low = store, limits.prefix.digits, limits.conversion
        self._number = _Rule(
            "number_rate", "[limits.number]", "codes to one number", limits.number.mode, Windows(limits.number.rates)
        )
        self._ip = _Rule("ip_rate", "[limits.ip]", "codes for one address", limits.ip.mode, Windows(limits.ip.rates))
        self._key = _Rule("key_rate", "[limits.key]", "messages of one key", limits.key.mode, Windows(limits.key.rates))
        self._prefix = _Rule(
            "prefix_rate",
            "[limits.prefix]",
            f"codes to numbers that differ in their last {self._digits} digits",
            limits.prefix.mode,
            Windows(limits.prefix.rates),
        )
        self._shares = Shares(self._low.window, config.otp.lifetime)
        self._own: dict[str, _Own] = {}
        """By key; the one that sent last is at the end."""
        self._own_lock = threading.Lock()
        self._told: dict[Hashable, float] = {}
        self._told_lock = threading.Lock()
        self._remember(now)

    def peer(self, address: str | None) -> bytes | None:
        """The keyed hash by which an end user's address is counted and stored."""
        if address is None:
            return None
        return self._store.cipher.code_hash(f"peer {_network(address, _NETWORKS)}".encode())

    def code(self, to: Destination, caller: Caller, address: str | None, now: Instant) -> AbstractContextManager[None]:
        """Take the places of a code that is started, and give them back where the block raises. Raises TooMany."""
        mode = caller.policy.delivery
        asks = [_Ask(self._number, _apart(to.number, mode), masked(to.number)), *self._of_key(caller, 1, now)]
        if address is not None:
            asks.append(_Ask(self._ip, _apart(self.peer(address), mode), _network(address, _SHOWN)))
        prefix = self.prefix(to.number)
        if prefix is not None:
            self._must_convert(prefix, caller, now)
            asks.append(_Ask(self._prefix, _apart(prefix, mode), self._shown(prefix)))
        return self._places(asks, caller, now, None if prefix is None else _apart(prefix, mode))

    def messages(self, count: int, caller: Caller, now: Instant) -> AbstractContextManager[None]:
        """Take the places of messages to so many recipients, or of a code that is sent again; see `code`."""
        return self._places(self._of_key(caller, count, now), caller, now)

    def approved(self, number: str, delivery: int, created: float) -> None:
        """A code to `number` was checked with success; `created`: when it was started, on the boot clock."""
        prefix = self.prefix(number)
        if prefix is not None:
            self._shares.good(_apart(prefix, delivery), created)

    def prefix(self, number: str) -> str | None:
        """A number without its last digits; None for short codes."""
        return number[: -self._digits] if number.startswith("+") else None

    # -- places -------------------------------------------------------------------------------------------------------

    @contextmanager
    def _places(
        self, asks: Iterable[_Ask], caller: Caller, now: Instant, made: Hashable | None = None
    ) -> Iterator[None]:
        """`made`: whose share of codes that are typed in begins to count behind the block."""
        held: list[Reservation] = []
        try:
            self._take([ask for ask in asks if ask.rule.mode != "off"], held, caller, now)
            yield
        except BaseException:
            for reservation in held:
                reservation.refund()
            raise
        if made is not None:
            self._shares.made(made, now.boot)

    def _take(self, asks: list[_Ask], held: list[Reservation], caller: Caller, now: Instant) -> None:
        refused: list[tuple[_Ask, Exceeded]] = []
        for ask in asks:
            reservation = ask.rule.windows.reserve(ask.subject, now.boot, ask.n)
            held.append(reservation)
            if (exceeded := reservation.exceeded) is None:
                continue
            self._exceeded(ask, exceeded.rate, caller, now)
            if ask.rule.mode == "enforce":
                refused.append((ask, exceeded))
        if refused:
            raise _refusal(*max(refused, key=lambda one: one[1].retry_after))

    def _of_key(self, caller: Caller, count: int, now: Instant) -> list[_Ask]:
        asks = [_Ask(self._key, caller.key_id, caller.key_id, count)]
        if caller.policy.rates:
            asks.append(_Ask(self._own_rule(caller.key_id, caller.policy.rates, now), caller.key_id, "", count))
        return asks

    def _own_rule(self, key_id: str, rates: tuple[Rate, ...], now: Instant) -> _Rule:
        """The rule of a key's own policy, filled with what the key sent before where its rates are new here."""
        with self._own_lock:
            own = self._own.pop(key_id, None) or _Own()
            self._own[key_id] = own
            while len(self._own) > MOST_KEYS:
                del self._own[next(iter(self._own))]
        with own.lock:
            if own.rule is None or own.rates != rates:
                rule = _Rule("key_rate", "the rates of this key", "messages of this key", "enforce", Windows(rates))
                self._fill(rule, lambda window, step: self._store.usage.by_key(window, step, now, key_id))
                own.rule, own.rates = rule, rates
            return own.rule

    # -- conversion ---------------------------------------------------------------------------------------------------

    def _must_convert(self, prefix: str, caller: Caller, now: Instant) -> None:
        low = self._low
        if low.mode == "off":
            return
        subject = _apart(prefix, caller.policy.delivery)
        made, good = self._shares.share(subject, now.boot)
        if made < low.sends or good >= low.least * made:
            return
        shown = self._shown(prefix)
        if self._first(("conversion_low", subject), low.window, now):
            log.warning("limit [limits.conversion]: %d of %d codes to %s were checked with success", good, made, shown)
            body = {"mode": low.mode, "prefix": shown, "sends": made, "approved": good, "least": low.least}
            self._emit("limit.conversion", caller, shown, body, now)
        if low.mode == "enforce":
            raise TooMany(
                f"[limits.conversion]: less than {low.least:.0%} of the codes to numbers like this one were checked"
                f" with success within {compact(low.window)}",
                self._shares.wait(subject, now.boot, low.sends, low.least),
                "conversion_low",
            )

    def _shown(self, prefix: str) -> str:
        return prefix + "x" * self._digits

    # -- telling ------------------------------------------------------------------------------------------------------

    def _exceeded(self, ask: _Ask, rate: Rate, caller: Caller, now: Instant) -> None:
        """One line in the log and one event, for each subject and rate once a window."""
        rule = ask.rule
        if not self._first((rule.name, str(rate), ask.subject), rate.window, now):
            return
        subject = ask.shown or caller.key_id
        log.warning("limit %s %s (%s): %s; client %s", rule.name, rate, rule.mode, subject, caller.client)
        body = {"mode": rule.mode, "rule": rule.name, "rate": str(rate), "code": rule.code, "subject": subject}
        self._emit("limit.exceeded", caller, subject, body, now)

    def _first(self, what: Hashable, seconds: float, now: Instant) -> bool:
        with self._told_lock:
            if self._told.get(what, float("-inf")) > now.boot:
                return False
            self._told.pop(what, None)
            self._told[what] = now.boot + seconds
            while len(self._told) > MOST_TOLD:
                del self._told[next(iter(self._told))]
        return True

    def _emit(self, kind: str, caller: Caller, subject: str, body: Json, now: Instant) -> None:
        told = {**body, "client": caller.client, "key_id": caller.key_id}
        try:
            self._store.database.accept(lambda cx: self._store.events.emit(cx, kind, caller.client, subject, told, now))
        except StoreError as error:  # whoever asked has nothing to do with it
            log.error("event %s is not stored: %s", kind, error)

    # -- after a start ------------------------------------------------------------------------------------------------

    def _remember(self, now: Instant) -> None:
        usage, digits, low = self._store.usage, self._digits, self._low
        self._fill(self._number, lambda window, step: usage.by_number(window, step, now))
        self._fill(self._ip, lambda window, step: usage.by_peer(window, step, now))
        self._fill(self._key, lambda window, step: usage.by_key(window, step, now))
        self._fill(self._prefix, lambda window, step: usage.by_prefix(digits, window, step, now))
        if low.mode != "off":
            for used in usage.by_prefix(digits, low.window, low.window / BUCKETS, now):
                self._shares.made(_apart(used.subject, used.delivery), used.boot, used.count, used.approved)
        for key in self._store.keys.list():
            if key.revoked_at is None and key.policy.rates:
                self._own_rule(key.id, key.policy.rates, now)

    @staticmethod
    def _fill(rule: _Rule, used: Callable[[float, float], Iterable[Used]]) -> None:
        if rule.mode == "off" or not rule.windows.longest:
            return
        for one in used(rule.windows.longest, rule.windows.shortest / BUCKETS):
            rule.windows.restore(_apart(one.subject, one.delivery), one.boot, one.count)


def _apart(subject: Hashable, delivery: int) -> Hashable:
    """What codes that are not live count under: tests take no places of people."""
    return (delivery, subject) if delivery else subject


def _refusal(ask: _Ask, exceeded: Exceeded) -> TooMany:
    rule, rate = ask.rule, exceeded.rate
    words = f"at most {rate.count} {rule.what} within {compact(rate.window)}"
    if ask.n > rate.count:
        words += f", and this request alone has {ask.n}: split it"
    return TooMany(f"{rule.name} {rate}: {words}", exceeded.retry_after, rule.code)


def _network(address: str, bits: dict[int, int]) -> str:
    """The network that an address is counted, or shown, as; one scope or another, mapped or not."""
    read = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(read, ipaddress.IPv6Address):
        read = read.ipv4_mapped or read
    return str(ipaddress.ip_network(f"{read}/{bits[read.version]}", strict=False))
