"""Pieces of work that share a thread: each goes on until it would wait for a commit, then the next one comes to it."""

from __future__ import annotations

from greenlet import getcurrent, greenlet


class Fibre(greenlet):
    """One of them; whoever switches to it goes on when it ends or steps aside."""


def step_aside() -> None:
    """Let the thread do what else it has, until it comes back here; nothing outside of a fibre.

    No lock may be held: who comes next on this thread would wait for it in vain.
    """
    parent = _parent()
    if parent is not None:
        parent.switch()


def _parent() -> greenlet | None:
    """Who switched to the fibre that runs; None outside of one.

    A function of its own: a fibre that its frame holds would live for ever where nobody comes back to it.
    """
    this = getcurrent()
    return this.parent if isinstance(this, Fibre) else None
