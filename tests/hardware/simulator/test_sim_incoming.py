from __future__ import annotations

import pytest

from hardware.simulator import EC25, HUAWEI, PHS8, Personality, SimCard
from hardware.simulator.octets import Reader, read_service_centre
from hardware.simulator.tpdu import read_deliver, read_report
from tests.hardware.simulator.terminal import PHONE, Terminal, terminal, tpdu

NUMBER = SimCard().number


def receiving(cnmi: str = "2,1,0,1,0", personality: Personality | None = None, sim: SimCard | None = None) -> Terminal:
    line = terminal(sim=sim) if personality is None else terminal(personality, sim=sim)
    assert line.ask(f"AT+CNMI={cnmi}") == ["OK"]
    return line


def text_of(body: str) -> str | None:
    reader = Reader(bytes.fromhex(body))
    read_service_centre(reader)
    return read_deliver(reader.rest()).content.text


def test_a_message_is_stored_announced_read_and_deleted() -> None:
    line = receiving()
    line.phone().send("hello", NUMBER)
    assert line.wait(1) == ['+CMTI: "SM",1']
    assert line.ask("AT+CPMS?")[0] == '+CPMS: "SM",1,30,"SM",1,30,"SM",1,30'
    head, body, ok = line.ask("AT+CMGR=1")
    assert (head, ok) == (f"+CMGR: 0,,{len(body) // 2 - 8}", "OK")
    assert text_of(body) == "hello"
    assert line.ask("AT+CMGR=1")[0].startswith("+CMGR: 1,,")
    assert line.ask("AT+CMGD=1") == ["OK"]
    assert line.ask("AT+CMGR=1") == ["+CMS ERROR: 321"]


def test_listing_marks_messages_as_read_and_filters_by_status() -> None:
    line = receiving()
    for text in ("one", "two"):
        line.phone().send(text, NUMBER)
    line.wait(1)
    assert [one for one in line.ask("AT+CMGL=0") if one.startswith("+CMGL")] == ["+CMGL: 1,0,,22", "+CMGL: 2,0,,22"]
    assert line.ask("AT+CMGL=0") == ["OK"]
    assert [one[:9] for one in line.ask("AT+CMGL=4") if one.startswith("+CMGL")] == ["+CMGL: 1,", "+CMGL: 2,"]
    assert line.ask("AT+CMGL=5") == ["+CMS ERROR: 304"]


def test_deleting_by_kind_spares_what_was_not_read() -> None:
    line = receiving()
    line.phone().send("read", NUMBER)
    line.wait(1)
    line.ask("AT+CMGR=1")
    line.phone().send("unread", NUMBER)
    line.wait(1)
    line.ask("AT+CMGD=1,1")
    assert [one[:9] for one in line.ask("AT+CMGL=4") if one.startswith("+CMGL")] == ["+CMGL: 2,"]
    line.ask("AT+CMGD=1,4")
    assert line.ask("AT+CMGL=4") == ["OK"]


def test_direct_routing_shows_the_message_and_stores_nothing() -> None:
    line = receiving("2,2,0,1,0")
    line.phone().send("direct", NUMBER)
    head, body = line.wait(1)
    assert head == f"+CMT: ,{len(body) // 2 - 8}" and text_of(body) == "direct"
    assert line.ask("AT+CMGL=4") == ["OK"]


def test_class_2_goes_to_the_card_even_with_direct_routing() -> None:
    line = receiving("2,2,0,1,0")
    line.ask('AT+CPMS="ME","ME","ME"')
    line.phone().send("for the card", NUMBER, message_class=2)
    assert line.wait(1) == ['+CMTI: "SM",1']


def test_cnmi_0_keeps_the_message_and_says_nothing_until_asked() -> None:
    line = terminal()
    line.phone().send("quiet", NUMBER)
    assert line.wait(5) == []
    assert line.ask("AT+CMGL=4")[-1] == "OK" and len(line.ask("AT+CMGL=4")) == 3


