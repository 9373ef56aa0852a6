"""The bring-up ladder: every refusal has its fall-back, every wait its end, and what cannot be says what to do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardware.errors import CommandTimeout, MessageServiceError
from hardware.modem import ModemSettings, ModemState, NotReady, RestartLevel, inspect
from hardware.pdu import Address
from hardware.profiles import GENERIC, ReportRoute
from hardware.simulator import Boot, Fault, LoseRegistration, Refuse, Silence, SimulatedModem, Slow, Step
from tests.contract.bench import HANDSET, OWN, QUICK_BOOT, Bench, Hooks, submit_pdu

SMSC = "+447700900000"
REGISTRATIONS = ("+CREG", "+CGREG", "+CEREG")
OPTIONAL = (
    "+CMEE", "+CGMI", "+CGMM", "+CGMR", "+CGSN", "+CIMI", "+CCID", "+CFUN", "+CSCS", "+CPMS", "+CSMS", "+CNMI",
    "+CGSMS", "+CSCA", "+CSQ", "+COPS", "+CMMS", "+CPIN", *REGISTRATIONS,
)  # fmt: skip


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    one = Bench("4096", tmp_path)
    yield one
    one.close()


@settings(max_examples=40, deadline=None)
@given(refused=st.sets(st.sampled_from(OPTIONAL)))
def test_whatever_a_modem_refuses_it_comes_up_and_sends_and_receives(refused: set[str]) -> None:
    if "+CPIN" in refused:
        refused = refused - {"+CIMI"}  # one of them has to say that the card is open
    bench = Bench("4096", Path())
    bench.plug(unsupported=frozenset(refused))
    modem = bench.ready()
    assert modem.status.state is ModemState.READY, modem.status
    reference = bench.submit()
    bench.network.send_from(HANDSET, "hello", OWN)
    bench.until(lambda: bench.inbox.text == "hello", 30)
    if modem.status.reports_promised:
        bench.until(lambda: bench.inbox.references == [reference], 30)
    modem.refresh()
    assert modem.status.state is ModemState.READY


@pytest.mark.parametrize(
    ("ranges", "default", "expected", "route"),
    [
        (((0, 1, 2), (0, 1), (0,), (0, 2), (0, 1)), (0, 0, 0, 0, 0), [2, 1, 0, 2, 0], "stored"),
        (((0, 1), (0, 1), (0,), (0, 1), (0, 1)), (0, 0, 0, 0, 0), [1, 1, 0, 1, 0], "direct"),
        (((0, 1, 2), (0, 1), (0,), (0, 1), (1,)), (0, 0, 0, 0, 1), [2, 1, 0, 1, 1], "direct"),
        (((0, 1, 2), (0,), (0,), (0, 1), (0,)), (0, 0, 0, 0, 0), [2, 0, 0, 1, 0], "direct"),
        (((0, 1, 2), (0, 1), (0,), (0,), (0,)), (0, 0, 0, 0, 0), [2, 1, 0, 0, 0], "polled"),
    ],
)
def test_indications_are_set_to_the_best_that_is_allowed(
    bench: Bench, ranges: tuple[tuple[int, ...], ...], default: tuple[int, ...], expected: list[int], route: str
) -> None:
    told = ",".join("(" + ",".join(map(str, values)) + ")" for values in ranges)
    bench.plug(cnmi=ranges, cnmi_test=told, cnmi_default=default)
    modem = bench.ready()
    assert bench.simulated.session.cnmi == expected
    assert modem.status.report_route == route
    bench.network.send_from(HANDSET, "hello", OWN)
    bench.until(lambda: bench.inbox.text == "hello", 15)


def test_a_setting_that_is_taken_and_not_kept_is_not_believed(bench: Bench) -> None:
    bench.plug(cnmi_refused=((2, 1), (1, 1), (3, 1)))
    modem = bench.ready()
    assert modem.status.report_route == "stored"


def test_acknowledged_is_the_last_resort(bench: Bench) -> None:
    bench.plug()
    bench.simulated.inject(Fault(Step.COMMAND, Refuse(302), command="+CNMI", nth=2, times=12))
    modem = bench.ready(profile=replace(GENERIC, report_routes=(ReportRoute.DIRECT, ReportRoute.ACKNOWLEDGED)))
    assert modem.status.report_route == "acknowledged"
    references = [bench.submit(text) for text in "abc"]
    bench.until(lambda: set(bench.inbox.references) == set(references))
    assert "AT+CNMA" in bench.written


def test_without_any_card(bench: Bench) -> None:
    bench.plug()
    bench.simulated = SimulatedModem(bench.network, None, bench.simulated.personality)
    started = bench.clock.boot()
    modem = bench.ready()
    assert modem.status.state is ModemState.FAILED
    assert "SIM" in (modem.status.advice or "")
    assert bench.clock.boot() - started < 60
    with pytest.raises(NotReady, match="failed"):
        bench.submit()


def test_a_card_that_takes_its_time(bench: Bench) -> None:
    bench.plug(boot=Boot(at=0.5, sim=20, sms=25, register=5))
    bench.simulated.reboot()
    assert bench.ready().status.state is ModemState.READY


def test_a_silent_modem_is_a_time_out_and_no_more(bench: Bench) -> None:
    bench.plug()
    bench.simulated.fall_silent()
    bench.open()
    started = bench.clock.boot()
    with pytest.raises(CommandTimeout):
        bench.modem.bring_up()
    assert bench.clock.boot() - started < 60


@pytest.mark.parametrize("nth", range(1, 45, 4))
def test_a_modem_that_falls_silent_on_any_rung_ends_the_climb(bench: Bench, nth: int) -> None:
    bench.plug()
    bench.simulated.inject(Fault(Step.COMMAND, Silence(None), nth=nth))
    bench.open()
    started = bench.clock.boot()
    with pytest.raises(CommandTimeout):
        bench.modem.bring_up()
    assert bench.clock.boot() - started < 120


@pytest.mark.parametrize("nth", range(1, 45, 2))
def test_one_lost_answer_on_any_rung_is_overcome(bench: Bench, nth: int) -> None:
    bench.plug()
    bench.simulated.inject(Fault(Step.COMMAND, Silence(8), nth=nth))
    modem = bench.ready(profile=GENERIC)
    assert modem.status.state is ModemState.READY
    bench.submit()


def test_pdu_mode_that_is_refused_for_good(bench: Bench) -> None:
    bench.plug()
    bench.simulated.inject(Fault(Step.COMMAND, Refuse(303), command="+CMGF", times=0))
    modem = bench.ready()
    assert modem.status.state is ModemState.FAILED
    assert "PDU mode" in (modem.status.reason or "")


def test_the_radio_is_switched_on(bench: Bench) -> None:
    bench.plug()
    bench.simulated.functionality = 0
    bench.ready()
    assert bench.simulated.functionality == 1


def test_registration_that_never_comes_ends_the_wait_and_goes_on_later(bench: Bench) -> None:
    bench.plug()
    bench.simulated.act(LoseRegistration(2, 50))
    modem = bench.ready()
    assert modem.status.state is ModemState.SEARCHING
    assert "antenna" in (modem.status.advice or "")
    with pytest.raises(NotReady, match="searching"):
        bench.submit()
    commands = len(bench.written)
    modem.bring_up()
    assert modem.status.state is ModemState.READY
    assert not any(text.startswith("AT+CNMI=") for text in bench.written[commands:])  # still set up: not again


def test_denied_says_so(bench: Bench) -> None:
    bench.plug()
    bench.simulated.act(LoseRegistration(3, None))
    modem = bench.ready()
    assert modem.status.state is ModemState.DENIED
    assert "operator" in (modem.status.advice or "")


def test_registered_in_lte_only_is_registered(bench: Bench) -> None:
    bench.plug(unsupported=frozenset({"+CREG", "+CGREG"}))
    modem = bench.ready()
    assert modem.status.registration is not None
    assert (modem.status.state, modem.status.registration.domain) == (ModemState.READY, "CEREG")


def test_the_configured_service_centre_is_set(bench: Bench) -> None:
    bench.sim.service_centre = ""
    bench.ready(ModemSettings(smsc=SMSC))
    assert bench.sim.service_centre == SMSC
    bench.submit()
    bench.until(lambda: bench.texts == ["Your code is 123456"])


def test_a_service_centre_that_is_not_kept_goes_with_each_pdu(bench: Bench) -> None:
    bench.sim.service_centre = ""
    bench.plug(unsupported=frozenset({"+CSCA"}))
    bench.ready(ModemSettings(smsc=SMSC))
    bench.submit()
    assert bench.network.submits[0].service_centre == SMSC
    bench.until(lambda: bench.texts == ["Your code is 123456"])


def test_a_service_centre_that_is_lost_later_goes_with_the_next_pdu(bench: Bench) -> None:
    bench.ready()
    bench.sim.service_centre = ""
    with pytest.raises(MessageServiceError) as refused:
        bench.submit()
    assert refused.value.code == 330
    bench.submit()
    bench.until(lambda: bench.texts == ["Your code is 123456"])


def test_no_service_centre_at_all_says_what_to_do(bench: Bench) -> None:
    bench.sim.service_centre = ""
    modem = bench.ready()
    assert modem.status.state is ModemState.FAILED
    assert "smsc" in (modem.status.advice or "")


def test_a_memory_that_cannot_be_chosen_is_read_all_the_same(bench: Bench) -> None:
    bench.plug()
    bench.simulated.inject(Fault(Step.COMMAND, Refuse(302), command="+CPMS", nth=2, times=0))
    bench.ready()
    bench.network.send_from(HANDSET, "hello", OWN)
    bench.until(lambda: bench.inbox.text == "hello" and bench.stored == 0)


def test_backlog_keeps_the_link(bench: Bench) -> None:
    modem = bench.ready()
    modem.backlog(True)
    assert bench.simulated.session.more == 2
    modem.backlog(False)
    assert bench.simulated.session.more == 0


def test_a_modem_without_a_kept_link_is_no_matter(bench: Bench) -> None:
    bench.plug(unsupported=frozenset({"+CMMS"}))
    modem = bench.ready()
    modem.backlog(True)
    assert modem.status.state is ModemState.READY


def test_a_radio_restart_comes_back(bench: Bench) -> None:
    modem = bench.ready()
    modem.restart(RestartLevel.RADIO)
    assert modem.status.state is ModemState.CONFIGURING
    modem.bring_up()
    assert modem.status.state is ModemState.READY


def test_storages_other_than_the_one_in_use_are_swept_too(bench: Bench) -> None:
    modem = bench.ready()
    bench.simulated.fill_storage()
    assert modem.sweep() == 130
    assert bench.stored == 0


def test_nothing_that_was_handed_over_and_not_deleted_is_handed_over_twice(bench: Bench) -> None:
    modem = bench.ready()
    bench.inject(Fault(Step.COMMAND, Refuse(320), command="+CMGD", times=3))
    bench.network.send_from(HANDSET, "once", OWN)
    bench.until(lambda: bench.inbox.text == "once")
    for _ in range(4):
        modem.sweep()
    assert (len(bench.inbox.messages), bench.stored) == (1, 0)


def test_a_storage_that_is_nearly_full_is_swept_by_refresh(bench: Bench) -> None:
    modem = bench.ready()
    bench.simulated.fill_storage()
    modem.refresh()
    assert bench.stored == 0
    assert all(level.used == 0 for level in modem.status.storage)


def test_ussd_that_is_not_answered_ends(bench: Bench) -> None:
    modem = bench.ready()
    bench.sim.ussd = {}
    answer = modem.ussd("*999#", 5)
    assert answer.mode in (2, 4, 5)
    bench.inject(Fault(Step.COMMAND, Slow(100), command="+CUSD"))
    with pytest.raises(CommandTimeout):
        modem.ussd("*100#", 5)


def test_a_look_changes_nothing_and_opens_nothing(bench: Bench) -> None:
    bench.sim.pin = "4711"
    bench.plug()
    bench.simulated.fill_storage()
    before = (bench.stored, list(bench.simulated.session.cnmi))
    status = inspect(bench.simulated.transport(), bench.clock)
    assert (status.state, status.identity.imei) == (ModemState.LOCKED, bench.simulated.imei)
    assert (bench.stored, list(bench.simulated.session.cnmi)) == before
    assert bench.sim.tries == 3


def test_time_scale_shortens_every_wait(bench: Bench) -> None:
    bench.plug()
    bench.simulated.act(LoseRegistration(2, None))
    started = bench.clock.boot()
    bench.ready(ModemSettings(time_scale=0.1))
    assert bench.clock.boot() - started < 8


def test_a_pdu_with_its_own_service_centre_keeps_it(bench: Bench) -> None:
    bench.sim.service_centre = ""
    bench.plug(unsupported=frozenset({"+CSCA"}))
    modem = bench.ready(ModemSettings(smsc=SMSC))
    own = replace(submit_pdu("own"), service_centre=Address.parse("+447700900001"))
    modem.submit(own, Hooks())
    assert bench.network.submits[0].service_centre == "+447700900001"


def test_an_echo_that_is_back_tells_of_a_restart_that_nobody_heard(bench: Bench) -> None:
    bench.plug(boot=replace(QUICK_BOOT, news=()))
    modem = bench.ready()
    bench.simulated.reboot()
    bench.wait(1)
    modem.backlog(True)  # any command
    modem.service(0.1)
    assert modem.status.state is ModemState.CONFIGURING
    modem.bring_up()
    assert modem.status.state is ModemState.READY


def test_a_modem_that_does_not_mind_ate0_is_used_as_it_is(bench: Bench) -> None:
    bench.plug()
    bench.simulated.inject(Fault(Step.COMMAND, Refuse(4, "CME"), command="E", times=0))
    modem = bench.ready()
    assert modem.status.state is ModemState.READY
    commands = len(bench.written)
    reference = bench.submit()
    bench.until(lambda: bench.inbox.references == [reference])
    assert not any("+CNMI" in text for text in bench.written[commands:])


def test_a_report_whose_pdu_was_lost_on_the_line_is_asked_for_again(bench: Bench) -> None:
    bench.plug()
    bench.ready(profile=replace(GENERIC, report_routes=(ReportRoute.ACKNOWLEDGED,)))
    lost = []

    def lose_one(data: bytes) -> bytes:
        head, found, _ = data.partition(b"+CDS: ")
        if not found or lost:
            return data
        lost.append(data)
        return head + b"+CDS: 30\r\n\r\n+CREG: 1\r\n"

    bench.on_read = lose_one
    reference = bench.submit()
    bench.until(lambda: bench.inbox.references == [reference])
    assert lost
    assert "AT+CNMA=2" in bench.written


@pytest.mark.parametrize(("code", "radios"), [(14, 1), (10, 0)])
def test_a_card_that_is_busy_without_end_gets_its_radio_restarted_once(bench: Bench, code: int, radios: int) -> None:
    bench.plug()
    bench.simulated.inject(Fault(Step.COMMAND, Refuse(code, "CME"), command="+CPIN", times=0))
    off = Fault(Step.COMMAND, Slow(0.0), command="+CFUN", nth=2)  # the first asks what it is, the second puts it out
    bench.simulated.inject(off)
    modem = bench.open()
    modem.bring_up()
    assert modem.status.state is ModemState.FAILED
    assert bench.simulated.struck.count(off) == radios
