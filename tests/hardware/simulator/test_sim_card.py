from __future__ import annotations

import pytest

from hardware.simulator import GENERIC, HUAWEI, HUAWEI_LTE, SIM800, Personality, SimCard, UssdAnswer
from hardware.simulator.alphabet import pack_ussd
from tests.hardware.simulator.terminal import Terminal, terminal, tpdu


def locked(**values: object) -> Terminal:
    return terminal(sim=SimCard(pin="1234", puk="87654321", **values))  # type: ignore[arg-type]


def test_the_pin_opens_the_card_and_the_modem_registers() -> None:
    line = locked()
    assert line.ask("AT+CPIN?") == ["+CPIN: SIM PIN", "OK"]
    assert line.ask("AT+CIMI") == ["+CME ERROR: 11"]
    assert line.ask("AT+CREG?") == ["+CREG: 0,0", "OK"]
    assert line.ask('AT+CPIN="1234"') == ["OK"]
    assert line.ask("AT+CPIN?") == ["+CPIN: READY", "OK"]
    assert line.ask("AT+CREG?") == ["+CREG: 0,2", "OK"]
    line.wait(5)
    assert line.submit(tpdu())[-1] == "OK"


def test_wrong_pins_use_up_the_tries_over_restarts_and_end_at_the_puk() -> None:
    line = locked()
    assert line.ask("AT+CPINR")[0] == "+CPINR: SIM PIN,3,3"
    assert line.ask('AT+CPIN="0000"') == ["+CME ERROR: 16"]
    line.modem.reboot()
    line.wait(10)
    line.raw("ATE0+CMEE=1\r")
    assert line.ask("AT+CPINR")[0] == "+CPINR: SIM PIN,2,3"
    assert line.ask('AT+CPIN="0000"') == ["+CME ERROR: 16"]
    assert line.ask('AT+CPIN="0000"') == ["+CME ERROR: 12"]
    assert line.ask("AT+CPIN?") == ["+CPIN: SIM PUK", "OK"]
    assert line.ask('AT+CPIN="1234"') == ["+CME ERROR: 12"]
    assert line.ask('AT+CPIN="87654321","4321"') == ["OK"]
    assert line.ask("AT+CPIN?") == ["+CPIN: READY", "OK"]


def test_ten_wrong_puks_end_the_card() -> None:
    line = locked(tries=0)
    for _ in range(9):
        assert line.ask('AT+CPIN="00000000","4321"') == ["+CME ERROR: 16"]
    assert line.ask('AT+CPIN="00000000","4321"') == ["+CME ERROR: 13"]
    assert line.ask("AT+CPIN?") == ["+CME ERROR: 13"]


def test_a_pin_that_nobody_asked_for_is_refused_and_may_cost_a_try() -> None:
    assert terminal(sim=SimCard()).ask('AT+CPIN="1234"') == ["+CME ERROR: 3"]
    line = terminal(SIM800, sim=SimCard(pin="1234"))
    line.ask('AT+CPIN="1234"')
    assert line.ask('AT+CPIN="0000"') == ["+CME ERROR: 16"]
    assert line.ask("AT+SPIC")[0] == "+SPIC: 2,10,3,10"


def test_the_lock_is_asked_for_again_after_a_restart() -> None:
    line = locked()
    line.ask('AT+CPIN="1234"')
    line.modem.reboot()
    line.wait(10)
    line.raw("ATE0\r")
    assert line.ask("AT+CPIN?") == ["+CPIN: SIM PIN", "OK"]


def test_the_lock_can_be_taken_off_and_the_pin_changed() -> None:
    line = locked()
    line.ask('AT+CPIN="1234"')
    assert line.ask('AT+CLCK="SC",2') == ["+CLCK: 1", "OK"]
    assert line.ask('AT+CPWD="SC","1234","5678"') == ["OK"]
    assert line.ask('AT+CLCK="SC",0,"1234"') == ["+CME ERROR: 16"]
    assert line.ask('AT+CLCK="SC",0,"5678"') == ["OK"]
    assert line.ask('AT+CLCK="SC",2') == ["+CLCK: 0", "OK"]


