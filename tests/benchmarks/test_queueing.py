"""The queueing model against what is known in closed form, and against a plain recursion over arrivals."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.queueing import BehindBulk, Equal, Exponential, Queue, Service, erlang_c

LOADS = st.floats(0.05, 0.9)
MODEMS = st.integers(1, 6)
TIMES = st.floats(0.5, 8.0)


@given(load=LOADS, mean=TIMES)
@settings(max_examples=25, deadline=None)
def test_one_modem_is_m_d_1(load: float, mean: float) -> None:
    """Pollaczek and Khinchine."""
    queue = Equal(1, load / mean, mean)
    assert queue.mean == pytest.approx(load * mean / (2 * (1 - load)), rel=1e-6)
    assert queue.later_than(0.0) == pytest.approx(load, rel=1e-9)


@given(load=LOADS, mean=TIMES)
def test_one_modem_with_exponential_times_is_m_m_1(load: float, mean: float) -> None:
    queue = Exponential(1, load / mean, mean)
    assert queue.mean == pytest.approx(load * mean / (1 - load))
    assert queue.later_than(mean) == pytest.approx(load * math.exp(-(1 - load)))


@given(load=LOADS, least=TIMES, more=st.floats(0.0, 5.0))
@settings(max_examples=25, deadline=None)
def test_one_modem_with_any_times_is_m_g_1(load: float, least: float, more: float) -> None:
    service = Service.between(least, least + more)
    rate = load / service.mean
    second = service.variance + service.mean**2
    assert Queue(1, rate, service).mean == pytest.approx(rate * second / (2 * (1 - load)), rel=1e-6)


def test_erlang_c_of_the_tables() -> None:
    assert erlang_c(2, 1.0) == pytest.approx(1 / 3)
    assert erlang_c(5, 4.0) == pytest.approx(0.5541, abs=1e-4)
    assert erlang_c(10, 8.0) == pytest.approx(0.4092, abs=1e-4)


@given(modems=MODEMS, load=st.floats(0.1, 0.8), mean=TIMES, spread=st.floats(0.0, 1.0))
@settings(max_examples=25, deadline=None)
def test_more_load_means_longer_waits_and_more_modems_shorter_ones(
    modems: int, load: float, mean: float, spread: float
) -> None:
    service = Service.between(mean * (1 - spread / 2), mean * (1 + spread / 2))
    here = Queue(modems, load * modems / mean, service)
    busier = Queue(modems, (load + 0.1) * modems / mean, service)
    larger = Queue(modems + 1, here.rate, service)
    assert larger.mean < here.mean < busier.mean
    for share in (0.9, 0.95, 0.99):
        assert larger.percentile(share) <= here.percentile(share) <= busier.percentile(share)
    assert here.percentile(0.9) <= here.percentile(0.95) <= here.percentile(0.99)
    assert here.later_than(0.0) >= here.later_than(mean) >= here.later_than(3 * mean)


@given(modems=MODEMS, load=st.floats(0.1, 0.85), mean=TIMES)
@settings(max_examples=20, deadline=None)
def test_equal_times_wait_at_least_half_as_long_as_exponential_ones_and_less(
    modems: int, load: float, mean: float
) -> None:
    equal, exponential = Equal(modems, load * modems / mean, mean), Exponential(modems, load * modems / mean, mean)
    assert 0.5 * exponential.mean <= equal.mean * (1 + 1e-9)
    assert equal.mean < exponential.mean


@pytest.mark.parametrize(("modems", "load"), [(1, 0.7), (2, 0.8), (4, 0.7), (8, 0.8)])
def test_equal_times_against_the_recursion(modems: int, load: float) -> None:
    chance, queue = random.Random(modems), Equal(modems, load * modems, 1.0)
    free, now, waits = [0.0] * modems, 0.0, []
    for _ in range(120_000):
        now += chance.expovariate(load * modems)
        first = min(range(modems), key=free.__getitem__)
        waits.append(max(0.0, free[first] - now))
        free[first] = now + waits[-1] + 1.0
    assert sum(waits) / len(waits) == pytest.approx(queue.mean, rel=0.1)
    for seconds in (0.0, 0.3, 1.0, 1.5):
        assert sum(wait > seconds for wait in waits) / len(waits) == pytest.approx(
            queue.later_than(seconds), rel=0.1, abs=0.004
        )


@given(load=st.floats(0.05, 0.9), mean=TIMES)
def test_behind_bulk_one_modem_adds_what_is_left_of_the_part_on_the_air(load: float, mean: float) -> None:
    behind = BehindBulk(1, load / mean, Service(mean))
    assert behind.mean == pytest.approx(load * mean / (2 * (1 - load)) + mean / 2)


def test_parts_of_one_message_make_it_longer_and_its_times_differ() -> None:
    service = Service(2.0).with_parts(0.25, 3)
    assert service.mean == pytest.approx(3.0)
    assert service.variance == pytest.approx(0.75 * 4 + 0.25 * 36 - 9)


def test_what_is_sent_again_takes_longer_by_a_geometric_number_of_times() -> None:
    service = Service(2.0).sent_again(0.1)
    assert service.mean == pytest.approx(2.0 / 0.9)
    assert service.variance == pytest.approx(0.1 / 0.81 * 4)


def test_what_cannot_be_carried_is_said() -> None:
    with pytest.raises(ValueError, match="2 modems cannot carry 60 a minute"):
        _ = Queue(2, 1.0, Service(2.0)).mean
