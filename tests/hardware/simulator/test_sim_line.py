from __future__ import annotations

from collections.abc import Callable

import pytest

from hardware.clock import FakeClock
from hardware.simulator import HUAWEI, SimCard, SimulatedModem, SimulatedNetwork
from tests.hardware.simulator.terminal import terminal

Say = Callable[[bytes], bytes]


@pytest.fixture
def fresh() -> Say:
    """A modem as it is after power-on: echo on, +CMEE=0."""
    modem = SimulatedModem(SimulatedNetwork(FakeClock()), SimCard())

    def say(octets: bytes) -> bytes:
        modem.feed(octets)
        return modem.take(10_000)

    return say


def test_echo_is_on_at_first_and_comes_before_the_answer(fresh: Say) -> None:
    assert fresh(b"AT\r") == b"AT\r\r\nOK\r\n"


def test_echo_goes_off_after_the_line_that_turns_it_off(fresh: Say) -> None:
    assert fresh(b"ATE0\r") == b"ATE0\r\r\nOK\r\n"
    assert fresh(b"AT\r") == b"\r\nOK\r\n"


def test_results_become_digits_with_v0_and_nothing_with_q1(fresh: Say) -> None:
    fresh(b"ATE0\r")
    assert fresh(b"ATV0\r") == b"0\r"
    assert fresh(b"AT+NONSENSE\r") == b"4\r"
    assert fresh(b"ATQ1\r") == b""
    assert fresh(b"AT\r") == b""


@pytest.mark.parametrize("line", ["at+csq", "AT+CSQ", "At + CsQ", "AT;+CSQ", "xyzAT+CSQ", "aAT+CSQ"])
def test_case_spaces_and_noise_before_at_do_not_matter(line: str) -> None:
    expected = ["+CSQ: 20,99", "OK"] if " " not in line else ["ERROR"]
    assert terminal().ask(line) == expected


def test_a_chain_runs_in_order_and_ends_at_the_first_mistake() -> None:
    line = terminal()
    assert line.ask("AT+CSQ;+CMGF=1;+CMGF?;+NONSENSE;+CMGF=0") == ["+CSQ: 20,99", "+CMGF: 1", "ERROR"]
    assert line.ask("AT+CMGF?") == ["+CMGF: 1", "OK"]


def test_a_slash_repeats_the_last_line_without_a_return() -> None:
    line = terminal()
    line.ask("AT+CSQ")
    assert line.lines(line.raw("A/")) == ["+CSQ: 20,99", "OK"]


def test_backspace_takes_a_character_back() -> None:
    line = terminal()
    assert line.lines(line.raw("AT+CSX\x08Q\r")) == ["+CSQ: 20,99", "OK"]


def test_the_end_of_a_line_is_what_s3_says() -> None:
    line = terminal()
    assert line.ask("ATS3?") == ["013", "OK"]
    line.ask("ATS3=33")
    assert line.lines(line.raw("AT!")) == ["OK"]


def test_a_line_beyond_the_limit_is_refused_and_not_carried_out() -> None:
    line = terminal()
    assert line.ask("AT+CMGF=1;" + "+CSQ;" * 200) == ["ERROR"]
    assert line.ask("AT+CMGF?") == ["+CMGF: 0", "OK"]


@pytest.mark.parametrize(
    ("mode", "cme", "cms"),
    [
        (0, "ERROR", "+CMS ERROR: 321"),
        (1, "+CME ERROR: 50", "+CMS ERROR: 321"),
        (2, "+CME ERROR: Incorrect parameters", "+CMS ERROR: invalid memory index"),
    ],
)
def test_errors_take_the_form_that_cmee_asks_for(mode: int, cme: str, cms: str) -> None:
    line = terminal()
    line.ask(f"AT+CMEE={mode}")
    assert line.ask("AT+CREG=9") == [cme]
    assert line.ask("AT+CMGR=1") == [cms]


def test_unknown_commands_get_the_family_s_own_words() -> None:
    assert terminal().ask("AT+NONSENSE") == ["ERROR"]
    assert terminal(HUAWEI).ask("AT+NONSENSE") == ["COMMAND NOT SUPPORT"]


@pytest.mark.parametrize(
    "octets", [bytes(range(256)) * 4, b"AT+CMGS=\r", b'AT+CPMS="\r', b"AT+CMGL=,,,,\r", b"ATS\r", b"AT=\r"]
)
def test_no_octets_end_the_line_for_good(octets: bytes) -> None:
    line = terminal()
    line.raw(octets)
    line.raw(b"\x1b\r")
    assert line.ask("AT")[-1] == "OK"


@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 4096])
def test_the_door_gives_no_more_than_a_chunk_at_a_time(chunk: int) -> None:
    line = terminal(chunk=chunk)
    line.transport.write(b"AT+CSQ\r")
    pieces = []
    while piece := line.transport.read(0.0):
        pieces.append(piece)
    assert b"".join(pieces) == b"\r\n+CSQ: 20,99\r\n\r\nOK\r\n"
    assert max(map(len, pieces)) <= chunk


def test_factory_settings_bring_the_echo_back() -> None:
    line = terminal()
    line.ask("AT+CMGF=1")
    line.ask("AT&F")
    assert line.raw("AT+CMGF?\r").startswith(b"AT+CMGF?\r\r\n+CMGF: 0")
