"""What a trace shows, and what it does not."""

from __future__ import annotations

import pytest

from hardware.at.channel import AtChannel
from hardware.serial_port import TracedData, TracingTransport
from tests.hardware.at.bench import QuietHooks
from tests.hardware.wire import OK, Wire

PDU = "0001000C91447700091032000004D4F29C0E"


@pytest.mark.parametrize("chunk", [1, 2, 7, 4096])
def test_a_masked_trace_has_no_pdu_no_pin_and_no_number(chunk: int) -> None:
    wire, seen = Wire(chunk=chunk, echo=True), list[TracedData]()
    traced = TracingTransport(wire, seen.append, wire.clock)
    channel = AtChannel(traced, wire.clock)
    wire.on("AT+CMGS=17", "\r\n> ")
    wire.on("pdu", "\r\n+CMGS: 8\r\n" + OK)
    wire.on('AT+CPIN="4711"', OK)
    wire.on("AT+CNUM", '\r\n+CNUM: "","+447700900123",145\r\n' + OK)
    channel.submit(17, PDU, QuietHooks())
    channel.command('AT+CPIN="4711"')
    channel.command("AT+CNUM")
    traced.close()
    whole = b"".join(record.data for record in seen)
    assert PDU[:12].encode() not in whole
    assert b"4711" not in whole
    assert b"7700900" not in whole
    for part in (b"AT+CMGS=17\r", b"\n>", b"[18 octets]\x1a", b"+CMGS: 8\r", b"AT+CPIN=****", b'"+***23",145'):
        assert part in whole
    assert {record.direction for record in seen} == {"sent", "received"}
    assert [record.at.boot for record in seen] == sorted(record.at.boot for record in seen)


def test_an_unmasked_trace_is_what_went_over_the_wire() -> None:
    wire, seen = Wire(chunk=5), list[TracedData]()
    traced = TracingTransport(wire, seen.append, wire.clock, mask=False)
    AtChannel(traced, wire.clock).command("AT")
    assert [(record.direction, record.data) for record in seen] == [
        ("sent", b"AT\r"),
        ("received", b"\r\nOK\r"),
    ]
    assert traced.name == wire.name


def test_a_trace_passes_everything_on() -> None:
    wire = Wire()
    traced = TracingTransport(wire, lambda _: None, wire.clock)
    traced.wake()
    assert traced.read(10, wakeable=True) == b""
    assert wire.clock.boot() == 1_000
    traced.close()
    assert wire.closed
