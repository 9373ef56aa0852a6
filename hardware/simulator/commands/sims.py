"""27.007 8.3, 8.5, 7.4, 7.5: PIN, facility locks, and what is read from the card."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hardware.simulator.commands.table import DONE, Handler, open_card
from hardware.simulator.lines import Call
from hardware.simulator.session import Refusal, cme
from hardware.simulator.sim import PinState, SimCard

if TYPE_CHECKING:
    from hardware.simulator.modem import SimulatedModem

_INCORRECT_PASSWORD, _PUK_NEEDED, _SIM_FAILURE, _NOT_ALLOWED = 16, 12, 13, 3
NEEDS_CARD = frozenset({"+CPIN", "+CIMI", "+CNUM", "+CLCK", "+CPWD", "+CPINR"})


def card(modem: SimulatedModem) -> SimCard:
    """The card, locked or not; refuses with CME 10, 14, 515 or 13."""
    if modem.sim is None:
        raise cme(10)
    if modem.network.time() < modem.power.busy_until:
        raise cme(515)
    if not modem.power.sim_ready:
        raise cme(14)
    if modem.sim.state is PinState.BLOCKED:
        raise cme(_SIM_FAILURE)
    return modem.sim


def _pin(modem: SimulatedModem, call: Call) -> bool:
    sim = card(modem) if call.kind != "test" else None
    if sim is None:
        return DONE
    if call.kind == "read":
        modem.execution.information(f"+CPIN: {sim.state.value}")
        if modem.personality.cpin_bare:
            modem.execution.bare()
        return DONE
    if call.kind != "set":
        raise Refusal
    _enter(modem, sim, call)
    if sim.state is PinState.READY:
        modem.radio.start(modem.personality.boot.register)
        modem.routing.wake()
    return DONE


def _enter(modem: SimulatedModem, sim: SimCard, call: Call) -> None:
    code, new = call.argument(0), call.argument(1)
    match sim.state:
        case PinState.READY:
            if modem.personality.pin_unasked_counts and sim.pin is not None and code != sim.pin:
                sim.spend_try()
                raise cme(_INCORRECT_PASSWORD)
            raise cme(_NOT_ALLOWED)
        case PinState.PIN:
            if not sim.verify(code):
                raise cme(_INCORRECT_PASSWORD if sim.tries else _PUK_NEEDED)
        case _:
            if not (4 <= len(new) <= 8 and new.isdigit()):
                raise cme(_PUK_NEEDED)
            if not sim.unblock(code, new):
                raise cme(_INCORRECT_PASSWORD if sim.puk_tries else _SIM_FAILURE)


def _tries(modem: SimulatedModem, call: Call) -> bool:
    sim = card(modem)
    if call.kind == "test":
        return DONE
    modem.execution.information(f"+CPINR: SIM PIN,{sim.tries},3")
    modem.execution.information(f"+CPINR: SIM PUK,{sim.puk_tries},10")
    return DONE


def _lock(modem: SimulatedModem, call: Call) -> bool:
    if call.kind == "test":
        modem.execution.information('+CLCK: ("SC")')
        return DONE
    if call.kind != "set" or call.argument(0).upper() != "SC":
        raise cme(4)
    sim = card(modem)
    mode = call.number(1, -1)
    if mode == 2:
        modem.execution.information(f"+CLCK: {int(sim.pin is not None)}")
        return DONE
    sim = open_card(modem)
    code = call.argument(2)
    if mode not in (0, 1) or not code:
        raise cme(50)
    if mode == 0 and sim.pin is not None:
        if not sim.verify(code):
            raise cme(_INCORRECT_PASSWORD)
        sim.pin = None
    elif mode == 1 and sim.pin is None:
        # The card keeps its PIN while the lock is off; this one takes what it is locked with.
        sim.pin, sim.verified = code, True
    return DONE


def _password(modem: SimulatedModem, call: Call) -> bool:
    if call.kind == "test":
        modem.execution.information('+CPWD: ("SC",8)')
        return DONE
    if call.kind != "set" or call.argument(0).upper() != "SC":
        raise cme(4)
    sim = open_card(modem)
    old, new = call.argument(1), call.argument(2)
    if sim.pin is None:
        raise cme(_NOT_ALLOWED)
    if not (4 <= len(new) <= 8 and new.isdigit()):
        raise cme(50)
    if not sim.verify(old):
        raise cme(_INCORRECT_PASSWORD)
    sim.pin = new
    return DONE


def _imsi(modem: SimulatedModem, call: Call) -> bool:
    if call.kind == "run":
        modem.execution.information(open_card(modem).imsi)
    elif call.kind != "test":
        raise Refusal
    return DONE


def _number(modem: SimulatedModem, call: Call) -> bool:
    if call.kind == "run":
        number = open_card(modem).number
        modem.execution.information(f'+CNUM: "","{number}",{145 if number.startswith("+") else 129}')
    return DONE


HANDLERS: dict[str, Handler] = {
    "+CPIN": _pin,
    "+CPINR": _tries,
    "+CLCK": _lock,
    "+CPWD": _password,
    "+CIMI": _imsi,
    "+CNUM": _number,
}
