"""Pieces of work that share a thread: each goes on until it would wait for a commit, then another one has its turn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from greenlet import getcurrent, greenlet

Errand = Callable[[], None]


class Host(Protocol):
    """Gives fibres their turns, on one thread."""

    def run_errand(self, errand: Errand) -> None:
        """Have something done by another thread: asked from a turn, behind those of this round; else at once."""
        ...

    def ready(self, fibre: Fibre) -> None:
        """Give a fibre that stands aside its next turn. From any thread."""
        ...


class Fibre(greenlet):
    """One of them; whoever switches to it goes on when it ends, rests or stands aside."""

    def __init__(self, run: Callable[..., object], host: Host) -> None:
        super().__init__(run)
        self.host = host
        self.aside = False
        """Whether it waits for what another thread does for it."""

    def stand_aside(self) -> None:
        """Let the thread do what else it has until the next turn, which `Host.ready` asks for.

        Called from within. No lock may be held: who comes next on this thread would wait for it in vain.
        """
        self.aside = True
        try:
            self.rest()
        finally:
            self.aside = False

    def rest(self) -> Any:  # noqa: ANN401 - whatever it is given
        """From within: let the thread do what else it has until somebody switches here; what they bring along."""
        assert self.parent is not None, "nobody has begun it"
        return self.parent.switch()


def this_fibre() -> Fibre | None:
    """The one that runs; None where a thread is nobody's but its own."""
    this: Any = getcurrent()
    return this if isinstance(this, Fibre) else None
