"""What an opening that takes its time says meanwhile, and what the writer shows of itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.store import Store, database
from hardware.clock import FakeClock
from tests.gateway.store.test_database import SCHEMA_2, of_schema


def opened(folder: Path) -> int:
    """How often it was said that an opening gets on."""
    said: list[None] = []
    store = Store.open(
        folder / "simwire.db", folder / "simwire.key", FakeClock(), checked=True, on_progress=lambda: said.append(None)
    )
    store.close()
    return len(said)


def test_the_copy_before_a_migration_says_that_it_gets_on(tmp_path: Path) -> None:
    of_schema(tmp_path, SCHEMA_2)
    assert opened(tmp_path) >= 1
    assert opened(tmp_path) == 0, "there is nothing to do any more"


def test_statements_that_take_long_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "PROGRESS", 100)
    assert opened(tmp_path) > 10


def test_what_is_settled_at_a_start_says_so_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "PROGRESS", 10)
    said: list[None] = []
    where = tmp_path / "simwire.db", tmp_path / "simwire.key"
    store = Store.open(*where, FakeClock(), on_progress=lambda: said.append(None))
    said.clear()
    store.outbox.recover(FakeClock().now())
    store.close()
    assert said


def test_the_writer_shows_a_turn_while_somebody_has_it(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "simwire.db", tmp_path / "simwire.key", FakeClock())
    assert store.database.progress is None
    with store.database.mark():
        first = store.database.progress
    with store.database.mark():
        assert store.database.progress != first
    assert first is not None
    assert store.database.progress is None
    store.close()
