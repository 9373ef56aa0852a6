"""What phones receive: SMS-DELIVER and SMS-STATUS-REPORT."""

from datetime import datetime

import pytest
from gsmmodem import pdu as library
from hypothesis import given
from hypothesis import strategies as st

from hardware.pdu import (
    Address,
    Alphabet,
    DeliverPdu,
    DeliveryOutcome,
    StatusReportPdu,
    WaitingKind,
    decode_incoming,
    gsm7,
    join_user_data,
)

from .pdu_by_hand import CENTRE, DISCHARGED, SENDER, deliver, packed, part, report

HELLO = "E8329BFD4697D9EC37"
MOMENTS = st.datetimes(datetime.fromisoformat("2001-01-01"), datetime.fromisoformat("2068-12-31"))


def delivered(pdu: str) -> DeliverPdu:
    found = decode_incoming(pdu)
    assert isinstance(found, DeliverPdu)
    return found


def reported(pdu: str) -> StatusReportPdu:
    found = decode_incoming(pdu)
    assert isinstance(found, StatusReportPdu)
    return found


def test_deliver_field_by_field() -> None:
    pdu = delivered(CENTRE + deliver(0, 10, HELLO, first=0xA0, pid=0x41)[2:] + "FFFF")
    assert pdu.service_centre == Address("4477890101", 1, 1)
    assert pdu.originator.number == "+447700900123"
    assert pdu.timestamp == datetime.fromisoformat("2026-03-29T01:59:59+01:00")
    assert (pdu.protocol_identifier, pdu.data_coding.value, pdu.text) == (0x41, 0, "hellohello")
    assert (pdu.more_messages, pdu.loop_prevention) == (True, False)
    assert (pdu.status_report_indication, pdu.reply_path) == (True, True)
    assert pdu.trailing == b"\xff\xff"
    assert DeliverPdu.decode(CENTRE + deliver(0, 10, HELLO)[2:]).text == "hellohello"
    assert DeliverPdu.decode(deliver(0, 10, HELLO)[2:], service_centre_prefix=False).service_centre is None


def test_report_field_by_field() -> None:
    pdu = reported(report(0x46, first=0x22))
    assert (pdu.reference, pdu.recipient.number) == (42, "+447700900123")
    assert pdu.timestamp == datetime.fromisoformat("2026-03-29T01:59:59+01:00")
    assert pdu.discharge == datetime.fromisoformat("2026-03-29T01:50:41+01:00")
    assert pdu.status.outcome is DeliveryOutcome.EXPIRED
    assert (pdu.more_messages, pdu.for_command, pdu.parameters, pdu.trailing) == (True, True, None, b"")
    assert StatusReportPdu.decode(report(0)).status.outcome is DeliveryOutcome.DELIVERED


@given(st.integers(0, 255), MOMENTS, st.integers(0, 255))
def test_reports_agree_with_the_library(reference: int, moment: datetime, status: int) -> None:
    stamp = "".join(pair[::-1] for pair in (f"{moment:%y}", *f"{moment:%m %d %H %M %S}".split(), "04"))
    hex_pdu = "0006" + f"{reference:02X}" + SENDER + stamp + DISCHARGED + f"{status:02X}"
    ours, theirs = reported(hex_pdu), library.decodeSmsPdu(hex_pdu)
    assert theirs["type"] == "SMS-STATUS-REPORT"
    assert (ours.reference, ours.recipient.number) == (theirs["reference"], theirs["number"])
    assert (ours.timestamp, ours.discharge) == (theirs["time"], theirs["discharge"])
    assert ours.status.value == theirs["status"]


