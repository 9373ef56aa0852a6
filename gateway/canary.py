"""Messages from SIM to SIM that nobody asked for: proof that what is sent arrives, and an alarm where it does not.

The clockwork calls `round`; the inbox lets `heard` look at every text before it is shown. What is known of a pair is
changed in transactions only, so that both agree; the lock of the database is the only one.
"""

from __future__ import annotations

import logging
import secrets
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace

from gateway.directory import CanaryView, ModemView, has_room, may_take
from gateway.messages import CANARY, Json, Lane, Message, MessageState, NewMessage, Reason, Secret
from gateway.quantities import rfc3339, written
from gateway.store import Store
from hardware.clock import Clock, Instant
from hardware.pdu import segment

log = logging.getLogger("simwire.canary")

GRACE = 2.0  # seconds after the lifetime's end: a state that the end brings about is known then
ON_THE_WAY = ("opening", "configuring")  # states that lead to another one at once
HEARS = ("ready", "denied", "paused")  # states in which a modem takes what comes


@dataclass(frozen=True, slots=True)
class Pair:
    """Who sends to whom."""

    sender: str
    receiver: str
    number: str
    """Of the receiver's SIM."""
    lane: Lane = Lane.NORMAL

    @property
    def name(self) -> str:
        """By which it is kept."""
        return f"{self.sender}>{self.receiver}"


@dataclass(frozen=True, slots=True)
class _Flight:
    """What is kept of a pair."""

    state: str = "waiting"
    reason: str | None = None
    nonce: str | None = None
    message: str | None = None
    sent_at: float | None = None
    """Unix seconds."""
    ok_at: float | None = None
    seconds: float | None = None
    told: str = "ok"
    """The event that was last told of the pair: `ok` or `missed`."""


