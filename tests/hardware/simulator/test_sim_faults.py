from __future__ import annotations

import pytest

from hardware.errors import ConnectionLost, PortUnavailable
from hardware.simulator import (
    GENERIC,
    HUAWEI,
    SIM800,
    DelayReport,
    EarlyReport,
    Fault,
    FillStorage,
    LoseAnswer,
    LoseRegistration,
    LoseReport,
    NoReference,
    Reboot,
    Refuse,
    RepeatReport,
    Rubbish,
    Silence,
    SimCard,
    Slow,
    SplitLines,
    Step,
    Storm,
    Vanish,
)
from hardware.simulator.faults import Action
from tests.hardware.simulator.terminal import Terminal, terminal, tpdu


def faulty(step: Step, action: Action, **details: object) -> Terminal:
    line = terminal(GENERIC, Fault(step, action, **details))  # type: ignore[arg-type]
    line.ask("AT+CNMI=2,1,0,1,0")
    return line


@pytest.mark.parametrize("code", [1, 8, 21, 38, 42, 50, 96, 111, 192, 196, 198, 304, 322, 331, 350, 500, 512, 9999])
@pytest.mark.parametrize(("step", "sent"), [(Step.PROMPT, 0), (Step.PDU, 0), (Step.RESULT, 1)])
def test_any_code_at_any_step_of_a_submit(code: int, step: Step, sent: int) -> None:
    line = faulty(step, Refuse(code))
    assert line.submit(tpdu()) == [f"+CMS ERROR: {code}"]
    assert len(line.network.submits) == sent
    assert line.submit(tpdu())[-1] == "OK"


def test_equipment_errors_and_plain_ones_at_a_named_command() -> None:
    line = faulty(Step.COMMAND, Refuse(14, "CME"), command="+CSQ")
    assert line.ask("AT+CREG?") == ["+CREG: 0,1", "OK"]
    assert line.ask("AT+CSQ") == ["+CME ERROR: 14"]
    line.modem.inject(Fault(Step.COMMAND, Refuse(None)))
    assert line.ask("AT+CSQ") == ["ERROR"]


@pytest.mark.parametrize(("step", "sent"), [(Step.PDU, 0), (Step.RESULT, 1)])
def test_an_answer_is_lost_and_the_message_is_or_is_not(step: Step, sent: int) -> None:
    line = faulty(step, LoseAnswer())
    assert line.submit(tpdu(), 300) == []
    assert line.ask("AT") == ["OK"]
    assert len(line.phone().messages) == sent


@pytest.mark.parametrize(("step", "sent"), [(Step.COMMAND, 0), (Step.PROMPT, 0), (Step.PDU, 0), (Step.RESULT, 1)])
def test_silence_lasts_until_power_is_cycled(step: Step, sent: int) -> None:
    line = faulty(step, Silence(), command="+CMGS" if step is Step.COMMAND else None)
    line.raw(f"AT+CMGS={len(tpdu())}\r")
    line.raw(f"00{tpdu().hex()}\x1a", 60)
    assert line.ask("AT", 60) == []
    assert len(line.network.submits) == sent
    line.modem.power_cycle()
    line.wait(10)
    assert line.ask("AT")[-1] == "OK"


def test_silence_may_end_by_itself() -> None:
    line = faulty(Step.TIME, Silence(5.0), at=1.0)
    line.wait(2)
    assert line.ask("AT", 1) == []
    line.wait(5)
    assert line.ask("AT") == ["OK"]


def test_a_slow_prompt_a_slow_command_and_a_late_result() -> None:
    line = faulty(Step.COMMAND, Slow(3.0), command="+CSQ")
    assert line.ask("AT+CSQ", 2) == []
    assert line.wait(2) == ["+CSQ: 20,99", "OK"]
    line.modem.inject(Fault(Step.PROMPT, Slow(8.0)))
    assert line.raw("AT+CMGS=18\r", 7) == b""
    assert line.read(2) == b"\r\n> "
    line.raw(b"\x1b")
    line.modem.inject(Fault(Step.RESULT, Slow(100.0)))
    assert line.submit(tpdu(), 100) == []
    assert line.wait(5) == ["+CMGS: 0", "OK"]


def test_ok_without_a_reference() -> None:
    line = faulty(Step.RESULT, NoReference())
    assert line.submit(tpdu()) == ["OK"]
    assert len(line.network.submits) == 1


@pytest.mark.parametrize(("step", "sent"), [(Step.PROMPT, 0), (Step.PDU, 0), (Step.RESULT, 1)])
def test_a_restart_at_any_step_forgets_the_settings(step: Step, sent: int) -> None:
    line = terminal(SIM800, Fault(step, Reboot()))
    line.ask("AT+CNMI=2,1,0,1,0")
    line.raw(f"AT+CMGS={len(tpdu())}\r", 0.05)
    heard = line.lines(line.raw(f"00{tpdu().hex()}\x1a", 30))
    assert [one for one in heard if "CMGS" in one or one == "OK"] == []
    assert [one for one in heard if one in ("RDY", "+CPIN: READY", "SMS Ready")] == ["RDY", "+CPIN: READY", "SMS Ready"]
    assert len(line.network.submits) == sent
    assert line.ask("AT+CNMI?")[-2:] == ["+CNMI: 2,1,0,0,0", "OK"]
    assert line.raw("AT\r").startswith(b"AT\r"), "echo is back"


