"""Random octets are handed out once each, whoever asks: also on many threads, and on both sides of a fork."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from gateway.store import randomness
from gateway.store.randomness import FETCHED, Randomness


def test_no_octets_are_handed_out_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a source whose every piece can be told from the others."""
    fetched = iter(range(10**6))
    monkeypatch.setattr(
        "gateway.store.randomness.os.urandom",
        lambda count: b"".join(next(fetched).to_bytes(4) for _ in range(count // 4)),
    )
    source = Randomness()
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda _: source.take(12), range(5 * FETCHED // 12)))
    pieces = [one[start : start + 4] for one in taken for start in (0, 4, 8)]
    assert len(set(pieces)) == len(pieces)


def test_all_of_a_fetch_may_be_taken_at_once() -> None:
    source = Randomness()
    assert len(source.take(FETCHED)) == FETCHED
    assert len(source.take(1)) == 1


def test_parent_and_child_of_a_fork_get_other_octets() -> None:
    randomness.take(1)  # something is left, which both have
    reads, writes = os.pipe()
    child = os.fork()
    if not child:
        os.write(writes, randomness.take(16))
        os._exit(0)
    mine = randomness.take(16)
    os.close(writes)
    with os.fdopen(reads, "rb") as answer:
        assert answer.read() != mine
    os.waitpid(child, 0)