class Canary:
    """All pairs; `views` from any thread."""

    def __init__(
        self,
        pairs: Sequence[Pair],
        every: float,
        within: float,
        store: Store,
        clock: Clock,
        modems: Callable[[], list[ModemView]],
        wake: Callable[[str, Lane], None],
    ) -> None:
        self._pairs = {pair.name: pair for pair in pairs}
        self._every, self._within = every, within
        self._store, self._modems, self._wake = store, modems, wake
        now = clock.now()
        self._flights = {name: _Flight(**(store.canaries.load(name) or {})) for name in self._pairs}
        # The boot clock runs through whatever is done to the wall clock; what is from another run is dated once.
        self._sent_boot = {
            name: now.boot - max(0.0, now.wall - flight.sent_at)
            for name, flight in self._flights.items()
            if flight.sent_at is not None
        }
        self._missed = dict.fromkeys(self._pairs, 0)
        self._parts_before = dict.fromkeys(self._pairs, 0)
        """What the sender had sent when the newest canary was stored."""

    def views(self) -> list[CanaryView]:
        """How each pair is."""
        found = []
        for name, pair in self._pairs.items():
            one = self._flights[name]
            found.append(
                CanaryView(
                    *(pair.sender, pair.receiver, one.state, one.reason, one.sent_at, one.ok_at, one.seconds),
                    missed=self._missed[name],
                )
            )
        return found

    # -- the clockwork ------------------------------------------------------------------------------------------------

    def round(self, now: Instant) -> int:
        """Send what is due, and give up what has not come; returns how many pairs changed. Raises StoreError."""
        views = {view.name: view for view in self._modems()}
        return sum(self._look(pair, views, now) for pair in self._pairs.values())

    def _look(self, pair: Pair, views: dict[str, ModemView], now: Instant) -> bool:
        flight, sent = self._flights[pair.name], self._sent_boot.get(pair.name)
        if flight.state == "pending":
            if sent is None or now.boot < sent + self._within + GRACE:
                return False
            return self._give_up(pair, flight, views, now)
        if sent is not None and now.boot < sent + self._every:
            return False
        if any(views[name].state in ON_THE_WAY for name in (pair.sender, pair.receiver)):
            return False  # the next round sees where that leads
        if (away := _away(pair, views)) is not None:
            untested = replace(flight, state="untested", reason=away)
            return not _says_the_same(untested, flight) and self._change(pair, flight, untested, now)
        if pair.lane is Lane.OTP and Lane.OTP in self._store.outbox.waiting():
            return False  # in one lane with codes it would be in the way of those that come after it
        self._parts_before[pair.name] = views[pair.sender].sent
        return self._send(pair, flight, now)

    def _send(self, pair: Pair, flight: _Flight, now: Instant) -> bool:
        nonce = secrets.token_hex(6)
        text = f"Simwire canary {self._store.canaries.token(nonce)}"
        parts = segment(text).segments
        new = NewMessage(
            client=CANARY,
            to=pair.number,
            country=None,
            lane=pair.lane,
            lifetime=self._within,
            text=Secret(text),
            segments=tuple(part.to_bytes() for part in parts),
            encoding="gsm7",
            concat_reference=0,
            route=f"modem:{pair.sender}",
            modem=pair.sender,
        )

        def accept(cx: sqlite3.Connection) -> Message:
            message = self._store.outbox.enqueue(cx, new, now)
            begun = replace(flight, state="pending", reason=None, nonce=nonce, message=message.id, sent_at=now.wall)
            self._keep(cx, pair, begun, now.boot)
            return message

        self._store.database.accept(accept)
        self._wake(new.route, pair.lane)
        return True

    def _give_up(self, pair: Pair, flight: _Flight, views: dict[str, ModemView], now: Instant) -> bool:
        message = self._store.outbox.get(flight.message or "")
        if message is not None and not message.final and message.state is MessageState.SENDING:
            return False  # its submit is on the air: what becomes of it is told soon
        unsent = message is not None and message.reason == Reason.EXPIRED_IN_QUEUE
        away = self._unsent_because(pair, views) if unsent else _unable_to_hear(pair, views)
        if away is not None:
            what = "it was not handed over" if unsent else "it was sent and could not be received"
            return self._change(pair, flight, replace(flight, state="untested", reason=f"{what}: {away}"), now)
        reason = self._became(pair, message) + _ails(views[pair.sender]) + _ails(views[pair.receiver])
        return self._change(pair, flight, replace(flight, state="missed", reason=reason), now)

    def _unsent_because(self, pair: Pair, views: dict[str, ModemView]) -> str | None:
        """Why a sender did not come to it, in words; None where it only did nothing."""
        view = views[pair.sender]
        if (away := _unable_to_send(pair, views)) is not None:
            return away
        if not all(use.open_for(Lane.NORMAL) for use in view.quota):  # for new numbers: the receiver's may be one
            return f"{view.name} is {view.state} ({view.reason})"
        busy = view.sent > self._parts_before[pair.name]
        return f"{view.name} was busy with what stood before it" if busy else None

    def _became(self, pair: Pair, message: Message | None) -> str:
        """Why nothing came, as far as the outbox knows."""
        limit = f"nothing came to {pair.receiver} within {written(self._within)}"
        if message is None:
            return f"{limit}; the message is not kept any more"
        if message.reason == Reason.EXPIRED_IN_QUEUE:
            return f"{limit}; {pair.sender} did not send it although it could"
        results = [entry.result for entry in self._store.outbox.timeline(message.id) if entry.result]
        said = f" ({results[-1]})" if results else ""
        if message.state is MessageState.DELIVERED:
            return f"{limit}; the network reports it as delivered: is `number` that of the SIM in {pair.receiver}?"
        if message.state is MessageState.SENT or message.sent_at is not None:
            return f"{limit}; the network had taken it from {pair.sender}{said}"
        why = f", {message.reason}" if message.reason else ""
        return f"{limit}; the message is {message.state.value}{why}{said}"

    # -- the inbox ----------------------------------------------------------------------------------------------------

    def heard(self, cx: sqlite3.Connection, text: Secret, modem: str, now: Instant) -> bool:
        """Whether a text is a canary, new or old, and not to be shown; inside the transaction that received it."""
        nonce = self._store.canaries.nonce_in(text.reveal())
        if nonce is None:
            return False
        for pair in self._pairs.values():
            flight = _Flight(**(self._store.canaries.get(cx, pair.name) or {}))
            if flight.nonce == nonce:
                self._arrived(cx, pair, flight, modem, now)
        return True

    def _arrived(self, cx: sqlite3.Connection, pair: Pair, flight: _Flight, modem: str, now: Instant) -> None:
        seconds = round(max(0.0, now.boot - self._sent_boot.get(pair.name, now.boot)), 3)
        if modem != pair.receiver:
            reason = (
                f"it came to {modem} in place of {pair.receiver}: `number` of {pair.receiver} is that of another SIM"
            )
            after = replace(flight, state="missed", reason=reason)
        elif flight.state == "pending":
            after = replace(flight, state="ok", reason=None, ok_at=flight.sent_at, seconds=seconds)
        elif flight.state == "ok":
            return  # the network brought it twice
        else:
            after = replace(flight, reason=f"it came after {written(seconds)}")
        self._move(cx, pair, flight, after, now)

    # -- changes ------------------------------------------------------------------------------------------------------

    def _change(self, pair: Pair, before: _Flight, after: _Flight, now: Instant) -> bool:
        with self._store.database.mark(synced=False) as cx:
            kept = self._store.canaries.get(cx, pair.name)
            if kept is not None and _Flight(**kept) != before:
                return False  # it came just now
            self._move(cx, pair, before, after, now)
        return True

    def _move(self, cx: sqlite3.Connection, pair: Pair, before: _Flight, after: _Flight, now: Instant) -> None:
        """Keep what has changed, and tell of an alarm and of its end."""
        if after.state == "missed" and before.state != "missed":
            after = replace(after, told="missed")
            self._store.database.after_commit(lambda: self._count(pair, after))
            self._tell(cx, "canary.missed", pair, after, now)
        elif after.state == "ok" and before.told == "missed":
            after = replace(after, told="ok")
            self._store.database.after_commit(lambda: log.info("canary %s arrives again", pair.name))
            self._tell(cx, "canary.ok", pair, after, now)
        elif after.state == "untested" and before.state != "untested":
            log.info("canary %s: %s", pair.name, after.reason)
        self._keep(cx, pair, after, self._sent_boot.get(pair.name))

    def _count(self, pair: Pair, after: _Flight) -> None:
        self._missed[pair.name] += 1
        log.warning("canary %s was missed: %s", pair.name, after.reason)

    def _keep(self, cx: sqlite3.Connection, pair: Pair, after: _Flight, sent_boot: float | None) -> None:
        self._store.canaries.put(cx, pair.name, asdict(after))

        def committed() -> None:
            self._flights[pair.name] = after
            if sent_boot is not None:
                self._sent_boot[pair.name] = sent_boot

        self._store.database.after_commit(committed)

    def _tell(self, cx: sqlite3.Connection, kind: str, pair: Pair, flight: _Flight, now: Instant) -> None:
        body: Json = {
            "from": pair.sender,
            "to": pair.receiver,
            "state": flight.state,
            "reason": flight.reason,
            "message_id": flight.message,
            "sent_at": None if flight.sent_at is None else rfc3339(round(flight.sent_at * 1000)),
            "seconds": flight.seconds if flight.state == "ok" else None,
        }
        self._store.events.emit(cx, kind, None, f"canary {pair.name}", body, now)


def _away(pair: Pair, views: dict[str, ModemView]) -> str | None:
    return _unable_to_send(pair, views) or _unable_to_hear(pair, views)


def _unable_to_send(pair: Pair, views: dict[str, ModemView]) -> str | None:
    """Why the sender can send nothing of that lane now, in words; None where it can."""
    view = views[pair.sender]
    if view.usable and may_take(view, pair.lane) and has_room(view):
        return None
    return f"{view.name} is {view.state}" + (f" ({view.reason})" if view.reason else "")


def _unable_to_hear(pair: Pair, views: dict[str, ModemView]) -> str | None:
    view = views[pair.receiver]
    if view.state in HEARS and view.condition != "registration_denied":
        return None
    return f"{view.name} is {view.state}" + (f" ({view.reason})" if view.reason else "")


def _ails(view: ModemView) -> str:
    """What is the matter with a modem that can do its part, for whoever looks for the cause."""
    return f"; {view.name}: {view.condition}" if view.condition else ""


def _says_the_same(one: _Flight, other: _Flight) -> bool:
    """But for the words in brackets, which may be others every second where a modem comes and goes."""
    bare = [(flight.state, (flight.reason or "").partition(" (")[0]) for flight in (one, other)]
    return bare[0] == bare[1]
