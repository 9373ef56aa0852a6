"""The simulator's own octet reader and writer, against the standard's tables, device vectors and another decoder."""

from __future__ import annotations

import json
import os
import warnings
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.errors import DecodeError
from hardware.simulator import alphabet
from hardware.simulator.composing import compose
from hardware.simulator.octets import Address, Reader, read_service_centre, write_service_centre, write_time
from hardware.simulator.tpdu import (
    Deliver,
    Report,
    Submit,
    read_deliver,
    read_report,
    read_submit,
    relative_seconds,
    write_deliver,
    write_report,
    write_submit,
)
from hardware.simulator.userdata import alphabet_of, class_of, write_content

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from gsmmodem import pdu as library

GSM = "".join(sorted(alphabet._ENCODE))
STAMP = bytes.fromhex("62111121433404")


def vectors(name: str) -> list[Any]:
    folder = os.environ.get("SIMWIRE_VECTORS")
    if not folder:
        pytest.skip("SIMWIRE_VECTORS names no folder of device vectors")
    loaded: list[Any] = json.loads((Path(folder) / f"{name}.json").read_text())
    return loaded


def bare(entry: dict[str, Any], pdu: str) -> bytes:
    reader = Reader(bytes.fromhex(pdu))
    if entry["smsc_prefix"]:
        read_service_centre(reader)
    return reader.rest()


def test_a_submit_octet_by_octet() -> None:
    octets = bytes.fromhex("31000C9144770009101000000B05E8329BFD06")
    submit = read_submit(octets)
    assert submit == Submit(0x31, 0, Address("447700900101", 0x91), 0, 0, b"\x0b", 5, bytes.fromhex("E8329BFD06"))
    assert (submit.destination.number, submit.content.text, submit.report_requested) == ("+447700900101", "hello", True)
    assert submit.lifetime(0.0) == 3600
    assert write_submit(submit) == octets


def test_a_deliver_octet_by_octet() -> None:
    octets = bytes.fromhex("0404D0D4320008621111214334040400410416")
    deliver = read_deliver(octets)
    assert (deliver.originator.number, deliver.content.text) == ("Te", "AЖ")
    assert deliver.time == datetime.fromisoformat("2026-11-11T12:34:43+10:00")
    assert write_deliver(deliver) == octets


def test_a_report_octet_by_octet() -> None:
    octets = bytes.fromhex("062A04812143621111214334046211112143440400")
    report = read_report(octets)
    assert (report.reference, report.recipient.number, report.status) == (42, "1234", 0)
    assert report.discharged is not None and report.time is not None
    assert (report.discharged - report.time).total_seconds() == 1
    assert write_report(report) == octets


@given(text=st.text(alphabet=GSM, max_size=80))
def test_gsm_text_of_one_part_returns(text: str) -> None:
    (part,) = compose(text)
    submit = Submit(0x01, 0, Address.of("5588"), 0, part.dcs, b"", part.length, part.octets)
    assert read_submit(write_submit(submit)).content.text == text


@given(text=st.text(min_size=1, max_size=400))
def test_any_text_returns_from_its_parts(text: str) -> None:
    text = text.encode("utf-8", "replace").decode()
    pieces = []
    for part in compose(text, reference=9):
        submit = Submit(
            0x41 if part.has_header else 0x01, 0, Address.of("5588"), 0, part.dcs, b"", part.length, part.octets
        )
        content = read_submit(write_submit(submit)).content
        pieces.append(content.text or "")
    assert "".join(pieces) == text


@given(octets=st.binary(max_size=60))
def test_readers_end_in_a_value_or_a_decode_error(octets: bytes) -> None:
    for read in (read_submit, read_deliver, read_report):
        try:
            read(octets)
        except DecodeError:
            continue


