"""What counts as sent twice without a word."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.misfortunes import unmarked

NUMBER, OTHER = "+447700900001", "+447700900002"


def submits(*taken: tuple[str, int]) -> list[Sequence[Any]]:
    return [[0.0, 0.0, "001010000000001", to, n, "text", [7, 2, part], True] for n, (to, part) in enumerate(taken)]


def test_a_mark_speaks_of_one_copy() -> None:
    thrice = submits((NUMBER, 1), (NUMBER, 1), (NUMBER, 1))
    assert unmarked(thrice, {(NUMBER, 1): 2}) == 0
    assert unmarked(thrice, {(NUMBER, 1): 1}) == 1
    assert unmarked(thrice, {}) == 2


def test_a_mark_speaks_of_its_own_part_and_number() -> None:
    assert unmarked(submits((NUMBER, 1), (NUMBER, 2)), {}) == 0
    assert unmarked(submits((NUMBER, 2), (NUMBER, 2)), {(NUMBER, 1): 1}) == 1
    assert unmarked(submits((NUMBER, 1), (NUMBER, 1)), {(OTHER, 1): 1}) == 1
