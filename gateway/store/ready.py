"""Which ready parts a modem may claim, as SQL: one indexed look into each queue, in the order of lane and position."""

from __future__ import annotations

from gateway.messages import Lane
from gateway.quota import Bounds
from gateway.store.case import Slot
from gateway.store.states import MAYBE_LEFT

_READY = (
    "SELECT * FROM (SELECT a.id, a.lane, a.position FROM attempts AS a CROSS JOIN messages AS m"
    " WHERE a.queue = :{queue} AND a.state = 'ready' AND (a.avoid IS NULL OR a.avoid <> :modem) {further}"
    " AND m.seq = a.message AND m.withdrawn IS NULL AND m.expires_boot - m.spare > :now"
    " AND (m.lane > 0 OR m.accepted_boot = :boot OR :trusted)"
    " ORDER BY a.lane, a.position LIMIT 1)"
)
_LEFT = ", ".join(sorted(f"'{state.value}'" for state in MAYBE_LEFT))
_BEGUN = (
    "EXISTS (SELECT 1 FROM attempts AS b WHERE b.message = a.message AND b.generation = a.generation"  # noqa: S608 - no input in it
    f" AND b.state IN ({_LEFT}))"
)
_KNOWN = (
    "(a.lane < :known_from OR coalesce(m.sent_to, m.recipient) IN"
    " (SELECT recipient FROM sim_recipients WHERE imsi = :imsi AND period = :period))"
)


class Wanted:
    """What one claim looks for."""

    def __init__(self, slot: Slot, bounds: Bounds) -> None:
        self._bounds = bounds
        lanes = "" if bounds.least is Lane.BULK else f" AND a.lane <= {int(bounds.least)}"
        self._further = [lanes] * len(slot.queues) + [f"{lanes} AND a.lane > {int(Lane.OTP)}"] * len(slot.but_codes)
        self.queues = (*slot.queues, *slot.but_codes)
        if bounds.finish:
            self.queues = (*self.queues, f"sim:{slot.imsi}")
            self._further.append(f" AND a.lane > {int(bounds.least)} AND {_BEGUN}")
        self.values: dict[str, object] = {
            **{f"queue{number}": queue for number, queue in enumerate(self.queues)},
            "modem": slot.modem,
            "imsi": slot.imsi,
            "reports": int(slot.reports),
            "known_from": bounds.known_from,
            "period": bounds.period,
        }

    @property
    def searches(self) -> bool:
        """Whether many parts may have to be looked at before one is found: not while others wait for the lock."""
        return self._bounds.finish or self._bounds.known_from is not None

    def looks(self) -> list[tuple[str, str]]:
        """For each queue a query that says whether anything of these lanes is ready, and the queue's name."""
        query = "SELECT 1 FROM attempts AS a WHERE a.queue = ? AND a.state = 'ready'"
        return [(f"{query}{further} LIMIT 1", queue) for queue, further in zip(self.queues, self._further, strict=True)]

    def parts(self, found: int = 0) -> str:
        """The first part of each queue that may be claimed; of all, or whether `:found` is one of them."""
        known = "" if self._bounds.known_from is None else f" AND {_KNOWN}"
        one = " AND a.id = :found" if found else ""
        return " UNION ALL ".join(
            _READY.format(queue=f"queue{number}", further=f"{further}{known}{one}")
            for number, further in enumerate(self._further)
        )
