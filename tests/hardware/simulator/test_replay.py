"""A trace that is played: the same answers to the same commands, in their order and at their time."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardware.clock import FakeClock
from hardware.simulator import PERSONALITIES, ReplayedModem
from hardware.tracing import Entry, Header, Mark, Octets, Trace, read_trace
from tests.corpus.play import played
from tests.corpus.seed import recorded

Line = tuple[float, str, str]


def trace(*lines: Line, masked: bool = False, marks: Iterable[Mark] = ()) -> Trace:
    """Entries of time, `>` or `<`, and octets."""
    entries: list[Entry] = [
        Octets(at, "sent" if way == ">" else "received", data.encode("latin-1")) for at, way, data in lines
    ]
    entries += marks
    return Trace(Header("test", masked), tuple(sorted(entries, key=lambda one: one.at)))


class Desk:
    """A program that types at a played modem on a fake clock."""

    def __init__(self, played: Trace, scale: float = 1.0) -> None:
        self.clock = FakeClock()
        self.modem = ReplayedModem(played, self.clock, scale=scale)
        self.port = self.modem.transport()

    def ask(self, text: str, seconds: float = 0.0) -> str:
        """What is said to it within so many seconds."""
        self.port.write(text.encode("latin-1"))
        until, heard = self.clock.boot() + seconds, b""
        while data := self.port.read(max(0.0, until - self.clock.boot())):
            heard += data
        return heard.decode("latin-1")


OK = "\r\nOK\r\n"


@pytest.mark.parametrize("mask", [True, False])
@pytest.mark.parametrize("name", ["generic", "huawei", "huawei_lte", "zte", "sim800", "sierra", "wavecom"])
def test_a_recorded_family_comes_up_again_and_sends(name: str, mask: bool) -> None:
    """The same identity, status and result as of the one that was recorded; nothing is asked that it does not have."""
    whole = read_trace(recorded(name, mask=mask, chunk=5).splitlines())
    outcome = played(whole)
    status, personality = outcome.status, PERSONALITIES[name]
    assert status.state.value == "ready"
    assert status.identity.model == personality.model.strip()
    assert status.profile == whole.header.profile
    assert status.operator
    assert status.signal_dbm is not None
    assert outcome.reference == 0
    assert outcome.reports == 1
    assert not outcome.unknown


def test_answers_come_in_order_and_the_last_one_again() -> None:
    desk = Desk(
        trace(
            (0, ">", "AT+CREG?\r"), (0, "<", "\r\n+CREG: 0,2\r\n\r\nOK\r\n"),
            (1, ">", "AT+CSQ\r"), (1, "<", "\r\n+CSQ: 9,99\r\n\r\nOK\r\n"),
            (2, ">", "AT+CREG?\r"), (2, "<", "\r\n+CREG: 0,1\r\n\r\nOK\r\n"),
        )
    )  # fmt: skip
    assert "0,2" in desk.ask("AT+CREG?\r")
    assert "0,1" in desk.ask("at+creg?\r")
    assert "9,99" in desk.ask("AT+CSQ\r"), "it is known by its text where its turn is over"
    assert "0,1" in desk.ask("AT+CREG?\r")
    assert "0,1" in desk.ask("AT+CREG?\r")
    assert desk.modem.played.total() == 5


def test_a_far_turn_does_not_skip_what_comes_before_it() -> None:
    lines: list[Line] = [(0, ">", "AT\r"), (0, "<", OK), (0, ">", "AT+CMGF=0\r"), (0, "<", OK)]
    for place in range(40):
        lines += [(place, ">", f"AT+CMGD={place}\r"), (place, "<", f"\r\n+CMS ERROR: {place}\r\n")]
    lines += [(50, ">", "AT+CMGF=0\r"), (50, "<", "\r\nERROR\r\n")]
    desk = Desk(trace(*lines))
    assert desk.ask("AT+CMGF=0\r") == OK
    assert desk.ask("AT+CMGF=0\r") == OK
    assert "ERROR: 3\r" in desk.ask("AT+CMGD=3\r")


def test_what_the_trace_does_not_have_is_an_error_and_is_listed() -> None:
    desk = Desk(trace((0, ">", "AT\r"), (0, "<", OK), masked=True))
    assert desk.ask('AT+CPIN="1234"\r') == "\r\nERROR\r\n"
    assert desk.ask('AT+CPIN="1234"\r') == "\r\nERROR\r\n"
    assert desk.ask("ATI\r") == "\r\nERROR\r\n"
    assert desk.ask("\x1b\r\n\r") == ""
    assert desk.modem.unknown == {'AT+CPIN="0000"': 2, "ATI": 1}


def test_a_masked_command_is_the_one_that_was_masked() -> None:
    desk = Desk(trace((0, ">", 'AT+CPIN="0000"\r'), (0, "<", OK), masked=True))
    assert desk.ask('AT+CPIN="4711"\r') == OK
    assert desk.ask('AT+CPIN="47110"\r') == "\r\nERROR\r\n"


@pytest.mark.parametrize("scale", [1.0, 0.1, 3.0])
def test_times_are_those_of_the_trace(scale: float) -> None:
    desk = Desk(
        trace((5, ">", "AT+COPS=?\r"), (7, "<", "\r\n+COPS: ()\r\n"), (8, "<", OK), (12, "<", "\r\nRING\r\n")), scale
    )
    begun = desk.clock.boot()
    assert desk.ask("AT+COPS=?\r", 2.9 * scale) == "\r\n+COPS: ()\r\n"
    assert desk.ask("", 0.2 * scale) == OK
    assert desk.clock.boot() - begun == pytest.approx(3.1 * scale)
    assert desk.ask("", 3.8 * scale) == ""
    assert desk.ask("", 0.2 * scale) == "\r\nRING\r\n"


def test_news_never_stands_within_an_answer() -> None:
    desk = Desk(
        trace(
            (0, ">", "AT\r"), (0, "<", OK), (2, "<", "\r\nRING\r\n"),
            (3, ">", "AT+CMGL=4\r"), (4, "<", "\r\n+CMGL: 1,"), (6, "<", "1,,9\r\n00\r\n"), (6, "<", OK),
        )
    )  # fmt: skip
    assert desk.ask("AT\r") == OK
    assert desk.ask("", 0.5) == ""
    assert desk.ask("AT+CMGL=4\r", 10) == "\r\n+CMGL: 1,1,,9\r\n00\r\n\r\nOK\r\n\r\nRING\r\n"


def test_a_message_is_taken_whatever_it_says() -> None:
    desk = Desk(
        trace(
            (0, ">", "AT+CMGS=20\r"), (0, "<", "\r\n> "), (0, ">", "0011AA\x1a"),
            (2, "<", "\r\n+CMGS: 77\r\n\r\nOK\r\n\r\n+CDS: 26\r\n06\r\n"),
            (9, ">", "AT+CMGS=21\r"), (9, "<", "\r\n> "), (9, ">", "0011BB\x1a"), (9, "<", "\r\n+CMS ERROR: 38\r\n"),
        )
    )  # fmt: skip
    assert desk.ask("AT+CMGS=99\r") == "\r\n> "
    assert desk.ask("00FF" * 10) == ""
    assert desk.ask("\x1a", 5) == "\r\n+CMGS: 77\r\n\r\nOK\r\n\r\n+CDS: 26\r\n06\r\n"
    assert desk.ask("AT+CMGS=1\r") == "\r\n> "
    assert desk.ask("\x1b") == OK, "ESC at the prompt ends the message, also where nobody did so in the trace"
    assert desk.ask("AT+CMGS=1\r") == "\r\n> "
    assert "38" in desk.ask("FF\x1a", 5)


def test_a_sign_in_a_text_is_no_prompt() -> None:
    desk = Desk(
        trace(
            (0, ">", "AT+CUSD=1\r"), (0, "<", OK), (1, "<", '\r\n+CUSD: 0,"a\n'), (1, "<", "> "), (1, "<", 'b",15\r\n'),
            (2, ">", "AT\r"), (2, "<", OK),
        )
    )  # fmt: skip
    assert desk.ask("AT+CUSD=1\r", 1.5) == OK + '\r\n+CUSD: 0,"a\n> b",15\r\n'
    assert desk.ask("AT\r") == OK


def test_an_echo_is_played_until_it_is_turned_off() -> None:
    desk = Desk(
        trace(
            (0, ">", "AT\r"), (0, "<", "AT\r\r\nOK\r\n"),
            (0, ">", "ATE0\r"), (0, "<", "ATE"), (0, "<", "0\r\r\nOK\r\n"),
            (0, ">", "AT+CSQ\r"), (0, "<", "\r\n+CSQ: 9,99\r\n\r\nOK\r\n"),
        )
    )  # fmt: skip
    assert desk.ask("AT\r") == "AT\r\r\nOK\r\n"
    assert desk.ask("ATE0\r") == "ATE0\r\r\nOK\r\n"
    assert desk.ask("AT\r") == OK


def test_what_came_before_the_port_was_opened_again_is_no_half_command() -> None:
    desk = Desk(
        trace((0, ">", "AT+CFUN=1,"), (3, ">", "AT\r"), (3, "<", OK), marks=[Mark(1, "closed"), Mark(2, "opened")])
    )
    assert desk.ask("AT\r") == OK
    assert desk.modem.turns == 1


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 20), st.sampled_from("<>"), st.text(st.characters(max_codepoint=255), max_size=12)),
        max_size=12,
    ),
    st.lists(st.binary(max_size=12), max_size=6),
)
def test_nothing_that_is_in_a_trace_or_is_typed_stops_it(lines: list[Line], typed: list[bytes]) -> None:
    desk = Desk(trace(*sorted(lines)))
    for octets in typed:
        desk.ask(octets.decode("latin-1"), 1)
    assert desk.modem.network.next_event() is None or desk.clock.boot() < 1e9


def test_what_is_counted_holds_no_secret_of_the_program_that_asks() -> None:
    desk = Desk(trace((0.0, ">", 'AT+CPIN="1111"\r'), (0.1, "<", OK)))
    assert desk.ask('AT+CPIN="1111"\r', 1) == OK
    assert desk.ask('AT+CPIN="4711"\r', 1) == "\r\nERROR\r\n"
    assert desk.modem.played == desk.modem.unknown == {'AT+CPIN="0000"': 1}
