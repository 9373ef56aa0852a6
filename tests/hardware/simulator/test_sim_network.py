from __future__ import annotations

from itertools import pairwise

import pytest

from hardware.clock import FakeClock
from hardware.simulator import (
    HandsetState,
    Operator,
    ServiceCentre,
    SimCard,
    SimulatedModem,
    SimulatedNetwork,
)
from hardware.simulator.composing import compose
from hardware.simulator.octets import Reader, read_service_centre
from hardware.simulator.tpdu import Report, read_report
from tests.hardware.simulator.terminal import OTHER_PHONE, PHONE, Terminal, terminal, tpdu


def reporting(**settings: float) -> Terminal:
    line = terminal()
    for name, value in settings.items():
        setattr(line.network, name, value)
    assert line.ask("AT+CNMI=2,1,0,1,0") == ["OK"]
    return line


def reports(lines: list[str]) -> list[Report]:
    """The status reports of +CDS among some lines, their announced lengths checked."""
    found = []
    for head, body in pairwise(lines):
        if head.startswith("+CDS: "):
            reader = Reader(bytes.fromhex(body))
            read_service_centre(reader)
            octets = reader.rest()
            assert len(octets) == int(head.removeprefix("+CDS: "))
            found.append(read_report(octets))
    return found


def statuses(lines: list[str]) -> list[int]:
    return [report.status for report in reports(lines)]


def test_a_report_says_what_was_asked_who_received_and_when() -> None:
    line = reporting()
    (report,) = reports(line.submit(tpdu(report=True)))
    assert (report.reference, report.recipient.number, report.status) == (0, PHONE, 0)
    assert report.time is not None and report.discharged is not None
    submitted = line.network.submits[0].time.wall
    assert report.time.timestamp() == int(submitted)
    assert (report.discharged - report.time).total_seconds() == 1


def test_no_report_comes_unasked() -> None:
    assert statuses(reporting().submit(tpdu())) == []


def test_a_telephone_that_is_off_gets_it_when_it_is_switched_on() -> None:
    line = reporting()
    phone = line.phone()
    phone.state = "off"
    line.submit(tpdu("wait", report=True))
    assert phone.messages == [] and line.network.waiting == 1
    phone.state = HandsetState.ON
    assert statuses(line.wait(5)) == [0x00]
    assert phone.texts == ["wait"] and line.network.waiting == 0


def test_a_full_telephone_is_tried_again_when_it_has_room() -> None:
    line = reporting()
    line.network.trying_reports = True
    line.phone().state = "full"
    assert statuses(line.submit(tpdu(report=True))) == [0x22]
    line.phone().state = "on"
    assert statuses(line.wait(5)) == [0x00]


@pytest.mark.parametrize(("octet", "seconds"), [(0, 300), (11, 3600), (143, 43_200), (144, 45_000), (167, 86_400)])
def test_what_outlives_its_validity_is_given_up(octet: int, seconds: int) -> None:
    line = reporting()
    line.phone().state = "off"
    line.submit(tpdu(report=True, validity=octet), 3)
    assert statuses(line.wait(seconds - 5)) == []
    assert statuses(line.wait(10)) == [0x46]
    line.phone().state = "on"
    line.wait(60)
    assert line.phone().messages == []


def test_a_slow_telephone_delays_the_report() -> None:
    line = reporting()
    line.network.handset(PHONE, delay=40)
    assert statuses(line.submit(tpdu(report=True), 40)) == []
    assert statuses(line.wait(10)) == [0x00]


def test_an_unknown_telephone_is_a_permanent_error() -> None:
    line = reporting()
    line.phone().state = "unknown"
    assert statuses(line.submit(tpdu(report=True))) == [0x43]


@pytest.mark.parametrize(("answer", "received"), [(0x01, 1), (0x41, 0), (0x65, 0), (0x30, 0), (0x1F, 1)])
def test_a_telephone_can_be_told_which_status_to_answer(answer: int, received: int) -> None:
    line = reporting()
    line.network.handset(PHONE, answer=answer)
    assert statuses(line.submit(tpdu(report=True))) == [answer]
    assert len(line.phone().messages) == received


@pytest.mark.parametrize("text", ["x" * 400, "€" * 200, "Ж" * 150, "😀" * 80, "a" * 66 + "😀" * 40])
def test_parts_are_joined_as_they_were_written(text: str) -> None:
    line = terminal()
    for part in range(len(compose(text))):
        line.submit(tpdu(text, part=part))
    (message,) = line.phone().messages
    assert (message.text, message.parts) == (text, len(compose(text)))


def test_half_a_message_is_not_shown_and_a_repeated_part_counts_once() -> None:
    line = terminal()
    line.submit(tpdu("y" * 300, part=1))
    line.submit(tpdu("y" * 300, part=1))
    assert line.phone().messages == [] and len(line.phone().segments) == 2
    line.submit(tpdu("y" * 300, part=0))
    assert line.phone().texts == ["y" * 300]


def test_replace_types_replace_at_the_telephone_and_at_the_service_centre() -> None:
    line = reporting()
    for text in ("old", "new"):
        line.submit(tpdu(text, pid=0x41))
    line.submit(tpdu("another", pid=0x42))
    assert line.phone().texts == ["new", "another"]
    line.phone(OTHER_PHONE).state = "off"
    line.submit(tpdu("one", OTHER_PHONE, pid=0x43, report=True))
    assert statuses(line.submit(tpdu("two", OTHER_PHONE, pid=0x43, report=True))) == [0x02]
    line.phone(OTHER_PHONE).state = "on"
    line.wait(5)
    assert line.phone(OTHER_PHONE).texts == ["two"]


