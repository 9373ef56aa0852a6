"""Receivers, and the configuration of webhooks that lead to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.config import WebhookConfig
from gateway.store import Store, Subscription
from gateway.webhooks import Endpoint
from hardware.clock import FakeClock

from .receiver import Receiver

SECRET = "a secret of sufficient length"
MakeHook = Callable[..., WebhookConfig]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    one = Receiver()
    yield one
    one.close()


@pytest.fixture
def make_hook(tmp_path: Path) -> MakeHook:
    """A webhook on loopback, allowed to be there."""
    path = tmp_path / "hook.secret"
    path.write_text(f"{SECRET}\n", encoding="ascii")

    def make(port: int, **settings: object) -> WebhookConfig:
        values = {
            "name": "hook1",
            "url": f"http://127.0.0.1:{port}/simwire",
            "secret_file": str(path),
            "allow_private": ["127.0.0.1"],
            **settings,
        }
        return WebhookConfig.model_validate(values)

    return make


class Scene:
    """A store on a fake clock whose events go to receivers, without threads."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.clock = folder, FakeClock()
        self.store = self._open()
        self.endpoints: dict[str, Endpoint] = {}

    def _open(self) -> Store:
        return Store.open(self.folder / "hooks.db", self.folder / "hooks.key", self.clock)

    def add(self, hook: WebhookConfig, *, chance: float = 0.5) -> Endpoint:
        """An endpoint that gets everything."""
        events = self.store.events
        events.subscriptions = (*events.subscriptions, Subscription(hook.name, hook.events, hook.clients))
        self.endpoints[hook.name] = Endpoint(
            hook, hook.read_secrets(), self.store.deliveries, self.clock, chance=lambda: chance
        )
        return self.endpoints[hook.name]

    def restart(self, *hooks: WebhookConfig) -> None:
        """The process ends without a word and starts again."""
        self.close()
        self.store, self.endpoints = self._open(), {}
        for hook in hooks:
            self.add(hook)

    def close(self) -> None:
        for endpoint in self.endpoints.values():
            endpoint.close()
        self.store.close()

    def emit(self, subject: str, kind: str = "message.sent", client: str | None = "shop") -> None:
        with self.store.database.mark() as cx:
            self.store.events.emit(cx, kind, client, subject, {"id": subject}, self.clock.now())

    def run(self, seconds: float = 0.0) -> None:
        """Let every endpoint send what falls due within that simulated time."""
        end = self.clock.boot() + seconds
        while True:
            wait = min(endpoint.turn() for endpoint in self.endpoints.values())
            if wait > 0 and self.clock.boot() >= end:
                return
            self.clock.advance(min(wait, max(0.0, end - self.clock.boot())))


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    one = Scene(tmp_path)
    yield one
    one.close()
