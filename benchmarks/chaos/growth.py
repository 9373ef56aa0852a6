"""Whether threads, descriptors or memory grow: like compared with like."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.chaos.oracle import Verdict
from benchmarks.chaos.process import Life

GROWTH = "growth"
WARM = 20.0
"""Seconds from which on a process is what it will be: its pools are made, its modems were set up once."""
MORE_THREADS, MORE_FILES = 8, 40
"""Pools of readers and connections may still fill a little; a leak of one an event does not stay below this."""
MORE_MEMORY, A_MINUTE = 40e6, 1.0e6
"""Octets, in all and for each minute of a life: caches and the allocator's holes."""


def judge_growth(verdict: Verdict, lives: Sequence[Life]) -> None:
    """Within each life from its warm state on, and over lives: the last at rest against the first at rest."""
    warm = []
    for life in lives:
        taken = [one for one in life.samples if one[0] - life.ready >= WARM]
        if len(taken) < 2:
            continue
        verdict.looked[GROWTH] += 1
        first, last = taken[0], taken[-1]
        warm.append(first)
        minutes = (last[0] - first[0]) / 60
        _compare(verdict, f"process {life.pid} in {minutes:.1f} minutes", first, last, MORE_MEMORY + minutes * A_MINUTE)
    if len(warm) > 1:
        _compare(verdict, f"{len(warm)} processes, warm", warm[0], warm[-1], MORE_MEMORY * 2)
    verdict.notes["samples of processes"] = sum(len(life.samples) for life in lives)


def _compare(
    verdict: Verdict, who: str, first: tuple[float, int, int, int], last: tuple[float, int, int, int], memory: float
) -> None:
    _, threads, files, resident = first
    if last[1] > threads + MORE_THREADS:
        verdict.found(GROWTH, f"{who}: {threads} threads became {last[1]}")
    if last[2] > files + MORE_FILES:
        verdict.found(GROWTH, f"{who}: {files} descriptors became {last[2]}")
    if last[3] > resident + memory:
        verdict.found(GROWTH, f"{who}: {resident / 1e6:.0f} MB became {last[3] / 1e6:.0f}")
