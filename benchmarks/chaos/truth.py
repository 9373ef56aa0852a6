"""Whether the state that a message ended in is true, by what the network saw."""

from __future__ import annotations

from collections import Counter, defaultdict

from benchmarks.chaos.disturbed import Disturbed
from benchmarks.chaos.evidence import Evidence, Part, Row
from benchmarks.chaos.told import BACKLOG_LIFETIME, FATES, Told

ANNOUNCED = 60.0
"""Seconds for which a report that its modem stores may wait to be read: swept every thirty."""
_ACCEPTED = ("accepted", "delivered", "undelivered")


class Truth:
    """Judges final states; `why` counts what explained each report that did not come."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self.why: Counter[str] = Counter()
        self.disturbed = Disturbed(evidence)
        self._attempts = {row["id"]: (told, row) for told in evidence.ledger.told for row in evidence.attempts[told.id]}

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
        if not self._shown_whole(told, message):
            return "delivered, but the telephone does not show all of it"
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

    def _shown_whole(self, told: Told, message: Row) -> bool:
        """Whether the telephone shows a text made of every part that the network took, in one sending."""
        sendings: dict[tuple[str, int], dict[int, str]] = defaultdict(dict)
        for part in self._own(told):
            sendings[part.imsi, part.joint[0] if part.joint else 0][part.number] = part.text
        shown = self._evidence.shows(told)
        return any(
            len(texts) == message["parts"] and "".join(texts[number] for number in sorted(texts)) in shown
            for texts in sendings.values()
        )

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
        accepted = [row for row in self._evidence.attempts[told.id] if row["state"] == "accepted" and row["report"]]
        waiting = [row for row in accepted if row["report_status"] is None or _temporary(row["report_status"])]
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
        later = self._reports_of(told, attempt)
        final = [(at, fate) for at, fate, status in later if not _temporary(status)]
        if "lost" in [fate for _, fate in final]:
            return "taken away"
        if not final:
            return "the telephone has not answered"
        modem = evidence.modem_of(imsi)
        held = sum(fate == "held" for _, fate in final)
        came = [at for at, fate in final if fate == "came"]
        unrouted = [at for at, fate in final if fate == "unrouted"]
        if not came and not unrouted:
            return "on its way"
        if not came:
            known = any(self.disturbed.restarted(modem, at) for at in unrouted)
            return "lost: its modem had restarted and was not set up again" if known else None
        if self._strays(
            told, attempt, {status for _, fate, status in later if fate == "came" and not _temporary(status)}
        ):
            return None  # it is in the database, and belongs to nothing or to another message
        if held >= len(came):
            return "lost: its modem held it back behind a command, and restarted or went"
        reasons = [self.disturbed.why(modem, at) for at in came]
        if None in reasons and modem in evidence.storing and max(came) > self._ended - ANNOUNCED:
            return "stored in its modem, and not read yet"
        return None if None in reasons else f"lost: {reasons[0]}"

    @property
    def _ended(self) -> float:
        return max((life.ended for life in self._evidence.lives), default=0.0)

    def _reports_of(self, told: Told, attempt: Row) -> list[tuple[float, str, int]]:
        """What the network reported of that very submit: until the same reference goes to the same number again."""
        evidence, submit = self._evidence, self._evidence.submit_of(told, attempt)
        if submit is None:
            return []
        key = (submit.imsi, submit.reference)
        after = [one.at for one in evidence.submits[told.to] if (one.imsi, one.reference) == key and one.at > submit.at]
        until = min(after, default=float("inf"))
        return [entry for entry in evidence.reports.get((*key, told.to), ()) if submit.at <= entry[0] < until]

    def _strays(self, told: Told, attempt: Row, statuses: set[int]) -> list[Row]:
        """Stored reports that must be of this attempt, and do not point at it.

        One that points at another attempt is that one's where the network reported that one so.
        """
        found = []
        for row in self._evidence.stored.get((attempt["imsi"], attempt["mr"]), ()):
            if row["status"] not in statuses or not told.to.endswith(row["recipient_tail"]):
                continue
            owner = self._attempts.get(row["attempt"])
            theirs = [] if owner is None else self._reports_of(*owner)
            if owner is not None and row["attempt"] == attempt["id"]:
                found.append(row)  # stored as its own, and it does not count
            elif not any(fate == "came" and status == row["status"] for _, fate, status in theirs):
                found.append(row)
        return found


def _temporary(status: int) -> bool:
    """Whether the service centre still tries (23.040 9.2.3.15)."""
    return 0x20 <= status < 0x40


def _answer(told: Told) -> int | None:
    answer = FATES.get(told.to, {}).get("answer")
    return None if answer is None else int(answer)
