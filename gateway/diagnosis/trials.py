"""What asking the network and sending a message came to: credit, a test message, its way back and its report."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.balance import BalanceRule
from gateway.diagnosis.findings import Check, Verdict
from gateway.masking import redacted
from gateway.messages import masked

_SLOW = 30.0  # seconds from which a code would be late: people wait that long before they ask for another one


@dataclass(frozen=True, slots=True)
class Sent:
    """One test message. Times in seconds from the acceptance by the network, None: not while it was waited for."""

    to: str
    accepted_after: float | None
    """Seconds until the network accepted it; None where it did not."""
    reported_after: float | None = None
    outcome: str | None = None
    """What the report says, in words."""
    delivered: bool | None = False
    """Whether the report says that it was delivered; None where it cannot tell."""
    comes_back: bool = False
    """Whether it was sent to the modem's own number."""
    arrived_after: float | None = None
    failure: str | None = None
    """Why the network did not accept it."""
    waited: float = 0.0
    """How long it was waited for at most."""


def balance_check(subject: str, rule: BalanceRule | None, text: str | None, failure: str | None) -> Check:
    """Credit by USSD: `text` is what the network answered, `failure` why there is none."""
    if text is None:
        return Check(
            "balance", subject, Verdict.WARN, f"the network did not tell the credit: {failure or 'it sent no text'}",
            "try the operator's code in a phone; with another one: --balance CODE",
        )  # fmt: skip
    said = redacted(text)
    amount = rule.read(text) if rule is not None else None
    if rule is None:
        return Check("balance", subject, Verdict.OK, f"the network says: {said}", None, {"text": said})
    if amount is None:
        return Check(
            "balance", subject, Verdict.WARN, f"no amount is found in what the network says: {said}",
            "correct the `pattern` of `balance` of this modem: docs/modems.md", {"text": said},
        )  # fmt: skip
    return told_balance(subject, float(amount), float(rule.minimum), None)


def told_balance(subject: str, amount: float | None, minimum: float, problem: str | None) -> Check:
    """Credit as an amount."""
    facts = {"amount": amount, "minimum": minimum}
    if amount is None:
        why = f": {problem}" if problem else " yet"
        return Check("balance", subject, Verdict.WARN, f"the credit is not known{why}", None, facts)
    if amount <= 0 or amount < minimum:
        verdict = Verdict.FAIL if amount <= 0 else Verdict.WARN
        return Check("balance", subject, verdict, f"the credit is {amount:.2f}", "top the SIM up", facts)
    return Check("balance", subject, Verdict.OK, f"the credit is {amount:.2f}", None, facts)


def trial_checks(subject: str, sent: Sent) -> list[Check]:
    """A test message: whether it was accepted, whether it came back, and what the report says."""
    to = masked(sent.to)
    if sent.accepted_after is None:
        return [
            Check(
                "test_sms", subject, Verdict.FAIL, f"the test message to {to} was not accepted: {sent.failure}",
                "check credit and plan, the number, and the service centre; try the SIM in a phone",
                {"to": to, "accepted_after": None},
            )
        ]  # fmt: skip
    facts = {"to": to, "accepted_after": round(sent.accepted_after, 1)}
    words = f"the network accepted the test message to {to} after {sent.accepted_after:.1f} s"
    checks = [Check("test_sms", subject, Verdict.OK, words, None, facts)]
    if sent.comes_back:
        checks.append(_arrival(subject, sent))
    return [*checks, _report(subject, sent)]


def _arrival(subject: str, sent: Sent) -> Check:
    facts = {"arrived_after": None if sent.arrived_after is None else round(sent.arrived_after, 1)}
    if sent.arrived_after is None:
        return Check(
            "test_arrival", subject, Verdict.FAIL, f"the test message did not come back within {sent.waited:g} s",
            "check that the number is this SIM's; look again, as networks may be slow for a while", facts,
        )  # fmt: skip
    words = f"it came back {sent.arrived_after:.1f} s after that"
    if sent.arrived_after > _SLOW:
        remedy = "a code that takes so long is asked for twice; look at another time, or take another operator"
        return Check("test_arrival", subject, Verdict.WARN, words, remedy, facts)
    return Check("test_arrival", subject, Verdict.OK, words, None, facts)


def _report(subject: str, sent: Sent) -> Check:
    facts = {
        "reported_after": None if sent.reported_after is None else round(sent.reported_after, 1),
        "outcome": sent.outcome,
    }
    if sent.reported_after is None:
        return Check(
            "test_report", subject, Verdict.WARN, f"no delivery report came within {sent.waited:g} s",
            "is the telephone on? Some plans give no reports: messages then stay `sent`", facts,
        )  # fmt: skip
    words = f"the delivery report came after {sent.reported_after:.1f} s: {sent.outcome}"
    if sent.delivered:
        return Check("test_report", subject, Verdict.OK, words, None, facts)
    if sent.delivered is None:
        remedy = "this network cannot confirm delivery: look at the telephone"
        return Check("test_report", subject, Verdict.WARN, words, remedy, facts)
    return Check("test_report", subject, Verdict.FAIL, words, "check the number, and that its telephone is on", facts)
