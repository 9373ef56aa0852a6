"""What the driver promises of any modem behind any door."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hardware.errors import ConnectionLost, MessageServiceError, SubmitUncertain
from hardware.modem import ModemSettings, ModemState, NotReady
from hardware.pdu import DeliveryOutcome
from hardware.profiles import GENERIC, ReportRoute
from hardware.simulator import (
    EarlyReport,
    Fault,
    FillStorage,
    LoseAnswer,
    LoseRegistration,
    Reboot,
    Refuse,
    Rubbish,
    Slow,
    Step,
    Storm,
    Vanish,
)
from tests.contract.bench import HANDSET, OWN, QUICK_BOOT, Bench, Hooks

QUICK = replace(GENERIC, prompt_timeout=0.6, submit_timeout=1.0)


def test_bring_up_reaches_ready_and_knows_the_modem(bench: Bench) -> None:
    status = bench.ready().status
    assert status.state is ModemState.READY
    assert (status.reason, status.advice) == (None, None)
    assert (status.identity.imei, status.identity.iccid) == (bench.simulated.imei, bench.sim.iccid)
    assert status.identity.imsi == bench.sim.imsi
    assert (status.operator, status.signal_dbm) == ("00101", -73)
    assert status.registration is not None
    assert status.registration.sms_possible
    assert status.report_route == "direct"
    assert bench.sim.imsi not in repr(status)
    assert bench.simulated.imei not in repr(status)


def test_a_submit_returns_the_reference_after_its_points_in_order(bench: Bench) -> None:
    bench.ready()
    hooks = Hooks()
    first, second = bench.submit("one", hooks=hooks), bench.submit("two")
    assert (first, second) == (0, 1)
    assert hooks.points == ["awaiting_prompt", "before_pdu", "on_air"]
    bench.until(lambda: bench.texts == ["one", "two"])


def test_a_hook_that_says_no_before_the_pdu_lets_nothing_out(bench: Bench) -> None:
    class Withdrawn(Hooks):
        def before_pdu(self) -> None:
            raise RuntimeError("withdrawn")

    bench.ready()
    with pytest.raises(RuntimeError, match="withdrawn"):
        bench.submit(hooks=Withdrawn())
    assert bench.submit() == 0
    assert bench.sent == 1


def test_the_report_comes_with_the_reference_of_its_submit(bench: Bench) -> None:
    bench.ready()
    references = [bench.submit(text) for text in ("a", "b", "c")]
    bench.until(lambda: len(bench.inbox.reports) == 3)
    assert sorted(bench.inbox.references) == references
    assert {report.status.outcome for _, report in bench.inbox.reports if report} == {DeliveryOutcome.DELIVERED}


def test_a_report_that_comes_inside_a_submit_is_handed_over_inside_it(bench: Bench) -> None:
    bench.ready()
    bench.inject(Fault(Step.RESULT, EarlyReport(0.3)))
    hooks = Hooks(bench.inbox)
    reference = bench.submit(hooks=hooks)
    assert hooks.reports_seen == 1
    assert bench.inbox.references == [reference]


def test_a_report_that_the_inbox_could_not_store_is_not_lost(bench: Bench) -> None:
    bench.ready()
    bench.inject(Fault(Step.RESULT, EarlyReport(0.3)))
    bench.inbox.fail = 1
    reference = bench.submit()
    bench.until(lambda: bench.inbox.references == [reference])


def test_a_message_that_the_inbox_could_not_store_stays_in_the_modem(bench: Bench) -> None:
    bench.ready()
    bench.inbox.fail = 1
    bench.call(lambda: bench.network.send_from(HANDSET, "keep me", OWN))
    with pytest.raises(RuntimeError, match="disk full"):
        bench.until(lambda: bool(bench.inbox.messages))
    assert bench.stored == 1
    bench.until(lambda: bench.inbox.text == "keep me" and bench.stored == 0)
    assert len(bench.inbox.messages) == 1


def test_a_long_message_comes_in_its_parts_and_leaves_the_modem_empty(bench: Bench) -> None:
    bench.ready()
    text = "It was a bright cold day in April. " * 12
    bench.call(lambda: bench.network.send_from(HANDSET, text, OWN))
    bench.until(lambda: len(bench.inbox.messages) == 3 and bench.stored == 0)
    assert bench.inbox.text == text
    parts = [message.user_data.header for _, message in bench.inbox.messages if message]
    assert [header.concatenation.sequence for header in parts if header and header.concatenation] == [1, 2, 3]


def test_messages_that_came_while_nobody_listened_are_swept_at_bring_up(bench: Bench) -> None:
    bench.plug()
    bench.call(lambda: bench.network.send_from(HANDSET, "on the SIM", OWN, message_class=2))
    bench.call(lambda: bench.network.send_from(HANDSET, " or in the modem", OWN))
    bench.wait(0.3)
    bench.ready()
    assert sorted(message.user_data.text or "" for _, message in bench.inbox.messages if message) == [
        " or in the modem",
        "on the SIM",
    ]
    assert bench.stored == 0


def test_an_undecodable_message_is_handed_over_raw_and_deleted(bench: Bench) -> None:
    bench.plug()
    bench.call(bench.simulated.fill_storage)
    broken = next(iter(bench.simulated.store.items()))[1]
    broken.tpdu = broken.tpdu[:9]
    modem = bench.ready()
    assert [raw for raw, message in bench.inbox.messages if message is None] == ["00" + broken.tpdu.hex().upper()]
    assert modem.status.state is ModemState.READY
    assert bench.stored == 0


def test_ussd(bench: Bench) -> None:
    modem = bench.ready()
    answer = modem.ussd("*100#")
    assert (answer.mode, answer.text) == (0, "Credit: 12.50")
    assert modem.ussd("*101#").text == "Привет"


def test_a_modem_that_restarts_is_set_up_again(bench: Bench) -> None:
    modem = bench.ready()
    bench.call(bench.simulated.reboot)
    bench.until(lambda: modem.status.state is ModemState.CONFIGURING)
    assert modem.status.reason is not None
    with pytest.raises(NotReady):
        bench.submit()
    modem.bring_up()
    assert modem.status.state is ModemState.READY
    reference = bench.submit("after")
    bench.until(lambda: bench.inbox.references == [reference])


def test_a_restart_that_nobody_announced_is_noticed_by_refresh(bench: Bench) -> None:
    bench.plug(boot=replace(QUICK_BOOT, news=()))
    modem = bench.ready()
    bench.call(bench.simulated.reboot)
    bench.wait(0.5)
    modem.refresh()
    assert modem.status.state is ModemState.CONFIGURING
    modem.bring_up()
    assert modem.status.state is ModemState.READY


def test_a_restart_after_ctrl_z_leaves_the_outcome_unknown_at_once(bench: Bench) -> None:
    bench.plug()
    bench.ready(profile=replace(QUICK, submit_timeout=120.0))
    bench.inject(Fault(Step.PDU, Reboot()))
    started = bench.clock.boot()
    with pytest.raises(SubmitUncertain):
        bench.submit()
    assert bench.clock.boot() - started < 10
    assert bench.modem.status.state is ModemState.CONFIGURING
    bench.modem.bring_up()
    assert bench.modem.status.state is ModemState.READY
    bench.submit("again")
    bench.until(lambda: bench.texts == ["again"])


def test_the_port_vanishes_while_nothing_is_asked(bench: Bench) -> None:
    modem = bench.ready()
    bench.call(lambda: bench.simulated.vanish(0.3, reboot=True))
    with pytest.raises(ConnectionLost):
        modem.service(5)
    assert modem.status.state is ModemState.ABSENT
    again = bench.reopened()
    assert again.status.state is ModemState.READY
    assert bench.submit() == 0


def test_the_port_vanishes_after_ctrl_z(bench: Bench) -> None:
    bench.ready(profile=replace(QUICK, submit_timeout=120.0))
    bench.inject(Fault(Step.RESULT, Vanish(0.3, "tty-elsewhere", reboot=False)))
    with pytest.raises(SubmitUncertain):
        bench.submit()
    bench.reopened()
    bench.until(lambda: bench.texts == ["Your code is 123456"])
    assert bench.sent == 1


def test_a_refusal_carries_its_code_and_the_next_submit_goes(bench: Bench) -> None:
    bench.ready()
    bench.inject(Fault(Step.PDU, Refuse(38)), Fault(Step.PROMPT, Refuse(310), nth=3))
    with pytest.raises(MessageServiceError) as refused:
        bench.submit()
    assert (refused.value.code, refused.value.command) == (38, "AT+CMGS")
    assert bench.submit() == 0


def test_a_refusal_for_want_of_a_card_asks_for_a_new_bring_up(bench: Bench) -> None:
    modem = bench.ready()
    bench.inject(Fault(Step.PROMPT, Refuse(310)))
    with pytest.raises(MessageServiceError):
        bench.submit()
    assert modem.status.state is ModemState.CONFIGURING


def test_a_lost_prompt_is_asked_for_again_and_one_message_goes(bench: Bench) -> None:
    bench.ready()
    bench.inject(Fault(Step.PROMPT, LoseAnswer()))
    hooks = Hooks()
    assert bench.submit(hooks=hooks) == 0
    assert hooks.points.count("before_pdu") == 1
    assert bench.sent == 1


def test_an_outcome_that_is_not_told_in_time_is_settled_by_the_late_result(bench: Bench) -> None:
    modem = bench.ready()
    bench.inject(Fault(Step.RESULT, Slow(1.5)))
    with pytest.raises(SubmitUncertain):
        bench.submit()
    late = modem.resynchronise()
    assert late is not None
    assert (late.reference, late.error) == (0, None)
    assert bench.submit() == 1
    assert bench.sent == 2


def test_an_outcome_that_is_never_told_stays_unknown(bench: Bench) -> None:
    modem = bench.ready()
    assert [bench.submit(), bench.submit()] == [0, 1]  # a modem that counts
    bench.inject(Fault(Step.RESULT, LoseAnswer()))
    with pytest.raises(SubmitUncertain):
        bench.submit()
    assert modem.resynchronise() is None
    assert bench.submit() == 3


def test_acknowledged_reports_are_acknowledged_and_kept_coming(bench: Bench) -> None:
    bench.plug(ack_seconds=0.4)
    modem = bench.ready(profile=replace(QUICK, report_routes=(ReportRoute.ACKNOWLEDGED,)))
    assert modem.status.report_route == "acknowledged"
    first, second = bench.submit("a"), bench.submit("b")
    bench.until(lambda: len(bench.inbox.reports) >= 2)
    assert set(bench.inbox.references) == {first, second}
    assert bench.call(lambda: bench.simulated.session.cnmi[3]) == 1
    assert bench.call(lambda: bench.network.waiting_for(bench.sim)) == 0


def test_routing_that_fell_because_a_submit_held_the_acknowledgement_up_is_set_again(bench: Bench) -> None:
    bench.plug(ack_seconds=0.3)
    bench.network.retry_seconds = 2.0  # with the route down a modem drops what comes: let nothing come before it is up
    bench.ready(profile=replace(QUICK, submit_timeout=5.0, report_routes=(ReportRoute.ACKNOWLEDGED,)))
    first = bench.submit("a")
    bench.inject(Fault(Step.RESULT, Slow(1.0)))
    second = bench.submit("b")  # the report of the first comes, is not acknowledged in time, and routing falls
    assert first in bench.inbox.references
    assert bench.call(lambda: bench.simulated.session.cnmi[3]) == 1
    bench.until(lambda: second in bench.inbox.references)


def test_a_full_storage_is_emptied_and_receives_again(bench: Bench) -> None:
    modem = bench.ready()
    bench.inject(Fault(Step.TIME, FillStorage()))
    bench.wait(0.1)
    bench.call(lambda: bench.network.send_from(HANDSET, "let me in", OWN))
    modem.refresh()
    bench.until(lambda: "let me in" in bench.inbox.text)
    bench.until(lambda: bench.stored == 0)


def test_a_storm_and_rubbish_inside_answers_hurt_nothing(bench: Bench) -> None:
    bench.plug()
    lines = ('+CREG: 1,"00AB","0000CDEF"', "^RSSI:17", "+CSQ: 12,99", "RING", "+CIEV: 2,3")
    bench.simulated.inject(Fault(Step.ANSWER, Storm(lines, times=3), times=0))
    bench.simulated.inject(Fault(Step.COMMAND, Rubbish(b"\x00\xff\xfe\x80\r\n"), times=0))
    modem = bench.ready()
    assert modem.status.state is ModemState.READY
    assert modem.status.identity.imei == bench.simulated.imei
    reference = bench.submit()
    bench.until(lambda: bench.inbox.references == [reference])


def test_a_lost_registration_is_followed_by_the_state(bench: Bench) -> None:
    modem = bench.ready()
    bench.inject(Fault(Step.TIME, LoseRegistration(3, 0.6)))
    bench.until(lambda: modem.status.state is ModemState.DENIED)
    assert "SIM" in (modem.status.advice or "")
    bench.until(lambda: modem.status.state is ModemState.READY)


def test_without_reports_the_modem_is_told_so(bench: Bench) -> None:
    modem = bench.ready(ModemSettings(reports=False))
    assert (modem.status.report_route, modem.status.reports_promised) == ("off", False)
    assert bench.call(lambda: bench.simulated.session.cnmi) == [2, 1, 0, 0, 0]


def test_wake_ends_a_wait(bench: Bench) -> None:
    modem = bench.ready()
    modem.wake()
    started = bench.clock.boot()
    modem.service(30)
    assert bench.clock.boot() - started < 5
