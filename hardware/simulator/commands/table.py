"""The shape of a command handler, and the few steps that many of them share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from hardware.simulator.lines import Call
from hardware.simulator.session import cme, cms
from hardware.simulator.sim import PinState, SimCard

if TYPE_CHECKING:
    from hardware.simulator.modem import SimulatedModem

Handler = Callable[["SimulatedModem", Call], bool]
"""Returns True when the command is done, False when its final result comes later; raises Refusal."""

DONE, PENDING = True, False


def choose(value: int, allowed: tuple[int, ...] | range) -> int:
    """The value if it is allowed; refuses with CME 50 otherwise."""
    if value not in allowed:
        raise cme(50)
    return value


def open_card(modem: SimulatedModem) -> SimCard:
    """The SIM, ready to be read; refuses as 27.007 9.2 says where it is not."""
    sim = modem.sim
    if sim is None:
        raise cme(10)
    if modem.network.time() < modem.power.busy_until:
        raise cme(515)
    if not modem.power.sim_ready:
        raise cme(14)
    match sim.state:
        case PinState.PIN:
            raise cme(11)
        case PinState.PUK:
            raise cme(12)
        case PinState.BLOCKED:
            raise cme(13)
    return sim


def message_card(modem: SimulatedModem) -> SimCard:
    """The SIM, ready for message commands; refuses as 27.005 3.2.5 says where it is not."""
    sim = modem.sim
    if sim is None:
        raise cms(310)
    if modem.network.time() < modem.power.busy_until:
        raise cms(515)
    if not modem.power.sim_ready:
        raise cms(314)
    match sim.state:
        case PinState.PIN:
            raise cms(311)
        case PinState.PUK:
            raise cms(316)
        case PinState.BLOCKED:
            raise cms(313)
    if modem.functionality == 0:
        raise cms(302)
    if not modem.power.messages_ready:
        raise cms(314)
    return sim
