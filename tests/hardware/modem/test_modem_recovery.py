"""Modems that say less than they should, or nothing for a moment: none is given up, and no PIN is lost by it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from hardware.errors import CommandTimeout, EncodeError
from hardware.modem import ModemSettings, ModemState, NotReady, RestartLevel, Secret
from hardware.profiles import GENERIC, ReportRoute
from hardware.simulator import Fault, LoseAnswer, LoseRegistration, Refuse, Rubbish, Silence, Step
from hardware.simulator.faults import Action
from tests.contract.bench import QUICK_BOOT, Bench

PIN = "4711"
RIGHT = ModemSettings(pin=Secret(PIN))
REGISTRATIONS = ("+CREG", "+CGREG", "+CEREG")
HIDDEN = frozenset({"+CCID", "+ICCID"})


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    one = Bench("4096", tmp_path)
    one.plug()
    yield one
    one.close()


def entries(bench: Bench) -> int:
    return sum(1 for text in bench.written if text.startswith("AT+CPIN="))


def test_a_domain_that_refuses_for_a_moment_is_asked_again(bench: Bench) -> None:
    modem = bench.ready()
    bench.inject(*(Fault(Step.COMMAND, Refuse(100, "CME"), command=domain) for domain in REGISTRATIONS))
    modem.refresh()
    assert modem.status.state is ModemState.READY
    bench.simulated.act(LoseRegistration(2, 5))
    modem.refresh()
    assert modem.status.state is ModemState.SEARCHING
    bench.wait(10)
    modem.refresh()
    assert modem.status.state is ModemState.READY


@pytest.mark.parametrize("action", [LoseAnswer(), Refuse(100, "CME"), Rubbish(b"\r\n+CREG: 1\r\n")])
def test_a_card_whose_identity_is_lost_on_the_way_is_asked_again(bench: Bench, action: Action) -> None:
    """By its IMSI reports find their messages: under another name they would not."""
    bench.inject(Fault(Step.COMMAND, action, command="+CIMI"))
    assert bench.ready().status.identity.imsi == bench.sim.imsi


def test_a_modem_that_tells_no_registration_is_used(bench: Bench) -> None:
    bench.plug(unsupported=frozenset(REGISTRATIONS))
    modem = bench.ready()
    assert (modem.status.state, modem.status.registration) == (ModemState.READY, None)
    modem.refresh()
    assert modem.status.state is ModemState.READY
    bench.submit()
    bench.until(lambda: bench.texts == ["Your code is 123456"])


def test_silence_about_the_registration_is_no_refusal(bench: Bench) -> None:
    bench.plug(unsupported=frozenset(REGISTRATIONS[1:]))
    bench.simulated.act(LoseRegistration(2, None))
    bench.inject(Fault(Step.COMMAND, Refuse(100, "CME"), command="+CREG", times=2))
    bench.inject(Fault(Step.COMMAND, Silence(6), command="+CREG", nth=3))
    assert bench.ready().status.state is ModemState.SEARCHING


def test_a_silent_restart_while_searching_ends_in_a_new_bring_up(bench: Bench) -> None:
    bench.sim.pin = PIN
    bench.plug(boot=replace(QUICK_BOOT, news=()), cnmi_default=(2, 1, 0, 2, 0))
    bench.simulated.inject(Fault(Step.COMMAND, Refuse(4, "CME"), command="E", times=0))
    bench.simulated.act(LoseRegistration(2, 60))
    modem = bench.ready(RIGHT)
    assert modem.status.state is ModemState.SEARCHING
    bench.simulated.reboot()
    bench.wait(100)
    modem.bring_up()
    assert modem.status.state is ModemState.READY
    assert entries(bench) == 2


@pytest.mark.parametrize("code", [14, 100])
def test_a_right_pin_is_not_held_against_a_slow_card(bench: Bench, code: int) -> None:
    bench.sim.pin = PIN
    bench.simulated.inject(Fault(Step.COMMAND, Refuse(code, "CME"), command="+CPIN", nth=3, times=0))
    modem = bench.ready(RIGHT)
    assert (modem.status.state, modem.status.reason) == (ModemState.FAILED, "the SIM is still busy")
    bench.simulated.clear_faults()
    modem.bring_up()
    assert modem.status.state is ModemState.READY
    bench.simulated.reboot()
    bench.wait(1)
    assert bench.ready(RIGHT).status.state is ModemState.READY


def test_an_error_to_a_pin_that_opened_the_card_is_no_refusal(bench: Bench) -> None:
    bench.sim.pin = PIN
    bench.on_read = lambda data: data.replace(b"OK", b"ERROR") if bench.written[-1].startswith("AT+CPIN=") else data
    assert bench.ready(RIGHT).status.state is ModemState.READY
    assert set(bench.ledger.entries.values()) == {True}


def test_no_pin_is_written_where_nothing_tells_who_it_is(bench: Bench) -> None:
    bench.sim.pin = PIN
    bench.plug(unsupported=HIDDEN)
    modem = bench.ready(replace(RIGHT, iccid=bench.sim.iccid))
    assert modem.status.state is ModemState.LOCKED
    assert "imei" in (modem.status.advice or "")
    bench.plug(unsupported=frozenset({"+CGSN"}))
    assert bench.ready(replace(RIGHT, imei=bench.simulated.imei)).status.state is ModemState.LOCKED
    assert (entries(bench), bench.ledger.begun) == (0, 0)


def test_one_confirmed_identity_is_enough_for_the_pin(bench: Bench) -> None:
    bench.sim.pin = PIN
    bench.plug(unsupported=HIDDEN)
    settings = replace(RIGHT, iccid=bench.sim.iccid, imei=bench.simulated.imei)
    assert bench.ready(settings).status.state is ModemState.READY


def test_an_open_card_needs_no_confirmation(bench: Bench) -> None:
    bench.plug(unsupported=HIDDEN)
    assert bench.ready(ModemSettings(iccid=bench.sim.iccid)).status.state is ModemState.READY


def test_a_modem_that_another_program_told_to_keep_quiet(bench: Bench) -> None:
    bench.simulated.session.quiet = True
    assert bench.ready().status.state is ModemState.READY
    bench.submit()


@pytest.mark.parametrize("code", ["*100#\r", "*100#\x1a", "\x1b*100#", "*1\n0#", "*100#\x00", "*100#\x7f"])
def test_a_ussd_code_with_a_control_character_is_not_written(bench: Bench, code: str) -> None:
    modem = bench.ready()
    commands = len(bench.written)
    with pytest.raises(EncodeError, match="control character"):
        modem.ussd(code)
    assert not any("CUSD" in text for text in bench.written[commands:])


@pytest.mark.parametrize("level", RestartLevel)
def test_a_modem_that_hears_and_does_not_speak_is_restarted(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, level: RestartLevel
) -> None:
    modem = bench.ready()
    simulated, says = bench.simulated, bench.simulated.say
    monkeypatch.setattr(simulated, "say", lambda octets: None)
    for name in ("forget", "radio.start"):  # what a boot and AT+CFUN=1 come to
        owner, attribute = (simulated, name) if "." not in name else (simulated.radio, "start")
        monkeypatch.setattr(owner, attribute, _then(getattr(owner, attribute), lambda: setattr(simulated, "say", says)))
    with pytest.raises(CommandTimeout):
        modem.refresh()
    modem.restart(level)
    bench.wait(10)
    modem.bring_up()
    assert modem.status.state is ModemState.READY


def _then(first: Callable[..., None], second: Callable[[], None]) -> Callable[..., None]:
    def both(*values: object, **options: object) -> None:
        first(*values, **options)
        second()

    return both


def test_a_restart_without_a_word_or_an_echo_is_seen_before_a_submit(bench: Bench) -> None:
    """With ATE0 kept over the restart (AT&W) nothing tells of it, and in text mode AT+CMGS takes a number."""
    bench.plug(boot=replace(QUICK_BOOT, news=()))
    modem = bench.ready()
    bench.submit("first")
    bench.simulated.reboot()
    bench.wait(3)
    bench.simulated.session.echo = False
    bench.simulated.session.text_mode = True  # where most families start
    commands = len(bench.written)
    with pytest.raises(NotReady, match="text mode"):
        bench.submit("second")
    assert not any(text.startswith("AT+CMGS") for text in bench.written[commands:])
    modem.bring_up()
    bench.submit("third")
    bench.until(lambda: bench.texts == ["first", "third"])


def restart_into_text_mode(bench: Bench) -> None:
    """Without a word, and with ATE0 kept."""
    bench.simulated.reboot()
    bench.wait(1)
    bench.simulated.session.echo = False
    bench.simulated.session.text_mode = True


@pytest.mark.parametrize("action", [LoseAnswer(), Refuse(4, "CME"), Rubbish(b"\r\nOK\r\n")])
def test_a_modem_that_does_not_tell_its_mode_is_told(bench: Bench, action: Action) -> None:
    """Silence, above all, is no proof: a modem that restarts is silent."""
    bench.plug(boot=replace(QUICK_BOOT, news=()))
    bench.ready()
    bench.submit("first")
    bench.wait(3)
    restart_into_text_mode(bench)
    bench.inject(Fault(Step.COMMAND, action, command="+CMGF"))
    bench.submit("second")
    bench.until(lambda: bench.texts == ["first", "second"])
    assert bench.sent == 2


def test_a_modem_that_takes_no_pdu_mode_is_sent_nothing(bench: Bench) -> None:
    bench.ready()
    bench.wait(3)
    bench.inject(Fault(Step.COMMAND, Refuse(4, "CME"), command="+CMGF", times=0))
    with pytest.raises(NotReady, match="text mode"):
        bench.submit()
    assert bench.sent == 0


def test_a_restart_while_a_report_is_acknowledged_is_seen_before_the_submit(bench: Bench) -> None:
    bench.plug(boot=replace(QUICK_BOOT, news=()))
    modem = bench.ready(profile=replace(GENERIC, report_routes=(ReportRoute.ACKNOWLEDGED,), prompt_timeout=0.6))
    bench.submit("first")
    bench.wait(3)
    bench.on_write = lambda text: restart_into_text_mode(bench) if text == "AT+CNMA" else None
    commands = len(bench.written)
    with pytest.raises(NotReady, match="lost its settings"):
        bench.submit("second")
    assert "AT+CNMA" in bench.written[commands:]
    assert not any(text.startswith("AT+CMGS") for text in bench.written[commands:])
    bench.on_write = lambda text: None
    modem.bring_up()
    bench.submit("third")
    bench.until(lambda: bench.texts == ["first", "third"])


def test_pdu_mode_is_asked_for_after_a_rest_only(bench: Bench) -> None:
    bench.ready()

    def asked() -> int:
        return bench.written.count("AT+CMGF?")

    bench.submit("a")
    before = asked()
    for text in "bcd":
        bench.submit(text)
    assert asked() == before, "the message before has just shown it"
    bench.wait(3)
    bench.submit("e")
    assert asked() == before + 1
