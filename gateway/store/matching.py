"""Status reports: kept raw, matched to attempts, tried again when an attempt learns its reference."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gateway.messages import AttemptState, Report
from gateway.reports import EARLIEST, LATEST, STEPPED, WINDOW_LIMIT, Ambiguous, Candidate, Match, learned, match
from gateway.store.case import Case
from gateway.store.common import boot_ms, ms, recipient_tail, wall_ms
from gateway.store.errors import SENSELESS
from gateway.store.ledger import Event
from gateway.store.parts import Room
from gateway.store.states import CANNOT_CONFIRM, Effect, effect
from hardware.clock import Instant

log = logging.getLogger("simwire.store")

RETRIED_FOR = 600.0  # seconds for which a report without its attempt is tried again in every round
KEPT_FOR = 259_200.0  # seconds for which it is tried again when an attempt of its SIM gets its outcome
OFFSETS_KEPT = 16  # of a boot: its clock is set a few times, if at all
AT_ONCE = 200  # reports tried again in one round at most

_CANDIDATES = """
SELECT a.id, a.mr, a.recipient_tail, a.submitted_at, a.submitted_boot, a.result_at, a.state, a.report_status, a.report,
    m.final, m.accepted_boot
FROM attempts AS a JOIN messages AS m ON m.seq = a.message
WHERE a.imsi = :imsi AND {which} AND a.submitted_at BETWEEN :since AND :until
ORDER BY a.submitted_at DESC LIMIT 64
"""
_BY_REFERENCE = _CANDIDATES.format(which="a.mr = :mr")
_UNKNOWN = _CANDIDATES.format(which="a.state = 'unknown' AND a.mr IS NULL")
_ON_AIR = _CANDIDATES.format(which="a.state = 'submitting'")

_TOLD = {
    Effect.TRYING: "still_trying",
    Effect.UNCONFIRMED: "cannot_confirm",
    Effect.UNDELIVERED: "not_delivered",
    Effect.DELIVERED: "delivered",
}


@dataclass(frozen=True, slots=True)
class ReportOutcome:
    """What a report came to."""

    message_id: str | None
    attempt_id: int | None
    ambiguous: bool = False

    @property
    def matched(self) -> bool:
        """Whether its attempt was found."""
        return self.attempt_id is not None


class Matching(Room):
    """Takes reports in."""

    _stepped = 0.0
    """Seconds by which the wall clock was set last."""
    _offset: int | None = None
    """Wall minus boot clock, in milliseconds, by which the service centres' clocks are known; None: as it is now."""
    _offsets: tuple[int, ...] = ()
    """Every one that this boot has had, apart by more than `STEPPED`."""

    def report(self, report: Report, now: Instant) -> ReportOutcome:
        """Keep a report and apply it to its attempt; the same one again changes nothing. Durable when this returns."""
        with self._database.mark() as cx:
            report_id, known = self._keep(cx, report, now)
            if known is not None:
                return known
            cx.execute(
                "INSERT INTO sims (imsi, last_report_at) VALUES (?, ?)"
                " ON CONFLICT (imsi) DO UPDATE SET last_report_at = excluded.last_report_at, silent = 0",
                (report.imsi, wall_ms(now)),
            )
            return self._try(cx, report_id, report, now)

    def retry_unmatched(self, now: Instant) -> int:
        """Try young reports without an attempt again; returns how many found theirs."""
        with self._database.read() as cx:
            query = "SELECT 1 FROM reports WHERE outcome <> 'matched' AND received_at > ? LIMIT 1"
            if cx.execute(query, (wall_ms(now) - ms(RETRIED_FOR),)).fetchone() is None:
                return 0
        with self._database.mark() as cx:
            return self._match_again(cx, now)

    def clock_stepped(self, by: float) -> None:
        """The wall clock was set by so many seconds: what was learned of the service centres' clocks is set with it,
        and what came without its attempt came as long ago as before.
        """
        with self._database.mark(synced=False) as cx:
            cx.execute("UPDATE sims SET offset_ms = offset_ms - ? WHERE offset_ms IS NOT NULL", (ms(by),))
            now = wall_ms(self._database.clock.now())
            cx.execute(
                "UPDATE reports INDEXED BY reports_young SET received_at = received_at + :by WHERE outcome <> 'matched'"
                # Not what came in the second in which the clock was set already and this was still to be noticed.
                " AND received_at BETWEEN :since AND :until AND received_at NOT BETWEEN :now - :second AND :now",
                {
                    "by": ms(by),
                    "since": now - ms(by + KEPT_FOR),
                    "until": now - ms(by - STEPPED),
                    "now": now,
                    "second": ms(STEPPED),
                },
            )
            offset = self._note_offset(cx)
        self._stepped, self._offset = by, offset

    def follow_clock(self) -> None:
        """At a start: whether the wall clock was set while nothing was served, in this boot of the machine."""
        with self._database.mark(synced=False) as cx:
            boot, _, before = _meta(cx, "wall_offset").partition(" ")
            at_boot, _, offsets = _meta(cx, "wall_offsets").partition(" ")
            if at_boot == str(self._database.boot_number):
                self._offsets = tuple(int(one) for one in offsets.split())
            offset = self._offset = self._note_offset(cx)
        if boot == str(self._database.boot_number) and abs(offset - int(before)) > ms(STEPPED):
            self.clock_stepped((offset - int(before)) / 1000)

    def _note_offset(self, cx: sqlite3.Connection) -> int:
        """Keep what lies between wall and boot clock, in milliseconds."""
        now = self._database.clock.now()
        offset, boot = ms(now.wall - now.boot), self._database.boot_number
        if not _near(offset, self._offsets):
            self._offsets = (*self._offsets, offset)[-OFFSETS_KEPT:]
        offsets = " ".join(map(str, self._offsets))
        values = [("wall_offset", f"{boot} {offset}"), ("wall_offsets", f"{boot} {offsets}")]
        cx.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", values)
        return offset

    # -- inside -------------------------------------------------------------------------------------------------------

    def _keep(self, cx: sqlite3.Connection, report: Report, now: Instant) -> tuple[int, ReportOutcome | None]:
        digest = self._cipher.key_hash(b"report\0" + report.imsi.encode() + b"\0" + report.raw)
        known = cx.execute("SELECT id, attempt FROM reports WHERE digest = ?", (digest,)).fetchone()
        if known is not None:
            if known["attempt"] is None:
                return int(known["id"]), None
            return int(known["id"]), self._outcome(cx, known["attempt"])
        scts, discharge = report.service_centre_time, report.discharge_time
        cursor = cx.execute(
            "INSERT INTO reports (digest, imsi, mr, recipient_tail, status, service_centre_at, discharged_at,"
            " received_at, outcome, raw) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'unmatched', ?)",
            (
                *(digest, report.imsi, report.reference, recipient_tail(report.recipient), report.status),
                *(None if scts is None else ms(scts), None if discharge is None else ms(discharge), wall_ms(now)),
                self._cipher.seal(report.raw, "reports.raw"),
            ),
        )
        return int(cursor.lastrowid or 0), None

    def _match_again(
        self, cx: sqlite3.Connection, now: Instant, *, imsi: str | None = None, mr: int | None = None
    ) -> int:
        """Try the reports that wait for an attempt, of one SIM or one reference where that is given."""
        which = "" if imsi is None else "AND imsi = :imsi"
        which += "" if mr is None else " AND mr = :mr"
        since = wall_ms(now) - ms(RETRIED_FOR if imsi is None else KEPT_FOR)
        # Named, because the order would otherwise be had by walking through every report that is kept, under the lock.
        index = "reports_young" if imsi is None else "reports_open"
        rows = cx.execute(
            f"SELECT * FROM reports INDEXED BY {index} WHERE outcome <> 'matched' {which} AND received_at > :since"  # noqa: S608 - no input in it
            " ORDER BY id DESC LIMIT :most",
            {"imsi": imsi, "mr": mr, "since": since, "most": AT_ONCE},
        ).fetchall()
        return sum(self._try_alone(cx, row, now) for row in reversed(rows))

    def _try_alone(self, cx: sqlite3.Connection, row: sqlite3.Row, now: Instant) -> bool:
        """Whether a kept report found its attempt. One that trips goes: the next outcome of its SIM would trip too."""
        try:
            with self._database.alone():
                return self._try(cx, row["id"], _stored(row), now).matched
        except SENSELESS:
            log.exception("report %d is given up: the stored row of its message is damaged", row["id"])
            cx.execute("DELETE FROM reports WHERE id = ?", (row["id"],))
            return False

    def _try(self, cx: sqlite3.Connection, report_id: int, report: Report, now: Instant) -> ReportOutcome:
        tail = recipient_tail(report.recipient)
        sim = cx.execute("SELECT offset_ms FROM sims WHERE imsi = ?", (report.imsi,)).fetchone()
        offset = None if sim is None or sim["offset_ms"] is None else sim["offset_ms"] / 1000
        # What was submitted before our clock was set was stamped by the other one, and what was learned by it too.
        others: list[float | None] = [(offset or 0.0) + step for step in (self._stepped, -self._stepped) if step]
        if offset:
            others.append(None)  # the service centre's clock may have been set instead
        candidates = self._candidates(cx, report, [offset, *others], now)
        found = match(report, tail, candidates, offset)
        if any(candidate.pending for candidate in candidates):
            others.clear()  # the answer to what is on the air may explain it
        for other in others:
            if found is None:
                found = match(report, tail, candidates, other, windows=False)
        if not isinstance(found, Match):
            outcome = "ambiguous" if isinstance(found, Ambiguous) else "unmatched"
            cx.execute("UPDATE reports SET outcome = ? WHERE id = ?", (outcome, report_id))
            return ReportOutcome(None, None, ambiguous=isinstance(found, Ambiguous))
        cx.execute("UPDATE reports SET outcome = 'matched', attempt = ? WHERE id = ?", (found.attempt, report_id))
        if found.offset is not None:
            offset_ms = ms(learned(offset, found.offset))
            cx.execute("UPDATE sims SET offset_ms = ? WHERE imsi = ?", (offset_ms, report.imsi))
        self._apply(self._case(cx, found.attempt), found.attempt, report, now)
        return self._outcome(cx, found.attempt)

    def _candidates(
        self, cx: sqlite3.Connection, report: Report, offsets: Sequence[float | None], now: Instant
    ) -> list[Candidate]:
        """What may be meant if the service centre's clock is that far from ours, and what was sent of late by ours."""
        stamp = report.service_centre_time
        middles = {now.wall, now.wall - self._stepped, now.boot + self._ahead(now) / 1000}
        middles |= set() if stamp is None else {stamp - (offset or 0.0) for offset in offsets}
        rows: dict[int, sqlite3.Row] = {}
        for since, until in _spans(middles):
            values = {"imsi": report.imsi, "mr": report.reference, "since": since, "until": until}
            for query in (_BY_REFERENCE, _UNKNOWN, _ON_AIR):
                rows |= {row["id"]: row for row in cx.execute(query, values)}
        return [self._candidate(row, now) for row in rows.values()]

    def _ahead(self, now: Instant) -> int:
        """Wall minus boot clock, in milliseconds, as it was when the service centres' clocks were looked at last."""
        return ms(now.wall - now.boot) if self._offset is None else self._offset

    def _candidate(self, row: sqlite3.Row, now: Instant) -> Candidate:
        """An attempt, with its times by the wall clock as it is set now where it was submitted in this boot."""
        submitted, answered, ahead = row["submitted_at"], row["result_at"], self._ahead(now)
        here = row["submitted_boot"] is not None and (
            row["accepted_boot"] == self._database.boot_number
            # Of a message that a boot came over: by which clock it is dated tells when it was submitted.
            or (row["submitted_boot"] > 0 and _near(submitted - row["submitted_boot"], (ahead, *self._offsets)))
        )
        if here:
            submitted = row["submitted_boot"] + ahead
        relied_on = self._database.trusted and abs(ms(now.wall - now.boot) - ahead) <= ms(STEPPED)
        if answered is not None:
            took = answered - row["submitted_at"]
            answered = submitted + took if 0 <= took <= ms(WINDOW_LIMIT) else None  # else the clock was set meanwhile
        return Candidate(
            id=row["id"],
            reference=row["mr"],
            tail=row["recipient_tail"],
            submitted=submitted / 1000,
            answered=None if answered is None else answered / 1000,
            open=bool(row["report"]) and not row["final"] and _awaits(row),
            pending=row["state"] == AttemptState.SUBMITTING,
            placed=relied_on or not here,
        )

    def _apply(self, case: Case, attempt_id: int, report: Report, now: Instant) -> None:
        """A later report never takes back that the handset has it, nor a final one for `still trying`."""
        attempt = case.attempt(attempt_id)
        state, says = AttemptState(attempt["state"]), effect(report.status)
        settled = {AttemptState.DELIVERED: 3, AttemptState.UNDELIVERED: 2}.get(state, 0)
        if attempt["report_status"] == CANNOT_CONFIRM:
            settled = max(settled, 1)
        if state is AttemptState.UNKNOWN:
            case.change([attempt_id], state=AttemptState.ACCEPTED, mr=report.reference)
        if says >= settled:
            after = {Effect.DELIVERED: AttemptState.DELIVERED, Effect.UNDELIVERED: AttemptState.UNDELIVERED}
            case.change(
                [attempt_id],
                state=after.get(says, AttemptState.ACCEPTED),
                report_status=report.status,
                reported_at=wall_ms(now),
            )
        if says is Effect.DELIVERED and state is not AttemptState.DELIVERED:
            self._measure(case, attempt, now)
        self._regroup(case, attempt["generation"])
        told = f"{_TOLD[says]} (TP-ST 0x{report.status:02X})"
        self._ledger.settle(case, now, Event(told, attempt["modem"], attempt_id, attempt["part"], always=True))
        if state is AttemptState.UNKNOWN:  # it owns the reference now, so others that waited can be told apart
            self._match_again(case.cx, now, imsi=report.imsi, mr=report.reference)

    def _measure(self, case: Case, attempt: sqlite3.Row, now: Instant) -> None:
        """Tell how long the report took: by the boot clock, where it is still the same boot."""
        took = wall_ms(now) - attempt["submitted_at"]
        if case.message["accepted_boot"] == self._database.boot_number and attempt["submitted_boot"] is not None:
            took = boot_ms(now) - attempt["submitted_boot"]
        modem, country, seconds = attempt["modem"], case.message["country"], max(0.0, took / 1000)
        self._database.after_commit(lambda: self.on_delivered(modem, country, seconds))

    def _outcome(self, cx: sqlite3.Connection, attempt_id: int) -> ReportOutcome:
        query = "SELECT m.id FROM attempts AS a JOIN messages AS m ON m.seq = a.message WHERE a.id = ?"
        return ReportOutcome(cx.execute(query, (attempt_id,)).fetchone()["id"], attempt_id)


