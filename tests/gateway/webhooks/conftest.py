"""Receivers, and the configuration of webhooks that lead to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.config import WebhookConfig

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
