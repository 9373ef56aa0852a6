"""Types by which a handset replaces codes, and the SIM that they must come from."""

from __future__ import annotations

from dataclasses import replace

from gateway.store import last_sim, type_for

from .bench import CODE, NUMBER, ONE, TWO, Bench, slot


def test_each_client_and_purpose_has_a_type_of_its_own_until_there_is_none(bench: Bench) -> None:
    with bench.store.database.mark() as cx:
        given = [type_for(cx, client, "login") for client in "abcdefgh"]
        assert given == [1, 2, 3, 4, 5, 6, 7, None]
        assert (type_for(cx, "a", "login"), type_for(cx, "a", "signup")) == (1, None)


def test_the_sim_is_that_of_the_same_client_number_and_type(bench: Bench) -> None:
    code = replace(CODE, replace=1)
    others = (replace(code, client="bank"), replace(code, to="+447700900102"), replace(code, replace=2))
    bench.add(code)
    bench.send(1, ONE)
    for mr, other in enumerate(others):  # another client may ask for any type by itself
        bench.add(other)
        bench.send(mr, TWO)
    with bench.store.database.read() as cx:
        assert last_sim(cx, "shop", NUMBER, 1) == ONE.imsi
        assert last_sim(cx, "bank", NUMBER, 1) == TWO.imsi
        assert last_sim(cx, "shop", NUMBER, 3) is None


def test_the_newest_that_may_have_left_counts(bench: Bench) -> None:
    code, three = replace(CODE, replace=1), slot("three")
    for mr, by in enumerate((ONE, TWO)):
        bench.add(code)
        bench.send(mr, by)
    bench.add(code)
    bench.claim(three)  # not begun: nothing of it has left
    with bench.store.database.read() as cx:
        assert last_sim(cx, "shop", NUMBER, 1) == TWO.imsi
