"""27.007 4 to 9: identity, error form, character set, functionality, signal, clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hardware.simulator.commands.table import DONE, PENDING, Handler, choose
from hardware.simulator.lines import Call
from hardware.simulator.octets import write_time
from hardware.simulator.session import Refusal, cme
from hardware.simulator.textmode import stamp_text

if TYPE_CHECKING:
    from hardware.simulator.modem import SimulatedModem


def _identity(modem: SimulatedModem, call: Call) -> bool:
    if call.kind == "test":
        return DONE
    if call.kind != "run":
        raise Refusal
    family = modem.personality
    value = {
        "+CGMI": family.manufacturer,
        "+GMI": family.manufacturer,
        "+CGMM": family.model,
        "+GMM": family.model,
        "+CGMR": family.revision,
        "+GMR": family.revision,
        "+CGSN": modem.imei,
        "+GSN": modem.imei,
    }[call.name]
    modem.execution.information(value)
    return DONE


def _capabilities(modem: SimulatedModem, call: Call) -> bool:
    if call.kind == "run":
        modem.execution.information("+GCAP: +CGSM,+DS,+ES")
    return DONE


def _errors(modem: SimulatedModem, call: Call) -> bool:
    session = modem.session
    if call.kind == "set":
        session.error_mode = choose(call.number(0, 0), range(3))
    elif call.kind == "read":
        modem.execution.information(f"+CMEE: {session.error_mode}")
    elif call.kind == "test":
        modem.execution.information("+CMEE: (0-2)")
    else:
        session.error_mode = 0
    return DONE


def _charset(modem: SimulatedModem, call: Call) -> bool:
    family, session = modem.personality, modem.session
    if call.kind == "set":
        wanted = call.argument(0).upper()
        if wanted not in family.charsets:
            raise cme(50)
        session.charset = wanted
    elif call.kind == "read":
        modem.execution.information(f'+CSCS: "{session.charset}"')
    elif call.kind == "test":
        modem.execution.information("+CSCS: (" + ",".join(f'"{name}"' for name in family.charsets) + ")")
    else:
        raise Refusal
    return DONE


def _functionality(modem: SimulatedModem, call: Call) -> bool:
    if call.kind == "read":
        modem.execution.information(modem.personality.cfun_answer.format(modem.functionality))
        return DONE
    if call.kind == "test":
        modem.execution.information("+CFUN: (0,1,4),(0,1)")
        return DONE
    level, reset = choose(call.number(0, 1), (0, 1, 4)), choose(call.number(1, 0), (0, 1))
    if reset:
        modem.execution.later(lambda: _restart(modem), 0.1)
        return PENDING
    if level == modem.functionality:
        return DONE
    modem.functionality = level
    if level == 1:
        modem.power.busy_until = modem.network.time() + modem.personality.cfun_busy_seconds
        modem.execution.later(lambda: _radio_on(modem), 0.5)
    else:
        modem.execution.later(lambda: _radio_off(modem), 0.5)
    return PENDING


def _restart(modem: SimulatedModem) -> None:
    modem.execution.finish()
    modem.network.after(modem.personality.reset_delay, modem.reboot)


def _radio_on(modem: SimulatedModem) -> None:
    modem.radio.start(modem.personality.boot.register)
    modem.execution.finish()


def _radio_off(modem: SimulatedModem) -> None:
    modem.radio.switch_off()
    if modem.sim is not None:
        modem.network.detach(modem.sim)
        if modem.functionality == 0:
            modem.sim.verified = False
    modem.execution.finish()


def _signal(modem: SimulatedModem, call: Call) -> bool:
    if call.kind == "run":
        level = modem.radio.signal if modem.functionality == 1 else 99
        modem.execution.information(f"+CSQ: {level},99")
    elif call.kind == "test":
        modem.execution.information("+CSQ: (0-31,99),(0-7,99)")
    else:
        raise Refusal
    return DONE


def _extended_signal(modem: SimulatedModem, call: Call) -> bool:
    if call.kind == "test":
        modem.execution.information("+CESQ: (0-63,99),(0-7,99),(0-96,255),(0-49,255),(0-34,255),(0-97,255)")
        return DONE
    known = modem.functionality == 1 and modem.radio.signal != 99
    dbm = 2 * modem.radio.signal - 113
    if known and modem.personality.access == "lte":
        modem.execution.information(f"+CESQ: 99,99,255,255,20,{max(0, dbm - 30 + 141)}")
    else:
        modem.execution.information(f"+CESQ: {dbm + 111 if known else 99},99,255,255,255,255")
    return DONE


def _clock(modem: SimulatedModem, call: Call) -> bool:
    if call.kind == "read":
        modem.execution.information(f'+CCLK: "{stamp_text(write_time(modem.network.now().wall, 0))}"')
    return DONE


def _listed(modem: SimulatedModem, call: Call) -> bool:
    del modem
    if call.kind == "test":
        return DONE
    raise Refusal


HANDLERS: dict[str, Handler] = {
    **dict.fromkeys(("+CGMI", "+CGMM", "+CGMR", "+CGSN", "+GMI", "+GMM", "+GMR", "+GSN"), _identity),
    "+GCAP": _capabilities,
    "+CMEE": _errors,
    "+CSCS": _charset,
    "+CFUN": _functionality,
    "+CSQ": _signal,
    "+CESQ": _extended_signal,
    "+CCLK": _clock,
    "+CLAC": _listed,
}
