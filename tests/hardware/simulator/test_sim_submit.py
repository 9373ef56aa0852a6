from __future__ import annotations

import pytest

from hardware.simulator import HUAWEI, SimCard
from tests.hardware.simulator.terminal import PHONE, terminal, tpdu


def test_a_message_reaches_the_telephone_and_the_log() -> None:
    line = terminal()
    assert line.submit(tpdu("hello €")) == ["+CMGS: 0", "OK"]
    (message,) = line.phone().messages
    assert (message.text, message.sender, message.parts) == ("hello €", "+447700900150", 1)
    (record,) = line.network.submits
    assert (record.imsi, record.destination, record.reference) == ("001010000000001", PHONE, 0)
    assert record.tpdu.content.text == "hello €"


def test_the_prompt_is_cr_lf_greater_than_and_a_space() -> None:
    line = terminal()
    assert line.raw("AT+CMGS=18\r") == b"\r\n> "


def test_the_answer_comes_after_the_radio_time_and_not_before() -> None:
    line = terminal()
    line.network.submit_seconds = 4.0
    assert line.submit(tpdu(), 3.9) == []
    assert line.wait(0.2) == ["+CMGS: 0", "OK"]


def test_references_count_per_card_and_wrap_after_255() -> None:
    sim = SimCard(last_reference=253)
    line = terminal(sim=sim)
    answers = [line.submit(tpdu())[0] for _ in range(4)]
    assert answers == ["+CMGS: 254", "+CMGS: 255", "+CMGS: 0", "+CMGS: 1"]
    line.modem.reboot()
    line.wait(20)
    line.raw("ATE0\r")
    assert line.submit(tpdu())[0] == "+CMGS: 2"


def test_the_modem_puts_its_own_reference_into_the_message() -> None:
    line = terminal(sim=SimCard(last_reference=40))
    line.submit(tpdu(reference=7))
    assert line.network.submits[0].tpdu.reference == 41


def test_escape_leaves_the_prompt_and_sends_nothing() -> None:
    line = terminal()
    line.raw("AT+CMGS=18\r")
    assert line.lines(line.raw(b"0001\x1b")) == ["OK"]
    assert line.ask("AT") == ["OK"]
    assert line.network.submits == []


@pytest.mark.parametrize(
    "body",
    [
        "00" + tpdu().hex()[:-2],
        "00" + tpdu().hex() + "00",
        "00" + tpdu().hex()[:-1] + "g",
        "00" + tpdu().hex()[:-1],
        "\n00" + tpdu().hex(),
        "00" + "04" + tpdu().hex()[2:],
        "00" + "02" + tpdu().hex()[2:],
        "",
        "0C" + tpdu().hex(),
        "AT+CSQ\r00" + tpdu().hex(),
    ],
    ids=["short", "long", "no hex", "odd", "line feed", "deliver", "command", "empty", "centre", "another command"],
)
def test_what_is_no_submit_of_the_announced_length_is_cms_304(body: str) -> None:
    line = terminal()
    line.raw(f"AT+CMGS={len(tpdu())}\r")
    assert line.lines(line.raw(f"{body}\x1a", 10)) == ["+CMS ERROR: 304"]
    assert line.network.submits == []


@pytest.mark.parametrize("length", ["0", "7", "165", "999", "x", "-1"])
def test_impossible_lengths_get_no_prompt(length: str) -> None:
    assert terminal().ask(f"AT+CMGS={length}") == ["+CMS ERROR: 304"]


def test_a_length_counted_with_the_service_centre_is_wrong() -> None:
    line = terminal()
    body = "0791447700090000" + tpdu().hex()
    line.raw(f"AT+CMGS={len(body) // 2}\r")
    assert line.lines(line.raw(f"{body}\x1a", 10)) == ["+CMS ERROR: 304"]


def test_the_service_centre_of_the_pdu_goes_before_the_card_s() -> None:
    line = terminal(sim=SimCard(service_centre=""))
    assert line.submit(tpdu()) == ["+CMS ERROR: 330"]
    assert line.submit(tpdu(), prefix="07914477000900" + "00") == ["+CMGS: 0", "OK"]
    assert line.network.submits[0].service_centre == "+447700900000"