def _meta(cx: sqlite3.Connection, name: str) -> str:
    row = cx.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
    return "" if row is None else str(row[0])


def _near(offset: int, others: Iterable[int]) -> bool:
    """Whether two clocks lie about as far apart as they did once."""
    return any(abs(offset - other) <= ms(STEPPED) for other in others)


def _spans(middles: Iterable[float]) -> list[tuple[int, int]]:
    """The times of submit around those, in Unix milliseconds; what overlaps is one."""
    spans: list[tuple[int, int]] = []
    for middle in sorted(middles):
        since, until = ms(middle - LATEST), ms(middle + EARLIEST)
        if spans and since <= spans[-1][1]:
            since, _ = spans.pop()
        spans.append((since, until))
    return spans


def _awaits(row: sqlite3.Row) -> bool:
    status = row["report_status"]
    return row["state"] == AttemptState.ACCEPTED and (status is None or effect(status) is Effect.TRYING)


def _stored(row: sqlite3.Row) -> Report:
    """A kept report, as far as the matching needs it."""
    scts, discharge = row["service_centre_at"], row["discharged_at"]
    return Report(
        imsi=row["imsi"],
        reference=row["mr"],
        recipient=row["recipient_tail"],
        status=row["status"],
        service_centre_time=None if scts is None else scts / 1000,
        discharge_time=None if discharge is None else discharge / 1000,
    )
