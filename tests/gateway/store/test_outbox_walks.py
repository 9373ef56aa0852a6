"""Long walks through the same rules, with the weights of a bad day: hypothesis finds the short ones."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from .bench import ONE, TWO
from .test_outbox_rules import OutboxMachine

STEPS = 100


class Walker(OutboxMachine):
    """Chooses by itself."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__()
        self._chance = chance

    def pick(self, data: Any, choices: Sequence[Any]) -> Any:
        return self._chance.choice(choices)


@pytest.mark.parametrize("seed", range(16))
def test_a_long_walk_keeps_every_promise(seed: int) -> None:
    chance = random.Random(seed)
    machine = Walker(chance)

    def some(choices: Sequence[Any]) -> Any:
        return chance.choice(choices)

    draw = None
    moves: list[tuple[float, Callable[[], object]]] = [
        (
            2,
            lambda: len(machine.messages) < 6 and machine.enqueue(some([1, 1, 2, 3]), some([True, False]), 300.0, True),
        ),
        (0.3, lambda: machine.messages and machine.cancel(draw)),
        (1, lambda: machine.claim(some(["one", "two"]))),
        (1, lambda: machine.claimed and machine.begin(draw)),
        (6, lambda: machine.submit(some(["one", "two"]), some(["accepted", "accepted", "lost", "vanished", "on air"]))),
        (0.5, lambda: machine.claimed and machine.release(draw)),
        (3, lambda: machine.begun and machine.submit_ends(draw, some([True, True, False]), some([True, False]))),
        (2, lambda: machine.lost and machine.answer_comes_late(draw)),
        (
            2,
            lambda: (
                (machine.begun or machine.claimed) and machine.refused(draw, some(["now", "later", "other", "never"]))
            ),
        ),
        (3, lambda: machine.network and machine.report(draw, some([0, 0, 0, 1, 2, 0x30, 0x46, 0x41, 0x62]))),
        (4, lambda: machine.time_passes(some([1.0, 4.0, 4.0, 4.0, 16.0, 61.0]))),
        (4, lambda: machine.round(some([(ONE, TWO), (ONE,), (TWO,), ()]))),
        (0.3, lambda: machine.crash(some([True, False]))),
    ]
    try:
        for _ in range(STEPS):
            chance.choices([move for _, move in moves], [weight for weight, _ in moves])[0]()
            machine.nothing_is_lost_and_every_move_is_allowed()
            machine.delivered_is_what_the_network_said()
            machine.one_sending_goes_by_one_sim()
            machine.queued_means_that_nothing_has_left()
            machine.a_copy_shows_in_the_timeline()
    finally:
        machine.teardown()
