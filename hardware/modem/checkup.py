"""Everything that can be asked of a modem without changing it: nothing is written, stored, read out or sent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from hardware.at.answers import (
    PinCounters,
    parse_capabilities,
    parse_character_sets,
    parse_clock,
    parse_extended_signal,
    parse_functionality,
    parse_indication_choices,
    parse_link_modes,
    parse_networks,
    parse_own_numbers,
    parse_ranges,
    parse_service_centre,
)
from hardware.modem.card_state import USABLE, card_state, counters
from hardware.modem.link import Link, Value, read
from hardware.modem.network import Network
from hardware.modem.routing import announced_routes
from hardware.modem.status import Identity, Registration, StorageLevel
from hardware.modem.storage import Storage
from hardware.profiles import Profile, ReportRoute

_SEARCH_LIMIT = 200.0  # seconds for AT+COPS=?, which looks through every band
_PDU_MODE, _KEEP_LINK = 0, 2


@dataclass(frozen=True, slots=True)
class CardSight:
    """The SIM as it answers."""

    state: str | None
    """As +CPIN? says it; None where no card answers."""
    said: str
    tries: PinCounters | None
    number: str | None = field(repr=False)
    """Its own number, where it is stored on the card (+CNUM); many operators leave it empty."""

    @property
    def open(self) -> bool:
        """Whether messages can be sent with it."""
        return self.state in USABLE


@dataclass(frozen=True, slots=True)
class RadioSight:
    """The network as the modem sees it."""

    functionality: int | None
    """+CFUN: 1 is full, 0 and 4 are without radio; None where it is not told."""
    registration: Registration | None
    operator: str | None
    signal_dbm: int | None
    lte: bool
    """Whether `signal_dbm` is RSRP, whose scale lies some 30 dB lower."""
    networks: tuple[tuple[str, str], ...] | None
    """Name and availability of each network in reach, where they were asked for."""


@dataclass(frozen=True, slots=True)
class MessageSight:
    """What the modem can do about messages."""

    centre: str | None = field(repr=False)
    """Number of the service centre; "" for none, None where it is not told."""
    storages: tuple[StorageLevel, ...]
    pdu_mode: bool | None
    """Whether it takes PDU mode, the only one in which this gateway sends; None where it is not told."""
    routes: tuple[ReportRoute, ...]
    """How it can hand delivery reports on, the preferred way first."""
    routes_told: bool
    """Whether it said so itself, or its family's row has to do."""
    keeps_link: bool
    """Whether it keeps the link between messages that follow each other (+CMMS)."""
    character_sets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Checkup:
    """One modem, looked at from end to end."""

    identity: Identity
    profile: Profile
    capabilities: frozenset[str]
    """+GCAP: +CGSM is a modem of GSM and what followed it; empty where it is not told."""
    card: CardSight
    radio: RadioSight
    messages: MessageSight
    clock: datetime | None
    """What the modem thinks that it is, with a zone where it says one."""


def check_up(link: Link, identity: Identity, profile: Profile, *, networks: bool) -> Checkup:
    """Ask a modem everything; `networks` also has it search for networks, which takes minutes and drops its own.

    Raises CommandTimeout where it falls silent, ConnectionLost.
    """
    return Checkup(
        identity,
        profile,
        _told(link, "AT+GCAP", parse_capabilities) or frozenset(),
        _card(link, profile),
        _radio(link, profile, networks=networks),
        _messages(link, profile),
        _told(link, "AT+CCLK?", parse_clock),
    )


def _told(link: Link, command: str, parser: Callable[[Sequence[str]], Value], *, timeout: float = 10.0) -> Value | None:
    return read(parser, link.attempt(command, timeout=timeout))


def _card(link: Link, profile: Profile) -> CardSight:
    state, said, _ = card_state(link)
    own = _told(link, "AT+CNUM", parse_own_numbers) or []
    return CardSight(state, said, counters(link, profile, state or ""), own[0].number if own else None)


def _radio(link: Link, profile: Profile, *, networks: bool) -> RadioSight:
    network = Network(link)
    network.look(profile)
    extended = _told(link, "AT+CESQ", parse_extended_signal)
    lte = extended is not None and extended.lte and extended.dbm is not None
    found = _told(link, "AT+COPS=?", parse_networks, timeout=_SEARCH_LIMIT) if networks else None
    return RadioSight(
        _told(link, "AT+CFUN?", parse_functionality),
        network.registration,
        network.operator,
        extended.dbm if extended is not None and lte else network.signal_dbm,
        lte,
        None if found is None else tuple((one.long_name or one.numeric, one.availability) for one in found),
    )


def _messages(link: Link, profile: Profile) -> MessageSight:
    storage = Storage(link)
    storage.watch()
    centre = _told(link, "AT+CSCA?", parse_service_centre)
    allowed = _told(link, "AT+CNMI=?", parse_indication_choices)
    modes = _told(link, "AT+CMGF=?", lambda lines: parse_ranges(lines, "+CMGF"))
    return MessageSight(
        centre.number if centre is not None else None,
        storage.levels,
        _PDU_MODE in modes[0] if modes and modes[0] else None,
        announced_routes(allowed, profile),
        allowed is not None,
        _KEEP_LINK in (_told(link, "AT+CMMS=?", parse_link_modes) or ()),
        _told(link, "AT+CSCS=?", parse_character_sets) or (),
    )
