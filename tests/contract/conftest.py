"""The bench of the contract suite, once for each door."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.bench import Bench

DOORS = ("1", "2", "3", "7", "4096", "pty")


@pytest.fixture(params=DOORS)
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    """Numbers are the chunk size in octets of the in-process door."""
    one = Bench(request.param, tmp_path)
    yield one
    one.close()
