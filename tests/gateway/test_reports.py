"""Which attempt a report belongs to: the rule by itself."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.messages import Report
from gateway.reports import EARLIEST, Ambiguous, Candidate, Match, learned, match

TAIL = "00900101"


def report(stamp: float | None, reference: int = 7) -> Report:
    return Report("001", reference, "+447700900101", 0, stamp, None)


def attempt(number: int, submitted: float, reference: int | None = 7, **more: object) -> Candidate:
    values = {"tail": TAIL, "answered": submitted + 1, "open": True} | more
    return Candidate(number, reference, submitted=submitted, **values)


def test_the_only_one_is_meant_and_shows_the_clocks_offset() -> None:
    assert match(report(1002.0), TAIL, [attempt(1, 1000.0)], None) == Match(1, True, 2.0)


def test_one_that_was_reported_before_teaches_nothing_about_clocks() -> None:
    assert match(report(1002.0), TAIL, [attempt(1, 1000.0, open=False)], None) == Match(1, False, None)


@given(st.lists(st.integers(0, 80_000), min_size=1, max_size=6, unique=True), st.integers(0, 80_000))
def test_of_several_the_nearest_or_none(submits: list[int], stamp: int) -> None:
    candidates = [attempt(number, float(at)) for number, at in enumerate(submits)]
    found = match(report(float(stamp)), TAIL, candidates, None)
    within = sorted(abs(stamp - at) for at in submits if stamp - at >= -EARLIEST)
    if not within:
        assert found is None
    elif len(within) > 1 and within[1] - within[0] <= 1:
        assert isinstance(found, Ambiguous)
    else:
        assert isinstance(found, Match)
        assert abs(stamp - submits[found.attempt]) == within[0]


def test_the_learned_offset_moves_the_time_stamp() -> None:
    candidates = [attempt(1, 1000.0), attempt(2, 1400.0)]
    assert match(report(1400.0), TAIL, candidates, 400.0) == Match(1, False, None)
    assert match(report(1400.0), TAIL, candidates, 0.0) == Match(2, False, None)


def test_an_unknown_attempt_is_settled_by_its_window_alone() -> None:
    unknown = attempt(1, 1000.0, None, answered=1180.0)
    assert match(report(1170.0), TAIL, [unknown], None) == Match(1, False, None)
    assert match(report(1300.0), TAIL, [unknown], None) is None
    assert match(report(None), TAIL, [unknown], None) == Ambiguous()
    assert match(report(1170.0), "", [unknown], None) == Ambiguous()
    assert match(report(1170.0), TAIL, [unknown, attempt(2, 1100.0, None)], None) == Ambiguous()
    assert match(report(1170.0), TAIL, [unknown, attempt(3, 500.0, tail="11111111")], None) == Ambiguous()
    closed = attempt(3, 500.0, tail="11111111", open=False)
    assert match(report(1170.0), TAIL, [unknown, closed], None) == Match(1, False, None)


def test_one_on_the_air_is_waited_for() -> None:
    pending = attempt(2, 1000.0, None, answered=None, pending=True)
    assert match(report(1001.0), TAIL, [pending], None) is None
    old = attempt(1, 100.0)
    assert match(report(1001.0), TAIL, [old, pending], None) == Ambiguous()
    lost, begun = attempt(1, 1000.0, None), attempt(2, -2600.0, None, answered=None, pending=True)
    assert match(report(1001.0), TAIL, [lost, begun], None) == Ambiguous(), "submitted after the clock was set"


def test_a_window_by_another_clock_excludes_nothing() -> None:
    before, since = attempt(1, 1000.0, None), attempt(2, -2600.0, None, placed=False)
    assert match(report(1001.0), TAIL, [before, since], None) == Ambiguous()
    assert match(report(-2599.0), TAIL, [before, since], None) == Ambiguous()
    assert match(report(-2599.0), TAIL, [attempt(1, 1000.0, None, placed=False), since], None) == Match(2, False, None)


def test_a_reference_names_its_attempt_better_than_a_window() -> None:
    lost, resent = attempt(1, 1000.0, None), attempt(2, 1002.0)
    assert match(report(1001.0), TAIL, [lost, resent], None) == Match(2, False, None)


def test_the_offset_is_learned_slowly() -> None:
    offset = learned(None, 300.0)
    assert offset == 300.0
    assert learned(offset, 305.0) == 301.0


def test_a_clock_that_was_set_is_believed_at_once() -> None:
    assert learned(3600.0, 2.0) == 2.0
    assert learned(0.0, -3598.0) == -3598.0


FATES = st.sampled_from(["accepted", "accepted", "accepted", "lost", "vanished", "refused"])
SUBMITS = st.lists(st.tuples(st.integers(4, 90), st.sampled_from([TAIL, "00900102"]), FATES), min_size=1, max_size=40)


@given(
    SUBMITS,
    st.integers(0, 255),
    st.sampled_from([8, 16, 256]),
    st.sampled_from([(0.0, None), (9.0, None), (-9.0, None), (3600.0, 3600.0), (-7200.0, -7198.0)]),
    st.floats(0, 3),
)
def test_no_report_is_ever_given_to_another_attempt(
    submits: list[tuple[int, str, str]], first: int, references: int, clocks: tuple[float, float | None], radio: float
) -> None:
    """Over any history of one SIM, with references that come again soon and a service centre whose clock is wrong.

    A lost attempt has reached the network and its answer has not come back; a vanished one has reached nobody.
    """
    shows, known = clocks
    candidates, truth, at, reference = [], [], 1000.0, first
    for number, (gap, tail, fate) in enumerate(submits):
        at += gap
        if fate in ("accepted", "lost"):
            reference = (reference + 1) % references
            truth.append((number, tail, reference, at + radio + shows))
        if fate != "refused":
            own = reference if fate == "accepted" else None
            candidates.append(attempt(number, at, own, tail=tail, answered=at + (radio if own is not None else 180)))
    for number, tail, own, stamp in truth:
        found = match(report(stamp, own), tail, candidates, known)
        assert not isinstance(found, Match) or found.attempt == number
    alone = {row.reference for row in candidates if row.reference is not None}
    if len(alone) == len(candidates):
        assert all(isinstance(match(report(at, own), to, candidates, known), Match) for _, to, own, at in truth)
