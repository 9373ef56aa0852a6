"""The objective for codes: what counts, and when it burns."""

from __future__ import annotations

from collections import Counter

from gateway.messages import Json
from gateway.objective import Objectives
from hardware.clock import FakeClock


class Judged:
    """Objectives on a fake clock, with what they counted."""

    def __init__(self) -> None:
        self.clock, self.seconds = FakeClock(), list[float]()
        self.counts: Counter[tuple[str, bool]] = Counter()
        self.all = Objectives(self.clock, self.seconds.append, lambda name, good: self.counts.update([(name, good)]))
        self._number = 0

    def code(self, seconds: float, kind: str = "delivered", *, final: bool = True) -> None:
        self._number += 1
        name = f"code{self._number}"
        self.all.accepted(name)
        self.clock.advance(seconds)
        self.happened(name, kind, final=final)

    def happened(self, name: str, kind: str, *, final: bool = True) -> None:
        body: Json = {"id": name, "priority": "otp", "final": final}
        self.all.happened(f"message.{kind}", body)

    def burning(self) -> list[str]:
        return [one.objective.name for one in self.all.burning()]


def test_a_code_counts_once_by_how_long_it_took() -> None:
    judged = Judged()
    judged.code(10.0)
    judged.code(10.5)
    judged.code(30.5)
    assert judged.seconds == [10.0, 10.5, 30.5]
    assert judged.counts == {("10s", True): 1, ("10s", False): 2, ("30s", True): 2, ("30s", False): 1}


def test_what_nobody_can_know_of_does_not_count_and_what_failed_does() -> None:
    judged = Judged()
    judged.code(1.0, "cancelled")
    judged.code(1.0, "sent")
    assert judged.counts == {}
    judged.code(1.0, "failed")
    judged.code(1.0, "undelivered")
    assert judged.counts == {("10s", False): 2, ("30s", False): 2}


def test_a_code_without_news_is_late_before_it_ends() -> None:
    judged = Judged()
    judged.all.accepted("code")
    judged.clock.advance(30.0)
    judged.burning()
    assert judged.counts == {}
    judged.clock.advance(0.1)
    judged.burning()
    assert judged.counts == {("10s", False): 1, ("30s", False): 1}
    judged.happened("code", "delivered")
    assert judged.counts.total() == 2


def test_it_burns_while_too_many_are_late_and_not_after() -> None:
    judged = Judged()
    for _ in range(100):
        judged.code(1.0)
    assert judged.burning() == []
    for _ in range(20):
        judged.code(31.0)
    assert "30s" in judged.burning()
    for _ in range(400):
        judged.code(1.0)
    assert judged.burning() == [], "in its last five minutes all is well"


def test_few_late_codes_in_a_quiet_night_wake_nobody() -> None:
    judged = Judged()
    for _ in range(4):
        judged.code(60.0)
    assert judged.burning() == []
    judged.code(60.0)
    assert judged.burning() == ["10s", "30s"]


def test_what_is_older_than_the_longest_window_is_forgotten() -> None:
    judged = Judged()
    for _ in range(10):
        judged.code(60.0)
    judged.clock.advance(7 * 3600)
    judged.code(1.0)
    assert judged.burning() == []