@given(wall=st.integers(946_684_800, 3_000_000_000), quarters=st.integers(-48, 56))
def test_time_stamps_return_with_their_zone(wall: int, quarters: int) -> None:
    deliver = Deliver(0x04, Address.of("+447700900101"), 0, 0, write_time(wall, quarters), 0, b"")
    when = read_deliver(write_deliver(deliver)).time
    if when is not None and wall < 2_500_000_000:
        offset = when.utcoffset()
        assert when.timestamp() == wall
        assert offset is not None and offset.total_seconds() == quarters * 900


@pytest.mark.parametrize(
    ("octet", "seconds"),
    [(0, 300), (143, 43_200), (144, 45_000), (167, 86_400), (168, 172_800), (196, 2_592_000), (255, 38_102_400)],
)
def test_relative_validity(octet: int, seconds: int) -> None:
    assert relative_seconds(octet) == seconds


@pytest.mark.parametrize(
    ("kind", "vp", "seconds"),
    [
        (0x08, "02780000000000", 120),
        (0x08, "010B0000000000", 3600),
        (0x08, "03103254000000", 1 * 3600 + 23 * 60 + 45),
        (0x08, "00000000000000", None),
        (0x08, "82007800000000", 120),
        (0x18, "62111121433404", 0),
        (0x00, "", None),
    ],
)
def test_other_validity_formats(kind: int, vp: str, seconds: int | None) -> None:
    submit = Submit(0x01 | kind, 0, Address.of("5588"), 0, 0, bytes.fromhex(vp), 0, b"")
    assert read_submit(write_submit(submit)).lifetime(2_000_000_000.0) == seconds


@pytest.mark.parametrize(
    ("dcs", "kind", "message_class"),
    [
        (0x00, "gsm7", None),
        (0x04, "octets", None),
        (0x08, "ucs2", None),
        (0x0C, "gsm7", None),
        (0x10, "gsm7", 0),
        (0x18, "ucs2", 0),
        (0x48, "ucs2", None),
        (0x80, "gsm7", None),
        (0xC8, "gsm7", None),
        (0xE0, "ucs2", None),
        (0xF1, "gsm7", 1),
        (0xF6, "octets", 2),
    ],
)
def test_data_coding(dcs: int, kind: str, message_class: int | None) -> None:
    assert (alphabet_of(dcs), class_of(dcs)) == (kind, message_class)


def test_headers_ports_and_both_widths_of_concatenation() -> None:
    length, octets = write_content(
        b"x", ((0x05, bytes.fromhex("0B8423F0")), (0x08, b"\x12\x34\x03\x02")), kind="octets"
    )
    content = read_deliver(write_deliver(Deliver(0x44, Address.of("5588"), 0, 4, STAMP, length, octets))).content
    assert (content.ports, content.part, content.data) == ((2948, 9200), (0x1234, 3, 2), b"x")


@pytest.mark.parametrize("bad", [(0, 3, 0), (0, 0, 0), (0, 2, 3)])
def test_impossible_part_numbers_are_no_part(bad: tuple[int, int, int]) -> None:
    length, octets = write_content("x", ((0x00, bytes(bad)),), kind="gsm7")
    assert read_submit(write_submit(Submit(0x41, 0, Address.of("1"), 0, 0, b"", length, octets))).content.part is None


@pytest.mark.parametrize("number", ["+447700900101", "5588", "*100#", "12345"])
def test_addresses_return(number: str) -> None:
    report = Report(0x06, 1, Address.of(number), STAMP, STAMP, 0)
    assert read_report(write_report(report)).recipient.number == number
    assert read_service_centre(Reader(write_service_centre(Address.of(number)))) == Address.of(number)


@pytest.mark.parametrize("name", ["Te", "Example", "ExampleBank", "A"])
def test_alphanumeric_addresses_return(name: str) -> None:
    deliver = Deliver(0x04, Address.of(name), 0, 0, STAMP, 0, b"")
    assert read_deliver(write_deliver(deliver)).originator.number == name