def test_the_port_goes_and_comes_back_under_another_name() -> None:
    line = faulty(Step.PDU, Vanish(5.0, "ttyUSB7", reboot=False))
    with pytest.raises(ConnectionLost):
        line.submit(tpdu())
    with pytest.raises(ConnectionLost):
        line.transport.write(b"AT\r")
    with pytest.raises(PortUnavailable):
        line.reopen()
    line.clock.advance(6)
    line.network.run_due()
    line.reopen()
    assert line.transport.name == "ttyUSB7"
    assert line.ask("AT+CNMI?")[0] == "+CNMI: 2,1,0,1,0", "only the port was lost"
    assert len(line.network.submits) == 1, "the radio does not need the port"


def test_a_reset_takes_the_port_of_a_stick_away_while_it_restarts() -> None:
    line = terminal(HUAWEI)
    with pytest.raises(ConnectionLost):
        line.ask("AT+CFUN=1,1", 5)
    line.clock.advance(8)
    line.network.run_due()
    line.reopen()
    assert any(one.startswith("^BOOT") for one in line.wait(2))
    assert line.ask("AT+CPIN?")[-1] in ("ERROR", "+CME ERROR: 14")
    line.wait(10)
    assert "+CPIN: READY" in line.ask("AT+CPIN?")


def test_a_port_that_stays_away_until_it_is_restored() -> None:
    line = faulty(Step.TIME, Vanish(None), at=0.5)
    with pytest.raises(ConnectionLost):
        line.wait(1)
    line.clock.advance(3600)
    with pytest.raises(PortUnavailable):
        line.reopen()
    line.modem.restore()
    line.reopen()


@pytest.mark.parametrize(("status", "said"), [(0, "+CREG: 0"), (2, "+CREG: 2"), (3, "+CREG: 3")])
def test_registration_is_lost_with_news_and_comes_back(status: int, said: str) -> None:
    line = faulty(Step.TIME, LoseRegistration(status, 20.0), at=1.0)
    line.ask("AT+CREG=1")
    assert line.wait(2) == [said]
    assert line.submit(tpdu(), 5) == ["+CMS ERROR: 331"]
    assert line.wait(20) == ["+CREG: 1"]


def test_a_denied_modem_stays_denied_until_it_may_come_back() -> None:
    line = faulty(Step.TIME, LoseRegistration(3, None), at=0.0)
    line.wait(100)
    line.ask("AT+CFUN=4", 1)
    line.ask("AT+CFUN=1", 10)
    assert line.ask("AT+CREG?") == ["+CREG: 0,3", "OK"]
    line.modem.radio.recover()
    assert line.ask("AT+CREG?") == ["+CREG: 0,1", "OK"]


def test_rubbish_and_storms_stand_inside_the_answer() -> None:
    line = faulty(Step.ANSWER, Rubbish(b"\xff\x00"), command="+CSQ", times=0)
    assert line.raw("AT+CSQ\r") == b"\r\n+CSQ: 20,99\r\n\xff\x00\r\nOK\r\n"
    line.modem.clear_faults()
    line.modem.inject(Fault(Step.RESULT, Storm(("^RSSI:1", '+CMTI: "SM",9'), 2)))
    assert line.submit(tpdu()) == ["^RSSI:1", '+CMTI: "SM",9', "^RSSI:1", '+CMTI: "SM",9', "+CMGS: 0", "OK"]


def test_reports_get_lost_come_late_and_come_twice() -> None:
    def count(action: Action, seconds: float = 10) -> int:
        line = faulty(Step.REPORT, action)
        return len([one for one in line.submit(tpdu(report=True), seconds) if one.startswith("+CDS")])

    assert count(LoseReport(), 500) == 0
    assert (count(DelayReport(100.0), 90), count(DelayReport(100.0), 120)) == (0, 1)
    assert count(RepeatReport(3, 5.0), 60) == 3


def test_a_report_comes_before_the_reference_it_names() -> None:
    heard = faulty(Step.RESULT, EarlyReport()).submit(tpdu(report=True))
    assert heard[0].startswith("+CDS: ") and heard[2:] == ["+CMGS: 0", "OK"]


def test_the_two_lines_of_an_indication_come_apart() -> None:
    line = faulty(Step.INCOMING, SplitLines(2.0))
    heard = line.submit(tpdu(report=True), 4)
    assert heard[:2] == ["+CMGS: 0", "OK"] and heard[2:] == ["+CDS: 25"]
    (body,) = line.wait(3)
    assert len(body) == 2 * (25 + 8)


def test_storage_fills_up() -> None:
    line = faulty(Step.TIME, FillStorage(), at=0.0)
    line.wait(1)
    assert line.ask("AT+CPMS?")[0].startswith('+CPMS: "SM",30,30')
    line.phone().send("no room", SimCard().number)
    assert line.wait(30) == []
    line.ask("AT+CMGD=1,4")
    assert line.wait(5) == ['+CMTI: "SM",1']


def test_nth_times_and_seeded_chance() -> None:
    line = faulty(Step.PDU, Refuse(42), nth=2, times=2)
    assert [line.submit(tpdu())[-1] for _ in range(4)] == ["OK", "+CMS ERROR: 42", "+CMS ERROR: 42", "OK"]
    assert len(line.modem.struck) == 2

    def pattern(seed: int) -> list[bool]:
        other = faulty(Step.COMMAND, Refuse(None), command="+CSQ", times=0, probability=0.5, seed=seed)
        return [other.ask("AT+CSQ") == ["ERROR"] for _ in range(20)]

    assert pattern(1) == pattern(1) != pattern(2)
    assert 0 < sum(pattern(1)) < 20


def test_what_was_due_when_the_power_went_does_not_happen_after_it() -> None:
    line = terminal(GENERIC)
    late: list[str] = []
    line.modem.power.timer(1.0, lambda: late.append("up"))
    line.clock.advance(2.0)  # due, and nobody has looked yet
    line.modem.power.timer(5.0, lambda: None)
    line.modem.power.off()
    line.network.run_due()
    assert not late
