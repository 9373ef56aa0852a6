"""27.005 3.4.4, 3.5.1 to 3.5.4, 4.3: sending, storing for sending, acknowledging."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hardware.simulator.commands.table import DONE, PENDING, Handler, message_card
from hardware.simulator.lines import Call
from hardware.simulator.octets import Address, Reader, read_service_centre, write_service_centre
from hardware.simulator.session import Refusal, cms
from hardware.simulator.sim import MessageStatus, StoredMessage
from hardware.simulator.stores import StoreView, place
from hardware.simulator.submission import parse_body
from hardware.simulator.textmode import text_submit, typed_address
from hardware.simulator.tpdu import Submit, read_submit, write_submit

if TYPE_CHECKING:
    from hardware.simulator.modem import SimulatedModem

_INVALID_PDU, _INVALID_TEXT, _INVALID_INDEX, _MEMORY_FULL = 304, 305, 321, 322
# A TPDU has at least 8 octets (an address without digits, no user data) and at most 164 (23.040 9.2.2.2).
_LENGTHS = range(8, 165)


def _announced(call: Call) -> int:
    length = call.number(0, -1)
    if length not in _LENGTHS:
        raise cms(_INVALID_PDU)
    return length


def _text(modem: SimulatedModem, call: Call, body: bytes) -> Submit | None:
    toa = call.number(1, 0) or None
    try:
        return text_submit(call.argument(0), toa, body, modem.session)
    except Refusal as refusal:
        modem.execution.refuse(refusal)
        return None


def _send(modem: SimulatedModem, call: Call) -> bool:
    if call.kind == "test":
        return DONE
    if call.kind != "set":
        raise Refusal
    message_card(modem)
    if modem.session.text_mode:
        if not call.argument(0):
            raise cms(_INVALID_TEXT)

        def written(body: bytes) -> None:
            submit = _text(modem, call, body)
            if submit is not None:
                modem.submission.submit(None, write_submit(submit), "+CMGS")

        modem.submission.prompt(written)
    else:
        length = _announced(call)
        modem.submission.prompt(lambda body: modem.submission.submit_hex(body, length, "+CMGS"))
    return PENDING


def _write(modem: SimulatedModem, call: Call) -> bool:
    if call.kind == "test":
        return DONE
    if call.kind not in ("set", "run"):
        raise Refusal
    message_card(modem)
    length = 0 if modem.session.text_mode else _announced(call)

    def written(body: bytes) -> None:
        if modem.session.text_mode:
            submit = _text(modem, call, body)
            if submit is not None:
                _keep(modem, None, write_submit(submit))
            return
        parsed = parse_body(body, length)
        if parsed is None:
            modem.execution.refuse(cms(_INVALID_PDU))
        else:
            _keep(modem, *parsed)

    modem.submission.prompt(written)
    return PENDING


def _keep(modem: SimulatedModem, centre: Address | None, tpdu: bytes) -> None:
    stored = StoredMessage(MessageStatus.UNSENT, write_service_centre(centre), tpdu, modem.network.time())
    placed = place(modem, modem.session.memories[1], stored)
    if placed is None:
        modem.execution.refuse(cms(_MEMORY_FULL))
        return
    modem.execution.information(f"+CMGW: {placed[1]}")
    modem.execution.finish()


def _send_stored(modem: SimulatedModem, call: Call) -> bool:
    if call.kind == "test":
        return DONE
    if call.kind != "set":
        raise Refusal
    message_card(modem)
    stored = StoreView(modem, modem.session.memories[1]).get(call.number(0, -1))
    if stored is None or stored.status not in (MessageStatus.UNSENT, MessageStatus.SENT):
        raise cms(_INVALID_INDEX)
    submit = read_submit(stored.tpdu)
    if call.argument(1):
        submit = replace(submit, destination=typed_address(call.argument(1)))
    stored.status = MessageStatus.SENT
    modem.submission.submit(read_service_centre(Reader(stored.centre)), write_submit(submit), "+CMSS")
    return PENDING


def _acknowledge(modem: SimulatedModem, call: Call) -> bool:
    if call.kind == "test":
        if not modem.session.text_mode:
            modem.execution.information("+CNMA: (0-2)")
        return DONE
    if call.kind == "read" or modem.session.service == 0:
        # 27.005 3.4.4: with service 0 there is never anything to acknowledge.
        raise cms(340) if call.kind != "read" else Refusal()
    action = call.number(0, 0)
    if action not in range(3) or (modem.session.text_mode and call.kind == "set"):
        raise cms(_INVALID_PDU)
    if call.number(1, 0):
        modem.submission.prompt(lambda _: _acknowledged(modem, accepted=action != 2))
        return PENDING
    modem.routing.acknowledge(accepted=action != 2)
    return DONE


def _acknowledged(modem: SimulatedModem, *, accepted: bool) -> None:
    try:
        modem.routing.acknowledge(accepted=accepted)
    except Refusal as refusal:
        modem.execution.refuse(refusal)
    else:
        modem.execution.finish()


HANDLERS: dict[str, Handler] = {"+CMGS": _send, "+CMGW": _write, "+CMSS": _send_stored, "+CNMA": _acknowledge}
