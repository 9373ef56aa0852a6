"""A gateway over two virtual modems, for every acceptance test its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.harness import Gateway, World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Two modems of the generic kind on pseudo-terminals."""
    world = World(tmp_path)
    yield world
    world.stop()


@pytest.fixture
def gateway(world: World) -> Iterator[Gateway]:
    """A serving process and a key that may see everything."""
    gateway = Gateway(world.write_config())
    gateway.start()
    gateway.make_key(
        "messages:send", "messages:read", "otp:send", "otp:check", "inbox:read", "modems:manage", "messages:otp"
    )
    yield gateway
    gateway.stop()
