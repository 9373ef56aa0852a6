"""27.007 7.15: unstructured supplementary service data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hardware.simulator import alphabet
from hardware.simulator.commands.table import DONE, Handler, choose, open_card
from hardware.simulator.lines import Call
from hardware.simulator.session import cme
from hardware.simulator.sim import UssdAnswer
from hardware.simulator.textmode import shown

if TYPE_CHECKING:
    from hardware.simulator.modem import SimulatedModem

_NETWORK_SECONDS = 1.5
_UNKNOWN = UssdAnswer(None, 4)


def _ussd(modem: SimulatedModem, call: Call) -> bool:
    session = modem.session
    if call.kind == "read":
        modem.execution.information(f"+CUSD: {session.ussd_reports}")
        return DONE
    if call.kind == "test":
        modem.execution.information("+CUSD: (0-2)")
        return DONE
    mode = choose(call.number(0, 0), range(3))
    if mode == 2:
        modem.dialogue = None
        return DONE
    session.ussd_reports = mode
    if len(call.arguments) < 2:
        return DONE
    sim = open_card(modem)
    if not modem.radio.registered:
        raise cme(30)
    code = _code(modem, call.argument(1))
    answers = sim.ussd if modem.dialogue is None else modem.dialogue.replies
    found = answers.get(code, _UNKNOWN)
    answer = UssdAnswer(found) if isinstance(found, str) else found
    modem.dialogue = answer if answer.mode == 1 else None
    modem.network.after(_NETWORK_SECONDS, lambda: _answered(modem, answer))
    return DONE


def _form(modem: SimulatedModem) -> str:
    # AT^USSDMODE=0 makes the packing families speak text.
    packed = modem.personality.ussd == "packed" and modem.session.vendor.get("^USSDMODE") == "0"
    return "text" if packed else modem.personality.ussd


def _code(modem: SimulatedModem, written: str) -> str:
    try:
        if _form(modem) == "packed":
            return alphabet.unpack_ussd(bytes.fromhex(written))
        if modem.session.charset == "UCS2":
            return bytes.fromhex(written).decode("utf-16-be")
    except ValueError:
        raise cme(50) from None
    return written


def _answered(modem: SimulatedModem, answer: UssdAnswer) -> None:
    if not modem.session.ussd_reports:
        return
    if answer.text is None:
        modem.news(f"+CUSD: {answer.mode}")
        return
    text, family = answer.text, _form(modem)
    in_gsm = alphabet.septets_of(text) is not None
    if not in_gsm or family == "ucs2":
        modem.news(f'+CUSD: {answer.mode},"{text.encode("utf-16-be").hex().upper()}",72')
    elif family == "packed":
        modem.news(f'+CUSD: {answer.mode},"{alphabet.pack_ussd(text).hex().upper()}",15')
    else:
        modem.news(f'+CUSD: {answer.mode},"{shown(text, modem.session.charset)}",15')


HANDLERS: dict[str, Handler] = {"+CUSD": _ussd}