def test_silent_messages_arrive_unseen() -> None:
    line = reporting()
    assert statuses(line.submit(tpdu("ping", pid=0x40, report=True))) == [0]
    assert line.phone().messages == [] and len(line.phone().segments) == 1


def test_classes_ports_and_data_are_seen_by_the_telephone() -> None:
    line = terminal()
    flash = bytearray(tpdu("flash"))
    flash[-2 - len(compose("flash")[0].octets)] = 0x10
    line.submit(bytes(flash))
    line.submit(tpdu(b"\x00\x01\xff"))
    first, second = line.phone().messages
    assert (first.text, first.message_class) == ("flash", 0)
    assert (second.text, second.data) == (None, b"\x00\x01\xff")


def test_duplicates_are_rejected_where_the_sender_asked() -> None:
    line = terminal()
    line.phone().state = "off"
    assert line.submit(tpdu(flags=0x04))[0] == "+CMGS: 0"
    assert line.modem.sim is not None
    line.modem.sim.last_reference = 255
    assert line.submit(tpdu(flags=0x04)) == ["+CMS ERROR: 197"]
    line.modem.sim.last_reference = 255
    assert line.submit(tpdu())[0] == "+CMGS: 0"


def test_the_service_centre_s_clock_and_zone_show_in_its_stamps() -> None:
    clock = FakeClock()
    centre = ServiceCentre("+447700900000", clock_offset=-90.0, zone=-14)
    line = terminal(network=SimulatedNetwork(clock, service_centres=[centre]))
    line.ask("AT+CNMI=2,1,0,1,0")
    (report,) = reports(line.submit(tpdu(report=True)))
    assert report.time is not None
    offset = report.time.utcoffset()
    assert offset is not None and offset.total_seconds() == -14 * 900
    assert report.time.timestamp() == int(line.network.submits[0].time.wall - 90)


@pytest.mark.parametrize(
    ("form", "number"), [("as_sent", "07700900101"), ("international", PHONE), ("national", "07700900101")]
)
def test_reports_name_the_recipient_in_one_of_three_forms(form: str, number: str) -> None:
    line = reporting()
    line.network.report_recipient = form  # type: ignore[assignment]
    (report,) = reports(line.submit(tpdu(to="07700900101", report=True)))
    assert report.recipient.number == number
    assert line.network.submits[0].destination == PHONE


def test_two_modems_share_a_network_and_write_to_each_other() -> None:
    clock = FakeClock()
    network = SimulatedNetwork(clock)
    first = terminal(network=network, name="a")
    second = terminal(network=network, name="b", sim=SimCard(imsi="001010000000002", number="+447700900151"))
    for line in (first, second):
        line.ask("AT+CNMI=2,1,0,1,0")
    heard = first.submit(tpdu("hi neighbour", "+447700900151", report=True))
    assert statuses(heard) == [0]
    assert second.wait(1) == ['+CMTI: "SM",1']
    assert first.modem.imei != second.modem.imei


def test_cards_of_one_network_differ_in_their_imsi() -> None:
    network = SimulatedNetwork(FakeClock())
    SimulatedModem(network, SimCard())
    with pytest.raises(ValueError, match="IMSI"):
        SimulatedModem(network, SimCard())


def test_a_foreign_card_roams() -> None:
    assert terminal(sim=SimCard(imsi="208010000000001")).ask("AT+CREG?") == ["+CREG: 0,5", "OK"]


def test_operators_are_named_in_the_format_of_cops() -> None:
    operators = (
        Operator("00101", "Simnet", "Sim", "+447700900000"),
        Operator("00102", "Other", "Oth", "+447700900001"),
    )
    line = terminal(network=SimulatedNetwork(FakeClock(), operators=operators))
    assert line.ask("AT+COPS=3,2;+COPS?") == ['+COPS: 0,2,"00101",7', "OK"]
    found = line.ask("AT+COPS=?", 30)
    assert found[0].startswith('+COPS: (2,"Simnet","Sim","00101",7),(3,"Other","Oth","00102",7)')


def test_events_see_their_own_time_after_a_jump_of_the_clock() -> None:
    clock = FakeClock()
    network = SimulatedNetwork(clock)
    times: list[float] = []
    network.after(5, lambda: times.append(network.time()))
    network.after(1, lambda: network.after(2, lambda: times.append(network.time())))
    start = clock.boot()
    clock.advance(100)
    network.run_due()
    assert times == [start + 3, start + 5]


def test_a_message_to_an_unknown_number_or_from_a_handset_to_no_sim() -> None:
    line = terminal()
    with pytest.raises(ValueError, match="no SIM"):
        line.phone().send("lost", "+447700900199")


def test_numbers_and_texts_stay_out_of_repr() -> None:
    line = terminal()
    line.submit(tpdu("secret 123456"))
    shown = repr([line.phone(), line.phone().messages, line.network.submits, line.modem.sim, line.modem])
    assert "secret" not in shown and "7700900" not in shown and "0000000001" not in shown
