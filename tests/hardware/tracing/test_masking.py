"""What a masked trace shows, and what it never does, however the octets were cut."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardware.pdu import Address, DeliverPdu, StatusReportPdu, SubmitPdu, decode_incoming, segment
from hardware.simulator import alphabet, octets, tpdu, userdata
from hardware.tracing import Entry, Mark, Masker, Octets

IMEI, IMSI, ICCID = "490154203237518", "234159876543211", "8944101234567890123"


@dataclass(frozen=True)
class Said:
    """A conversation as pieces that go one way each, and the secrets in it."""

    pieces: list[tuple[str, bytes]]
    secrets: list[bytes]


def cut(pieces: list[tuple[str, bytes]], sizes: list[int]) -> list[Entry]:
    """The conversation in chunks of the given sizes, taken in turn."""
    entries: list[Entry] = []
    for direction, data in pieces:
        at = 0
        while at < len(data):
            size = sizes[len(entries) % len(sizes)]
            entries.append(Octets(float(len(entries)), direction, data[at : at + size]))  # type: ignore[arg-type]
            at += size
    return entries


def masked(entries: list[Entry], *, synced: bool = True) -> list[Entry]:
    masker = Masker(synced=synced)
    return [shown for entry in entries for shown in masker.take(entry)] + masker.finish()


def joined(entries: list[Entry], direction: str) -> bytes:
    return b"".join(one.data for one in entries if isinstance(one, Octets) and one.direction == direction)


def whole(*pieces: tuple[str, bytes]) -> bytes:
    return b"".join(one.data for one in masked(cut(list(pieces), [4096])) if isinstance(one, Octets))


numbers = st.text("23456789", min_size=10, max_size=12)
pins = st.text("569", min_size=4, max_size=8)  # of digits that nothing else here has four of in a row
words = st.text(st.sampled_from("abcdefghiklmnopqrstuvwyzäöüßñ€$ABCDEFGHI 123456789"), min_size=8, max_size=60).filter(
    lambda text: len(text.strip()) >= 8 and len(set(text)) > 3
)


def delivered(number: str, text: str, dcs: int) -> str:
    """An SMS-DELIVER with its service centre, by the simulator's codec."""
    kind = userdata.alphabet_of(dcs)
    length, data = userdata.write_content(text if kind != "octets" else text.encode(), kind=kind)
    stamp = bytes.fromhex("62112121430000")
    deliver = tpdu.Deliver(4, octets.Address.of(number), 0, dcs, stamp, length, data)
    return (octets.write_service_centre(octets.Address.of("+447700900999")) + tpdu.write_deliver(deliver)).hex().upper()


def submitted(number: str, text: str) -> SubmitPdu:
    return SubmitPdu(Address.parse(f"+{number}"), segment(text).segments[0], status_report_request=True)


