"""The way back for a modem that fails: which step comes next, and when. Pure: the time is handed in.

A rung is taken once. The ladder is begun anew only after a success that lasted: a part that the network accepted, or a
quiet while in which the modem was ready. Resets and power cycles are counted by the hour on top of that, so that
nothing, a modem that dies of each message included, can make a loop of them.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import StrEnum

REOPEN_WAITS = (0.25, 0.5, 1.0, 2.0, 5.0)
"""Seconds before a port that is not there is looked for again; the last one repeats."""
SHORTEST_REOPEN = 0.05
"""Seconds that every such wait takes at least, however much a simulated modem hurries."""
QUARANTINE_WAITS = (300.0, 900.0, 3600.0)
"""Seconds between looks at a modem that nothing has helped; the last one repeats."""
FRUITLESS_WAITS = (300.0, 900.0)
"""The same for one that answers: what ails it may be the network, whose return nobody tells of."""
LASTING = 300.0
"""Seconds in which a modem must stay ready until its trouble is over."""
FRUITLESS_LASTING = 3600.0
"""The same for one whose submits came to nothing: being ready proves nothing about those."""
GONE_BEFORE_POWER = 60.0
"""Seconds that a port may be away before its power is cycled."""
GRACE = 30.0
"""Seconds after a restart or a power cycle in which a port that vanishes is no new trouble."""
SEARCH_WAITS = (900.0, 3600.0)
"""Seconds without a network until the radio is restarted: some look again only then; the last one repeats."""
HOUR = 3600.0
SILENT_SUBMITS = 3
"""Submits in a row without a result until they are the modem's trouble, and no longer the network's."""


class Step(StrEnum):
    """The rungs, from the one that costs least."""

    RESYNCHRONISE = "resynchronise"
    """Make sure that nothing is pending, and set the modem up again."""
    REOPEN = "reopen"
    """Close the port, find the modem and open it again."""
    RADIO = "radio"
    """AT+CFUN=0, AT+CFUN=1."""
    RESET = "reset"
    """The family's reset command."""
    POWER = "power"
    """Take the power from its USB port for a moment."""
    QUARANTINE = "quarantine"
    """Leave it alone, and look from time to time whether it answers."""


class Trouble(StrEnum):
    """What happened, as far as it decides what helps."""

    GONE = "gone"
    """The port cannot be found or opened."""
    HELD = "held"
    """The port is there, and somebody else has it or forbids it."""
    LOST = "lost"
    """The port vanished, or takes no bytes any more."""
    UNANSWERED = "unanswered"
    """A command got no answer."""
    SILENT = "silent"
    """It did not answer when it was set up, where the channel is made clean first."""
    FRUITLESS = "fruitless"
    """It answers, and its submits come to nothing."""
    STUCK = "stuck"
    """A call on its port does not return."""