def test_buffered_indications_come_when_the_mode_changes_or_are_cleared() -> None:
    for clear, expected in (("0", ['+CMTI: "SM",1', "OK"]), ("1", ["OK"])):
        line = receiving("0,1,0,0,0")
        line.phone().send("later", NUMBER)
        assert line.wait(2) == []
        assert sorted(line.ask(f"AT+CNMI=2,1,0,0,{clear}")) == sorted(expected)


def test_stored_reports_are_announced_and_fill_the_store() -> None:
    line = receiving("2,1,0,2,0")
    assert line.submit(tpdu(report=True))[-1] == '+CDSI: "SM",1'
    _, body, _ = line.ask("AT+CMGR=1")
    reader = Reader(bytes.fromhex(body))
    read_service_centre(reader)
    assert read_report(reader.rest()).status == 0
    assert line.ask("AT+CPMS?")[0].startswith('+CPMS: "SM",1,')


def test_some_families_store_reports_in_sr_and_one_calls_it_sm() -> None:
    line = receiving("2,1,0,2,0", EC25)
    assert line.submit(tpdu(report=True))[-1] == '+CDSI: "SM",0'
    line.ask('AT+CPMS="SM"')
    assert line.ask("AT+CMGL=4") == ["OK"]
    line.ask('AT+CPMS="SR"')
    assert len(line.ask("AT+CMGL=4")) == 3


def test_a_family_without_report_route_stores_them_like_messages() -> None:
    line = receiving("2,1,0,0,1", PHS8)
    assert line.submit(tpdu(report=True))[-1] == '+CMTI: "SM",1'


def test_a_full_store_refuses_and_gets_the_message_once_there_is_room() -> None:
    line = receiving(sim=SimCard(slots=2))
    for number in range(4):
        line.phone().send(f"message {number}", NUMBER)
    assert line.wait(30) == ['+CMTI: "SM",1', '+CMTI: "SM",2']
    assert line.modem.sim is not None and line.network.waiting_for(line.modem.sim) == 2
    line.ask("AT+CMGD=1")
    assert line.wait(2) == ['+CMTI: "SM",1']
    line.ask("AT+CMGD=2")
    assert line.wait(2) == ['+CMTI: "SM",2']
    texts = [text_of(one) for one in line.ask("AT+CMGL=4")[1:-1:2]]
    assert texts == ["message 2", "message 3"]


def test_mt_is_both_stores_at_once() -> None:
    line = receiving()
    line.ask('AT+CPMS="MT","ME","ME"')
    line.phone().send("me", NUMBER)
    line.phone().send("card", NUMBER, message_class=2)
    line.wait(1)
    assert line.ask("AT+CPMS?")[0] == '+CPMS: "MT",2,130,"ME",1,100,"ME",1,100'
    bodies = line.ask("AT+CMGL=4")[1:-1:2]
    assert [text_of(body) for body in bodies] == ["me", "card"]


def test_the_huawei_counter_lags_behind() -> None:
    line = receiving("1,1,0,1,0", HUAWEI)
    line.phone().send("new", NUMBER)
    line.wait(0.2)
    assert line.ask('AT+CPMS="SM"')[0].startswith("+CPMS: 0,")
    line.wait(1)
    assert line.ask("AT+CPMS?")[0].startswith('+CPMS: "SM",1,')


def test_replace_types_replace_in_the_store() -> None:
    line = receiving()
    line.phone().send("old", NUMBER, pid=0x41)
    line.phone().send("new", NUMBER, pid=0x41)
    assert line.wait(1) == ['+CMTI: "SM",1', '+CMTI: "SM",1']
    assert text_of(line.ask("AT+CMGR=1")[1]) == "new"


