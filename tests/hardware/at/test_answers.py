"""Information lines: the standard's forms and the odd ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.at import answers
from hardware.errors import MalformedResponse

PDU = "0791447700090000240C91447700091001000062113221430000024F35"


@pytest.mark.parametrize(
    ("line", "status", "area", "cell", "technology"),
    [
        ("+CREG: 0,1", 1, None, None, None),
        ("+CREG:002,005", 5, None, None, None),
        ("+CREG: 3", 3, None, None, None),
        ("+CREG: 2,,", 2, None, None, None),
        ("+CREG: 2,0,00,0", 0, None, None, None),
        ('+CREG: 2,1,"00A1","0000B2C3",2', 1, 0xA1, 0xB2C3, 2),
        ("+CGREG: 2,1,00A1,B2C3", 1, 0xA1, 0xB2C3, None),
        ('+CREG: 5,"00A1","B2C3"', 5, 0xA1, 0xB2C3, None),
        ("+CREG: 1,00A1,B2C3,0", 1, 0xA1, 0xB2C3, 0),
        ("+CEREG: 2,1, 1F00, 20 ,79D9 ,7", 1, 0x1F00, 0x79D9, 7),
        ("+C5GREG: 1,1F00,79D903,11,6,ABCDEF", 1, 0x1F00, 0x79D903, 11),
        ('+CREG: 2,1," A1"," B2C"', 1, 0xA1, 0xB2C, None),
    ],
)
def test_registration(line: str, status: int, area: int | None, cell: int | None, technology: int | None) -> None:
    read = answers.parse_registration([line])
    assert (read.status, read.area, read.cell, read.technology) == (status, area, cell, technology)


def test_a_registration_abroad_is_roaming() -> None:
    assert answers.Registration("+CEREG", 7).roaming


def test_operators() -> None:
    read = answers.parse_operator(['+COPS: 0,2,"00101",7'])
    assert (read.mode, read.numeric, read.technology) == (0, "00101", 7)
    assert answers.parse_operator(["+COPS: 0"]).name is None
    assert answers.parse_operator(['+COPS: 1,0,"0054006500730074"']).name == "Test"
    found = answers.parse_networks(
        ['+COPS: (2,"One, (Ltd","One","00101",0),', '(1,"Two",,"001020"),,(0,1,2,3,4),(0,1,2)']
    )
    assert [(network.long_name, network.numeric, network.technology) for network in found] == [
        ("One, (Ltd", "00101", 0),
        ("Two", "001020", None),
    ]


@pytest.mark.parametrize(
    ("line", "dbm"), [("0,0", -113), ("31,99", -51), ("99,99", None), ("116", -100), ("199,99", None)]
)
def test_signal(line: str, dbm: int | None) -> None:
    assert answers.parse_signal([f"+CSQ: {line}"]).dbm == dbm


@pytest.mark.parametrize(
    ("line", "dbm"),
    [
        ("99,99,255,255,20,41", -100),
        ("99,99,41,10,255,255", -80),
        ("31,0,255,255,255,255", -80),
        ("99,99,255,255,255,255", None),
    ],
)
def test_extended_signal(line: str, dbm: int | None) -> None:
    assert answers.parse_extended_signal([f"+CESQ: {line}"]).dbm == dbm


@pytest.mark.parametrize(
    ("line", "lists"),
    [
        ('("ME","MT"),("ME","SM"),("SM")', (("ME", "MT"), ("ME", "SM"), ("SM",))),
        ('("ME", "MT") , "ME" , "SM"', (("ME", "MT"), ("ME",), ("SM",))),
        ('"SM","SM","SM"', (("SM",), ("SM",), ("SM",))),
        ('(("SM","BM"),("SM"))', (("SM", "BM"), ("SM",), ())),
        ("(),,(  )", ((), (), ())),
        ("", ((), (), ())),
    ],
)
def test_storage_choices(line: str, lists: tuple[tuple[str, ...], ...]) -> None:
    for space in ("", " "):
        read = answers.parse_storage_choices([f"+CPMS:{space}{line}"])
        assert (read.reading, read.writing, read.receiving) == lists


def test_storage_use() -> None:
    read = answers.parse_storage_use(['+CPMS: "SM",3,10,"ME",0,255,"SR",1,5'])
    assert read == [answers.StorageUse("SM", 3, 10), answers.StorageUse("ME", 0, 255), answers.StorageUse("SR", 1, 5)]
    assert answers.parse_storage_use(["+CPMS: 3,10,3,10"])[1] == answers.StorageUse("", 3, 10)


def test_indication_settings() -> None:
    choices = answers.parse_indication_choices(["+CNMI: (0-2),(0,1,3),(0,2),(2),(1)"])
    assert choices == answers.IndicationChoices((0, 1, 2), (0, 1, 3), (0, 2), (2,), (1,))
    assert answers.parse_indication_choices(["+CNMI: (2)"]) == answers.IndicationChoices((2,), (), (), (), ())
    assert answers.parse_indication_setting(["+CNMI: 2,1,0,2"]) == answers.IndicationSetting(2, 1, 0, 2, 0)


@pytest.mark.parametrize(
    ("header", "status", "length"),
    [
        ("1,,21", 1, 21),
        ('0,"",21', 0, 21),
        (",,21", None, 21),
        ("0,21", 0, 21),
        ("21", None, 21),
        ('1,"a, b",21', 1, 21),
    ],
)
def test_a_stored_message(header: str, status: int | None, length: int) -> None:
    for lines in ([f"+CMGR: {header}", PDU.lower()], [f"+CMGR: {header}", f'{PDU}"'], [f"+CMGR: {header} {PDU}"]):
        assert answers.parse_message(lines) == answers.StoredMessage(None, status, length, PDU)


def test_an_empty_place() -> None:
    assert answers.parse_message([]) is None
    assert answers.parse_message(["+CMGR: 0,,0"]) is None


def test_stored_messages_keep_their_index_whatever_is_in_them() -> None:
    lines = ["+CMGL: 0,1,,21", PDU, "+CMGL: 3,0,,21", "+CMGL: 4,0,,21", "nonsense", f"+CMGL: 5,1,,21 {PDU}"]
    read = answers.parse_messages(lines)
    assert [(message.index, message.pdu) for message in read] == [(0, PDU), (3, ""), (4, "NONSENSE"), (5, PDU)]
    assert answers.parse_messages([]) == []
    assert PDU not in repr(read)


@pytest.mark.parametrize(
    ("line", "number"),
    [
        ('"+447700900000",145', "+447700900000"),
        ('"447700900000",145', "+447700900000"),
        ('"07700900000",129', "07700900000"),
        ('"002B003400340037003700300030",145', "+447700"),
        ('"",129', ""),
    ],
)
def test_service_centre(line: str, number: str) -> None:
    assert answers.parse_service_centre([f"+CSCA: {line}"]).number == number


def test_services() -> None:
    assert answers.parse_message_service(["+CSMS: 1,1,1"]).service is None
    assert answers.parse_message_service(["+CSMS: 0,1,1,1"]).service == 0
    assert answers.parse_link_modes(["+CMMS: (0-2)"]) == (0, 1, 2)
    assert answers.parse_ranges(["+CGSMS: (0-3)"], "+CGSMS") == [(0, 1, 2, 3)]


def test_identity() -> None:
    assert answers.parse_identity([" Maker  X "]) == "Maker  X"
    assert answers.parse_identity(['+CGMI: "Maker"']) == "Maker"
    assert answers.parse_imei(["+CGSN: 490154203237518"]) == "490154203237518"
    assert answers.parse_imei(['"49-015420-323751-8"']) == "490154203237518"
    assert answers.parse_imsi(["001010123456789"]) == "001010123456789"
    for line in (
        "+CCID: 8944000000000000017",
        '+QCCID: "8944000000000000017F"',
        "^ICCID: 984400000000000010F7",
        "8944000000000000017",
    ):
        assert answers.parse_iccid([line]) == "8944000000000000017"
    assert answers.parse_iccid(["^ICCID: 98440000000000001087"]) == "89440000000000000178"
    assert "+CGSM" in answers.parse_capabilities(["Maker", "+GCAP: +CGSM,+DS"])
    assert "+CGSM" not in answers.parse_capabilities(["+GCAP: +CIS707-A, CIS-856, +MS"])


@pytest.mark.parametrize(
    ("lines", "wanted"),
    [
        (["+CPINR: SIM PIN,3,3", "+CPINR: SIM PUK,10,10"], (3, 10, None, None)),
        (["^CPIN: SIM PIN,3,10,2,10,3"], (2, 10, 3, 10)),
        (["^CPIN: READY,,10,3,10,3"], (3, 10, 3, 10)),
        (["+UPINCNT: 2,3,10,9"], (2, 10, 3, 9)),
        (['+QPINC: "SC",1,10', '+QPINC: "P2",3,10'], (1, 10, 3, 10)),
        (["#PCT: 3"], (3, None, None, None)),
        (["^SPIC: 2"], (2, None, None, None)),
        (["+SPIC: 3,3,10,10"], (3, 10, 3, 10)),
        (["+SPIC: 3,10,0,10"], (3, 10, 0, 10)),
    ],
)
def test_tries_left(lines: list[str], wanted: tuple[int | None, ...]) -> None:
    read = answers.parse_pin_counters(lines)
    assert (read.pin, read.puk, read.pin2, read.puk2) == wanted


def test_tries_left_for_what_is_asked_now() -> None:
    assert answers.parse_pin_counters(["#PCT: 9"], "SIM PUK") == answers.PinCounters(puk=9)


@pytest.mark.parametrize(
    ("line", "state"), [("READY", "READY"), ("SIM PUK", "SIM PUK"), ('"SIM PIN"', "SIM PIN"), ("ready", "READY")]
)
def test_pin_state(line: str, state: str) -> None:
    assert answers.parse_pin_state([f"+CPIN:{line}"]) == answers.parse_pin_state([f"+CPIN: {line}"]) == state


def test_own_numbers() -> None:
    read = answers.parse_own_numbers(
        ['+CNUM: "me","+447700900123",145', '+CNUM: "","",129', '+CNUM: ,"07700900124",129,5']
    )
    assert [(own.number, own.type_of_address) for own in read] == [("+447700900123", 145), ("07700900124", 129)]
    assert "900123" not in repr(read)


def test_clock() -> None:
    assert answers.parse_clock(['+CCLK: "26/11/23,10:48:00"']) == datetime(2026, 11, 23, 10, 48)  # noqa: DTZ001 - no zone given
    assert answers.parse_clock(['+CCLK: "26/11/23,10:48:00+00"']) == datetime(2026, 11, 23, 10, 48, tzinfo=UTC)
    zone = timezone(-timedelta(hours=8))
    assert answers.parse_clock(["+CCLK: 2026/11/23,10:48:00-32"]) == datetime(2026, 11, 23, 10, 48, tzinfo=zone)


@pytest.mark.parametrize("said", ["26/13/23,10:48:00", "26/11/23,10:48:00+99", "never"])
def test_a_clock_that_shows_no_time(said: str) -> None:
    with pytest.raises(MalformedResponse):
        answers.parse_clock([f'+CCLK: "{said}"'])


def test_device_settings() -> None:
    assert answers.parse_functionality(["+CFUN: 1,0"]) == 1
    assert answers.parse_functionality(["+CFUN: (0-1,4-7),(0-1)"]) is None
    assert answers.parse_character_sets(['+CSCS: ("IRA","UCS2")']) == ("IRA", "UCS2")
    assert answers.parse_character_sets(['+CSCS: "GSM"']) == ("GSM",)


Reader = Callable[[Sequence[str]], object]
_READERS: list[Reader] = [
    answers.parse_registration,
    answers.parse_operator,
    answers.parse_networks,
    answers.parse_signal,
    answers.parse_extended_signal,
    answers.parse_storage_choices,
    answers.parse_storage_use,
    answers.parse_indication_choices,
    answers.parse_indication_setting,
    answers.parse_message,
    answers.parse_messages,
    answers.parse_service_centre,
    answers.parse_message_service,
    answers.parse_link_modes,
    answers.parse_identity,
    answers.parse_imei,
    answers.parse_imsi,
    answers.parse_iccid,
    answers.parse_pin_state,
    answers.parse_pin_counters,
    answers.parse_own_numbers,
    answers.parse_clock,
    answers.parse_functionality,
    answers.parse_character_sets,
    answers.parse_capabilities,
]
_NAMES = (
    "+CREG +COPS +CSQ +CESQ ^SYSINFO +CPMS +CNMI +CMGR +CMGL +CDS +CSCA +CSMS +CMMS +CPIN +CPINR ^CPIN +QPINC +SPIC "
    "#PCT +CNUM +CCLK +CFUN +CSCS +CIND +GCAP"
)
_PREFIXES = ["", *(f"{name}: " for name in _NAMES.split())]
_REST = st.text('0123456789,"()- ABCF+/:', max_size=40) | st.text(max_size=20)


@given(
    reader=st.sampled_from(_READERS),
    lines=st.lists(st.tuples(st.sampled_from(_PREFIXES), _REST).map("".join), max_size=3),
)
def test_nothing_but_the_declared_error_comes_out(reader: Reader, lines: list[str]) -> None:
    try:
        reader(lines)
    except MalformedResponse:
        return


@pytest.mark.parametrize(
    "reader",
    [
        reader
        for reader in _READERS
        if reader not in (answers.parse_message, answers.parse_messages, answers.parse_own_numbers)
    ],
)
def test_no_answer_at_all_is_malformed(reader: Reader) -> None:
    with pytest.raises(MalformedResponse):
        reader([])
