"""One thing that was looked at, and what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from gateway.messages import Json


class Verdict(StrEnum):
    """How a check went."""

    OK = "ok"
    WARN = "warn"
    """It may work, or stop working."""
    FAIL = "fail"
    """Nothing is sent before this is mended."""
    SKIP = "skip"
    """Not looked at; the message says why."""


@dataclass(frozen=True, slots=True)
class Check:
    """One line of a diagnosis. Numbers in it are masked."""

    name: str
    """What was looked at, in one stable word: docs/doctor.md lists them."""
    subject: str
    """Of what: a modem, a port, a USB device, or `machine`."""
    verdict: Verdict
    message: str
    remedy: str | None = None
    """What to do; commands in it can be used as they are."""
    facts: Mapping[str, object] = field(default_factory=dict)
    """The same for programs, by stable names."""

    @property
    def as_json(self) -> Json:
        """As in the document of `simwire doctor --json`."""
        return {
            "check": self.name,
            "subject": self.subject,
            "verdict": self.verdict.value,
            "message": self.message,
            "remedy": self.remedy,
            "facts": dict(self.facts),
        }


def worst(checks: Iterable[Check]) -> Verdict:
    """The gravest verdict; OK where nothing was looked at."""
    found = {check.verdict for check in checks}
    return next((one for one in (Verdict.FAIL, Verdict.WARN) if one in found), Verdict.OK)


def document(checks: Iterable[Check]) -> Json:
    """All checks as one document."""
    checks = list(checks)
    counts = {verdict.value: sum(check.verdict is verdict for check in checks) for verdict in Verdict}
    return {
        "ok": worst(checks) is not Verdict.FAIL,
        "verdict": worst(checks).value,
        "counts": counts,
        "checks": [check.as_json for check in checks],
    }
