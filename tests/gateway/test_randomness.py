"""Random numbers and octets: all that may come do, nothing else does, and a fork parts parent and child."""

from __future__ import annotations

import itertools
import os

import pytest

from gateway import randomness


@pytest.mark.parametrize("end", [1, 2, 5, 255, 256, 257])
def test_every_number_below_the_end_comes_and_no_other(end: int) -> None:
    """That one of 257 does not come in 10,000 draws has a chance of 10 to the minus 14."""
    assert {randomness.below(end) for _ in range(10_000)} == set(range(end))


def test_none_is_favoured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of every value that an octet may have, those beyond the end are drawn anew."""
    drawn = itertools.cycle(range(256))
    monkeypatch.setattr("gateway.randomness.octets", lambda count: bytes(next(drawn) for _ in range(count)))
    assert [randomness.below(200) for _ in range(400)] == [*range(200), *range(200)]


def test_parent_and_child_of_a_fork_get_other_octets() -> None:
    randomness.octets(1)  # its state is there, and both have it
    reads, writes = os.pipe()
    child = os.fork()
    if not child:
        os.write(writes, randomness.octets(16))
        os._exit(0)
    mine = randomness.octets(16)
    os.close(writes)
    with os.fdopen(reads, "rb") as answer:
        assert answer.read() != mine
    os.waitpid(child, 0)
