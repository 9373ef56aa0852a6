"""All webhooks of a gateway: their threads, what is known of each, tests and replays."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gateway.config import WebhookConfig
from gateway.messages import Secret
from gateway.store import Store, Subscription, Waiting
from gateway.store.common import new_id, wall_ms
from gateway.webhooks import rules
from gateway.webhooks.client import Client, NotSent
from gateway.webhooks.endpoint import Endpoint, EndpointState
from gateway.webhooks.request import body_of, headers
from hardware.clock import Clock

log = logging.getLogger("simwire.webhooks")

TEST = "webhook.test"
ABORT_GRACE = 2.0  # seconds that an exchange which was ended may take to notice


@dataclass(frozen=True, slots=True)
class WebhookStatus:
    """One webhook as it is now."""

    hook: WebhookConfig
    origin: str
    """Scheme, host and port of its URL."""
    counts: Waiting
    state: EndpointState


@dataclass(frozen=True, slots=True)
class Trial:
    """What came back for a test event."""

    event: str
    """Its id."""
    status: int | None
    error: str | None
    """None: it was taken."""
    seconds: float


class Webhooks:
    """The endpoints, by name. Everything but `start` and `stop` is safe from any thread."""

    def __init__(self, hooks: Sequence[WebhookConfig], store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._hooks = {hook.name: hook for hook in hooks}
        self._secrets = {hook.name: hook.read_secrets() for hook in hooks}
        self.endpoints = {hook.name: self._endpoint(hook) for hook in hooks}
        self._threads: dict[str, threading.Thread] = {}
        self._subscribe()
        store.events.on_queued = self.wake

    def start(self) -> None:
        """End what waits for webhooks that are not configured any more; then one thread each."""
        ended = self._store.deliveries.end_unknown(tuple(self._hooks), self._clock.now())
        if ended:
            log.warning("%d events waited for webhooks that are not configured any more: given up", ended)
        for endpoint in self.endpoints.values():
            self._begin(endpoint)

    def reload(self, hooks: Sequence[WebhookConfig], grace: float) -> list[str]:
        """Go by these from now on; names of the webhooks that are other than before, also by their secrets.

        One that is changed has `grace` seconds to end its exchange before the new one takes its place; what waits for
        it stays. What waits for one that is gone is given up. Called on the thread that calls `stop`.
        """
        secrets = {hook.name: hook.read_secrets() for hook in hooks}
        new = {hook.name: hook for hook in hooks}
        changed = [
            name
            for name in {**self._hooks, **new}
            if self._hooks.get(name) != new.get(name) or _revealed(self._secrets, name) != _revealed(secrets, name)
        ]
        leaving = [name for name in changed if name in self.endpoints]
        self._end(leaving, grace)
        kept = {name: one for name, one in self.endpoints.items() if name not in leaving}
        self._hooks, self._secrets = new, secrets
        self.endpoints = {name: kept.get(name) or self._endpoint(hook) for name, hook in new.items()}
        self._subscribe()
        if self._store.deliveries.end_unknown(tuple(new), self._clock.now()):
            log.warning("events waited for webhooks that are not configured any more: given up")
        for name in changed:
            if name in new:
                self._begin(self.endpoints[name])
        return changed

    def stop(self, grace: float) -> bool:
        """Let exchanges under way end, at most `grace` seconds for all, then break them off; False where one hangs."""
        return self._end(list(self.endpoints), grace)

    def wake(self, names: Iterable[str]) -> None:
        """Something was queued for these."""
        for name in names:
            if (endpoint := self.endpoints.get(name)) is not None:  # else it went while this was queued for it
                endpoint.wake()

    def status(self) -> list[WebhookStatus]:
        """Every webhook, in the order of the configuration, but for one that a reload is just putting in its place."""
        counts, endpoints = self._store.deliveries.counts(), self.endpoints
        return [
            WebhookStatus(hook, endpoint.origin, counts.get(name, Waiting()), endpoint.state)
            for name, hook in self._hooks.items()
            if (endpoint := endpoints.get(name)) is not None
        ]

    def replay(self, ids: Sequence[str]) -> list[str]:
        """Send ended deliveries once more; returns those ids that no configured webhook has ended."""
        unknown = self._store.deliveries.replay(ids, tuple(self._hooks), self._clock.now())
        self._hurry(self.endpoints)
        return unknown

    def replay_dead(self, name: str) -> int:
        """Send everything once more that was given up at a webhook; returns how many. Raises KeyError."""
        self.endpoints[name]  # raises before anything is done
        replayed = self._store.deliveries.replay_dead(name, self._clock.now())
        self._hurry([name])
        return replayed

    def test(self, name: str) -> Trial:
        """Send a test event now, past everything that waits, and say what came back. Raises KeyError."""
        hook, now = self._hooks[name], self._clock.now()
        event_id = new_id(now)
        body = body_of(event_id, TEST, wall_ms(now), None, {"webhook": name})
        client, begun = Client(hook), time.monotonic()
        status, error = None, None
        try:
            answer = client.post(body, headers(event_id, TEST, 1, self._secrets[name], now.wall, body))
            status, error = answer.status, rules.judge(answer.status, None, now.wall).error
        except NotSent as failure:
            error = str(failure)
        finally:
            client.close()
        return Trial(event_id, status, error, time.monotonic() - begun)

    def _hurry(self, names: Iterable[str]) -> None:
        for name in names:
            self.endpoints[name].retry_now()

    def _endpoint(self, hook: WebhookConfig) -> Endpoint:
        return Endpoint(hook, self._secrets[hook.name], self._store.deliveries, self._clock)

    def _subscribe(self) -> None:
        hooks = self._hooks.values()
        self._store.events.subscriptions = tuple(Subscription(hook.name, hook.events, hook.clients) for hook in hooks)

    def _begin(self, endpoint: Endpoint) -> None:
        thread = threading.Thread(target=endpoint.run, name=f"webhook-{endpoint.name}", daemon=True)
        self._threads[endpoint.name] = thread
        thread.start()

    def _end(self, names: Sequence[str], grace: float) -> bool:
        endpoints = [self.endpoints[name] for name in names]
        for endpoint in endpoints:
            endpoint.stop()
        if not self._joined(names, grace):
            for endpoint in endpoints:
                endpoint.abort()
        if not self._joined(names, ABORT_GRACE):
            log.warning("an exchange with a webhook did not end in time; its event is sent again after the next start")
            return False
        for endpoint in endpoints:
            endpoint.close()
        return True

    def _joined(self, names: Sequence[str], seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        threads = [self._threads[name] for name in names if name in self._threads]
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in threads)


def _revealed(secrets: Mapping[str, Sequence[Secret]], name: str) -> list[str]:
    return [secret.reveal() for secret in secrets.get(name, ())]