@pytest.mark.parametrize("answer", ["AT+CNMA", "AT+CNMA=0", "AT+CNMA=1"])
def test_with_service_1_a_direct_message_is_acknowledged(answer: str) -> None:
    line = receiving("2,2,0,1,0")
    line.ask("AT+CSMS=1")
    line.phone().send("once", NUMBER)
    line.wait(1)
    assert line.ask(answer) == ["OK"]
    line.wait(20)
    assert line.ask("AT+CNMI?") == ["+CNMI: 2,2,0,1,0", "OK"]


def test_the_next_direct_message_comes_after_the_acknowledgement() -> None:
    line = receiving("2,2,0,1,0")
    line.ask("AT+CSMS=1")
    for text in ("first", "second"):
        line.phone().send(text, NUMBER)
    assert [text_of(one) for one in line.wait(5)[1::2]] == ["first"]
    heard = line.ask("AT+CNMA", 1)
    assert heard[0] == "OK" and text_of(heard[2]) == "second"
    assert line.ask("AT+CNMA") == ["OK"]
    assert line.ask("AT+CNMA") == ["+CMS ERROR: 340"]


def test_a_late_acknowledgement_turns_direct_routing_off_and_the_network_repeats() -> None:
    line = receiving("2,2,0,1,0")
    line.ask("AT+CSMS=1")
    line.phone().send("unheard", NUMBER)
    line.wait(16)
    assert line.ask("AT+CNMI?") == ["+CNMI: 2,0,0,0,0", "OK"]
    assert line.ask("AT+CNMA") == ["+CMS ERROR: 340"]
    line.ask("AT+CNMI=2,2,0,1,0")
    assert text_of(line.wait(61)[1]) == "unheard"


def test_a_report_inside_a_long_submit_turns_reports_off() -> None:
    line = receiving("2,1,0,1,0")
    line.ask("AT+CSMS=1")
    line.submit(tpdu(report=True), 2.1)
    line.network.submit_seconds = 30.0
    heard = line.submit(tpdu("long", "+447700900102"), 40)
    assert any(one.startswith("+CDS") for one in heard)
    assert line.ask("AT+CNMI?") == ["+CNMI: 2,0,0,0,0", "OK"]


def test_a_refused_acknowledgement_is_sent_again() -> None:
    line = receiving("2,2,0,1,0")
    line.ask("AT+CSMS=1")
    line.phone().send("again", NUMBER)
    line.wait(1)
    assert line.ask("AT+CNMA=2") == ["OK"]
    assert text_of(line.wait(61)[1]) == "again"


def test_what_came_while_the_modem_was_off_comes_when_it_is_back() -> None:
    line = receiving()
    line.modem.reboot()
    line.phone().send("meanwhile", NUMBER)
    line.wait(20)
    line.raw("ATE0\r")
    assert text_of(line.ask("AT+CMGL=4")[1]) == "meanwhile"


def test_long_messages_come_in_parts() -> None:
    line = receiving()
    line.phone().send("z" * 200, NUMBER)
    assert line.wait(1) == ['+CMTI: "SM",1', '+CMTI: "SM",2']
    assert [text_of(line.ask(f"AT+CMGR={index}")[1]) for index in (1, 2)] == ["z" * 153, "z" * 47]


def test_text_mode_shows_sender_time_and_text() -> None:
    line = receiving()
    line.phone().send("plain", NUMBER)
    line.wait(1)
    line.ask("AT+CMGF=1")
    head, body, ok = line.ask("AT+CMGR=1")
    assert head.startswith(f'+CMGR: "REC UNREAD","{PHONE}",,"26/01/01,') and (body, ok) == ("plain", "OK")
    assert line.ask('AT+CMGL="REC UNREAD"') == ["OK"]
    line.ask("AT+CSDH=1")
    assert line.ask("AT+CMGR=1")[0].endswith(',145,4,0,0,"+447700900000",145,5')


def test_alphanumeric_senders_are_shown() -> None:
    line = receiving()
    line.network.send_from("Example", "your code", NUMBER)
    line.wait(1)
    line.ask("AT+CMGF=1")
    assert line.ask("AT+CMGR=1")[0].startswith('+CMGR: "REC UNREAD","Example",')
