"""27.007 7.2, 7.3, 10.1: registration and operators."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hardware.simulator.commands.table import DONE, PENDING, Handler, choose, open_card
from hardware.simulator.lines import Call
from hardware.simulator.session import Refusal, cme
from hardware.simulator.textmode import shown

if TYPE_CHECKING:
    from hardware.simulator.modem import SimulatedModem

_ACCESS = {"gsm": 0, "umts": 2, "lte": 7}


def _registration(modem: SimulatedModem, call: Call) -> bool:
    reports = modem.session.registration_reports
    if call.kind == "set":
        reports[call.name] = choose(call.number(0, 0), range(3))
    elif call.kind == "read":
        mode = reports[call.name]
        modem.execution.information(f"{call.name}: {mode},{modem.radio.description(call.name, mode)}")
    elif call.kind == "test":
        modem.execution.information(f"{call.name}: (0-2)")
    else:
        reports[call.name] = 0
    return DONE


def _operator(modem: SimulatedModem, call: Call) -> bool:
    session = modem.session
    if call.kind == "read":
        if not modem.radio.registered:
            modem.execution.information("+COPS: 0")
            return DONE
        operator = modem.operator
        value = (operator.name, operator.short_name, operator.plmn)[session.operator_format]
        text = f'"{shown(value, session.charset)}"'
        modem.execution.information(f"+COPS: 0,{session.operator_format},{text},{_ACCESS[modem.personality.access]}")
        return DONE
    open_card(modem)
    if call.kind == "test":
        modem.execution.later(lambda: _scanned(modem), 20.0)
        return PENDING
    if call.kind != "set":
        raise Refusal
    mode = choose(call.number(0, 0), range(5))
    if mode == 3 or len(call.arguments) > 1:
        session.operator_format = choose(call.number(1, session.operator_format), range(3))
    if mode == 2:
        modem.radio.switch_off()
    elif mode in (0, 1, 4):
        wanted = call.argument(2)
        if mode == 1 and not any(wanted in (one.plmn, one.name, one.short_name) for one in modem.network.operators):
            raise cme(30)
        if not modem.radio.registered:
            modem.radio.start(modem.personality.boot.register)
    return DONE


def _scanned(modem: SimulatedModem) -> None:
    access = _ACCESS[modem.personality.access]
    found = ",".join(
        f'({2 if one is modem.operator else 3},"{one.name}","{one.short_name}","{one.plmn}",{access})'
        for one in modem.network.operators
    )
    modem.execution.information(f"+COPS: {found},,(0-4),(0-2)")
    modem.execution.finish()


def _attached(modem: SimulatedModem, call: Call) -> bool:
    if call.kind == "read":
        modem.execution.information(f"+CGATT: {int(modem.radio.registered)}")
    return DONE


HANDLERS: dict[str, Handler] = {
    **dict.fromkeys(("+CREG", "+CGREG", "+CEREG"), _registration),
    "+COPS": _operator,
    "+CGATT": _attached,
}
