"""Pieces of work that share a thread: each goes on until it would wait for a commit, then the next one comes to it."""

from __future__ import annotations

from greenlet import getcurrent, greenlet


class Fibre(greenlet):
    """One of them; whoever switches to it goes on when it ends or steps aside."""


def step_aside() -> None:
    """Let the thread do what else it has, until it comes back here; nothing outside of a fibre.

    No lock may be held: who comes next on this thread would wait for it in vain.
    """
    this = getcurrent()
    if isinstance(this, Fibre) and this.parent is not None:
        this.parent.switch()