def test_no_telephone_number_is_in_the_repr_of_an_address() -> None:
    assert "7009" not in repr(Address.of("+447700900101"))


def test_ussd_of_seven_septets_is_filled_with_cr() -> None:
    assert alphabet.pack_ussd("1234567").hex() == "31d98c56b3dd1a"
    assert [alphabet.unpack_ussd(alphabet.pack_ussd(text)) for text in ("1234567", "*100#")] == ["1234567", "*100#"]


# Against a decoder of other people, within the domain in which it is right


ORACLE = "".join(sorted(set(GSM) - set("§`\f\x1b@\r\n")))


@given(
    text=st.text(alphabet=ORACLE, min_size=1, max_size=60), status=st.integers(0, 127), reference=st.integers(0, 255)
)
def test_the_library_reads_what_is_written_here(text: str, status: int, reference: int) -> None:
    (part,) = compose(text)
    deliver = Deliver(0x04, Address.of("+447700900101"), 0, part.dcs, STAMP, part.length, part.octets)
    read = library.decodeSmsPdu((b"\0" + write_deliver(deliver)).hex().upper())
    assert (read["number"], read["text"]) == ("+447700900101", text)
    report = Report(0x06, reference, Address.of("+447700900101"), STAMP, STAMP, status)
    read = library.decodeSmsPdu((b"\0" + write_report(report)).hex().upper())
    assert (read["reference"], read["number"], read["status"]) == (reference, "+447700900101", status)


@given(text=st.text(alphabet=ORACLE + "ЖñΩ", min_size=1, max_size=60))
def test_what_the_library_writes_is_read_here(text: str) -> None:
    (pdu,) = library.encodeSmsSubmitPdu("+447700900101", text, reference=3, requestStatusReport=True)
    reader = Reader(bytes.fromhex(str(pdu)))
    read_service_centre(reader)
    submit = read_submit(reader.rest())
    assert (submit.destination.number, submit.content.text, submit.report_requested) == ("+447700900101", text, True)


# Device vectors


def test_submits_of_the_vectors_are_read_and_written_back() -> None:
    for entry in vectors("submit"):
        inputs, texts = entry["inputs"], ""
        for one in entry["pdus"]:
            octets = bare(entry, one["pdu"])
            submit = read_submit(octets)
            assert (len(octets), write_submit(submit)) == (one["tpdu_length"], octets), entry["id"]
            assert submit.destination.number == inputs["to"], entry["id"]
            assert submit.report_requested == bool(inputs.get("srr")), entry["id"]
            texts += submit.content.text or (submit.content.data or b"").hex().upper()
        joined = texts.encode("utf-16", "surrogatepass").decode("utf-16")
        assert joined == inputs.get("text", inputs.get("data_hex", "").upper()), entry["id"]


def test_delivers_of_the_vectors_are_read() -> None:
    for entry in vectors("deliver"):
        fields = entry["fields"]
        deliver = read_deliver(bare(entry, entry["pdu"]))
        when = deliver.time.isoformat() if deliver.time else None
        assert (deliver.originator.number, when) == (fields["oa"], fields["scts"]), entry["id"]
        if not fields.get("lone_surrogate"):
            assert deliver.content.text == fields.get("text"), entry["id"]
        assert class_of(deliver.dcs) == fields["message_class"], entry["id"]


def test_reports_of_the_vectors_are_read_and_written_back() -> None:
    for entry in vectors("status_report"):
        fields = entry["fields"]
        octets = bare(entry, entry["pdu"])
        report = read_report(octets)
        assert write_report(report) == octets, entry["id"]
        assert (report.recipient.number, report.reference, report.status) == (fields["ra"], fields["mr"], fields["st"])


def test_malformed_submits_of_the_vectors_are_refused() -> None:
    for entry in vectors("malformed"):
        if entry["direction"] != "mo" or entry["expect"] != "reject":
            continue
        with pytest.raises(DecodeError):
            read_submit(bare(entry, entry["pdu"]))
