"""Whether the state that a message ended in is true, by what the network saw."""

from __future__ import annotations

from collections import Counter, defaultdict

from benchmarks.chaos.evidence import Evidence, Part, Row
from benchmarks.chaos.told import BACKLOG_LIFETIME, FATES, Told

DISTURBING = frozenset({"Silence", "Vanish", "Reboot", "Rubbish", "SplitLines"})
"""What may take a report away on its last inches; two lines that come apart are torn by a third in between."""
LATE, EARLY = 10.0, 3.0
"""Seconds for which such a fault works on (silent for six, gone for four, then set up anew), and for which what came
just before it may not have been read yet, or waits behind a command."""
AROUND = {
    # what: (why a report is lost then, seconds before, seconds after: until ports are open again)
    **dict.fromkeys(("kill", "term", "boot"), ("the gateway stopped or was away", 1.0, 4.0)),
    **dict.fromkeys(("disk_full", "locked"), ("nothing could be stored, and its port was closed", 0.5, 10.0)),
    "dead_modem": ("its modem was dead", 1.0, 8.0),
}
_ACCEPTED = ("accepted", "delivered", "undelivered")


class Truth:
    """Judges final states; `why` counts what explained each report that did not come."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self.why: Counter[str] = Counter()
        self._disturbed: dict[str, list[float]] = defaultdict(list)
        for at, modem, _, action in evidence.faults:
            if action in DISTURBING:
                self._disturbed[modem].append(at)

    def fault_in(self, told: Told, message: Row) -> str | None:
        """What is not true about the state of a message; None where all is."""
        judge = {
            "delivered": self._delivered,
            "sent": self._sent,
            "undelivered": self._undelivered,
            "failed": self._failed,
            "expired": self._expired,
            "unknown": self._unknown,
            "cancelled": self._cancelled,
        }.get(message["state"])
        if judge is not None:
            return judge(told, message)
        return None if told.lifetime >= BACKLOG_LIFETIME else f"it is still {message['state']}"

    # -- states -------------------------------------------------------------------------------------------------------

    def _delivered(self, told: Told, message: Row) -> str | None:
        if not self._evidence.shows(told):
            return "delivered, but the telephone shows nothing of it"
        return self._accepted_for_real(told, message)

    def _sent(self, told: Told, message: Row) -> str | None:
        if (wrong := self._accepted_for_real(told, message)) is not None:
            return wrong
        if message["final"]:
            if message["reason"] == "unconfirmed":
                return None if _answer(told) == 0x01 else "sent and unconfirmed, but the network never said so"
            return None if not told.report else "sent and final, though a report was asked for"
        return self._unreported(told)

    def _undelivered(self, told: Told, message: Row) -> str | None:
        fate = FATES.get(told.to, {})
        reason = {0x41: "permanent", 0x65: "temporary"}.get(fate.get("answer", 0))
        if fate.get("state") == "unknown":
            reason = "permanent"
        if reason != message["reason"]:
            return f"undelivered ({message['reason']}), but the network says {reason or 'nothing of the kind'}"
        return None

    def _failed(self, told: Told, message: Row) -> str | None:
        if self._complete(told, message):
            return "failed, but the network has all of it"
        said = [row["result"] or "" for row in self._evidence.timelines[told.id]]
        return None if any("ERROR" in result for result in said) else "failed, but nobody refused it"

    def _expired(self, told: Told, message: Row) -> str | None:
        reason = message["reason"]
        if reason == "expired_by_network":
            return None if _answer(told) == 0x30 else "expired by the network, which says nothing of the kind"
        if reason == "expired_unconfirmed":
            return self._accepted_for_real(told, message) or self._unreported(told)
        seen = self._own(told)
        if reason == "expired_in_queue":
            return "expired in the queue, but the network has some of it" if seen else None
        return "partly sent, but the network has all of it" if self._complete(told, message) else None

    def _unknown(self, told: Told, _: Row) -> str | None:
        said = [row["result"] or "" for row in self._evidence.timelines[told.id]]
        return None if any("outcome unknown" in result for result in said) else "unknown, but every outcome is known"

    def _cancelled(self, told: Told, _: Row) -> str | None:
        return "cancelled, but the network has some of it" if self._own(told) else None

    # -- evidence -----------------------------------------------------------------------------------------------------

    def _own(self, told: Told) -> list[Part]:
        """What the network has of this very message; of a code only what can be told from its challenge's others."""
        if told.challenge is None:
            return self._evidence.parts_of(told, self._evidence.submits)
        if len(self._evidence.challenges[told.challenge]) == 1:
            return self._evidence.parts_of(told, self._evidence.submits)
        attempts = [attempt for attempt in self._evidence.attempts[told.id] if attempt["state"] in _ACCEPTED]
        found = [self._evidence.submit_of(told, attempt) for attempt in attempts if attempt["mr"] is not None]
        return [part for part in found if part is not None]

    def _complete(self, told: Told, message: Row) -> bool:
        sendings: dict[tuple[str, int], set[int]] = defaultdict(set)
        for part in self._own(told):
            sendings[part.imsi, part.joint[0] if part.joint else 0].add(part.number)
        return any(len(numbers) == message["parts"] for numbers in sendings.values())

    def _accepted_for_real(self, told: Told, message: Row) -> str | None:
        """Every attempt that counts as accepted, with a reference, is a submit that the network knows."""
        for attempt in self._evidence.attempts[told.id]:
            counts = attempt["state"] in _ACCEPTED and attempt["mr"] is not None
            if counts and self._evidence.submit_of(told, attempt) is None:
                return f"part {attempt['part']} counts as accepted (+CMGS: {attempt['mr']}), but never was"
        if not self._complete(told, message) and message["state"] != "delivered":
            return f"{message['state']}, but the network does not have all of it"
        return None

    def _unreported(self, told: Told) -> str | None:
        """Why a report is missing, of those attempts that are accepted and not reported."""
        waiting = [row for row in self._evidence.attempts[told.id] if row["state"] == "accepted" and row["report"]]
        reasons = [self._missing(told, attempt) for attempt in waiting]
        for attempt, reason in zip(waiting, reasons, strict=True):
            if reason is None:
                return f"no report, though one reached the modem for {attempt['imsi']} {attempt['mr']}"
        self.why.update(reason for reason in reasons if reason is not None)
        return None

    def _missing(self, told: Told, attempt: Row) -> str | None:
        evidence, imsi, mr = self._evidence, attempt["imsi"], attempt["mr"]
        if mr is None:
            return "accepted without a reference"
        submit = evidence.submit_of(told, attempt)
        if submit is None:
            return None
        later = [entry for entry in evidence.reports.get((imsi, mr, told.to), ()) if entry[0] >= submit.at]
        final = [(at, fate) for at, fate, status in later if not 0x20 <= status < 0x40]
        if "lost" in [fate for _, fate in final]:
            return "taken away"
        if not final:
            return "the telephone has not answered"
        came = [at for at, fate in final if fate == "came"]
        if not came:
            return "on its way"
        kept = evidence.kept_reports[imsi, mr]
        if "unmatched" in kept:
            return None  # it is in the database, and belongs to nothing
        if "ambiguous" in kept:
            return "kept as ambiguous"
        reasons = [self._lost_at(at, evidence.modem_of(imsi)) for at in came]
        return None if None in reasons else reasons[0]

    def _lost_at(self, at: float, modem: str) -> str | None:
        """What may have taken away a report that reached its modem then."""
        if any(at - LATE <= fault <= at + EARLY for fault in self._disturbed[modem]):
            return "lost: its modem was disturbed"
        for began, ended, what, name in self._evidence.windows:
            if what in AROUND and name in ("", modem):
                why, before, after = AROUND[what]
                if began - before <= at <= ended + after:
                    return f"lost: {why}"
        return None


def _answer(told: Told) -> int | None:
    answer = FATES.get(told.to, {}).get("answer")
    return None if answer is None else int(answer)
