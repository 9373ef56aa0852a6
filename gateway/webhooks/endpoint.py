"""One endpoint: what is due is sent, one after the other, by a thread of its own, so that it never delays another."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from gateway.config import WebhookConfig
from gateway.messages import Secret
from gateway.store import Deliveries, Delivery, Ended, StoreError
from gateway.webhooks import rules
from gateway.webhooks.client import Answer, Client, NotSent
from gateway.webhooks.request import body_of_event, headers
from hardware.clock import Clock

log = logging.getLogger("simwire.webhooks")

BATCH = 32  # deliveries whose outcomes are stored together at most
BATCH_SECONDS = 1.0  # and for how long the first of them may stay unstored
LONGEST_WAIT = 30.0  # seconds between looks, whatever is due
STORE_WAIT = 5.0  # seconds before a store that refused is asked again


@dataclass(frozen=True, slots=True)
class EndpointState:
    """What is known of an endpoint since the gateway started; times in Unix seconds."""

    failures: int = 0
    """In a row."""
    paused_until: float | None = None
    last_error: str | None = None
    last_error_at: float | None = None
    last_delivery_at: float | None = None
    taken: int = 0
    failed: int = 0
    """Attempts after which there is another one."""
    given_up: int = 0


class Endpoint:
    """Sends what is due at one webhook.

    `turn` does one round and returns; `run` repeats it until `stop`. Only `wake`, `stop`, `abort` and `state` may be
    used from other threads.
    """

    def __init__(
        self,
        hook: WebhookConfig,
        secrets: Sequence[Secret],
        deliveries: Deliveries,
        clock: Clock,
        client: Client | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.name = hook.name
        self._secrets, self._deliveries, self._clock, self._chance = secrets, deliveries, clock, chance
        self._client = client or Client(hook)
        self._stopping, self._woken = threading.Event(), threading.Event()
        self._paused_boot = 0.0
        self._asked = False  # somebody wants it sent now: the exchange under way pauses nothing
        self._failed: set[int] = set()  # deliveries that failed since one was taken
        self._ended: list[Ended] = []  # what the store has yet to take
        self._state = EndpointState()

    @property
    def state(self) -> EndpointState:
        """The newest snapshot."""
        left = self._paused_boot - self._clock.boot()
        return replace(self._state, paused_until=self._clock.now().wall + left if left > 0 else None)

    @property
    def origin(self) -> str:
        """What may be shown of its URL."""
        return self._client.origin

    def wake(self) -> None:
        """There may be something to send."""
        self._woken.set()

    def retry_now(self) -> None:
        """Somebody asks for it: end a pause, also the one that an exchange under way would begin."""
        self._asked = True
        self._paused_boot = 0.0
        self._woken.set()

    def stop(self) -> None:
        """End `run` after the exchange under way."""
        self._stopping.set()
        self._woken.set()

    def abort(self) -> None:
        """End the exchange under way too; its event is sent again after the next start."""
        self.stop()
        self._client.abort()

    def close(self) -> None:
        """Close the connection, once `run` has ended."""
        self._client.close()

    def run(self) -> None:
        """Send until `stop`; survives everything the other side does, and a store that refuses for a while."""
        while not self._stopping.is_set():
            self._woken.clear()  # before the look, so that what is queued after it is not missed
            try:
                wait = self.turn()
            except StoreError as error:
                log.warning("webhook %s: %s; it goes on by itself", self.name, error)
                wait = STORE_WAIT
            except Exception:
                log.exception("webhook %s: a defect of the program", self.name)
                wait = STORE_WAIT
            if wait > 0 and not self._stopping.is_set():
                self._woken.wait(wait)

    def turn(self) -> float:
        """Send what is due, at most for about a second; returns for how many seconds there is nothing to do.

        Raises StoreError; nothing more is sent then until the store has taken what the last ones came to.
        """
        self._store_ended()
        paused = self._paused_boot - self._clock.boot()
        if paused > 0:
            return min(paused, LONGEST_WAIT)
        self._asked = False
        now = self._clock.now()
        due, upcoming = self._deliveries.due(self.name, now, 1 if self._state.failures else BATCH)
        if not due:
            return LONGEST_WAIT if upcoming is None else min(max(upcoming / 1000 - now.boot, 0.0), LONGEST_WAIT)
        was_down = len(self._failed) >= rules.EVENTS_BEFORE_PAUSE
        begun = self._clock.boot()
        try:
            for delivery in due:
                if not self._deliveries.waits(delivery.id):
                    continue  # erased meanwhile
                outcome = self._send(delivery)
                if outcome is None:
                    break
                self._ended.append(outcome)
                failed = outcome.state != "done"
                if failed or self._stopping.is_set() or self._clock.boot() - begun > BATCH_SECONDS:
                    break
        finally:
            self._store_ended()
        if self._state.failures:
            gone = self._deliveries.give_up(self.name, self._clock.now())
            self._state = replace(self._state, given_up=self._state.given_up + gone)
        elif was_down:
            self._deliveries.hasten(self.name, self._clock.now())
        return 0.0

    def _store_ended(self) -> None:
        if self._ended:
            self._deliveries.end(self._ended, self._clock.now())
            self._ended = []

    def _send(self, delivery: Delivery) -> Ended | None:
        """One attempt; None where the gateway stopped it, so that nobody knows what became of it."""
        status = None
        try:
            answer = self._post(delivery)
            status = answer.status
            verdict = rules.judge(status, answer.retry_after, self._clock.now().wall)
        except NotSent as error:
            if self._stopping.is_set():
                return None
            verdict = rules.Verdict("waiting", str(error))
        except Exception as error:  # it must not come back at once, nor take the outcomes of others with it
            log.exception("webhook %s: event %d: a defect of the program", self.name, delivery.event.id)
            verdict = rules.Verdict("waiting", f"a defect of the program: {type(error).__name__}")
        now = self._clock.now()
        verdict = rules.again(verdict, delivery.attempts, delivery.until_boot / 1000 - now.boot, self._chance())
        self._note(verdict, delivery)
        next_boot = round((now.boot + verdict.wait) * 1000)
        return Ended(delivery.id, verdict.state, next_boot, status, verdict.error)

    def _post(self, delivery: Delivery) -> Answer:
        event, now, body = delivery.event, self._clock.now(), body_of_event(delivery.event)
        marks = headers(str(event.id), event.kind, delivery.attempts + 1, self._secrets, now.wall, body)
        return self._client.post(body, marks)

    def _note(self, verdict: rules.Verdict, delivery: Delivery) -> None:
        now = self._clock.now()
        if verdict.error is None:
            self._failed.clear()
            if self._state.failures:
                log.info("webhook %s takes events again", self.name)
            self._state = replace(self._state, failures=0, last_delivery_at=now.wall, taken=self._state.taken + 1)
            return
        dead = verdict.state == "dead"
        self._state = replace(
            self._state,
            failures=self._state.failures + 1,
            last_error=verdict.error,
            last_error_at=now.wall,
            failed=self._state.failed + (not dead),
            given_up=self._state.given_up + dead,
        )
        self._failed.add(delivery.id)
        pause = rules.pause(len(self._failed), verdict, self._chance())
        if not self._asked:
            self._paused_boot = now.boot + pause
        after = f"nothing is sent there for {pause:.0f} s" if pause else f"tried again in {verdict.wait:.0f} s"
        if dead:
            after = "given up; it can be replayed"
        event, number = delivery.event, delivery.attempts + 1
        log.warning(
            "webhook %s: event %d (%s), attempt %d: %s; %s",
            *(self.name, event.id, event.kind, number, verdict.error, after),
        )
