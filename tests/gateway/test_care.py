"""What a worker sees to besides sending."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.care import Care
from gateway.store import Store, StoreBusy
from hardware.clock import FakeClock
from hardware.modem import Identity


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    one = Store.open(tmp_path / "care.db", tmp_path / "care.key", FakeClock())
    yield one
    one.close()


def test_a_swapped_card_is_noticed_where_the_store_failed_at_first(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    care = Care("sim1", None, store, store.database.clock)
    first, second = (Identity(imsi=f"00101000000000{n}", iccid=f"894410000000000000{n}") for n in (1, 2))
    assert not care.opened(first)

    def busy(*_: object) -> Any:
        raise StoreBusy("another program holds the database")

    with monkeypatch.context() as patched:
        patched.setattr(store.centres, "known", busy)
        with pytest.raises(StoreBusy):
            care.opened(second)
    assert care.opened(second)
    assert not care.opened(second)
