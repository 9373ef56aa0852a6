"""27.005 3.4.2, 3.4.3, 3.5.4, 4.1, 4.2: listing, reading and deleting what is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hardware.simulator.commands.table import DONE, Handler, message_card
from hardware.simulator.lines import Call
from hardware.simulator.session import Refusal, cms
from hardware.simulator.sim import MessageStatus, StoredMessage
from hardware.simulator.stores import StoreView
from hardware.simulator.textmode import STATUS_WORDS, stored_lines

if TYPE_CHECKING:
    from hardware.simulator.modem import SimulatedModem

_NOT_SUPPORTED, _INVALID_PDU, _INVALID_TEXT, _INVALID_INDEX = 303, 304, 305, 321
_ALL = 4


def _view(modem: SimulatedModem) -> StoreView:
    message_card(modem)
    return StoreView(modem, modem.session.memories[0])


def _see(message: StoredMessage) -> None:
    if message.status is MessageStatus.UNREAD:
        message.status = MessageStatus.READ


def _read(modem: SimulatedModem, call: Call) -> bool:
    if call.kind == "test":
        return DONE
    if call.kind != "set":
        raise Refusal
    stored = _view(modem).get(call.number(0, -1))
    if stored is None:
        raise cms(_INVALID_INDEX)
    modem.execution.information(stored_lines(stored, modem.session, alpha=modem.personality.alpha, lead="+CMGR: "))
    _see(stored)
    return DONE


def _wanted(modem: SimulatedModem, call: Call) -> int:
    if not modem.session.text_mode:
        status = call.number(0, 0)
        if status not in range(_ALL + 1):
            raise cms(_INVALID_PDU)
        return status
    word = call.argument(0, "REC UNREAD").upper()
    if word == "ALL":
        return _ALL
    for status, name in STATUS_WORDS.items():
        if name == word:
            return int(status)
    raise cms(_INVALID_TEXT)


def _list(modem: SimulatedModem, call: Call) -> bool:
    if call.kind == "test":
        words = ",".join(f'"{word}"' for word in (*STATUS_WORDS.values(), "ALL"))
        modem.execution.information(f"+CMGL: ({words})" if modem.session.text_mode else "+CMGL: (0-4)")
        return DONE
    if call.kind == "read":
        raise Refusal
    view, wanted = _view(modem), _wanted(modem, call)
    for index, stored in view.items():
        if wanted in (_ALL, int(stored.status)):
            modem.execution.information(
                stored_lines(stored, modem.session, alpha=modem.personality.alpha, lead=f"+CMGL: {index},")
            )
            _see(stored)
    return DONE


def _doomed(stored: StoredMessage, flag: int) -> bool:
    # 27.005 3.5.4: 1 read, 2 and sent, 3 and unsent, 4 all
    kinds = (MessageStatus.READ, MessageStatus.SENT, MessageStatus.UNSENT, MessageStatus.UNREAD)
    return stored.status in kinds[:flag]


def _delete(modem: SimulatedModem, call: Call) -> bool:
    view = _view(modem)
    if call.kind == "test":
        listed = ",".join(str(index) for index, _ in view.items())
        modem.execution.information(f"+CMGD: ({listed}),(0-4)")
        return DONE
    if call.kind != "set":
        raise Refusal
    flag = call.number(1, 0)
    if flag not in range(5):
        raise cms(_NOT_SUPPORTED)
    if flag:
        for index, stored in view.items():
            if _doomed(stored, flag):
                view.remove(index)
    else:
        view.remove(call.number(0, -1))
    if modem.sim is not None:
        modem.network.memory_available(modem.sim)
    return DONE


HANDLERS: dict[str, Handler] = {"+CMGR": _read, "+CMGL": _list, "+CMGD": _delete}
