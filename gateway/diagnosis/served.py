"""A modem that a running gateway uses: what that knows of it, as its API tells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.diagnosis.findings import Check, Verdict
from gateway.diagnosis.trials import told_balance
from gateway.masking import redacted
from gateway.messages import masked

_WORKS = "ready"
_PASSING = frozenset({"opening", "configuring", "searching", "paused"})
_ASKED_BY_GATEWAY = "not looked at: the gateway uses the modem"


def served_checks(modem: Mapping[str, Any]) -> list[Check]:
    """The checks of one modem of GET /v1/modems."""
    subject = str(modem["name"])
    checks = [_state(modem, subject), *_known(modem, subject)]
    checks += [
        Check(name, subject, Verdict.SKIP, _ASKED_BY_GATEWAY, "stop the gateway to have it looked at")
        for name in ("pin_tries", "storage", "clock")
    ]
    balance = modem["balance"]
    if balance is not None:
        checks.append(told_balance(subject, balance["amount"], balance["minimum"], balance["problem"]))
    return checks


def _state(modem: Mapping[str, Any], subject: str) -> Check:
    facts = {
        "state": modem["state"],
        "condition": modem["condition"],
        "model": modem["model"],
        "imei": masked(modem["imei"]) if modem["imei"] else None,
        "port": modem["port"],
        "sent": modem["sent"],
        "failed": modem["failed"],
    }
    name = modem["model"] or "a modem that has not told its name"
    words = f"{name} is {modem['state']} in the running gateway; {modem['sent']} sent, {modem['failed']} failed"
    reason = f": {redacted(modem['reason'])}" if modem["reason"] else ""
    if modem["state"] == _WORKS and modem["condition"] is None:
        return Check("modem", subject, Verdict.OK, words, None, facts)
    mild = modem["state"] == _WORKS or modem["state"] in _PASSING
    advice = modem["advice"] and redacted(modem["advice"])
    return Check("modem", subject, Verdict.WARN if mild else Verdict.FAIL, f"{words}{reason}", advice, facts)


def _known(modem: Mapping[str, Any], subject: str) -> list[Check]:
    """What is only worth a line where it is known."""
    found = []
    if modem["registration"]:
        where = f" with {modem['operator']}" if modem["operator"] else ""
        facts = {"status": modem["registration"], "operator": modem["operator"]}
        verdict = Verdict.OK if modem["state"] == _WORKS else Verdict.WARN
        found.append(Check("registration", subject, verdict, f"{modem['registration']}{where}", None, facts))
    if modem["signal_dbm"] is not None:
        facts = {"dbm": modem["signal_dbm"]}
        found.append(Check("signal", subject, Verdict.OK, f"{modem['signal_dbm']} dBm", None, facts))
    if modem["service_centre"]:
        number = masked(modem["service_centre"])
        words = f"the service centre is {number}"
        found.append(Check("service_centre", subject, Verdict.OK, words, None, {"number": number}))
    reports = bool(modem["reports"])
    words = "delivery reports are handed on" if reports else "no delivery reports come from this modem"
    verdict = Verdict.OK if reports else Verdict.WARN
    if modem["state"] == _WORKS:
        found.append(Check("reports", subject, verdict, words, None, {"reports": reports}))
    return found
