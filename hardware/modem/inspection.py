"""A look at who is behind a port, without setting it up: no PIN is entered, nothing is read out, routed or deleted."""

from __future__ import annotations

from hardware.at.answers import parse_iccid, parse_identity, parse_imei, parse_imsi, parse_pin_state
from hardware.at.channel import AtChannel
from hardware.clock import Clock
from hardware.errors import CommandTimeout, ConnectionLost
from hardware.modem.link import Link, read
from hardware.modem.network import Network
from hardware.modem.status import Identity, ModemState, ModemStatus, Trouble
from hardware.modem.storage import Storage
from hardware.profiles import Profile, profile_for
from hardware.transport import Transport

_PROBE_WAIT = 3.0  # seconds for the first OK of a port that may be none for AT


def identify(transport: Transport, clock: Clock, *, wait: float = _PROBE_WAIT) -> Identity | None:
    """Who answers AT on an open transport within `wait` seconds; None where nobody does.

    A locked card may keep its numbers to itself.
    """
    try:
        return identity_of(opened(transport, clock, wait))[0]
    except (CommandTimeout, ConnectionLost):
        return None


def inspect(transport: Transport, clock: Clock, *, wait: float = _PROBE_WAIT) -> ModemStatus:
    """How a modem is that nobody has set up; raises CommandTimeout where it is silent, ConnectionLost."""
    link = opened(transport, clock, wait)
    identity, profile = identity_of(link)
    network, storage = Network(link), Storage(link)
    card = read(parse_pin_state, link.attempt("AT+CPIN?", timeout=10))
    network.look(profile)
    storage.watch()
    state, reason, advice, trouble = network.state
    if card is None:
        state, reason, advice, trouble = (
            ModemState.FAILED,
            "the SIM does not answer",
            "check that a SIM is in, the right way round",
            Trouble.SIM_MISSING,
        )
    elif card != "READY":
        state, reason, advice, trouble = (
            ModemState.LOCKED,
            f"the SIM asks for {card}",
            "configure its PIN, or unlock it in a phone",
            Trouble.PUK_NEEDED if "PUK" in card else Trouble.PIN_NEEDED,
        )
    return ModemStatus(
        state, reason, advice, trouble, identity, network.operator, network.registration, network.signal_dbm,
        profile.name, storage=storage.levels,
    )  # fmt: skip


def opened(transport: Transport, clock: Clock, wait: float, scale: float = 1.0) -> Link:
    """The link to a modem that answers and does not echo; raises CommandTimeout where it is silent, ConnectionLost."""
    channel = AtChannel(transport, clock)
    channel.resynchronise(wait)
    link = Link(channel, clock, scale)
    link.attempt("ATE0")
    return link


def identity_of(link: Link) -> tuple[Identity, Profile]:
    """Who modem and card are, and the modem's family."""
    told = (read(parse_identity, link.attempt(text, bare=True)) for text in ("AT+CGMI", "AT+CGMM", "AT+CGMR"))
    maker, model, revision = told
    imei = read(parse_imei, link.attempt("AT+CGSN", bare=True))
    imsi = read(parse_imsi, link.attempt("AT+CIMI", bare=True))
    profile = profile_for(maker, model)
    iccid = None
    for query in profile.iccid:
        iccid = iccid or read(parse_iccid, link.attempt(query.command, prefix=query.prefix, bare=query.bare))
    return Identity(maker, model, revision, imei, imsi, iccid), profile
