"""Moments at which something may have taken away a report on its last inches, by what was done to its modem."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from benchmarks.chaos.evidence import Evidence

LASTS = {"Silence": 6.0, "Vanish": 4.0, "Reboot": 0.0, "Rubbish": 0.0, "SplitLines": 1.5}
"""Seconds that such a fault of a modem works on at most, where the evidence does not tell how long it did."""
REOPENED, UNREAD = 1.0, 0.3
"""Seconds until a modem that was gone, silent or restarted is set up again (times are shortened), and for which what
came just before has not been read: it is still on the line, or held back behind a command."""
TORN = 0.1
"""Seconds around octets that come in between: a line that was begun is over after that."""
AROUND = {
    # what: (why a report is lost then, seconds before, seconds after)
    **dict.fromkeys(("kill", "term", "boot"), ("the gateway stopped or was away", 0.3, 0.5)),
    **dict.fromkeys(("disk_full", "locked"), ("nothing could be stored, and its port was closed", 0.3, 0.5)),
    "dead_modem": ("its modem was dead", UNREAD, REOPENED),
}
SLOWED = 3.0
"""Seconds for which a report may be unread in a process whose clock is faked: libfaketime takes most of its time."""
SLOWLY = "slowed by a faked clock before"
NEVER_HAD = 0.05
"""Seconds within which a fault that strikes as a report comes in is the reason that its modem never had it."""
SET_UP = 20.0
"""Seconds after a start within which a modem must be set up again: what it takes before that it tells nobody."""
Span = tuple[float, float, str]
"""(from, to, why): CLOCK_BOOTTIME in seconds."""


class Disturbed:
    """The spans of each modem.

    A modem that stores reports keeps them whatever happens to it or to the gateway: only what struck as the report
    came in can have taken it away.
    """

    def __init__(self, evidence: Evidence) -> None:
        self._spans: dict[str, list[Span]] = defaultdict(list)
        self._starts: dict[str, list[float]] = defaultdict(list)
        for at, modem, step, action, *lasted in evidence.faults:
            if action not in LASTS:
                continue
            why = f"its modem was disturbed by {action}"
            seconds = LASTS[action] if not lasted or lasted[0] is None else float(lasted[0])
            if action in ("Vanish", "Reboot", "Silence"):
                self._starts[modem].append(at + seconds)
            if modem in evidence.storing:
                if step == "incoming" and action != "SplitLines":
                    self._spans[modem].append((at - NEVER_HAD, at + NEVER_HAD, why))
                continue
            before, after = (TORN, TORN) if action in ("Rubbish", "SplitLines") else (UNREAD, REOPENED)
            if before is UNREAD and _faked(evidence, at):
                why, before = f"{why}, {SLOWLY}", SLOWED
            self._spans[modem].append((at - before, at + seconds + after, why))
        self._everybody: list[Span] = []
        for began, ended, what, modem in evidence.windows:
            if what == "dead_modem":
                self._starts[modem].append(ended)
            if what in AROUND and modem not in evidence.storing:
                why, before, after = AROUND[what]
                if _faked(evidence, began):
                    why, before = f"{why}, {SLOWLY}", SLOWED
                spans = self._spans[modem] if modem else self._everybody
                spans.append((began - before, ended + after, why))
        self._storing = evidence.storing

    def of(self, modem: str) -> list[Span]:
        """Everything that may take a report away from a modem, sorted."""
        return sorted([*self._spans[modem], *(() if modem in self._storing else self._everybody)])

    def why(self, modem: str, at: float) -> str | None:
        """What may have taken away a report that reached that modem then; None where nothing did."""
        return next((why for began, ended, why in self.of(modem) if began <= at <= ended), None)

    def restarted(self, modem: str, at: float) -> bool:
        """Whether a modem had lost its settings shortly before."""
        return any(began <= at <= began + SET_UP for began in self._starts[modem])

    def share(self, modems: Iterable[str], began: float, ended: float) -> float:
        """Which share of the moments of these modems is excused: how blind the oracle is to a lost report."""
        covered, names = 0.0, list(modems)
        for modem in names:
            reached = began
            for start, end, _ in self.of(modem):
                covered += max(0.0, min(end, ended) - max(start, reached))
                reached = max(reached, min(end, ended))
        return covered / (len(names) * (ended - began)) if names and ended > began else 0.0


def _faked(evidence: Evidence, at: float) -> bool:
    """Whether the clock of the process that ended then had been stepped."""
    began = max((life.began for life in evidence.lives if life.began < at), default=at)
    return any(what == "clock" and began <= start <= at for start, _, what, _ in evidence.windows)
