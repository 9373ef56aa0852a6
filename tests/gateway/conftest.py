"""A gateway for each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.gateway.world import World


@pytest.fixture
def make_world(tmp_path: Path) -> Iterator[Callable[..., World]]:
    """Make a gateway with further settings."""
    made: list[World] = []

    def make(settings: str = "") -> World:
        made.append(World(tmp_path, settings))
        return made[-1]

    yield make
    for world in made:
        world.close()


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    """A gateway with the defaults."""
    return make_world()
