"""What clients were told, what the database says and what the network saw, side by side."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.chaos.process import Life
from benchmarks.chaos.receiver import Event
from benchmarks.chaos.told import TOKEN, Ledger, Told
from benchmarks.virtual_modems import VirtualModems

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Part:
    """One PDU or one submit, as the network saw it."""

    at: float
    """CLOCK_BOOTTIME in seconds."""
    imsi: str
    to: str
    reference: int
    """TP-MR; -1 for a PDU, which has none yet."""
    text: str
    joint: tuple[int, int, int] | None
    """(reference, total, number) of a part of a longer message."""

    @property
    def number(self) -> int:
        """Which part it is."""
        return self.joint[2] if self.joint else 1

    @property
    def token(self) -> str:
        """The token that stands in it; a code has none."""
        found = TOKEN.search(self.text)
        return found[0] if found else ""


@dataclass(slots=True)
class Evidence:
    """All that the oracle judges by."""

    ledger: Ledger
    messages: dict[str, Row]
    timelines: dict[str, list[Row]]
    attempts: dict[str, list[Row]]
    kept_reports: dict[tuple[str, int], list[str]]
    """Outcomes of the stored reports of an (IMSI, TP-MR)."""
    submits: dict[str, list[Part]]
    """By number."""
    pdus: dict[str, list[Part]]
    shown: dict[str, list[str]]
    """Texts on each telephone."""
    reports: dict[tuple[str, int, str], list[tuple[float, str, int]]]
    """(when, fate, TP-ST) by IMSI, TP-MR and number."""
    faults: list[tuple[Any, ...]]
    """(when, modem, step, action, seconds that it lasts or None) of each that struck."""
    windows: list[tuple[float, float, str, str]]
    boots: list[float]
    lives: list[Life]
    events: list[Event]
    log: str
    secrets: list[str] = field(default_factory=list)
    challenges: dict[str, list[Told]] = field(default_factory=dict)
    by_id: dict[str, Told] = field(default_factory=dict)
    stored: dict[tuple[str, int], list[Row]] = field(default_factory=dict)
    """The stored reports of an (IMSI, TP-MR): outcome, attempt, status, recipient_tail."""
    storing: frozenset[str] = frozenset()
    """Names of the modems that store reports and announce them, and so lose none."""

    def __post_init__(self) -> None:
        grouped: dict[str, list[Told]] = defaultdict(list)
        for told in self.ledger.told:
            if told.challenge is not None:
                grouped[told.challenge].append(told)
            self.by_id[told.id] = told
        self.challenges = dict(grouped)

    def parts_of(self, told: Told, seen: dict[str, list[Part]]) -> list[Part]:
        """Of what went to that number, what was this message; of a code, what was its challenge."""
        return [part for part in seen.get(told.to, ()) if told.challenge is not None or told.token in part.text]

    def shows(self, told: Told) -> list[str]:
        """Texts of it on the telephone."""
        return [text for text in self.shown.get(told.to, ()) if told.challenge is not None or told.token in text]

    def boot_between(self, began: float, ended: float) -> bool:
        """Whether the gateway saw another boot in between: its clock was not one clock then."""
        return any(began < at < ended for at in self.boots)

    def submit_of(self, told: Told, attempt: Row) -> Part | None:
        """The submit that an accepted attempt says it was."""
        for part in self.parts_of(told, self.submits):
            if (part.imsi, part.reference, part.number) == (attempt["imsi"], attempt["mr"], attempt["part"]):
                return part
        return None

    def modem_of(self, imsi: str) -> str:
        """The name of the modem that has a SIM (see `benchmarks.virtual_modems`)."""
        return f"sim{int(imsi[5:])}"


def gather(
    ledger: Ledger, database: Path, modems: VirtualModems, events: Iterable[Event], log: Path, **more: Any
) -> Evidence:
    """Read everything; the gateway may be running."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as cx:
        cx.row_factory = sqlite3.Row
        messages = {row["id"]: row for row in _rows(cx, "SELECT * FROM messages")}
        ids = {row["seq"]: name for name, row in messages.items()}
        timelines = _grouped(ids, _rows(cx, "SELECT * FROM timeline ORDER BY id"))
        attempts = _grouped(ids, _rows(cx, "SELECT * FROM attempts ORDER BY id"))
        kept: dict[tuple[str, int], list[str]] = defaultdict(list)
        stored: dict[tuple[str, int], list[Row]] = defaultdict(list)
        for row in _rows(cx, "SELECT imsi, mr, outcome, attempt, status, recipient_tail FROM reports"):
            kept[row["imsi"], row["mr"]].append(row["outcome"])
            stored[row["imsi"], row["mr"]].append(row)
    reports: dict[tuple[str, int, str], list[tuple[float, str, int]]] = defaultdict(list)
    for at, imsi, reference, number, fate, status in modems.every("reports"):
        reports[imsi, reference, number].append((at, fate, status))
    shown: dict[str, list[str]] = defaultdict(list)
    for number, text, _, _ in modems.ask("received"):
        shown[number].append(text or "")
    return Evidence(
        ledger,
        messages,
        timelines,
        attempts,
        kept,
        _by_number(
            Part(at, imsi, to, reference, text or "", _joint(joint))
            for at, _, imsi, to, reference, text, joint, _ in modems.every("submits")
        ),
        _by_number(
            Part(at, imsi, to, -1, text or "", _joint(joint)) for at, imsi, to, text, joint, _ in modems.every("pdus")
        ),
        shown,
        reports,
        [tuple(entry) for entry in modems.every("faults")],
        events=list(events),
        log=log.read_text(encoding="utf-8", errors="replace"),
        stored=dict(stored),
        **more,
    )


def _joint(found: list[int] | None) -> tuple[int, int, int] | None:
    return None if found is None else (found[0], found[1], found[2])


def _by_number(parts: Iterable[Part]) -> dict[str, list[Part]]:
    grouped: dict[str, list[Part]] = defaultdict(list)
    for part in parts:
        grouped[part.to].append(part)
    return grouped


def _rows(cx: sqlite3.Connection, query: str) -> Iterator[Row]:
    return (dict(row) for row in cx.execute(query))


def _grouped(ids: dict[int, str], rows: Iterable[Row]) -> dict[str, list[Row]]:
    grouped: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row["message"] in ids:
            grouped[ids[row["message"]]].append(row)
    return grouped
