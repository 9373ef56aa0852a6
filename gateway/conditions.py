"""What is the matter with a modem, in one stable word each, with what people are told about it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from hardware.errors import CommandTimeout, ConnectionLost, HardwareError, PortUnavailable
from hardware.modem import Trouble

PORT_MISSING, PORT_IN_USE, PORT_FORBIDDEN = "port_missing", "port_in_use", "port_forbidden"
MODEM_NOT_FOUND = "modem_not_found"
NO_ANSWER, CONNECTION_LOST = "no_answer", "connection_lost"
GATEWAY_ERROR, QUARANTINED, STUCK, UNSTABLE = "gateway_error", "quarantined", "stuck", "unstable"
SMSC_WRONG, SIM_REFUSED, SIM_SWAPPED = "smsc_wrong", "sim_refused", "sim_swapped"
NO_CREDIT, LOW_CREDIT, BALANCE_UNREADABLE = "no_credit", "low_credit", "balance_unreadable"
CONDITIONS = (
    *(trouble.value for trouble in Trouble),
    *(PORT_MISSING, PORT_IN_USE, PORT_FORBIDDEN, MODEM_NOT_FOUND, NO_ANSWER, CONNECTION_LOST, GATEWAY_ERROR),
    *(QUARANTINED, STUCK, UNSTABLE),
    *(SMSC_WRONG, SIM_REFUSED, SIM_SWAPPED, NO_CREDIT, LOW_CREDIT, BALANCE_UNREADABLE),
)
"""Every word that there is."""

ELSEWHERE = (Trouble.SIM_WRONG, Trouble.MODEM_WRONG)
"""Not who is meant: looked for at other ports."""

CENTRE_CODES = frozenset({38, 193, 330})
"""+CMS ERROR that a wrong service centre leads to: network out of order, no SC subscription, SMSC address unknown."""
CREDIT_CODES = frozenset({8, 10, 21, 29, 50, 69})
"""+CMS ERROR that a SIM without credit or plan leads to: barred, rejected, not subscribed (24.011 8.2.5.4)."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is the matter; nothing where `condition` is None."""

    reason: str | None = None
    advice: str | None = None
    condition: str | None = None


ALL_WELL = Finding()


def also(found: Finding, other: Finding) -> Finding:
    """One finding, with what another one adds to it; the word is that of the first which has one."""
    if other.reason is None or other == found:
        return found
    if found.reason is None:
        return other
    advice = "; ".join(words for words in (found.advice, other.advice) if words)
    return Finding(f"{found.reason}; {other.reason}", advice or None, found.condition or other.condition)


def lost(error: HardwareError) -> Finding:
    """Why a modem's port is closed."""
    if isinstance(error, PortUnavailable):
        word = _OF_KIND[error.kind]
        return Finding(str(error), _PORT_ADVICE[word], word)
    if isinstance(error, CommandTimeout):
        return Finding(f"the modem does not answer: {error}", _PORT_ADVICE[NO_ANSWER], NO_ANSWER)
    word = CONNECTION_LOST if isinstance(error, ConnectionLost) else NO_ANSWER
    return Finding(str(error), _PORT_ADVICE[word], word)


_OF_KIND = {
    "missing": PORT_MISSING,
    "held": PORT_IN_USE,
    "forbidden": PORT_FORBIDDEN,
    "not_found": MODEM_NOT_FOUND,
    "sim_wrong": Trouble.SIM_WRONG.value,
    "modem_wrong": Trouble.MODEM_WRONG.value,
}
_PORT_ADVICE = {
    PORT_MISSING: "check the modem's plug and power, and `port`; a stick that comes back under another name is found "
    "where `imei` or `iccid` of this modem is set, or by a path in /dev/serial/by-id",
    PORT_IN_USE: "end the other program (ModemManager often is the one), or give this modem another `port`",
    PORT_FORBIDDEN: "let the user that the gateway runs as open the port: mostly it must be in the group dialout",
    MODEM_NOT_FOUND: "check plug and power, and `imei` and `iccid` of this modem; `simwire modems probe` lists what is "
    "there",
    Trouble.SIM_WRONG.value: "put the right SIM in, or correct `iccid` of this modem",
    Trouble.MODEM_WRONG.value: "correct `imei` of this modem, or its port",
    NO_ANSWER: "it is opened again until it answers; check its power and that this is its AT port",
    CONNECTION_LOST: "it is opened again until it answers; if that lasts, check its plug and power",
}


def unstable(found: Finding) -> Finding:
    """What is said of a modem that comes and goes: that, in place of where it is in this second; worse is left."""
    if found.condition not in _PASSING:
        return found
    return Finding(
        "it comes and goes again and again" + (f"; just now: {found.reason}" if found.reason else ""),
        "check plug, cable, power supply (many sticks need a hub that has its own) and antenna",
        UNSTABLE,
    )


_PASSING = (None, PORT_MISSING, CONNECTION_LOST, NO_ANSWER, Trouble.NOT_REGISTERED, Trouble.REGISTRATION_DENIED)


def centre_wrong(centre: str | None, refusals: int, result: str) -> Finding:
    """Messages are refused in a way that a wrong service centre explains."""
    return Finding(
        f"the network refused {refusals} messages in a row as it does where the service centre (SMSC) is wrong"
        f" ({result}); the one in use is {centre or 'not known'}, and no message was ever taken by it",
        "ask the operator for its SMSC number and set it as `smsc` of this modem",
        SMSC_WRONG,
    )


def refused(result: str | None) -> Finding:
    """A SIM is set aside."""
    said = f" ({result})" if result else ""
    return Finding(
        f"the network refused this SIM three times in a row{said}",
        "check the SIM's credit and plan; it is tried again by itself",
        SIM_REFUSED,
    )


def credit(amount: Decimal, minimum: Decimal, *, aside: bool) -> Finding:
    """What a balance says; nothing where it is enough."""
    if amount <= 0:
        reason = f"the SIM has no credit: its balance is {amount}"
    elif amount < minimum:
        reason = f"the SIM's balance is {amount}, which is below {minimum}"
    else:
        return ALL_WELL
    if aside:
        reason += ", and the network refuses its messages"
    word = NO_CREDIT if amount <= 0 or aside else LOW_CREDIT
    return Finding(reason, "top the SIM up; its balance is asked for again by itself", word)


def unreadable(why: str) -> Finding:
    """A balance is not known."""
    return Finding(
        f"the SIM's balance could not be read: {why}",
        "see what the network answers with `simwire modems ussd`, and correct `balance` of this modem",
        BALANCE_UNREADABLE,
    )


def swapped(before: str, now: str) -> Finding:
    """Another card than before, each by its IMSI or ICCID."""
    before, now = f"…{before[-4:]}", f"…{now[-4:]}"
    return Finding(
        f"another SIM is in the modem: {now} in place of {before}",
        "nothing has to be done if that was meant: it goes by its own quotas; what was begun on the other SIM waits "
        "for it. Resume the modem to clear this, and set `iccid` where only one SIM may be used",
        SIM_SWAPPED,
    )