_RUNGS = tuple(Step)
_FIRST = {
    Trouble.UNANSWERED: Step.RESYNCHRONISE,
    Trouble.FRUITLESS: Step.RESYNCHRONISE,
    Trouble.SILENT: Step.REOPEN,
    Trouble.LOST: Step.REOPEN,
    Trouble.STUCK: Step.REOPEN,
}
_WAITS = {Step.RESYNCHRONISE: 0.0, Step.REOPEN: 0.25, Step.RADIO: 1.0, Step.RESET: 5.0, Step.POWER: 5.0}
"""Seconds of the modem before a step: what it may still be busy with."""
NEW_THREAD = "thread"
"""What is counted beside the steps: another thread goes on in place of one that hangs, or has ended."""
PER_HOUR = {Step.RESET: 2, Step.POWER: 2}
"""The most of each in any hour."""
_RESTARTS = (Step.RADIO, Step.RESET, Step.POWER)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is done next. For QUARANTINE `at` is when it is looked at again."""

    step: Step
    at: float
    """Boot-clock seconds."""
    why: str


class Recovery:
    """The ladder of one modem. `scale` is the factor on all its waits (`time_scale`).

    `can_reset` and `can_cycle_power` say which rungs there are; they may change while it stands on the ladder.
    """

    def __init__(self, scale: float = 1.0) -> None:
        self._scale = scale
        self.can_reset, self.can_cycle_power = True, False
        self.plan: Plan | None = None
        """What is to be done next, None while nothing is."""
        self.tried: tuple[Step, ...] = ()
        """The rungs that were taken since the foot, in order."""
        self._rung = -1
        self._reopened = self._quarantines = 0
        self._gone_since: float | None = None
        self._restarted_at = float("-inf")
        self._ready_since: float | None = None
        self._last = Trouble.UNANSWERED
        self._hard: deque[tuple[float, Step]] = deque()
        self._searching_since: float | None = None
        self._searches = 0

    # -- what happened ------------------------------------------------------------------------------------------------

    def failed(self, trouble: Trouble, now: float, why: str) -> Plan:
        """Something failed at `now`: what is to be done about it. `why` is said to people, and holds no secret."""
        self.settled(now)
        was_ready, self._ready_since = self._ready_since is not None, None
        if trouble in (Trouble.GONE, Trouble.HELD):
            self.plan = Plan(*self._absent(trouble, now), why)
            return self.plan
        self._last, self._gone_since = trouble, None
        came_and_went = trouble is Trouble.LOST and (
            was_ready or self.quarantined or now - self._restarted_at < GRACE * self._scale
        )
        step = Step.REOPEN if came_and_went else self._next(trouble, now)
        if came_and_went:
            self.plan = Plan(step, now + self._reopen_wait(), why)
        elif step is Step.QUARANTINE:
            waits = FRUITLESS_WAITS if trouble is Trouble.FRUITLESS else QUARANTINE_WAITS
            wait = waits[min(self._quarantines, len(waits) - 1)]
            self._quarantines += 1
            self._note(step)
            self.plan = Plan(step, now + wait * self._scale, why)
        else:
            self.plan = Plan(step, now + _WAITS[step] * self._scale, why)
        self._rung = max(self._rung, _RUNGS.index(self.plan.step))
        return self.plan

    def taken(self, now: float) -> Step:
        """The planned step is being taken: count it, and plan nothing until the next failure."""
        assert self.plan is not None
        step, self.plan = self.plan.step, None
        self._note(step)
        self._rung = max(self._rung, _RUNGS.index(step))
        if step in _RESTARTS:
            self._restarted_at = now
        if step in PER_HOUR:
            self._hard.append((now, step))
        return step

    def searches(self, now: float) -> bool:
        """The modem answers and has no network; whether its radio is to be restarted now.

        That is no trouble on the ladder: coverage may be away for days, and nothing harder would bring it back.
        """
        if self._searching_since is None:
            self._searching_since = now
        wait = SEARCH_WAITS[min(self._searches, len(SEARCH_WAITS) - 1)] * self._scale
        if now - self._searching_since < wait:
            return False
        self._searching_since, self._searches = now, self._searches + 1
        return True

    def registered(self) -> None:
        """It has a network, or was refused by one."""
        self._searching_since, self._searches = None, 0

    def answers(self, now: float) -> None:
        """The modem answers, whatever its SIM and the network do: that is enough where silence was the trouble."""
        if self._last is not Trouble.FRUITLESS:
            self.ready(now)

    def ready(self, now: float) -> None:
        """The modem is set up and registered; that is no proof yet that it stays so."""
        self._gone_since = None
        if self._ready_since is None:
            self._ready_since = now
        self.settled(now)

    def accepted(self) -> None:
        """The network accepted a part: whatever the trouble was, it is over."""
        self._begin_anew()

    def forgive(self, now: float) -> None:
        """A person had a hand in it: from the foot again, at once; resets and power cycles stay counted."""
        waiting = self.plan is not None
        self._begin_anew()
        if waiting:
            self.plan = Plan(Step.REOPEN, now, "an operator asked for it")

    # -- what people see ----------------------------------------------------------------------------------------------

    @property
    def troubled(self) -> bool:
        """Whether it stands on the ladder, or waits to."""
        return self._rung >= 0 or self.plan is not None

    @property
    def quarantined(self) -> bool:
        """Whether the modem is left alone for now."""
        return self.plan is not None and self.plan.step is Step.QUARANTINE

    def following(self, now: float) -> Step:
        """What comes if the step that is taken now does not help."""
        return self._next(self._last, now)

    # -- the rule -----------------------------------------------------------------------------------------------------

    def settled(self, now: float) -> bool:
        """Whether there is no trouble; one is forgotten once the modem has been ready for long enough."""
        lasting = (FRUITLESS_LASTING if self._last is Trouble.FRUITLESS else LASTING) * self._scale
        if self._ready_since is not None and now - self._ready_since >= lasting:
            self._begin_anew()
        return not self.troubled

    def _note(self, step: Step) -> None:
        if step not in self.tried:
            self.tried = (*self.tried, step)

    def _begin_anew(self) -> None:
        self.plan, self.tried, self._rung, self._quarantines, self._reopened = None, (), -1, 0, 0
        self._last, self._gone_since = Trouble.UNANSWERED, None

    def _absent(self, trouble: Trouble, now: float) -> tuple[Step, float]:
        if trouble is Trouble.HELD and self._last is not Trouble.STUCK:
            self._gone_since = None
        elif self._gone_since is None:
            self._gone_since = now
        long_gone = self._gone_since is not None and now - self._gone_since >= GONE_BEFORE_POWER * self._scale
        if long_gone and self._rung < _RUNGS.index(Step.POWER) and self._possible(Step.POWER, now):
            return Step.POWER, now
        self._rung = max(self._rung, _RUNGS.index(Step.REOPEN))
        return Step.REOPEN, now + self._reopen_wait()

    def _reopen_wait(self) -> float:
        wait = REOPEN_WAITS[min(self._reopened, len(REOPEN_WAITS) - 1)]
        self._reopened += 1
        return max(SHORTEST_REOPEN, wait * self._scale)

    def _next(self, trouble: Trouble, now: float) -> Step:
        for step in _RUNGS[max(self._rung + 1, _RUNGS.index(_FIRST[trouble])) :]:
            if self._possible(step, now):
                return step
        return Step.QUARANTINE

    def _possible(self, step: Step, now: float) -> bool:
        while self._hard and now - self._hard[0][0] >= HOUR * self._scale:
            self._hard.popleft()
        if step in PER_HOUR and sum(one is step for _, one in self._hard) >= PER_HOUR[step]:
            return False
        return {Step.RESET: self.can_reset, Step.POWER: self.can_cycle_power}.get(step, True)
