"""What limits remember over restarts, reboots and clocks that are wrong."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.store import NewChallenge, Used

from .bench import ANY, Bench, open_challenge

DAY = 86_400.0
OTHER = "+447700900199"
CODE = NewChallenge(
    client="shop", to="+447700900101", purpose="login", code_hash=b"x" * 32, lifetime=300.0, max_failures=5, key_id="k"
)


def code(bench: Bench, to: str = "+447700900101", peer: bytes | None = None) -> None:
    new = replace(CODE, to=to, peer=peer)
    bench.store.database.accept(lambda cx: open_challenge(bench.store, cx, new, bench.now))


def ages(bench: Bench, used: list[Used]) -> list[tuple[str | bytes, float, int]]:
    return [(one.subject, round(bench.now.boot - one.boot, 3), one.count) for one in used]


def by_number(bench: Bench, window: float = DAY) -> list[tuple[str | bytes, float, int]]:
    return ages(bench, list(bench.store.usage.by_number(window, 6.0, bench.now)))


def test_what_is_older_than_the_window_is_not_looked_at(bench: Bench) -> None:
    for _ in range(3):
        code(bench)
        bench.clock.advance(DAY / 2 - 10)
    assert by_number(bench) == [("+447700900101", DAY - 20, 1), ("+447700900101", DAY / 2 - 10, 1)]
    assert by_number(bench, DAY / 2) == [("+447700900101", DAY / 2 - 10, 1)]


def test_what_is_near_each_other_is_one_row_of_the_newest_time(bench: Bench) -> None:
    for step in (1, 1, 20):  # buckets are cut at whole multiples of the step
        code(bench)
        bench.clock.advance(step)
    assert by_number(bench) == [("+447700900101", 20.0, 3)]


def test_by_prefix_peer_and_key(bench: Bench) -> None:
    code(bench, "+447700900101", b"one")
    code(bench, "+447700900102", b"two")
    code(bench, "+447700910101")
    code(bench, "888")
    for key_id in ("k1", "k1", "k2", None):
        bench.add(replace(ANY, key_id=key_id))
    usage, now = bench.store.usage, bench.now
    prefixes = {one.subject: one.count for one in usage.by_prefix(4, DAY, 60.0, now)}
    assert prefixes == {"+44770090": 2, "+44770091": 1}
    assert {one.subject: one.count for one in usage.by_peer(DAY, 60.0, now)} == {b"one": 1, b"two": 1}
    assert {one.subject: one.count for one in usage.by_key(DAY, 60.0, now)} == {"k1": 2, "k2": 1}
    assert [(one.subject, one.count) for one in usage.by_key(DAY, 60.0, now, "k1")] == [("k1", 2)]
    assert [one.approved for one in usage.by_prefix(4, DAY, 60.0, now)] == [0, 0]
    assert "+4477" not in repr(next(usage.by_prefix(4, DAY, 60.0, now)))


def test_ages_go_on_over_a_reboot(bench: Bench) -> None:
    code(bench)
    bench.clock.advance(100)
    bench.clock.reboot("boot-2")
    bench.crash()
    assert by_number(bench) == [("+447700900101", 100.0, 1)]


@pytest.mark.parametrize("back", [3600.0, 50 * 365 * DAY])
def test_a_clock_that_is_behind_makes_nothing_older_and_nothing_long_past_young(bench: Bench, back: float) -> None:
    code(bench, "+447700900101")
    bench.clock.advance(3 * DAY)
    code(bench, "+447700900102")
    bench.clock.advance(30)
    code(bench, "+447700900103")
    bench.clock.advance(60)
    bench.clock.reboot("boot-2", wall=bench.now.wall - back, synchronised=False)
    bench.crash()
    assert by_number(bench) == [("+447700900102", 30.0, 1), ("+447700900103", 0.0, 1)]


def test_a_wall_clock_that_was_wrong_for_a_moment_hides_nothing(bench: Bench) -> None:
    for place in range(3):
        code(bench, f"+44770090010{place}")
        bench.clock.advance(10)
        bench.clock.step_wall(-40 * DAY)
        for _ in range(place + 1):
            code(bench, OTHER)
        bench.clock.step_wall(40 * DAY)
    right = [(f"+44770090010{place}", 30.0 - 10 * place, 1) for place in range(3)]
    everything = sorted([*right, *((OTHER, 20.0 - 10 * place, place + 1) for place in range(3))])
    assert sorted(by_number(bench)) == everything
    bench.crash()
    assert sorted(by_number(bench)) == everything
    bench.clock.reboot("boot-2")  # only the wall clock tells ages now
    bench.crash()
    assert by_number(bench) == right


def test_a_wall_clock_that_ran_ahead_for_a_moment_makes_nothing_older(bench: Bench) -> None:
    code(bench)
    bench.clock.advance(10)
    bench.clock.step_wall(40 * DAY)
    code(bench, OTHER)
    bench.crash()
    assert by_number(bench) == [("+447700900101", 10.0, 1), (OTHER, 0.0, 1)]
    bench.clock.step_wall(-40 * DAY)
    bench.clock.advance(5)
    bench.crash()
    assert by_number(bench) == [("+447700900101", 15.0, 1), (OTHER, 5.0, 1)]
    bench.add(replace(ANY, key_id="k"))
    bench.clock.step_wall(3600)
    bench.clock.advance(7)
    bench.crash()
    assert ages(bench, list(bench.store.usage.by_key(1800.0, 6.0, bench.now))) == [("k", 7.0, 1)]


def test_behind_many_that_are_too_old_nothing_is_looked_for(bench: Bench) -> None:
    def after_a_boot() -> list[tuple[str | bytes, float, int]]:
        bench.clock.reboot(f"{bench.clock.boot_id}+")
        bench.crash()
        return by_number(bench)

    code(bench)
    bench.clock.step_wall(-40 * DAY)
    for _ in range(999):
        code(bench, OTHER)
    bench.clock.step_wall(40 * DAY)
    assert after_a_boot() == [("+447700900101", 0.0, 1)]
    bench.clock.step_wall(-40 * DAY)
    code(bench, OTHER)
    bench.clock.step_wall(40 * DAY)
    assert after_a_boot() == []
