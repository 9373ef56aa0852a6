"""Whatever comes: broken PDUs are refused by field and octet, and nothing else is ever raised."""

from contextlib import suppress
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.errors import DecodeError
from hardware.pdu import DeliverPdu, SubmitPdu, decode_incoming, join_user_data

from .pdu_by_hand import SENDER, STAMP, deliver, part, report

HELLO = "E8329BFD4697D9EC37"


@pytest.mark.parametrize(
    ("pdu", "field", "octet"),
    [
        ("", "pdu", 0),
        ("0", "pdu", 0),
        ("Hello", "pdu", 0),
        ("00 04", "pdu", 0),
        ("٠٠", "pdu", 0),
        ("00" * 600, "pdu", 512),
        ("00", "first_octet", 1),
        ("0D" + "91" * 13, "service_centre", 0),
        ("0791447758", "service_centre", 2),
        ("0001" + "00" * 30, "message_type", 1),
        ("0003" + "00" * 30, "message_type", 1),
        ("00041591" + "11" * 30, "originator", 2),
        ("00040C11" + "11" * 30, "originator", 3),
        ("00040C9144", "originator", 4),
        ("0004" + SENDER, "protocol_identifier", 10),
        ("0004" + SENDER + "00", "data_coding", 11),
        ("0004" + SENDER + "0000" + STAMP[:-2], "timestamp", 12),
        ("0004" + SENDER + "0000" + STAMP, "user_data_length", 19),
        (deliver(0, 161, "41" * 141), "user_data_length", 19),
        (deliver(4, 141, "41" * 141), "user_data_length", 19),
        (deliver(0, 10, HELLO[:-2]), "user_data", 20),
        (deliver(0, 3, "050003010201", first=0x44), "user_data_header", 20),
        (deliver(0, 6, "050003010201", first=0x44), "user_data_header", 20),  # 48 bits of header in 42 of data
        (deliver(8, 0, "", first=0x44), "user_data_header", 20),
        (deliver(8, 4, "04000301", first=0x44), "user_data_header", 20),
        (deliver(0, 5, "0500030102" + "01", first=0x44), "user_data_header", 20),
        (deliver(8, 5, "0400090102", first=0x44), "user_data_header", 21),
        (deliver(8, 3, "0224" + "41", first=0x44), "user_data_header", 21),
        ("0006", "message_reference", 2),
        ("00062A", "recipient", 3),
        ("00062A" + SENDER + STAMP, "discharge", 18),
        (report(0)[:-2], "status", 25),
    ],
)
def test_broken_pdus_are_refused_with_field_and_octet(pdu: str, field: str, octet: int) -> None:
    with pytest.raises(DecodeError) as caught:
        decode_incoming(pdu)
    assert (caught.value.field, caught.value.octet) == (field, octet)


WHOLE = [
    "0051000C914477009100100000AA0F05000342020184C2E170381C0E",
    deliver(0, 10, HELLO),
    part(8, 1, "0041D83D"),
    part(4, 2, "80FF", "240101"),
    report(0x20, end="07040003414243"),
]
EDITS = st.lists(
    st.tuples(st.integers(0, 60), st.sampled_from(["set", "drop", "insert"]), st.integers(0, 255)), max_size=6
)


@given(st.sampled_from(WHOLE), EDITS)
def test_damaged_pdus_are_read_or_refused(pdu: str, edits: list[tuple[int, str, int]]) -> None:
    octets = bytearray.fromhex(pdu)
    for place, kind, value in edits:
        at = place % max(len(octets), 1)
        octets[at : at + (kind != "insert")] = b"" if kind == "drop" else bytes((value,))
    read_whatever_can_be_read(bytes(octets))


@pytest.mark.parametrize("seed", range(4))
def test_thousands_of_damaged_pdus_are_read_or_refused(seed: int) -> None:
    dice = Random(seed)
    for _ in range(5000):
        octets = bytearray.fromhex(dice.choice(WHOLE))
        for _ in range(dice.randint(1, 5)):
            at = dice.randrange(len(octets) + 1)
            octets[at : at + dice.randint(0, 2)] = dice.randbytes(dice.randint(0, 2))
        read_whatever_can_be_read(bytes(octets))


@given(st.binary(max_size=180))
def test_random_octets_are_read_or_refused(octets: bytes) -> None:
    read_whatever_can_be_read(octets)
    read_whatever_can_be_read(b"\x00\x44\x00\x80" + octets)


def read_whatever_can_be_read(octets: bytes) -> None:
    with suppress(DecodeError):
        SubmitPdu.decode(octets.hex()).encode()
    with suppress(DecodeError):
        found = decode_incoming(octets.hex())
        if isinstance(found, DeliverPdu):
            assert repr(found)
            (found.text or "").encode()
            joined = join_user_data([found.user_data, found.user_data])
            assert isinstance(joined, bytes) or joined.encode() is not None


@given(st.text(max_size=200))
def test_any_line_is_read_or_refused(line: str) -> None:
    with suppress(DecodeError):
        decode_incoming(line)