def test_a_modem_without_a_card_says_so_in_both_vocabularies() -> None:
    line = terminal()
    line.modem.insert(None)
    line.wait(10)
    line.raw("ATE0+CMEE=1\r")
    assert line.ask("AT+CPIN?") == ["+CME ERROR: 10"]
    assert line.ask("AT+CPMS?") == ["+CMS ERROR: 310"]


def test_another_card_brings_another_identity() -> None:
    line = terminal()
    line.modem.insert(SimCard(imsi="001010000000009", iccid="8944100000000000099", number="+447700900159"))
    line.wait(20)
    line.raw("ATE0\r")
    assert line.ask("AT+CIMI") == ["001010000000009", "OK"]
    assert line.ask("AT+CCID") == ["+CCID: 8944100000000000099", "OK"]
    assert line.submit(tpdu())[-1] == "OK"
    assert line.network.submits[0].imsi == "001010000000009"


def test_the_radio_off_keeps_identity_and_refuses_to_send() -> None:
    line = terminal()
    assert line.ask("AT+CFUN=4", 1) == ["OK"]
    assert line.ask("AT+CIMI")[-1] == "OK"
    assert line.submit(tpdu()) == ["+CMS ERROR: 331"]
    assert line.ask("AT+CFUN=1", 1) == ["OK"]
    line.wait(5)
    assert line.submit(tpdu())[-1] == "OK"


BALANCE = {"*100#": "Balance: 5.00 £", "*101#": "Решение", "*102#": UssdAnswer("Menu", 1, {"1": "First"})}


def test_ussd_comes_as_text() -> None:
    line = terminal(sim=SimCard(ussd=BALANCE))
    assert line.ask('AT+CUSD=1,"*100#",15', 3) == ["OK", '+CUSD: 0,"Balance: 5.00 \x01",15']
    assert line.ask('AT+CUSD=1,"*101#",15', 3)[1] == f'+CUSD: 0,"{"Решение".encode("utf-16-be").hex().upper()}",72'
    assert line.ask('AT+CUSD=1,"*999#",15', 3) == ["OK", "+CUSD: 4"]


def test_ussd_menus_wait_for_the_reply() -> None:
    line = terminal(sim=SimCard(ussd=BALANCE))
    assert line.ask('AT+CUSD=1,"*102#",15', 3)[1] == '+CUSD: 1,"Menu",15'
    assert line.ask('AT+CUSD=1,"1",15', 3)[1] == '+CUSD: 0,"First",15'
    line.ask('AT+CUSD=1,"*102#",15', 3)
    assert line.ask("AT+CUSD=2") == ["OK"]
    assert line.ask('AT+CUSD=1,"1",15', 3)[1] == "+CUSD: 4"


def test_the_packing_family_speaks_packed_hexadecimal_until_told_otherwise() -> None:
    line = terminal(HUAWEI, sim=SimCard(ussd=BALANCE))
    code = pack_ussd("*100#").hex().upper()
    assert line.ask(f'AT+CUSD=1,"{code}",15', 3)[1] == f'+CUSD: 0,"{pack_ussd(BALANCE["*100#"]).hex().upper()}",15'
    assert line.ask('AT+CUSD=1,"*100#",15') == ["+CME ERROR: 50"]
    line.ask("AT^USSDMODE=0")
    assert line.ask('AT+CUSD=1,"*100#",15', 3)[1].startswith('+CUSD: 0,"Balance')


def test_the_lte_sticks_answer_in_ucs_2() -> None:
    line = terminal(HUAWEI_LTE, sim=SimCard(ussd={"*1#": "Hi"}))
    assert line.ask('AT+CUSD=1,"*1#",15', 3)[1] == '+CUSD: 0,"00480069",72'


@pytest.mark.parametrize("personality", [GENERIC, HUAWEI])
def test_signal_is_told_in_both_scales(personality: Personality) -> None:
    line = terminal(personality)
    line.modem.radio.signal = 9
    assert line.ask("AT+CSQ") == ["+CSQ: 9,99", "OK"]
    assert line.ask("AT+CESQ")[0] in ("+CESQ: 99,99,255,255,20,16", "+CESQ: 16,99,255,255,255,255")
