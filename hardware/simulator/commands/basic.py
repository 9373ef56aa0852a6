"""V.250: echo, form of results, S registers, profiles, dialling."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from hardware.simulator.commands.table import DONE, PENDING, Handler
from hardware.simulator.lines import Call
from hardware.simulator.session import Refusal

if TYPE_CHECKING:
    from hardware.simulator.modem import SimulatedModem


def _flag(call: Call, highest: int = 1) -> int:
    value = int(call.text or 0)
    if value > highest:
        raise Refusal
    return value


def _echo(modem: SimulatedModem, call: Call) -> bool:
    modem.session.echo = bool(_flag(call))
    return DONE


def _verbose(modem: SimulatedModem, call: Call) -> bool:
    modem.session.verbose = bool(_flag(call))
    return DONE


def _quiet(modem: SimulatedModem, call: Call) -> bool:
    modem.session.quiet = bool(_flag(call))
    return DONE


def _profile(modem: SimulatedModem, call: Call) -> bool:
    """ATZ and AT&F: V.250 settings and the 27.005 and 27.007 ones that a profile holds, back to the factory's."""
    _flag(call)
    session = modem.session
    session.echo, session.verbose, session.quiet = True, True, False
    session.error_mode, session.text_mode, session.show_parameters = 0, False, False
    session.s_registers = {3: 13, 4: 10, 5: 8}
    session.charset, session.service = "GSM", 0
    session.cnmi = list(modem.personality.cnmi_default)
    session.registration_reports = dict.fromkeys(session.registration_reports, 0)
    return DONE


def _accepted(modem: SimulatedModem, call: Call) -> bool:
    del modem, call
    return DONE


def _information(modem: SimulatedModem, call: Call) -> bool:
    _flag(call, 9)
    family = modem.personality
    modem.execution.information(f"Manufacturer: {family.manufacturer}")
    modem.execution.information(f"Model: {family.model}")
    modem.execution.information(f"Revision: {family.revision}")
    return DONE


def _register(number: int, modem: SimulatedModem, call: Call) -> bool:
    if call.kind == "read":
        modem.execution.information(f"{modem.session.s_registers.get(number, 0):03d}")
        return DONE
    value = int(call.text or 0)
    if value > (127 if number in (3, 4, 5) else 255):
        raise Refusal
    modem.session.s_registers[number] = value
    return DONE


def _dial(modem: SimulatedModem, call: Call) -> bool:
    if call.text.rstrip().endswith(";"):
        return DONE
    modem.execution.later(lambda: modem.execution.result("NO CARRIER"), 2.0)
    return PENDING


def _port_setting(modem: SimulatedModem, call: Call) -> bool:
    """+IPR, +IFC, +ICF: a virtual line has no speed, so any well-formed value is taken and told back."""
    default = {"+IPR": "115200", "+IFC": "2,2", "+ICF": "3,3"}[call.name]
    if call.kind == "set":
        if not call.arguments or any(call.number(place, 0) < 0 for place in range(len(call.arguments))):
            raise Refusal
        modem.session.vendor[call.name] = call.text
    elif call.kind == "test":
        ranges = {"+IPR": "(0,9600,19200,38400,57600,115200)", "+IFC": "(0-2),(0-2)", "+ICF": "(3),(3)"}
        modem.execution.information(f"{call.name}: {ranges[call.name]}")
    elif call.kind == "read":
        modem.execution.information(f"{call.name}: {modem.session.vendor.get(call.name, default)}")
    else:
        raise Refusal
    return DONE


HANDLERS: dict[str, Handler] = {
    "E": _echo,
    "V": _verbose,
    "Q": _quiet,
    "Z": _profile,
    "&F": _profile,
    "&W": _accepted,
    "&D": _accepted,
    "&C": _accepted,
    "&K": _accepted,
    "X": _accepted,
    "L": _accepted,
    "M": _accepted,
    "H": _accepted,
    "I": _information,
    "D": _dial,
    "+IPR": _port_setting,
    "+IFC": _port_setting,
    "+ICF": _port_setting,
    **{f"S{number}": partial(_register, number) for number in (0, 3, 4, 5, 6, 7, 8, 10)},
}