@st.composite
def conversations(draw: st.DrawFn) -> Said:
    number, pin, text, answer = draw(numbers), draw(pins), draw(words), draw(words)
    echo = draw(st.booleans())
    pieces: list[tuple[str, bytes]] = []
    secrets = [number.encode(), pin.encode(), IMSI.encode(), ICCID.encode(), IMEI.encode(), IMSI[5:].encode()]
    secrets += [word.encode("latin-1", "replace") for word in (text, answer)]

    def ask(command: str, *lines: str) -> None:
        pieces.append(("sent", f"{command}\r".encode("latin-1", "replace")))
        said = (f"{command}\r" if echo else "") + "".join(f"\r\n{line}\r\n" for line in lines)
        pieces.append(("received", said.encode("latin-1", "replace")))

    def message(command: str, body: str, *lines: str) -> None:
        pieces.append(("sent", f"{command}\r".encode("latin-1", "replace")))
        pieces.append(("received", (f"{command}\r" if echo else "").encode("latin-1", "replace") + b"\r\n> "))
        pieces.append(("sent", f"{body}\x1a".encode("latin-1", "replace")))
        said = (f"{body}\x1a" if echo else "") + "".join(f"\r\n{line}\r\n" for line in lines)
        pieces.append(("received", said.encode("latin-1", "replace")))

    submit = submitted(number, text).encode(None)
    deliver = delivered(f"+{number}", text, draw(st.sampled_from([0x08, 0x18])))
    swapped = octets.write_address(octets.Address.of(f"+{number}")).hex().upper()[4:]
    assert swapped in submit.hex
    assert swapped in deliver
    secrets += [submit.hex[-20:].encode(), deliver[-24:].encode(), swapped.encode()]
    wide = answer.encode("utf-16-be", "surrogatepass").hex().upper()
    secrets.append(wide.encode())
    acts = [
        lambda: ask(f'AT+CPIN="{pin}"', "OK"),
        lambda: ask(f"AT+CPIN={pin}", "+CME ERROR: 16"),
        lambda: ask(f'AT+CLCK="SC",1,"{pin}";+CMEE=1', "OK"),
        lambda: ask(f'AT+CPWD="SC","{pin}","{pin}"', "OK"),
        lambda: ask(f'AT+CPIN="{pin}{pin}","{pin}"', "OK"),
        lambda: ask(f"ATD+{number};", "NO CARRIER"),
        lambda: ask(f"ATE0V1DT{number}", "BUSY"),
        lambda: ask("AT+CIMI", IMSI, "OK"),
        lambda: ask("AT+CGSN", IMEI, "OK"),
        lambda: ask("AT+CCID", f"+CCID: {ICCID}", "OK"),
        lambda: ask("AT+CNUM", f'+CNUM: "","+{number}",145', "OK"),
        lambda: ask("AT+CSCA?", f'+CSCA: "+{number}",145', "OK"),
        lambda: ask(f'AT+CSCA="+{number}",145', "OK"),
        lambda: ask(f'AT+CUSD=1,"*121*{pin}#",15', "OK", f'+CUSD: 0,"{answer}",15'),
        lambda: ask('AT+CUSD=1,"*100#",15', "OK", f'+CUSD: 1,"{answer}\r\n{text}",15'),
        lambda: ask("AT+CUSD=1", "OK", f'+CUSD: 0,"{wide}",72'),
        lambda: ask(f'AT+CPBW=1,"+{number}",145,"{answer}"', "OK"),
        lambda: message(f"AT+CMGS={submit.tpdu_length}", submit.hex, "+CMGS: 7", "OK"),
        lambda: message(f'AT+CMGS="+{number}",145', f"{text}\r{answer}", "+CMGS: 7", "OK"),
        lambda: ask("AT+CMGR=1", f"+CMGR: 0,,36\r\n{deliver}", "OK"),
        lambda: ask("AT+CMGL=4", f"+CMGL: 1,1,,36\r\n{deliver}\r\n+CMGL: 2,1,,36\r\n{deliver}", "OK"),
        lambda: ask("AT+CMGL", f'+CMGL: 1,"REC READ","+{number}",,"26/11/26,04:12:01+00"\r\n{text}\n{answer}', "OK"),
        lambda: pieces.append(("received", f"\r\n+CMT: ,36\r\n{deliver}\r\n".encode())),
        lambda: pieces.append(
            ("received", f'\r\n+CMT: "+{number}",,"26/11/26,04:12:01+00"\r\n{text}\r\n'.encode("latin-1", "replace"))
        ),
        lambda: pieces.append(("received", f'\r\n+CLIP: "+{number}",145\r\n'.encode())),
        lambda: pieces.append(("received", f"\r\n{answer}\r\n".encode("latin-1", "replace"))),
        lambda: pieces.append(("received", b'\r\n^RSSI:17\r\n\r\n+CMTI: "SM",3\r\n')),
    ]
    for act in draw(st.lists(st.sampled_from(acts), min_size=1, max_size=6)):
        act()
    return Said(pieces, secrets)


@settings(max_examples=150, deadline=None)
@given(conversations(), st.lists(st.integers(1, 40), min_size=1, max_size=8), st.booleans(), st.data())
def test_no_secret_is_in_a_trace_however_it_is_cut(
    said: Said, sizes: list[int], synced: bool, data: st.DataObject
) -> None:
    entries = cut(said.pieces, sizes)
    start = 0 if synced else data.draw(st.integers(0, len(entries) - 1))
    gap = data.draw(st.none() | st.integers(start, len(entries)))
    caught = entries[start:]
    if gap is not None:  # some chunks are lost
        caught = [*entries[start:gap], Mark(float(gap), "dropped", 2, 9), *entries[gap + 2 :]]
    shown = masked(caught, synced=synced)

    for direction in ("sent", "received"):
        found = joined(shown, direction)
        for secret in said.secrets:
            assert secret not in found, (direction, found)
    assert [(type(one), one.at) for one in shown] == [(type(one), one.at) for one in caught]
    lengths = [len(one.data) for one in caught if isinstance(one, Octets)]
    assert [len(one.data) for one in shown if isinstance(one, Octets)] == lengths


