"""The PIN: entered when it is asked for and safe, and no try of the card's spent twice for the same mistake."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from hardware.errors import CommandTimeout, ConnectionLost
from hardware.modem import ModemSettings, ModemState, Secret
from hardware.simulator import PERSONALITIES, Fault, Personality, Silence, Step, Vanish
from tests.contract.bench import QUICK_BOOT, Bench

PIN = "4711"
RIGHT = ModemSettings(pin=Secret(PIN))
WRONG = ModemSettings(pin=Secret("0815"))


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    one = Bench("4096", tmp_path)
    one.sim.pin = PIN
    yield one
    one.close()


def quick(name: str) -> Personality:
    return replace(PERSONALITIES[name], boot=QUICK_BOOT, resets_drop_port=False)


def entries(bench: Bench) -> int:
    """How many PINs were written to the modem."""
    return sum(1 for text in bench.written if text.startswith("AT+CPIN="))


@pytest.mark.parametrize("name", sorted(PERSONALITIES))
def test_the_right_pin_opens_every_family(bench: Bench, name: str) -> None:
    bench.plug(quick(name))
    modem = bench.ready(RIGHT)
    assert modem.status.state is ModemState.READY
    assert entries(bench) == 1
    assert bench.sim.tries == 3


@pytest.mark.parametrize("name", sorted(PERSONALITIES))
def test_a_wrong_pin_costs_one_try_and_never_another(bench: Bench, name: str) -> None:
    bench.plug(quick(name))
    modem = bench.ready(WRONG)
    assert modem.status.state is ModemState.LOCKED
    assert "PIN" in (modem.status.advice or "")
    for _ in range(3):
        modem.bring_up()
    bench.call(bench.simulated.reboot)
    bench.wait(1)
    bench.ready(WRONG)  # the program restarts, with its ledger
    assert bench.modem.status.state is ModemState.LOCKED
    assert (entries(bench), bench.sim.tries) == (1, 2)


def test_after_a_wrong_pin_the_right_one_is_still_tried(bench: Bench) -> None:
    bench.ready(WRONG)
    modem = bench.ready(RIGHT)
    assert modem.status.state is ModemState.READY
    assert bench.sim.tries == 3


def test_no_pin_is_written_with_one_try_left(bench: Bench) -> None:
    bench.sim.tries = 1
    modem = bench.ready(RIGHT)
    assert modem.status.state is ModemState.LOCKED
    assert "1 PIN tries left" in (modem.status.reason or "")
    assert (entries(bench), bench.sim.tries) == (0, 1)


def test_two_tries_left_are_enough(bench: Bench) -> None:
    bench.sim.tries = 2
    assert bench.ready(RIGHT).status.state is ModemState.READY


def test_no_pin_is_written_where_the_puk_is_asked_for(bench: Bench) -> None:
    bench.sim.tries = 0
    modem = bench.ready(RIGHT)
    assert modem.status.state is ModemState.LOCKED
    assert "PUK" in (modem.status.reason or "")
    assert (entries(bench), bench.sim.puk_tries) == (0, 10)


def test_no_pin_is_written_to_an_open_card(bench: Bench) -> None:
    bench.sim.pin = None
    assert bench.ready(RIGHT).status.state is ModemState.READY
    assert entries(bench) == 0


def test_without_a_pin_the_state_says_what_to_do(bench: Bench) -> None:
    modem = bench.ready()
    assert modem.status.state is ModemState.LOCKED
    assert "pin_file" in (modem.status.advice or "")


@pytest.mark.parametrize("pin", ["", "12", "123456789", "12a4", '1234"', "١٢٣٤"])
def test_what_is_no_pin_is_not_written(bench: Bench, pin: str) -> None:
    assert bench.ready(ModemSettings(pin=Secret(pin))).status.state is ModemState.LOCKED
    assert entries(bench) == 0


@pytest.mark.parametrize("counted", [True, False])
def test_an_unanswered_attempt_is_not_repeated_after_a_restart(bench: Bench, counted: bool) -> None:
    bench.plug(unsupported=frozenset() if counted else frozenset({"+CPINR"}))
    bench.simulated.inject(Fault(Step.COMMAND, Silence(None), command="+CPIN", nth=2))
    with pytest.raises(CommandTimeout):
        bench.ready(RIGHT)
    bench.simulated.power_cycle()
    bench.wait(1)
    modem = bench.ready(RIGHT)
    assert modem.status.state is ModemState.LOCKED
    assert "never answered" in (modem.status.reason or "")
    assert entries(bench) == 1


def test_a_port_lost_at_the_attempt_is_an_unanswered_one(bench: Bench) -> None:
    bench.plug()
    bench.simulated.inject(Fault(Step.COMMAND, Vanish(0.5), command="+CPIN", nth=2))
    with pytest.raises(ConnectionLost):
        bench.ready(RIGHT)
    bench.wait(2)
    assert bench.ready(RIGHT).status.state is ModemState.LOCKED
    assert entries(bench) == 1


def test_an_attempt_is_remembered_before_the_pin_is_written(bench: Bench) -> None:
    bench.plug()
    bench.open(RIGHT)
    seen: list[int] = []
    bench.on_write = lambda text: seen.append(bench.ledger.begun) if text.startswith("AT+CPIN=") else None
    bench.modem.bring_up()
    assert seen == [bench.ledger.begun]
    assert seen[0] > 0


def test_an_accepted_pin_is_entered_again_after_each_reset_of_the_card(bench: Bench) -> None:
    modem = bench.ready(RIGHT)
    for _ in range(3):
        bench.simulated.reboot()
        bench.until(lambda: modem.status.state is ModemState.CONFIGURING)
        modem.bring_up()
        assert modem.status.state is ModemState.READY
    assert entries(bench) == 4


def test_an_accepted_pin_is_entered_again_by_the_next_program(bench: Bench) -> None:
    bench.plug(unsupported=frozenset({"+CPINR"}))
    bench.ready(RIGHT)
    bench.simulated.reboot()
    bench.wait(1)
    assert bench.ready(RIGHT).status.state is ModemState.READY


def test_a_pin_that_was_changed_elsewhere_is_tried_once(bench: Bench) -> None:
    bench.ready(RIGHT)
    bench.sim.pin = "9999"
    for _ in range(2):
        bench.simulated.reboot()
        bench.wait(1)
        bench.ready(RIGHT)
        assert bench.modem.status.state is ModemState.LOCKED
    assert bench.sim.tries == 2


def test_an_attempt_on_a_card_that_hid_its_number_counts_when_it_tells_it(bench: Bench) -> None:
    bench.plug(unsupported=frozenset({"+CCID", "+ICCID"}))
    bench.ready(WRONG)
    bench.simulated.personality = replace(bench.simulated.personality, unsupported=frozenset())
    modem = bench.ready(WRONG)
    assert modem.status.state is ModemState.LOCKED
    assert bench.sim.tries == 2


def test_an_attempt_on_a_known_card_counts_when_it_hides_its_number(bench: Bench) -> None:
    bench.ready(WRONG)
    bench.simulated.personality = replace(bench.simulated.personality, unsupported=frozenset({"+CCID", "+ICCID"}))
    bench.ready(WRONG)
    assert bench.sim.tries == 2


def test_no_pin_is_written_to_another_card_or_modem_than_the_configured_one(bench: Bench) -> None:
    for settings in (
        ModemSettings(pin=Secret(PIN), iccid="8944100000000000099"),
        ModemSettings(pin=Secret(PIN), imei="490154203237500"),
    ):
        modem = bench.ready(settings)
        assert modem.status.state is ModemState.FAILED
        assert entries(bench) == 0


def test_the_ledger_never_sees_the_pin_and_nothing_prints_it(bench: Bench) -> None:
    bench.ready(RIGHT)
    told = repr((RIGHT, bench.ledger.entries, bench.modem.status))
    assert PIN not in told
    digests = {digest for _, digest in bench.ledger.entries}
    assert len(digests) == len(bench.ledger.entries)  # keyed with the card


def test_the_gateways_secret_type_is_taken_too(bench: Bench) -> None:
    class Other:
        def reveal(self) -> str:
            return PIN

    assert bench.ready(ModemSettings(pin=Other())).status.state is ModemState.READY
