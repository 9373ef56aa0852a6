"""Bytes to events: every line end, every chunk size, every kind of rubbish."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.at.indications import Indication
from hardware.at.lexer import LINE_LIMIT, Event, Lexer, Line, Prompt

# A status report made up after 23.040 9.2.2.3: service centre +447700900000, TPDU of 26 octets.
REPORT = "0791447700090000" + "06070C91447700091001" + "62113221430000" + "62113221530000" + "00"
HEADER = f"+CDS: {len(REPORT) // 2 - 8}"


def events(data: bytes, chunk: int = 4096, **context: Any) -> list[Event]:
    lexer = Lexer()
    for name, value in context.items():
        setattr(lexer, name, value)
    found: list[Event] = []
    for start in range(0, len(data), chunk):
        lexer.feed(data[start : start + chunk])
        while (event := lexer.next_event()) is not None:
            found.append(event)
            if isinstance(event, Prompt):
                lexer.prompt_awaited = False
    return found


def texts(data: bytes, **context: Any) -> list[str]:
    return [event.text for event in events(data, **context) if isinstance(event, Line)]


@pytest.mark.parametrize("end", [b"\r\n", b"\r\r\n", b"\n", b"\r", b"\r\n\r\n"])
@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 4096])
def test_every_line_end_ends_a_line(end: bytes, chunk: int) -> None:
    data = end + b"+CSQ: 20,99" + end + b"OK" + end
    assert events(data, chunk) == [Line("+CSQ: 20,99"), Line("OK")]


@pytest.mark.parametrize(
    ("glued", "lines"),
    [
        (b'+CME ERROR: 25+CNUM: "","+447700900123",145', ["+CME ERROR: 25", '+CNUM: "","+447700900123",145']),
        (b'OK+CMTI: "SM",3', ["OK", '+CMTI: "SM",3']),
        (b'+CSQ: 20,99+CMTI: "SM",3', ["+CSQ: 20,99", '+CMTI: "SM",3']),
        (b"+CMGS: 7+CREG: 1", ["+CMGS: 7", "+CREG: 1"]),
        (b'+CUSD: 0,"dial +CMTI: to win",15', ['+CUSD: 0,"dial +CMTI: to win",15']),
        (b"+CMS ERROR: SIM busy", ["+CMS ERROR: SIM busy"]),
        (b"OK see you", ["OK see you"]),
    ],
)
def test_glued_lines_come_apart_outside_of_strings(glued: bytes, lines: list[str]) -> None:
    assert texts(glued + b"\r\n") == lines


@pytest.mark.parametrize(
    "prompt", [b"\r\n> ", b"\r\n>", b"\n>", b"> \r\n", b">", b"\0\xff\r\n> ", b"AT+CMGS=23> ", b"AT+CMGS=23\r> "]
)
@pytest.mark.parametrize("chunk", [1, 2, 3, 4096])
def test_a_prompt_is_seen_only_when_awaited(prompt: bytes, chunk: int) -> None:
    awaited = events(prompt, chunk, prompt_awaited=True, echoes=("AT+CMGS=23",))
    assert awaited == [Prompt()]
    assert Prompt() not in events(prompt + b"\r\n", chunk, echoes=("AT+CMGS=23",))


def test_after_the_prompt_a_sign_is_a_line_again() -> None:
    assert events(b"\r\n> \r\n> x\r\n", prompt_awaited=True) == [Prompt(), Line("> x")]


@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 4096])
def test_two_line_indications_are_joined(chunk: int) -> None:
    data = f'\r\n{HEADER}\r\n{REPORT}\r\nOK\r\n+CMT: "name",{len(REPORT) // 2 - 8}\r\n\r\n{REPORT.lower()}\r\n'
    assert events(data.encode(), chunk) == [
        Indication("+CDS", HEADER, REPORT),
        Line("OK"),
        Indication("+CMT", f'+CMT: "name",{len(REPORT) // 2 - 8}', REPORT),
    ]


@pytest.mark.parametrize("follower", ["+CSQ: 20,99", "OK", "00112233", "1234567890123456", "RDY"])
def test_what_is_no_pdu_is_read_as_a_line_of_its_own(follower: str) -> None:
    assert events(f"{HEADER}\r\n{follower}\r\n".encode()) == [Indication("+CDS", HEADER), Line(follower)]


def test_a_pdu_of_another_length_is_taken_where_nothing_else_can_want_it() -> None:
    longer = f"+CDS: {len(REPORT) // 2}\r\n{REPORT}\r\n".encode()
    assert events(longer) == [Indication("+CDS", f"+CDS: {len(REPORT) // 2}", REPORT)]
    assert events(longer, hex_awaited=True) == [Indication("+CDS", f"+CDS: {len(REPORT) // 2}"), Line(REPORT)]


def test_a_pdu_may_follow_on_the_same_line() -> None:
    assert events(f"{HEADER} {REPORT}\r\n".encode()) == [Indication("+CDS", HEADER, REPORT)]


def test_a_report_in_text_mode_has_one_line_and_a_message_two() -> None:
    report = '+CDS: 6,10,"+447700900123",145,"26/11/23,12:34:00+00","26/11/23,12:35:00+00",0'
    message = '+CMT: "+447700900123",,"26/11/23,12:34:00+00"'
    assert texts(f"{report}\r\nOK\r\n{message}\r\nOK\r\nRING\r\n".encode()) == [report, "OK", message, "RING"]


@pytest.mark.parametrize("chunk", [1, 2, 4096])
def test_a_ussd_text_may_have_line_breaks(chunk: int) -> None:
    data = b'+CUSD: 1,"Balance:\r\n 12.50\n1 More",15\r\nOK\r\n'
    assert events(data, chunk) == [Line('+CUSD: 1,"Balance:\n 12.50\n1 More",15'), Line("OK")]


@pytest.mark.parametrize("chunk", [1, 2, 4096])
def test_a_string_that_is_never_closed_swallows_no_result_and_no_indication(chunk: int) -> None:
    data = b'+CUSD: 1,"Balance\r\nOK\r\n+CUSD: 1,"Balance\r\n+CMTI: "SM",3\r\n'
    assert texts(data, busy=True) == ['+CUSD: 1,"Balance', "OK", '+CUSD: 1,"Balance', '+CMTI: "SM",3']
    assert events(data, chunk, busy=True) == events(data, busy=True)
    assert texts(b'+CUSD: 1,"' + b"x\r\n" * 600)[0] == '+CUSD: 1,"x'


def test_echoes_are_dropped_also_where_something_is_glued_to_them() -> None:
    data = b"AT+CSQ\r\r\n+CSQ: 20,99\r\nAT+CSQ+CSQ: 21,99\r\n0011AABB\x1a\r\n0011AABB\x1a+CMGS: 5\r\n"
    assert texts(data, echoes=("AT+CSQ", "0011AABB")) == ["+CSQ: 20,99", "+CSQ: 21,99", "+CMGS: 5"]


def test_rubbish_around_and_in_lines() -> None:
    assert texts(b"\xff\0\r\n\0OK\xff\r\nO\0K\r\n\x1bOK\x1a\r\n") == ["OK", "OK", "OK"]
    assert texts('+COPS: 0,0,"Čeština"\r\n'.encode()) == ['+COPS: 0,0,"Čeština"']
    assert texts(b"caf\xe9\r\n") == ["café"]
    assert texts(b'+CUSD: 0,"a\0b"\r\n') == ['+CUSD: 0,"a\0b"']


@pytest.mark.parametrize("chunk", [1, 1000, 100_000])
def test_a_line_is_bounded_and_its_rest_dropped(chunk: int) -> None:
    assert texts(b"x" * 50_000 + b"\r\nOK\r\n") == ["x" * LINE_LIMIT, "OK"]
    assert events(b"x" * 50_000 + b"\r\nOK\r\n", chunk)[1] == Line("OK")


_LINES = (
    r'OK|ERROR|> |>|+CSQ: 20,99|+CDS: 31|AT+CMGS=31|+CUSD: 1,"|",15|+CMTI: "SM",3|+CMS ERROR: 38|RING|"|+CMT: "a",,"b"'
)
_PIECES = st.sampled_from(
    [piece.encode() for piece in (*_LINES.split("|"), HEADER, REPORT, "^SYSSTART", " ", "x" * 1500)]
    + [b"\r\n", b"\r", b"\n", b"\0", b"\xff", b"\x1a"]
)
_STREAMS = st.lists(_PIECES | st.binary(max_size=12), max_size=30).map(b"".join)
_CONTEXTS = st.fixed_dictionaries(
    {
        "prompt_awaited": st.booleans(),
        "busy": st.booleans(),
        "hex_awaited": st.booleans(),
        "echoes": st.just(("AT+CMGS=31",)),
    }
)


@given(data=_STREAMS, context=_CONTEXTS, chunk=st.integers(1, 40))
def test_chunks_make_no_difference_and_nothing_raises(data: bytes, context: dict[str, object], chunk: int) -> None:
    assert events(data, chunk, **context) == events(data, 1 << 20, **context)


def test_an_indication_does_not_print_its_pdu() -> None:
    (told,) = events(f"{HEADER}\r\n{REPORT}\r\n".encode())
    assert REPORT not in repr(told)
    assert "+CDS" in repr(told)
