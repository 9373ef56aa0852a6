"""A gateway for each test: one without modems, or one that sends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.rig import Make, Rig
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


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Make]:
    """Make a sending gateway whose modems are ready."""
    made: list[Rig] = []

    def make(modems: int = 1, **options: Any) -> Rig:
        made.append(Rig(tmp_path, modems, **options))
        made[-1].ready()
        return made[-1]

    yield make
    for one in made:
        one.store.close()
