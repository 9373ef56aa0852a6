"""What a SIM says of itself: whether it is open, who it is, how many tries are left. No question here costs a try."""

from __future__ import annotations

from hardware.at.answers import PinCounters, parse_imsi, parse_pin_counters, parse_pin_state
from hardware.at.fields import fields
from hardware.errors import CommandRejected
from hardware.modem.link import Link, read
from hardware.profiles import Profile

USABLE = ("READY", "SIM PIN2", "SIM PUK2")
"""States of a card that messages can be sent with: PIN2 guards nothing that a message needs."""
# +CME ERROR (27.007 9.2) and the +CMS ERROR of the same meaning (27.005 3.2.5) that tell the card's state.
_STATE_OF_CODE = {11: "SIM PIN", 311: "SIM PIN", 12: "SIM PUK", 316: "SIM PUK", 4: "READY", 303: "READY"}
_STATE_OF_CODE |= dict.fromkeys((5, 6, 7, 312, *range(40, 49)), "PH-SIM PIN")
_OTHER_SECRETS = ("SIM PIN2", "SIM PUK", "SIM PUK2", "P2")  # lines of a counter that are not about the PIN


def card_state(link: Link) -> tuple[str | None, str, int | None]:
    """State, what was said, and the error code, of +CPIN?; raises CommandTimeout, ConnectionLost."""
    try:
        lines = link.command("AT+CPIN?", timeout=10)
    except CommandRejected as refused:
        if refused.code is not None:
            return _STATE_OF_CODE.get(refused.code), str(refused), refused.code
        # Without a code it may be the question that is refused: a card that tells its IMSI is open (27.007 5.6).
        return ("READY" if read_imsi(link) else None), str(refused), None
    state = read(parse_pin_state, lines)
    return state, f"+CPIN: {state or ''}", None


def read_imsi(link: Link) -> str | None:
    """The card's IMSI; None where it does not tell."""
    return read(parse_imsi, link.attempt("AT+CIMI", bare=True, timeout=10))


def tries_left(link: Link, profile: Profile) -> int | None:
    """How often a wrong PIN may still be entered; None where the modem does not tell."""
    for query in profile.pin_counters:
        for line in link.attempt(query.command, prefix=query.prefix, timeout=10) or []:
            values = fields(line)
            tries = values[query.index].number if query.index < len(values) else None
            if tries is not None and values[0].text.upper() not in _OTHER_SECRETS:
                return tries
    return None


def counters(link: Link, profile: Profile, state: str) -> PinCounters | None:
    """Every count of tries that the modem tells of a card in `state`; None where it tells none."""
    for query in profile.pin_counters:
        found = read(
            lambda lines: parse_pin_counters(lines, state),
            link.attempt(query.command, prefix=query.prefix, timeout=10),
        )
        if found is not None:
            return found
    tries = tries_left(link, profile)
    return None if tries is None else PinCounters(pin=tries)
