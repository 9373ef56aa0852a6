"""Commands of makers, as far as a gateway meets them: card identity, PIN counters, settings that are only accepted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hardware.simulator.commands.sims import card
from hardware.simulator.commands.table import DONE, Handler, open_card
from hardware.simulator.lines import Call
from hardware.simulator.personality import Personality
from hardware.simulator.sim import PinState

if TYPE_CHECKING:
    from hardware.simulator.modem import SimulatedModem

# What is left of PIN, PUK, PIN2, PUK2, in the order and with the words of each maker.
_COUNTERS = {
    "^CPIN": "^CPIN: {state},{now},{puk},{pin},10,3",
    "^SPIC": "^SPIC: {now}",
    "+SPIC": "+SPIC: {pin},{puk},3,10",
    "+UPINCNT": "+UPINCNT: {pin},3,{puk},10",
    "+QPINC": '+QPINC: "SC",{pin},{puk}',
    "+CPINC": "+CPINC: {pin},3,{puk},10",
    "+ZPINPUK": "+ZPINPUK: {pin},{puk}",
    "#PCT": "#PCT: {now}",
}


def _identity(modem: SimulatedModem, call: Call) -> bool:
    if call.kind == "test":
        return DONE
    modem.execution.information(modem.personality.iccid[call.name].format(iccid=open_card(modem).iccid))
    return DONE


def _locked_identity(modem: SimulatedModem, call: Call) -> bool:
    # EF_ICCID may be read without a PIN (31.102 4.2.1); several families do so.
    if call.kind == "test":
        return DONE
    modem.execution.information(modem.personality.iccid[call.name].format(iccid=card(modem).iccid))
    return DONE


def _counter(modem: SimulatedModem, call: Call) -> bool:
    sim = card(modem)
    now = str(sim.puk_tries if sim.tries == 0 else sim.tries)
    if call.name == "^CPIN" and sim.state is PinState.READY:
        now = ""
    template = _COUNTERS[call.name]
    modem.execution.information(template.format(state=sim.state.value, pin=sim.tries, puk=sim.puk_tries, now=now))
    return DONE


def _setting(modem: SimulatedModem, call: Call) -> bool:
    if call.kind == "read":
        modem.execution.information(f"{call.name}: {modem.session.vendor.get(call.name, '0')}")
    elif call.kind == "set":
        modem.session.vendor[call.name] = call.text
    return DONE


def names(personality: Personality) -> set[str]:
    """The maker's commands that a family knows."""
    counter = {personality.pin_counter} & _COUNTERS.keys()
    quiet = {personality.noise_off} if personality.noise_off.startswith("^") else set()
    return {*personality.iccid, *counter, *personality.accepted, *quiet}


def handler(personality: Personality, name: str) -> Handler | None:
    """The handler of a maker's command; None for names that the family does not know."""
    if name in personality.iccid and name not in personality.unsupported:
        return _locked_identity if personality.iccid_without_pin else _identity
    if name == personality.pin_counter and name in _COUNTERS:
        return _counter
    if name in personality.accepted or (name == personality.noise_off and name.startswith("^")):
        return _setting
    return None
