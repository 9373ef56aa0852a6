"""How many accepts each transaction of a store takes in, for tests of those that share one."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.store import Database


def counted(database: Database, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one with each transaction of accepts: how many were in it."""
    writer, counts = database._writer, list[int]()
    run = writer._run_batch

    def count(batch: list[Any]) -> object:
        came = run(batch)
        counts.append(len(batch))
        return came

    monkeypatch.setattr(writer, "_run_batch", count)
    return counts
