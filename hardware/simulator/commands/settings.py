"""27.005 3.1 to 3.3, 3.4.1, 3.5.6: how messages are shown, stored, announced and sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hardware.simulator.commands.table import DONE, Handler, choose, message_card
from hardware.simulator.lines import Call
from hardware.simulator.session import Refusal, cms
from hardware.simulator.stores import StoreView
from hardware.simulator.textmode import shown

if TYPE_CHECKING:
    from hardware.simulator.modem import SimulatedModem

_NOT_SUPPORTED = 303
_SERVICES = (0, 1)


def _format(modem: SimulatedModem, call: Call) -> bool:
    session = modem.session
    if modem.personality.text_waits_for_sms and not modem.power.messages_ready:
        raise Refusal
    if call.kind == "set":
        session.text_mode = bool(choose(call.number(0, 0), (0, 1)))
    elif call.kind == "read":
        modem.execution.information(f"+CMGF: {int(session.text_mode)}")
    elif call.kind == "test":
        modem.execution.information("+CMGF: (0,1)")
    else:
        session.text_mode = False
    return DONE


def _service(modem: SimulatedModem, call: Call) -> bool:
    session = modem.session
    if call.kind == "set":
        wanted = call.number(0, 0)
        if wanted not in _SERVICES:
            raise cms(_NOT_SUPPORTED)
        session.service = wanted
        modem.execution.information("+CSMS: 1,1,1")
    elif call.kind == "read":
        modem.execution.information(f"+CSMS: {session.service},1,1,1")
    elif call.kind == "test":
        modem.execution.information("+CSMS: (0,1)")
    else:
        raise Refusal
    return DONE


def _centre(modem: SimulatedModem, call: Call) -> bool:
    sim = message_card(modem)
    if call.kind == "read":
        number = sim.service_centre or ""
        kind = 145 if number.startswith("+") else 129
        modem.execution.information(f'+CSCA: "{shown(number, modem.session.charset)}",{kind}')
    elif call.kind == "set":
        number = call.argument(0)
        international = call.number(1, 145 if number.startswith("+") else 129) == 145
        if not number.lstrip("+").isdigit() and number:
            raise cms(304)
        sim.service_centre = "+" + number.lstrip("+") if international and number else number
    elif call.kind != "test":
        raise Refusal
    return DONE


def _parameters(modem: SimulatedModem, call: Call) -> bool:
    session = modem.session
    if call.kind == "read":
        modem.execution.information("+CSMP: " + ",".join(map(str, session.parameters)))
    elif call.kind == "set":
        values = [call.number(place, default) for place, default in enumerate(session.parameters)]
        if any(not 0 <= value <= 255 for value in values):
            raise cms(305)
        session.parameters = values
        if modem.personality.csmp_clears_centre and modem.sim is not None:
            modem.sim.service_centre = ""
    elif call.kind != "test":
        raise Refusal
    return DONE


def _header(modem: SimulatedModem, call: Call) -> bool:
    session = modem.session
    if call.kind == "set":
        session.show_parameters = bool(choose(call.number(0, 0), (0, 1)))
    elif call.kind == "read":
        modem.execution.information(f"+CSDH: {int(session.show_parameters)}")
    elif call.kind == "test":
        modem.execution.information("+CSDH: (0,1)")
    return DONE


def _counts(modem: SimulatedModem, memories: list[str], *, named: bool) -> str:
    lag = modem.personality.storage_counter_lag
    views = [(name, StoreView(modem, name)) for name in memories]
    lead = '"{0}",{1},{2}' if named else "{1},{2}"
    return ",".join(lead.format(name, view.used(lag), view.capacity) for name, view in views)


def _memories(modem: SimulatedModem, call: Call) -> bool:
    family, session = modem.personality, modem.session
    if call.kind == "test":
        listed = ",".join("(" + ",".join(f'"{name}"' for name in names) + ")" for names in family.memories)
        modem.execution.information(f"+CPMS: {family.cpms_test or listed}")
        return DONE
    message_card(modem)
    shown_memories = session.memories[: family.cpms_arguments]
    if call.kind == "read":
        modem.execution.information(f"+CPMS: {_counts(modem, shown_memories, named=True)}")
    elif call.kind == "set":
        wanted = call.arguments
        if not wanted or len(wanted) > family.cpms_arguments or not wanted[0]:
            raise cms(302)
        chosen = list(session.memories)
        for place, name in enumerate(wanted):
            if name and name.upper() not in family.memories[place]:
                raise cms(302)
            chosen[place] = name.upper() or chosen[place]
        session.memories = chosen
        modem.execution.information(f"+CPMS: {_counts(modem, chosen[: family.cpms_arguments], named=False)}")
    else:
        raise Refusal
    return DONE


def _indications(modem: SimulatedModem, call: Call) -> bool:
    family, session = modem.personality, modem.session
    if call.kind == "test":
        modem.execution.information(f"+CNMI: {family.cnmi_test}")
        return DONE
    message_card(modem)
    if call.kind == "read":
        modem.execution.information("+CNMI: " + ",".join(map(str, session.cnmi)))
        return DONE
    # 27.005 3.4.1: what is left out keeps its value; with no value at all everything goes back to the start values.
    values = [call.number(place, value) for place, value in enumerate(session.cnmi)]
    if call.kind == "run":
        values = list(family.cnmi_default)
    if len(call.arguments) > 5 or any(value not in allowed for value, allowed in zip(values, family.cnmi, strict=True)):
        raise cms(302)
    if (values[0], values[3]) in family.cnmi_refused:
        raise cms(_NOT_SUPPORTED)
    session.cnmi = values
    if values[0]:
        modem.routing.release(clear=values[4] == 1)
    return DONE


def _more(modem: SimulatedModem, call: Call) -> bool:
    if call.kind == "set":
        modem.session.more = choose(call.number(0, 0), range(3))
    elif call.kind == "read":
        modem.execution.information(f"+CMMS: {modem.submission.link_mode()}")
    elif call.kind == "test":
        modem.execution.information("+CMMS: (0-2)")
    else:
        raise Refusal
    return DONE


def _domain(modem: SimulatedModem, call: Call) -> bool:
    if call.kind == "set":
        modem.session.domain = choose(call.number(0, 1), range(4))
    elif call.kind == "read":
        modem.execution.information(f"+CGSMS: {modem.session.domain}")
    elif call.kind == "test":
        modem.execution.information("+CGSMS: (0-3)")
    else:
        raise Refusal
    return DONE


HANDLERS: dict[str, Handler] = {
    "+CMGF": _format,
    "+CSMS": _service,
    "+CSCA": _centre,
    "+CSMP": _parameters,
    "+CSDH": _header,
    "+CPMS": _memories,
    "+CNMI": _indications,
    "+CMMS": _more,
    "+CGSMS": _domain,
}