@settings(max_examples=60, deadline=None)
@given(conversations(), st.lists(st.integers(1, 40), min_size=1, max_size=8))
def test_what_is_shown_does_not_depend_on_how_it_was_cut(said: Said, sizes: list[int]) -> None:
    small, large = (masked(cut(said.pieces, pieces)) for pieces in (sizes, [100_000]))
    for direction in ("sent", "received"):
        assert joined(small, direction) == joined(large, direction)


@settings(max_examples=100, deadline=None)
@given(numbers, words, st.sampled_from([0x00, 0x04, 0x08, 0x10, 0xF5, 0xE0]))
def test_a_masked_message_still_decodes_with_the_same_shape(number: str, text: str, dcs: int) -> None:
    body = "".join(one for one in text if alphabet.septets_of(one) is not None and one.isascii())
    before = delivered(f"+{number}", body, dcs)
    shown = whole(("sent", b"AT+CMGR=1\r"), ("received", f"\r\n+CMGR: 1,,9\r\n{before}\r\n\r\nOK\r\n".encode()))
    after = re.findall(rb"\n([0-9A-F]{30,})\r", shown)[0].decode()
    told, kept = decode_incoming(after), decode_incoming(before)
    assert isinstance(told, DeliverPdu)
    assert isinstance(kept, DeliverPdu)
    assert len(after) == len(before)
    assert told.data_coding == kept.data_coding
    assert told.originator.number == "+" + "0" * len(number)
    if told.user_data.text is not None:
        assert told.user_data.text == "x" * len(body)
    assert told.timestamp == kept.timestamp


def test_parts_of_a_long_message_still_belong_together() -> None:
    long = segment("confidential " * 30)
    for place, part in enumerate(long.segments, 1):
        pdu = SubmitPdu(Address.parse("+447700900123"), part, status_report_request=True).encode(None)
        shown = whole(
            ("sent", f"AT+CMGS={pdu.tpdu_length}\r".encode()),
            ("received", b"\r\n> "),
            ("sent", f"{pdu.hex}\x1a".encode()),
        )
        after = re.findall(rb"([0-9A-F]{30,})\x1a", shown)[0].decode()
        told = tpdu.read_submit(bytes.fromhex(after)[1:])
        kept = tpdu.read_submit(bytes.fromhex(pdu.hex)[1:])
        assert told.content.part == kept.content.part
        assert told.content.part is not None
        assert told.content.part[2] == place
        assert told.content.text == "x" * len(kept.content.text or "")
        assert told.destination.digits == "0" * 12


def test_a_status_report_keeps_reference_times_and_status() -> None:
    report = tpdu.Report(
        6,
        201,
        octets.Address.of("+447700900123"),
        bytes.fromhex("62112121430000"),
        bytes.fromhex("62112121530000"),
        0x46,
    )
    before = (octets.write_service_centre(octets.Address.of("+447700900999")) + tpdu.write_report(report)).hex().upper()
    shown = whole(("received", f"\r\n+CDS: 26\r\n{before}\r\n".encode()))
    told = decode_incoming(re.findall(rb"\n([0-9A-F]{30,})\r", shown)[0].decode())
    assert isinstance(told, StatusReportPdu)
    assert told.reference == 201
    assert told.recipient.number == "+000000000000"


