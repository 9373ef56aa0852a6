from __future__ import annotations

import pytest

from hardware.errors import ConnectionLost
from hardware.simulator import (
    CINTERION,
    DOUBLE_CR,
    PERSONALITIES,
    SIERRA,
    SIM800,
    TELIT,
    UBLOX,
    WAVECOM,
    ZTE,
    Personality,
    SimCard,
)
from tests.hardware.simulator.terminal import Terminal, terminal, tpdu

every = pytest.mark.parametrize("personality", PERSONALITIES.values(), ids=PERSONALITIES.keys())


def answer(line: Terminal, command: str, seconds: float = 0.1) -> list[str]:
    """The answer without what the family says by itself."""
    noise = set(line.modem.personality.noise)
    return [one for one in line.ask(command, seconds) if one not in noise]


@every
def test_every_family_sends_and_tells_what_it_announces(personality: Personality) -> None:
    line = terminal(personality)
    assert answer(line, "AT+CGMI") == [personality.manufacturer, "OK"]
    assert answer(line, "AT+CNMI=?") == [f"+CNMI: {personality.cnmi_test}", "OK"]
    heard = [one for one in line.submit(tpdu("hello")) if one not in personality.noise]
    assert heard == ["+CMGS: 0", "OK"]
    assert line.phone().texts == ["hello"]


@every
def test_every_family_forgets_its_settings_at_a_restart(personality: Personality) -> None:
    line = terminal(personality)
    line.ask("AT+CREG=2;+CMEE=1")
    try:
        line.ask("AT+CFUN=1,1", 1)
    except ConnectionLost:
        assert personality.resets_drop_port
    else:
        assert not personality.resets_drop_port
    line.clock.advance(40)
    line.network.run_due()
    if personality.resets_drop_port:
        line.reopen()
    line.read(0.1)
    assert line.raw("AT+CREG?\r", 0.1).startswith(b"AT+CREG?\r"), "echo is back"
    assert "+CREG: 0,1" in line.ask("AT+CREG?")
    assert f"+CNMI: {','.join(map(str, personality.cnmi_default))}" in line.ask("AT+CNMI?")


@every
def test_every_family_tells_its_iccid_and_its_pin_tries(personality: Personality) -> None:
    line = terminal(personality, sim=SimCard(pin="1234", iccid="8944100000000000025"))
    if personality.iccid_without_pin:
        for command in personality.iccid:
            if command not in personality.unsupported:
                assert (
                    "8944100000000000025" in answer(line, f"AT{command}" if command[0] != "^" else f"AT{command}?")[0]
                )
    if personality.pin_counter:
        first = answer(line, f"AT{personality.pin_counter}?")
        line.ask('AT+CPIN="0000"')
        assert answer(line, f"AT{personality.pin_counter}?") != first


@every
def test_every_family_lists_memories_and_takes_the_first(personality: Personality) -> None:
    line = terminal(personality)
    first = personality.memories[0][0]
    assert answer(line, f'AT+CPMS="{first}"')[-1] == "OK"
    assert answer(line, 'AT+CPMS="XX"') == ["+CMS ERROR: 302"]


def test_the_serial_module_says_when_it_is_ready_and_refuses_the_format_before() -> None:
    line = terminal(SIM800)
    line.modem.reboot()
    assert line.wait(5) == ["RDY", "+CFUN: 1", "+CPIN: READY"]
    assert line.ask("AT+CMGF=0")[-1] == "ERROR"
    assert line.wait(3) == ["Call Ready", "SMS Ready"]
    assert line.ask("AT+CMGF=0")[-1] == "OK"


def test_one_family_announces_direct_reports_and_refuses_them() -> None:
    line = terminal(SIERRA)
    assert "(0,1,2)" in line.ask("AT+CNMI=?")[0]
    assert line.ask("AT+CNMI=2,1,0,1,0") == ["+CMS ERROR: 303"]
    assert line.ask("AT+CNMI=2,1,0,2,0") == ["OK"]


def test_one_family_takes_only_bfr_1_and_a_third_memory_of_its_own() -> None:
    line = terminal(CINTERION)
    assert line.ask("AT+CNMI=2,1,0,2,0") == ["+CMS ERROR: 302"]
    assert line.ask("AT+CNMI=2,1,0,2,1") == ["OK"]
    assert line.ask('AT+CPMS="ME","ME","ME"') == ["+CMS ERROR: 302"]
    assert line.ask('AT+CPMS="ME","ME","MT"')[-1] == "OK"


def test_the_old_core_has_its_own_ways() -> None:
    line = terminal(WAVECOM)
    assert line.ask("AT+CPIN?") == ["+CPIN: READY"]
    assert line.ask("AT+CGMI")[0].startswith(" ")
    assert line.ask("AT+CPMS=?")[0].startswith("+CPMS: ((")
    assert line.ask('AT+CPMS="SM","SM","SM"') == ["+CMS ERROR: 302"]
    assert line.ask('AT+CPMS="SM","SM"')[0] == "+CPMS: 0,30,0,30"
    line.raw("AT+CMGS=18\r")
    assert line.raw(b"\x1b") == b"", "ESC is not answered"
    line.ask("AT+CFUN=0", 1)
    assert line.ask("AT+CFUN=1", 1) == ["OK"]
    assert line.ask("AT+CPIN?") == ["+CME ERROR: 515"]
    line.wait(5)
    assert line.ask("AT+CPIN?") == ["+CPIN: READY"]


def test_one_stick_forgets_the_service_centre_and_floods_until_it_is_asked_for_its_memory() -> None:
    line = terminal(ZTE)
    assert line.wait(5) == ["+ZUSIMR:2", "+ZUSIMR:2"]
    line.ask("AT+CPMS?")
    assert line.wait(10) == []
    line.ask("AT+CSMP=17,167,0,0")
    assert line.ask("AT+CSCA?")[0] == '+CSCA: "",129'
    assert line.ask("AT+CFUN?")[0] == "+CFUN: (0-1,4-7),(0-1)"


def test_one_family_has_an_empty_name_in_its_headers() -> None:
    line = terminal(TELIT)
    line.ask("AT+CNMI=2,1,0,0,0")
    line.phone().send("x", SimCard().number)
    line.wait(1)
    assert line.ask("AT+CMGR=1")[0] == '+CMGR: 0,"",20'


def test_operator_names_follow_the_character_set() -> None:
    line = terminal(UBLOX)
    line.ask('AT+CSCS="UCS2"')
    assert line.ask("AT+COPS?")[0] == '+COPS: 0,0,"00530069006D006E00650074",7'


def test_a_cell_without_circuit_switching_shows_in_cereg_alone() -> None:
    line = terminal()
    line.modem.radio.lte_only = True
    assert line.ask("AT+CREG?;+CGREG?;+CEREG?") == ["+CREG: 0,0", "+CGREG: 0,0", "+CEREG: 0,1", "OK"]
    assert line.submit(tpdu())[-1] == "OK"


def test_one_ends_its_lines_with_two_carriage_returns() -> None:
    assert terminal(DOUBLE_CR).raw("AT+CSQ\r") == b"\r\r\n+CSQ: 20,99\r\r\n\r\r\nOK\r\r\n"
