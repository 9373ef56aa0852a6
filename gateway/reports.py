"""Which attempt a status report belongs to. Pure, over the candidates that the store gives.

A TP-MR is one of 256 and comes again; clocks differ; a report may come before the answer that assigned its reference,
after a restart, or for a message of another program on the same SIM. So: same SIM, same reference, same recipient,
and of several the one submitted nearest to the report's time stamp (3GPP TS 23.040 9.2.3.11: when the service centre
received the message). What stays open is never guessed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.messages import Report

EQUALLY_NEAR = 1.0  # seconds: a service centre's time stamp knows no less
EARLIEST = 900.0  # seconds by which a time stamp may lie before the submit: clocks differ
LATEST = 93_600.0  # seconds by which it may lie after it: a day, and what a wrong time zone adds
CLOCKS_DIFFER = 15.0  # seconds by which clocks may differ where a report must fall into a submit window
WINDOW_AFTER = 60.0  # seconds that the network may take after a submit was given up
WINDOW_LIMIT = 300.0  # seconds: no submit is on the air longer, however late it was given up
LEARNING = 0.2  # share by which a new observation moves the learned offset
STEPPED = 60.0  # seconds: a difference from the learned offset that no drift explains; one of the clocks was set


@dataclass(frozen=True, slots=True)
class Candidate:
    """An attempt that a report may belong to; wall times in Unix seconds."""

    id: int
    reference: int | None
    """TP-MR; None while it is not known."""
    tail: str
    """Last digits of the recipient."""
    submitted: float
    """By the wall clock as it is set now, where that can be told."""
    answered: float | None
    """When the result came, or the submit was given up."""
    open: bool
    """Whether a final report is still missing."""
    pending: bool = False
    """On the air: its reference is not known yet."""
    placed: bool = True
    """Whether `submitted` can be compared with times by another clock; not while its own is not relied on."""


@dataclass(frozen=True, slots=True)
class Match:
    """The attempt, and whether nothing else came into question."""

    attempt: int
    unambiguous: bool
    offset: float | None
    """Service centre's clock minus ours as this report shows it, in seconds; None where it shows none."""


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """Several attempts fit equally well, or one may fit whose answer is not here yet."""


def same_recipient(tail: str, other: str) -> bool:
    """Whether two numbers may be the same, by their last eight digits; an empty one fits all."""
    return not tail or not other or tail == other


def match(
    report: Report, tail: str, candidates: Sequence[Candidate], offset: float | None, *, windows: bool = True
) -> Match | Ambiguous | None:
    """The attempt for a report; `offset`: what is known of the service centre's clock, in seconds.

    Without `windows` only a reference tells: for an offset that is no more than possible.
    """
    stamp = None if report.service_centre_time is None else report.service_centre_time - (offset or 0.0)
    fitting = [
        candidate
        for candidate in candidates
        if candidate.reference == report.reference
        and same_recipient(tail, candidate.tail)
        and (stamp is None or -EARLIEST <= stamp - candidate.submitted <= LATEST)
    ]
    unreferenced = [
        candidate
        for candidate in candidates
        if candidate.reference is None and same_recipient(tail, candidate.tail) and _in_window(stamp, candidate)
    ]
    if not fitting and not windows:
        return None
    if not fitting:
        return _by_window(report, tail, unreferenced, candidates, stamp)
    if stamp is None or not tail:
        return Match(fitting[0].id, unambiguous=False, offset=None) if len(fitting) == 1 else Ambiguous()
    nearest, *others = sorted(fitting, key=lambda candidate: _distance(stamp, candidate))
    if not nearest.open and _distance(stamp, nearest) > STEPPED and _still_open(report, tail, candidates):
        return None  # whose report is missing is more likely to be meant; a clock is wrong, and may be put right
    # A reference names its attempt better than a submit window does, unless it is one from before the last wrap.
    rivals = others if _in_window(stamp, nearest) else [*others, *unreferenced]
    if any(_distance(stamp, rival) <= _distance(stamp, nearest) + EQUALLY_NEAR for rival in rivals):
        return Ambiguous()
    alone = not others and not unreferenced and nearest.open
    shown = None if report.service_centre_time is None else report.service_centre_time - nearest.submitted
    return Match(nearest.id, unambiguous=alone, offset=shown if alone else None)


def learned(offset: float | None, shown: float) -> float:
    """The SIM's offset to the service centre's clock after one more unambiguous report, in seconds."""
    if offset is None or abs(shown - offset) > STEPPED:
        return shown
    return offset + LEARNING * (shown - offset)


def _by_window(
    report: Report, tail: str, unreferenced: Sequence[Candidate], candidates: Sequence[Candidate], stamp: float | None
) -> Match | Ambiguous | None:
    """An attempt of unknown outcome has no reference: only its submit window can tell, and only if nothing else can."""
    if not unreferenced:
        return None
    if len(unreferenced) == 1 and unreferenced[0].pending:
        return None  # its answer will tell
    owned = any(candidate.reference == report.reference and candidate.open for candidate in candidates)
    named = (None, report.reference)
    rivals = [one for one in candidates if one.reference in named and same_recipient(tail, one.tail)]
    # What is on the air was begun just now, whatever the clocks say; and windows by two clocks tell nothing apart.
    owned = owned or any(one.pending or one.placed != unreferenced[0].placed for one in rivals)
    if owned or stamp is None or not tail or len(unreferenced) > 1:
        return Ambiguous()
    return Match(unreferenced[0].id, unambiguous=False, offset=None)


def _still_open(report: Report, tail: str, candidates: Sequence[Candidate]) -> bool:
    """Whether the report of one of that reference and recipient is missing, whenever it was submitted."""
    return any(
        candidate.open and candidate.reference == report.reference and same_recipient(tail, candidate.tail)
        for candidate in candidates
    )


def _in_window(stamp: float | None, candidate: Candidate) -> bool:
    if stamp is None:
        return True
    last = candidate.submitted + WINDOW_LIMIT
    if candidate.answered is not None:
        end = candidate.answered + WINDOW_AFTER
        last = min(last, end) if candidate.reference is None else end
    return candidate.submitted - CLOCKS_DIFFER <= stamp <= last + CLOCKS_DIFFER


def _distance(stamp: float, candidate: Candidate) -> float:
    return abs(stamp - candidate.submitted)