@pytest.mark.parametrize(
    "pdu", ["00" * 9, "0791447700", "F" * 40, "04" + "0" * 30, "0011000C914477009001230000" + "FF" * 8, "12345678" * 4]
)
def test_what_is_no_message_is_masked_altogether(pdu: str) -> None:
    shown = whole(("received", f"\r\n+CMGR: 1,,9\r\n{pdu}\r\n".encode()))
    assert set(shown.split(b"\n")[2].strip()) <= {ord("0"), ord("x"), ord("F")} or b"44770" not in shown


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("AT", "OK"),
        ("ATE0V1", "OK"),
        ("AT+CGMI", "Huawei Technologies Co., Ltd."),
        ("AT+CGMR", "EC25EFAR06A01M4G"),
        ("AT+CGMM", "+CGMM: SIMCOM_SIM7600E-H"),
        ("AT+COPS?", '+COPS: 0,0,"vodafone UK",7'),
        ("AT+CPMS=?", '+CPMS: ("SM","ME","MT"),("SM"),("SM","SR")'),
        ('AT+CPMS="ME","ME","ME"', "+CPMS: 0,100,0,100,0,100"),
        ("AT+CNMI=2,1,0,2,0", "+CMS ERROR: 303"),
        ("AT+CNMI=?", "+CNMI: (0-2),(0-3),(0,2),(0-2),(0,1)"),
        ("AT+CREG?", "+CREG: 0,1"),
        ("AT+CSQ", "+CSQ: 20,99"),
        ("AT+CPIN?", "+CPIN: SIM PIN"),
        ("AT^SYSINFO", "^SYSINFO:2,3,0,5,1,,4"),
        ('AT+CSCS="8859-1"', "COMMAND NOT SUPPORT"),
        ("AT+CCLK?", '+CCLK: "26/11/26,04:12:01+00"'),
        ("AT+IPR=115200", "OK"),
        ("AT+CFUN=1,1", "+QIND: SMS DONE"),
    ],
)
def test_what_is_no_secret_is_left_as_it_is(command: str, answer: str) -> None:
    shown = whole(("sent", f"{command}\r".encode()), ("received", f"\r\n{answer}\r\n".encode()))
    assert shown == f"{command}\r\r\n{answer}\r\n".encode()


@pytest.mark.parametrize(
    ("command", "answer", "shown"),
    [
        ("AT+CGSN", IMEI, b"490154200000000"),
        ("AT+CIMI", IMSI, b"234150000000000"),
        ("AT^ICCID?", f"^ICCID: {ICCID}", b"^ICCID: 8944000000000000000"),
        ("AT+CREG?", '+CREG: 2,1,"00C3","0016A2F1",7', b'+CREG: 2,1,"0000","00000000",7'),
        ("ATI", "IMEI: 490154203237518", b"IMEI: 000000000000000"),
        ("ATI", "Revision: 11.126\r\nMEID: A1000009296F2E", b"Revision: 11.126\r\nMEID: x0000000000x0x"),
        ("ATI", "S/N: CC12345X", b"S/N: xx00000x"),
        ("AT+CGMR", "SW 1.2 80ABCDE1", b"SW 1.2 00000000"),
        ("AT+CUSD=1", '+CUSD: 0,"Hi \r\nyou",15', b'+CUSD: 0,"xxx\r\nxxx",15'),
    ],
)
def test_numbers_keep_what_says_type_and_network(command: str, answer: str, shown: bytes) -> None:
    assert shown in whole(("sent", f"{command}\r".encode()), ("received", f"\r\n{answer}\r\n".encode()))


def test_what_follows_an_answer_is_no_part_of_it() -> None:
    """A line of letters is the model while that is asked for, and may be anything afterwards."""
    asked = ("sent", b"AT+CGMM\r"), ("received", b"\r\nE1752\r\n\r\nOK\r\n\r\nsecret\r\n")
    assert whole(*asked) == b"AT+CGMM\r\r\nE1752\r\n\r\nOK\r\n\r\nxxxxxx\r\n"


def test_the_end_of_a_line_whose_beginning_is_not_known_is_masked_altogether() -> None:
    """It may be that of a text, whatever it looks like."""
    tail = Octets(1, "received", b"+SECRET: 12\r\n\r\nOK\r\n")
    shown = Octets(1, "received", b"xxxxxxxxxxx\r\n\r\nOK\r\n")
    assert masked([tail], synced=False) == [shown]
    gap = Mark(0.5, "dropped", 1, 7)
    assert masked([Octets(0, "received", b"\r\n"), gap, tail]) == [Octets(0, "received", b"\r\n"), gap, shown]
    written = [gap, Octets(1, "sent", b"567\rAT+CSQ\r")]
    assert masked(written) == [gap, Octets(1, "sent", b"xxx\rAT+CSQ\r")]


def test_order_is_kept_where_a_line_waits_for_its_end() -> None:
    masker = Masker(synced=True)
    assert masker.take(Octets(0, "received", b"\r\n+CSQ: ")) == []
    assert masker.take(Octets(1, "sent", b"AT\r")) == []
    assert masker.take(Octets(2, "received", b"20,99\r\n")) == [
        Octets(0, "received", b"\r\n+CSQ: "),
        Octets(1, "sent", b"AT\r"),
        Octets(2, "received", b"20,99\r\n"),
    ]


def test_a_line_without_end_is_not_held_for_ever() -> None:
    masker = Masker(synced=True)
    shown = masker.take(Octets(0, "received", b"4" * 5000))
    assert shown == [Octets(0, "received", b"x" * 5000)]
