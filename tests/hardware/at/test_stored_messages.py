"""What is in a storage: taken for a PDU only where it is one, since what is handed over is deleted."""

from __future__ import annotations

import pytest

from hardware.at import answers
from hardware.at.channel import AtChannel
from hardware.modem.link import Link
from hardware.modem.storage import Place, Storage
from hardware.profiles import GENERIC
from tests.hardware.wire import OK, Wire

PDU = "07914477000000F0040C9144770009103200006211328143000002C834"
LENGTH = len(PDU) // 2 - 8
TEXT_HEADER = '"REC UNREAD","+447700900123",,"26/11/23,12:34:00+04"'


class Reader:
    """A storage behind a scripted modem, and what was handed over."""

    def __init__(self) -> None:
        self.wire = Wire()
        self.wire.on("AT+CPMS=?", '\r\n+CPMS: ("SM"),("SM"),("SM")\r\n' + OK)
        self.wire.on('AT+CPMS="SM","SM","SM"', "\r\n+CPMS: 1,10,1,10,1,10\r\n" + OK)
        for index in range(10):
            self.wire.on(f"AT+CMGD={index}", OK)
        self.storage = Storage(Link(AtChannel(self.wire, self.wire.clock), self.wire.clock, 1.0))
        self.storage.configure(GENERIC)
        self.handed: list[str] = []

    def fetch(self, *lines: str) -> list[str]:
        self.wire.replace("AT+CMGR=1", "\r\n" + "\r\n".join(lines) + "\r\n" + OK)
        self.storage.fetch(Place("SM", 1), self._take, report=False)
        return self.handed

    def sweep(self, *lines: str) -> list[str]:
        self.wire.replace("AT+CMGL=4", "\r\n" + "\r\n".join(lines) + "\r\n" + OK)
        self.storage.sweep(self._take)
        return self.handed

    def _take(self, memory: str, pdu: str) -> None:
        self.handed.append(pdu)

    @property
    def deleted(self) -> list[str]:
        return [text for text in self.wire.heard if text.startswith("AT+CMGD")]


@pytest.mark.parametrize("body", ["482913", "4829", "12345678901234567890123456", PDU])
def test_a_text_of_digits_is_neither_handed_over_nor_deleted(body: str) -> None:
    reader = Reader()
    assert reader.fetch(f"+CMGR: {TEXT_HEADER}", body) == []
    assert reader.sweep(f"+CMGL: 1,{TEXT_HEADER}", body) == []
    assert reader.deleted == []


def test_a_text_that_imitates_the_header_of_a_pdu_is_a_text() -> None:
    reader = Reader()
    assert reader.sweep(f"+CMGL: 1,{TEXT_HEADER}", "hello", f"+CMGL: 2,1,,{LENGTH}", PDU) == []
    assert reader.deleted == []


@pytest.mark.parametrize("header", [f"0,,{LENGTH}", f'1,"",{LENGTH}', f",,{LENGTH}", f"{LENGTH}", "0,,99"])
def test_a_pdu_is_taken_under_every_header(header: str) -> None:
    reader = Reader()
    assert reader.fetch(f"+CMGR: {header}", PDU) == [PDU]
    assert reader.deleted == ["AT+CMGD=1"]


@pytest.mark.parametrize(
    ("length", "body", "taken"),
    [(5, "000611223344", True), (10, "000611223344", False), (0, "482913", False), (4, "12345", False)],
)
def test_a_short_pdu_has_to_be_of_the_told_length(length: int, body: str, taken: bool) -> None:
    reader = Reader()
    assert reader.fetch(f"+CMGR: 0,,{length}", body) == ([body] if taken else [])
    assert bool(reader.deleted) == taken


def test_an_entry_without_an_index_costs_no_other() -> None:
    other = PDU[:-2] + "35"
    reader = Reader()
    listed = (f"+CMGL: 1,1,,{LENGTH}", PDU, f"+CMGL: ,1,,{LENGTH}", PDU, f"+CMGL: 3,0,,{LENGTH}", other)
    assert reader.sweep(*listed) == [PDU, other]
    assert reader.deleted == ["AT+CMGD=1", "AT+CMGD=3"]
    assert [message.index for message in answers.parse_messages(listed)] == [1, 3]


def test_a_modem_that_was_told_to_keep_quiet_is_told_to_speak() -> None:
    wire = Wire()
    wire.replace("AT", "")
    wire.on("ATQ0V1", OK)
    AtChannel(wire, wire.clock).resynchronise(10)
    assert [text for text in wire.heard if text != "ESC"][:2] == ["AT", "ATQ0V1"]


def test_a_modem_that_refuses_to_be_told_is_asked_again() -> None:
    wire = Wire()
    wire.replace("AT", "")
    wire.on("AT", OK)
    AtChannel(wire, wire.clock).resynchronise(10)
    assert [text for text in wire.heard if text != "ESC"][:2] == ["AT", "ATQ0V1"]