@pytest.mark.parametrize(
    ("stamp", "expected"),
    [
        ("62111010030000", "2026-11-01T01:30:00+00:00"),
        ("6211101003000A", "2026-11-01T01:30:00-05:00"),
        ("62111010030032", "2026-11-01T01:30:00+05:45"),
        ("6211101003008B", "2026-11-01T01:30:00-09:30"),
        ("99309251619580", "1999-03-29T15:16:59+02:00"),
        ("00000000000000", None),
        ("62201312000000", None),  # 31 February
        ("621110100300FF", None),
        ("FFFFFFFFFFFFFF", None),
        ("62111042030000", None),  # hour 24
    ],
)
def test_time_stamps(stamp: str, expected: str | None) -> None:
    wanted = None if expected is None else datetime.fromisoformat(expected)
    message = delivered(deliver(0, 10, HELLO, stamp=stamp))
    assert message.timestamp == wanted
    assert message.timestamp_raw == bytes.fromhex(stamp)
    about = reported(report(0, stamp=stamp, discharge=stamp))
    assert (about.timestamp, about.discharge, about.status.value) == (wanted, wanted, 0)


@pytest.mark.parametrize(
    ("end", "identifier", "coding", "text"),
    [
        ("00", None, None, None),
        ("0141", 0x41, None, None),
        ("0208", None, 8, None),
        ("0704000141", 4, 0, "A"),
        ("040141", None, None, "A"),
        ("83004108", 0x41, 8, None),
    ],
)
def test_optional_end_of_a_report(end: str, identifier: int | None, coding: int | None, text: str | None) -> None:
    pdu = reported(report(0, end=end))
    assert pdu.trailing == bytes.fromhex(end)
    found = pdu.parameters
    assert found is not None
    assert found.protocol_identifier == identifier
    assert (None if found.data_coding is None else found.data_coding.value) == coding
    assert (None if found.user_data is None else found.user_data.text) == text


@pytest.mark.parametrize("end", ["FF" * 140, "01", "07", "0704", "070400", "07040005", "80"])
def test_report_with_an_unreadable_end_is_still_a_report(end: str) -> None:
    pdu = reported(report(0, end=end))
    assert (pdu.status.value, pdu.parameters, pdu.trailing) == (0, None, bytes.fromhex(end))


@pytest.mark.parametrize(
    ("address", "number"),
    [
        ("07D0C171BB0C", "Acme"),
        ("0ED0C161B3387C4AA1", "ACMECORP"),
        ("0ED0" + packed(b"Simwire"), "Simwire"),  # seven characters counted as seven whole octets
        ("0DD0" + packed(b"Simwire"), "Simwire"),
        ("14D031D98C56B3DD7039580C", "12345678901"),
        ("03B188F8", "888"),
        ("03811105", "115"),  # a last filler that is no F
        ("0080", ""),
        ("0581213F04", "12"),  # a filler amid the number ends it
        ("0681BACDE1", "*#ba1c"),
    ],
)
def test_senders(address: str, number: str) -> None:
    assert delivered(deliver(0, 10, HELLO, sender=address)).originator.number == number


@pytest.mark.parametrize(
    ("dcs", "alphabet", "message_class"),
    [
        (0x00, Alphabet.GSM7, None),
        (0x10, Alphabet.GSM7, 0),
        (0x13, Alphabet.GSM7, 3),
        (0x04, Alphabet.OCTETS, None),
        (0x08, Alphabet.UCS2, None),
        (0x18, Alphabet.UCS2, 0),
        (0x0C, Alphabet.GSM7, None),
        (0x48, Alphabet.UCS2, None),
        (0x51, Alphabet.GSM7, 1),
        (0x80, Alphabet.GSM7, None),
        (0xC8, Alphabet.GSM7, None),
        (0xD0, Alphabet.GSM7, None),
        (0xE8, Alphabet.UCS2, None),
        (0xF0, Alphabet.GSM7, 0),
        (0xF6, Alphabet.OCTETS, 2),
        (0x20, Alphabet.OCTETS, None),  # compressed
    ],
)
def test_data_coding_groups(dcs: int, alphabet: Alphabet, message_class: int | None) -> None:
    content, length = {
        Alphabet.GSM7: (packed(gsm7.encode("abcd")), 4),
        Alphabet.UCS2: ("0061006200630064", 8),
        Alphabet.OCTETS: ("61626364", 4),
    }[alphabet]
    pdu = delivered(deliver(dcs, length, content))
    assert pdu.user_data.alphabet is alphabet
    assert pdu.data_coding.message_class == message_class
    assert pdu.text == (None if alphabet is Alphabet.OCTETS else "abcd")
    assert pdu.user_data.data == (None if alphabet is Alphabet.GSM7 else bytes.fromhex(content))
    assert pdu.data_coding.auto_delete == (dcs in (0x48, 0x51))
    assert pdu.data_coding.reserved == (dcs in (0x0C, 0x80))