def test_a_service_centre_that_does_not_exist_is_refused_by_the_network() -> None:
    line = terminal()
    line.ask('AT+CSCA="+447700900999",145')
    assert line.ask("AT+CSCA?") == ['+CSCA: "+447700900999",145', "OK"]
    assert line.submit(tpdu()) == ["+CMS ERROR: 38"]


def test_without_a_network_nothing_is_sent() -> None:
    line = terminal()
    line.modem.radio.lose(2, None)
    assert line.submit(tpdu()) == ["+CMS ERROR: 331"]
    line.modem.radio.recover()
    assert line.submit(tpdu())[0] == "+CMGS: 0"


def test_losing_the_network_during_a_submit_is_a_network_time_out() -> None:
    line = terminal()
    line.network.after(1.0, lambda: line.modem.radio.lose(0, None))
    assert line.submit(tpdu()) == ["+CMS ERROR: 332"]
    assert line.network.submits == []


def test_barring_congestion_and_closed_numbering_are_rp_causes() -> None:
    line = terminal()
    line.network.congested = True
    assert line.submit(tpdu()) == ["+CMS ERROR: 42"]
    line.network.congested = False
    line.network.open = False
    assert line.submit(tpdu()) == ["+CMS ERROR: 1"]
    line.phone()
    assert line.submit(tpdu())[0] == "+CMGS: 2"
    assert line.modem.sim is not None
    line.modem.sim.barred = 8
    assert line.submit(tpdu()) == ["+CMS ERROR: 8"]


def test_the_link_that_cmms_keeps_makes_the_next_submit_shorter() -> None:
    line = terminal()
    line.ask("AT+CMMS=2")
    line.submit(tpdu(), 2.1)
    assert line.submit(tpdu(), 1.1) == ["+CMGS: 1", "OK"]
    line.wait(10)
    assert line.submit(tpdu(), 1.1) == []
    line.wait(2)
    assert line.ask("AT+CMMS?") == ["+CMMS: 2", "OK"]


def test_cmms_1_falls_back_when_the_link_was_idle() -> None:
    line = terminal()
    line.ask("AT+CMMS=1")
    line.submit(tpdu(), 3)
    assert line.ask("AT+CMMS?") == ["+CMMS: 1", "OK"]
    line.wait(10)
    assert line.ask("AT+CMMS?") == ["+CMMS: 0", "OK"]


def test_what_is_written_while_a_message_is_sent_is_dropped_or_read_later() -> None:
    strict, patient = terminal(), terminal(HUAWEI)
    for line in (strict, patient):
        line.submit(tpdu(), 0.5)
        line.raw("AT+CSQ\r")
    assert strict.wait(10) == ["+CMGS: 0", "OK"]
    assert [one for one in patient.wait(10) if not one.startswith("^")] == ["+CMGS: 0", "OK", "+CSQ: 20,99", "OK"]


def test_text_mode_sends_in_the_character_set_of_cscs() -> None:
    line = terminal()
    line.ask("AT+CMGF=1")
    assert line.raw(f'AT+CMGS="{PHONE}"\r') == b"\r\n> "
    assert line.lines(line.raw(b"caf\x05\x1a", 10)) == ["+CMGS: 0", "OK"]
    assert line.phone().texts == ["café"]
    line.ask('AT+CSCS="UCS2"')
    line.ask("AT+CSMP=17,167,0,8")
    line.raw(f'AT+CMGS="{PHONE}"\r')
    assert line.lines(line.raw("Ж😀".encode("utf-16-be").hex() + "\x1a", 10))[-1] == "OK"
    assert line.phone().texts[-1] == "Ж😀"


def test_a_stored_message_is_sent_from_its_place() -> None:
    line = terminal()
    pdu = tpdu("stored")
    line.raw(f"AT+CMGW={len(pdu)}\r")
    assert line.lines(line.raw(f"00{pdu.hex()}\x1a")) == ["+CMGW: 1", "OK"]
    assert line.ask("AT+CMSS=1", 10) == ["+CMSS: 0", "OK"]
    assert line.phone().texts == ["stored"]
    assert line.ask("AT+CMSS=2") == ["+CMS ERROR: 321"]


def test_message_commands_wait_for_the_card() -> None:
    line = terminal(sim=SimCard(pin="1234"))
    assert line.submit(tpdu()) == ["+CMS ERROR: 311"]
    assert line.ask("AT+CPMS?") == ["+CMS ERROR: 311"]
