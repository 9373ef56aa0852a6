"""A call on a modem that nobody uses: it tells everything, changes nothing, and a trial message is waited for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from hardware.clock import FakeClock
from hardware.errors import CommandTimeout, MessageServiceError
from hardware.modem import Checkup, Trial, Visit
from hardware.pdu import DeliveryOutcome
from hardware.profiles import ReportRoute
from hardware.simulator import (
    GENERIC,
    HUAWEI,
    PERSONALITIES,
    PHS8,
    SIM800,
    WAVECOM,
    Fault,
    LoseReport,
    Personality,
    Refuse,
    SimCard,
    SimulatedModem,
    SimulatedNetwork,
    Step,
    UssdAnswer,
)
from hardware.transport import Transport

OTHER = "+447700900123"
UNTOLD = {"sierra"}  # no command of this family tells the tries left


class Place:
    """One modem that was switched on a minute ago, and everything that was written to it."""

    def __init__(self, personality: Personality = GENERIC, **card: Any) -> None:
        self.clock = FakeClock()
        self.network = SimulatedNetwork(self.clock)
        self.card = SimCard(ussd={"*100#": UssdAnswer("Balance: 10.00")}, **card)
        self.modem = SimulatedModem(self.network, self.card, personality, imei="490154203237518")
        self.written: list[bytes] = []
        self.wait(60)

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        transport, until = self.modem.transport(), self.clock.boot() + seconds
        while self.clock.boot() < until:
            self.network.run_due()
            transport.read(1.0)

    def visit(self) -> Visit:
        """Call on it."""
        return Visit(Recorded(self.modem.transport(), self.written), self.clock, wait=30)

    def look(self, **how: bool) -> Checkup:
        """Call on it and look."""
        return self.visit().look(**how)

    def send(self, to: str, *, text: str = "Simwire test 4f2a", wait: float = 60, comes_back: bool = False) -> Trial:
        """Call on it and send."""
        return self.visit().send(to, text, wait=wait, comes_back=comes_back, told=lambda _: None)

    def commands(self) -> list[str]:
        """The commands that were written, in order."""
        return [one.strip() for one in b"".join(self.written).decode("ascii", "replace").split("\r") if one.strip()]


class Recorded:
    """A transport that keeps what is written."""

    def __init__(self, transport: Transport, written: list[bytes]) -> None:
        self.name, self._transport, self._written = transport.name, transport, written
        self.read, self.wake, self.close = transport.read, transport.wake, transport.close

    def write(self, data: bytes) -> None:
        """Note it, and pass it on."""
        self._written.append(data)
        self._transport.write(data)


@pytest.mark.parametrize("name", sorted(PERSONALITIES))
def test_every_family_tells_all_there_is(name: str) -> None:
    place = Place(PERSONALITIES[name])
    told = place.look()

    assert told.identity.imei == "490154203237518"
    assert told.card.open and told.card.number == place.card.number
    assert told.card.tries is None if name in UNTOLD else told.card.tries is not None and told.card.tries.pin == 3
    assert told.radio.registration is not None and told.radio.registration.sms_possible
    assert told.radio.signal_dbm is not None
    assert told.radio.lte is (PERSONALITIES[name].access == "lte" and "+CESQ" not in PERSONALITIES[name].unsupported)
    assert told.messages.centre == "+447700900000"
    assert told.messages.storages and told.messages.pdu_mode is True and told.messages.routes_told
    assert bool(told.messages.routes) is (name != "phs8")
    assert "+CGSM" in told.capabilities
    assert told.clock is not None


@pytest.mark.parametrize("name", sorted(PERSONALITIES))
def test_a_look_writes_no_pin_and_sets_nothing_that_lasts(name: str) -> None:
    place = Place(PERSONALITIES[name], pin="1234", tries=2)
    told = place.look()

    assert told.card.state == "SIM PIN" and not told.card.open
    assert place.card.tries == 2
    settings = [one for one in place.commands() if "=" in one and not one.endswith("=?")]
    questions = ("AT+CPINR=", "AT+QPINC=", "AT^SPIC=")
    assert [one for one in settings if not one.startswith(questions)] == ["AT+CMEE=1"]
    if name not in UNTOLD:
        assert told.card.tries is not None and told.card.tries.pin == 2


def test_the_count_of_a_blocked_card_is_told_with_its_puk() -> None:
    told = Place(HUAWEI, pin="1234", tries=0).look()
    assert told.card.state == "SIM PUK"
    assert told.card.tries is not None and (told.card.tries.pin, told.card.tries.puk) == (0, 10)


def test_a_modem_without_a_card_says_so() -> None:
    place = Place()
    place.modem.insert(None)
    place.wait(10)
    card = place.look().card
    assert (card.state, card.open, card.tries, card.number) == (None, False, None, None)
    assert "+CPIN" in card.said


def test_networks_are_only_searched_for_on_demand() -> None:
    place = Place()
    assert place.look().radio.networks is None
    assert "AT+COPS=?" not in place.commands()
    networks = place.look(networks=True).radio.networks
    assert "AT+COPS=?" in place.commands()
    assert networks is None or all(availability for _, availability in networks)


def test_numbers_are_in_no_repr() -> None:
    place = Place()
    told = repr(place.look())
    assert place.card.number not in told and "+447700900000" not in told
    assert place.card.iccid not in told and place.card.imsi not in told


def test_a_silent_modem_is_given_up() -> None:
    place = Place()
    place.modem.fall_silent()
    with pytest.raises(CommandTimeout):
        place.visit()


@pytest.mark.parametrize("personality", [HUAWEI, SIM800, WAVECOM], ids=lambda one: one.name)
def test_the_network_is_asked_for_the_credit(personality: Personality) -> None:
    assert Place(personality).visit().ussd("*100#").text == "Balance: 10.00"


@pytest.mark.parametrize("name", sorted(PERSONALITIES))
def test_a_message_to_itself_comes_back_and_is_reported(name: str) -> None:
    place = Place(PERSONALITIES[name])
    trial = place.send(place.card.number, comes_back=True)

    assert trial.arrived_after is not None and trial.outcome is DeliveryOutcome.DELIVERED
    assert trial.reported_after is not None and trial.reported_after >= trial.arrived_after
    assert trial.accepted_after > 0
    assert len(place.card.store) == 0  # what came back was taken in


def test_a_message_to_another_telephone_waits_for_its_report_alone() -> None:
    place = Place()
    trial = place.send(OTHER, text="Simwire test 9")
    assert (trial.arrived_after, trial.outcome) == (None, DeliveryOutcome.DELIVERED)
    assert trial.route == ReportRoute.DIRECT.value
    (message,) = place.network.handset(OTHER).messages
    assert message.text == "Simwire test 9"


def test_a_report_that_does_not_come_is_not_waited_for_longer_than_that() -> None:
    place = Place()
    place.modem.inject(Fault(Step.REPORT, LoseReport()))
    before = place.clock.boot()
    trial = place.send(OTHER, wait=40)
    assert (trial.reported_after, trial.status, trial.outcome) == (None, None, None)
    assert 40 <= place.clock.boot() - before < 60


def test_a_report_of_failure_is_not_taken_for_delivery() -> None:
    place = Place()
    place.network.handset(OTHER, answer=0x41)
    trial = place.send(OTHER)
    assert trial.outcome is DeliveryOutcome.PERMANENT


def _before(place: Place) -> None:
    place.network.send_from(OTHER, "kept from before", place.card.number)
    place.wait(20)


def _meanwhile(place: Place) -> None:
    place.network.after(2.5, lambda: place.network.send_from(OTHER, "kept from meanwhile", place.card.number))


@pytest.mark.parametrize("arrive", [_before, _meanwhile])
@pytest.mark.parametrize("personality", [HUAWEI, GENERIC, PHS8], ids=lambda one: one.name)
def test_messages_of_others_stay_where_they_are_stored(
    arrive: Callable[[Place], None], personality: Personality
) -> None:
    place = Place(replace(personality, memories=(("SM",),) * 3))
    arrive(place)
    trial = place.send(place.card.number, comes_back=True)
    place.wait(20)

    assert trial.arrived_after is not None
    assert len(place.card.store) == 1


def test_a_refusal_is_raised_with_its_code() -> None:
    place = Place()
    place.modem.inject(Fault(Step.COMMAND, Refuse(38), command="+CMGS"))
    with pytest.raises(MessageServiceError) as refused:
        place.send(OTHER)
    assert refused.value.code == 38