def test_waiting_indications() -> None:
    found = delivered(deliver(0xE9, 0, "")).data_coding.mwi
    assert found is not None
    assert (found.kind, found.active, found.store) == (WaitingKind.FAX, True, True)
    found = delivered(deliver(0xC2, 0, "")).data_coding.mwi
    assert found is not None
    assert (found.kind, found.active, found.store) == (WaitingKind.EMAIL, False, False)
    assert delivered(deliver(0, 0, "")).data_coding.mwi is None


@pytest.mark.parametrize(
    ("elements", "expected"),
    [
        ("00032A0201", (42, 8, 2, 1, True)),
        ("080401020302", (258, 16, 3, 2, True)),
        ("00032A0203", (42, 8, 2, 3, False)),
        ("00032A0000", (42, 8, 0, 0, False)),
        ("00022A02", None),  # too short to be one
        ("00032A020100032B0201", (43, 8, 2, 1, True)),  # the last one counts
        ("70010000032A0201", (42, 8, 2, 1, True)),
    ],
)
def test_concatenation(elements: str, expected: tuple[int, int, int, int, bool] | None) -> None:
    size = len(elements) // 2
    pdu = delivered(deliver(4, size + 2, f"{size:02X}{elements}58", first=0x44))
    part = pdu.user_data.concatenation
    assert (part and (part.reference, part.bits, part.total, part.sequence, part.valid)) == expected
    assert pdu.user_data.data == b"X"


def test_a_pair_that_a_sender_tore_is_whole_after_joining() -> None:
    first, second = delivered(part(8, 1, "0041D83D")), delivered(part(8, 2, "DE090042"))
    assert (first.user_data.lone_surrogate, second.user_data.lone_surrogate) == (True, True)
    assert (first.text, second.text) == ("A\ufffd", "\ufffdB")
    assert join_user_data([first.user_data, second.user_data]) == "A😉B"
    odd, rest = delivered(part(8, 1, "004104")), delivered(part(8, 2, "360042"))
    assert (odd.user_data.odd_length, odd.text) == (True, "A")
    assert join_user_data([odd.user_data, rest.user_data]) == "AжB"
    assert join_user_data([odd.user_data, second.user_data]) == "A\ufffdB"


def test_an_escape_that_a_sender_tore_is_whole_after_joining() -> None:
    def septets(sequence: int, codes: bytes) -> str:
        return deliver(0, 7 + len(codes), f"0500032A02{sequence:02X}" + packed(codes, 1), first=0x44)

    first, second = delivered(septets(1, b"A\x1b")), delivered(septets(2, b"\x65B"))
    assert (first.text, second.text) == ("A", "eB")
    assert join_user_data([first.user_data, second.user_data]) == "A€B"


def test_parts_in_different_codings_are_joined_as_text_and_octets_as_octets() -> None:
    text, wide, raw = (
        delivered(pdu).user_data for pdu in (deliver(0, 1, "41"), part(8, 2, "0416"), part(4, 1, "80FF"))
    )
    assert join_user_data([text, wide]) == "AЖ"
    assert join_user_data([raw, raw]) == b"\x80\xff\x80\xff"
    assert join_user_data([text, raw]) == "A\x80ÿ"
    assert join_user_data([]) == ""


def test_secrets_do_not_show_in_representations() -> None:
    pdu = delivered(deliver(0, 10, HELLO) + "C0DE")
    shown = repr(pdu) + repr(reported(report(0, end="C0DE")))
    for secret in ("hello", "7700900123", HELLO, "xc0"):
        assert secret not in shown
