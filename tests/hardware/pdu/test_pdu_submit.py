"""SMS-SUBMIT: against octets spelled out by hand, and against python-gsmmodem-new where that is right."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from gsmmodem import pdu as library
from hypothesis import given
from hypothesis import strategies as st

from hardware.errors import DecodeError, EncodeError
from hardware.pdu import (
    SHORT_MESSAGE_TYPE_0,
    AbsoluteValidity,
    Address,
    Alphabet,
    DataCodingScheme,
    EnhancedValidity,
    InformationElement,
    RelativeValidity,
    Segment,
    SubmitPdu,
    UserDataHeader,
    gsm7,
    replace_short_message,
    segment,
    segment_data,
)

RECIPIENT = Address.parse("+447700900101")
HELLO = segment("hellohello").segments[0]
HELLO_OCTETS = "0AE8329BFD4697D9EC37"
# The library's table has a backtick for the section sign, and it takes raw escapes and y-diaeresis for characters.
LIBRARY_TEXT = st.text("".join(set(gsm7.DEFAULT) - set("\x1b§")) + "€[]{}|~^\\", max_size=500)
LIBRARY_BMP_TEXT = st.text("жñá中", min_size=1, max_size=200).filter(lambda text: bool(gsm7.foreign(text)))


def test_octet_by_octet() -> None:
    pdu = SubmitPdu(RECIPIENT, HELLO, validity=RelativeValidity(11), status_report_request=True).encode()
    #               SC FO MR DA                       PID DCS VP
    assert pdu.hex == "0031000C9144770009101000000B" + HELLO_OCTETS
    assert pdu.tpdu_length == len(pdu.hex) // 2 - 1


def test_service_centre_is_not_counted() -> None:
    centre = Address.parse("+447700900199")
    pdu = SubmitPdu(RECIPIENT, HELLO, service_centre=Address.parse("123"))
    assert pdu.encode(centre).hex.startswith("07914477000910990100")
    assert pdu.encode().hex.startswith("038121F30100")
    assert pdu.encode(centre).tpdu_length == pdu.encode().tpdu_length == 22
    assert SubmitPdu.decode(pdu.encode(centre).hex).service_centre == centre


@pytest.mark.parametrize(
    ("options", "first", "rest"),
    [
        ({}, "01", "0000"),
        ({"reject_duplicates": True}, "05", "0000"),
        ({"status_report_request": True}, "21", "0000"),
        ({"reply_path": True}, "81", "0000"),
        ({"protocol_identifier": replace_short_message(1)}, "01", "4100"),
        ({"protocol_identifier": replace_short_message(7)}, "01", "4700"),
        ({"protocol_identifier": SHORT_MESSAGE_TYPE_0}, "01", "4000"),
        ({"data_coding": DataCodingScheme.of(Alphabet.GSM7, 0)}, "01", "0010"),
        ({"data_coding": DataCodingScheme(0xF1)}, "01", "00F1"),
        ({"validity": RelativeValidity(255)}, "11", "0000FF"),
        (
            {
                "validity": AbsoluteValidity.at(
                    datetime(2027, 1, 31, 23, 59, 58, tzinfo=timezone(timedelta(hours=-3.5)))
                )
            },
            "19",
            "000072101332958549",
        ),
        ({"validity": EnhancedValidity(bytes.fromhex("025A0000000000"))}, "09", "0000025A0000000000"),
    ],
)
def test_options(options: dict[str, object], first: str, rest: str) -> None:
    pdu = SubmitPdu(RECIPIENT, HELLO, **options)  # type: ignore[arg-type]  # options vary by case
    assert pdu.encode().hex == f"00{first}000C91447700091010{rest}{HELLO_OCTETS}"
    again = SubmitPdu.decode(pdu.encode().hex)
    assert again.encode() == pdu.encode()
    assert again.validity == pdu.validity


@pytest.mark.parametrize(
    ("address", "octets", "number"),
    [
        (Address.parse("+447700900101"), "0C91447700091010", "+447700900101"),
        (Address.parse("5588"), "04815588", "5588"),
        (Address.parse("611"), "038116F1", "611"),
        (Address.parse("*100#"), "05811A00FB", "*100#"),
        (Address("7700900101", 2, 1), "0AA17700091010", "7700900101"),
        (Address.parse("+12345678901234567890"), "149121436587092143658709", "+12345678901234567890"),
        (Address.named("Acme"), "07D0C171BB0C", "Acme"),
        (Address.named("Simwire"), "0DD0D374FB9E969701", "Simwire"),
    ],
)
def test_addresses(address: Address, octets: str, number: str) -> None:
    pdu = SubmitPdu(address, HELLO).encode().hex
    assert pdu == f"000100{octets}0000{HELLO_OCTETS}"
    assert SubmitPdu.decode(pdu).destination == address
    assert address.number == number


@pytest.mark.parametrize(
    "number", ["", "+", "+44 7700 900101", "07700-900101", "abc!", "++44", "Acme", "1" * 21, "+٤٤"]
)
def test_what_is_no_number_is_refused(number: str) -> None:
    with pytest.raises(EncodeError):
        Address.parse(number)


@pytest.mark.parametrize("name", ["", "TwelveLetter", "Жук", "Eurooooooo€"])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(EncodeError):
        Address.named(name)


def test_numbers_and_pdus_do_not_show_in_representations() -> None:
    pdu = SubmitPdu(RECIPIENT, segment("code 123456").segments[0])
    shown = repr(pdu) + repr(pdu.encode()) + repr(RECIPIENT) + repr(Address.parse("5588"))
    for secret in ("7700900101", "900101", "123456", "5588", pdu.encode().hex):
        assert secret not in shown


@pytest.mark.parametrize(
    ("pdu", "field"),
    [
        (SubmitPdu(RECIPIENT, Segment(Alphabet.GSM7, bytes(161))), "user_data"),
        (SubmitPdu(RECIPIENT, Segment(Alphabet.UCS2, bytes(142))), "user_data"),
        (SubmitPdu(RECIPIENT, Segment(Alphabet.OCTETS, bytes(141))), "user_data"),
        (
            SubmitPdu(RECIPIENT, Segment(Alphabet.GSM7, b"", UserDataHeader((InformationElement(0x70, bytes(140)),)))),
            "user_data_header",
        ),
        (SubmitPdu(RECIPIENT, HELLO, data_coding=DataCodingScheme(8)), "data_coding"),
        (SubmitPdu(RECIPIENT, HELLO, message_reference=256), "protocol_identifier, message_reference"),
        (SubmitPdu(RECIPIENT, HELLO, service_centre=Address.named("Acme")), "service_centre"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(pdu: SubmitPdu, field: str) -> None:
    with pytest.raises(EncodeError) as caught:
        pdu.encode()
    assert caught.value.field == field


@pytest.mark.parametrize("kind", [0, 8])
def test_replace_types_are_1_to_7(kind: int) -> None:
    with pytest.raises(EncodeError):
        replace_short_message(kind)


@pytest.mark.parametrize("length", range(1, 9))
def test_text_starts_at_a_septet_behind_any_header(length: int) -> None:
    header = UserDataHeader((InformationElement(0x70, bytes(range(length))),))
    body = Segment(Alphabet.GSM7, gsm7.encode("fill bits@"), header)
    pdu = SubmitPdu(RECIPIENT, body).encode().hex
    octets = length + 3
    fill = -8 * octets % 7
    text = "".join(f"{septet:07b}"[::-1] for septet in gsm7.encode("fill bits@"))
    row = "0" * (8 * octets + fill) + text
    assert int(pdu[26:28], 16) == len(row) // 7
    assert len(pdu) // 2 - 14 == -(-len(row) // 8)
    assert int.from_bytes(bytes.fromhex(pdu[28:]), "little") >> 8 * octets + fill == int(text[::-1], 2)
    assert SubmitPdu.decode(pdu).body == body


def test_another_message_type_is_refused() -> None:
    with pytest.raises(DecodeError) as caught:
        SubmitPdu.decode("00" + "02" + "00" * 30)
    assert (caught.value.field, caught.value.octet) == ("message_type", 1)


def test_foreign_oddities_are_read() -> None:
    # An odd number whose last filler is no F, an empty service centre with a type only, lower-case hex.
    pdu = SubmitPdu.decode("0181" + "0100" + "03811601" + "0000" + HELLO_OCTETS.lower())
    assert pdu.destination.number == "611"
    assert pdu.service_centre is not None
    assert pdu.service_centre.number == ""
    assert pdu.body.text == "hellohello"


def test_compressed_text_stays_octets() -> None:
    pdu = SubmitPdu.decode("000100038116F100" + "20" + "03" + "0102FF")
    assert (pdu.body.alphabet, pdu.body.content, pdu.body.text) == (Alphabet.OCTETS, b"\x01\x02\xff", None)
    assert pdu.encode().hex == "000100038116F100" + "20" + "03" + "0102FF"


@given(LIBRARY_TEXT, st.integers(0, 255), st.booleans(), st.booleans(), st.integers(0, 255))
def test_text_agrees_with_the_library(text: str, reference: int, report: bool, flash: bool, validity: int) -> None:
    period = RelativeValidity(validity)
    ours = [
        SubmitPdu(RECIPIENT, body, validity=period, status_report_request=report, message_reference=reference).encode()
        for body in segment(text, reference=reference, message_class=0 if flash else None).segments
    ]
    theirs = library.encodeSmsSubmitPdu(
        RECIPIENT.number,
        text,
        reference=reference,
        validity=timedelta(seconds=period.seconds),
        requestStatusReport=report,
        sendFlash=flash,
    )
    assert [(pdu.hex, pdu.tpdu_length) for pdu in ours] == [(str(pdu), pdu.tpduLength) for pdu in theirs]


@given(LIBRARY_BMP_TEXT, st.integers(0, 255))
def test_ucs2_agrees_with_the_library(text: str, reference: int) -> None:
    cut = segment(text, reference=reference)
    ours = [SubmitPdu(RECIPIENT, body, message_reference=reference).encode().hex for body in cut.segments]
    theirs = library.encodeSmsSubmitPdu(RECIPIENT.number, text, reference=reference, requestStatusReport=False)
    assert ours == [str(pdu) for pdu in theirs]


@given(LIBRARY_TEXT.filter(lambda text: not text.endswith("@")).filter(lambda text: len(text) < 70))
def test_the_library_reads_what_we_write(text: str) -> None:
    read = library.decodeSmsPdu(SubmitPdu(RECIPIENT, segment(text).segments[0]).encode().hex)
    assert (read["type"], read["number"], read["text"]) == ("SMS-SUBMIT", RECIPIENT.number, text)


def test_absolute_validity_agrees_with_the_library() -> None:
    until = datetime(2030, 12, 31, 23, 5, 9, tzinfo=UTC)
    theirs = library.encodeSmsSubmitPdu(RECIPIENT.number, "hellohello", validity=until, requestStatusReport=False)
    assert SubmitPdu(RECIPIENT, HELLO, validity=AbsoluteValidity.at(until)).encode().hex == str(theirs[0])


def test_data_with_ports() -> None:
    body = segment_data(b"\x01\x02", ports=(2948, 9200)).segments[0]
    pdu = SubmitPdu(RECIPIENT, body).encode().hex
    assert pdu == "0041000C914477000910100004" + "09" + "0605040B8423F0" + "0102"
