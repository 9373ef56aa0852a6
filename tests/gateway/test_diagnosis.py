"""What follows from what was seen: verdicts, remedies that can be used as they are, and no number in full."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.balance import BalanceRule
from gateway.diagnosis import (
    Check,
    PortSight,
    Sent,
    Verdict,
    balance_check,
    document,
    modem_checks,
    port_check,
    served_checks,
    trial_checks,
    unexpected_devices,
    worst,
)
from hardware.at.answers import PinCounters
from hardware.modem import (
    CardSight,
    Checkup,
    Identity,
    MessageSight,
    RadioSight,
    Registration,
    ReportRoute,
    StorageLevel,
)
from hardware.port_holders import Holders, Process
from hardware.profiles import GENERIC
from hardware.usb_devices import usb_devices
from tests.hardware.machine import ETHERNET, STORAGE, VENDOR, FakeMachine, Interface

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
WELL = Checkup(
    identity=Identity("Huawei", "E1750", "11", "490154203237518", "001010000000001", "8944100000000000017"),
    profile=GENERIC,
    capabilities=frozenset({"+CGSM"}),
    card=CardSight("READY", "+CPIN: READY", PinCounters(3, 10), "+447700900150"),
    radio=RadioSight(1, Registration(1, "CREG"), "Simnet", -73, lte=False, networks=None),
    messages=MessageSight(
        "+447700900000", (StorageLevel("SM", 2, 30),), True, (ReportRoute.DIRECT,), True, True, ("GSM",)
    ),
    clock=NOW,
)


def judged(checkup: Checkup, *, pin_configured: bool = False) -> dict[str, Check]:
    return {one.name: one for one in modem_checks(checkup, "sim1", NOW.timestamp(), pin_configured=pin_configured)}


def card(**change: Any) -> Checkup:
    return replace(WELL, card=replace(WELL.card, **change))


def radio(**change: Any) -> Checkup:
    return replace(WELL, radio=replace(WELL.radio, **change))


def messages(**change: Any) -> Checkup:
    return replace(WELL, messages=replace(WELL.messages, **change))


def test_a_modem_that_is_well_has_nothing_to_mend() -> None:
    found = judged(WELL)
    assert {one.verdict for one in found.values()} == {Verdict.OK}
    assert not [one.remedy for one in found.values() if one.remedy]
    assert list(found) == [
        "modem", "sim", "pin_tries", "radio", "registration", "signal", "service_centre", "storage", "pdu_mode",
        "reports", "link", "clock",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("checkup", "name", "verdict", "said"),
    [
        (card(state=None, said="+CME ERROR: 10"), "sim", Verdict.FAIL, "10"),
        (card(state="SIM PIN"), "sim", Verdict.FAIL, "PIN"),
        (card(state="SIM PUK"), "sim", Verdict.FAIL, "PUK"),
        (card(state="SIM PIN2"), "sim", Verdict.OK, "open"),
        (card(state="PH-SIM PIN"), "sim", Verdict.FAIL, "locked"),
        (card(tries=None), "pin_tries", Verdict.SKIP, "not tell"),
        (card(tries=PinCounters(2, 10)), "pin_tries", Verdict.WARN, "2 PIN"),
        (card(state="SIM PIN", tries=PinCounters(1, 10)), "pin_tries", Verdict.FAIL, "1 PIN"),
        (card(state="SIM PUK", tries=PinCounters(0, 9)), "pin_tries", Verdict.FAIL, "9 of the PUK"),
        (radio(functionality=4), "radio", Verdict.WARN, "off"),
        (radio(registration=Registration(3, "CREG")), "registration", Verdict.FAIL, "denied"),
        (radio(registration=Registration(2, "CREG")), "registration", Verdict.FAIL, "searching"),
        (radio(registration=Registration(5, "CREG")), "registration", Verdict.WARN, "roaming"),
        (radio(registration=None), "registration", Verdict.WARN, "not tell"),
        (radio(signal_dbm=None), "signal", Verdict.WARN, "no signal"),
        (radio(signal_dbm=-97), "signal", Verdict.OK, "-97"),
        (radio(signal_dbm=-99), "signal", Verdict.WARN, "weak"),
        (radio(signal_dbm=-107), "signal", Verdict.WARN, "very weak"),
        (radio(signal_dbm=-107, lte=True), "signal", Verdict.OK, "RSRP"),
        (radio(signal_dbm=-121, lte=True), "signal", Verdict.WARN, "very weak"),
        (radio(networks=()), "networks", Verdict.FAIL, "none"),
        (radio(networks=(("O2", "forbidden"),)), "networks", Verdict.OK, "O2 (forbidden)"),
        (messages(centre=""), "service_centre", Verdict.FAIL, "SMSC"),
        (messages(centre=None), "service_centre", Verdict.SKIP, "not tell"),
        (messages(storages=(StorageLevel("SM", 24, 30),)), "storage", Verdict.WARN, "24 of 30"),
        (messages(storages=()), "storage", Verdict.SKIP, "not tell"),
        (messages(pdu_mode=False), "pdu_mode", Verdict.FAIL, "PDU"),
        (messages(pdu_mode=None), "pdu_mode", Verdict.OK, "not tell"),
        (messages(routes=()), "reports", Verdict.WARN, "no delivery reports"),
        (messages(routes_told=False), "reports", Verdict.OK, "family"),
        (messages(keeps_link=False), "link", Verdict.OK, "anew"),
        (replace(WELL, capabilities=frozenset({"+CIS707-A"})), "modem", Verdict.WARN, "GSM"),
        (replace(WELL, clock=None), "clock", Verdict.SKIP, "no clock"),
        (replace(WELL, clock=datetime(2080, 1, 6, tzinfo=UTC)), "clock", Verdict.SKIP, "no clock"),
        (replace(WELL, clock=NOW + timedelta(minutes=31)), "clock", Verdict.WARN, "31 minutes"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_what_to_do(checkup: Checkup, name: str, verdict: Verdict, said: str) -> None:
    found = judged(checkup)[name]
    assert (found.verdict, said in found.message) == (verdict, True), found
    assert (found.remedy is not None) is (verdict in (Verdict.WARN, Verdict.FAIL))


def test_a_pin_that_is_configured_is_entered_by_the_gateway() -> None:
    found = judged(card(state="SIM PIN"), pin_configured=True)["sim"]
    assert found.verdict is Verdict.WARN and found.remedy is not None and "simwire serve" in found.remedy


def test_behind_a_locked_card_the_network_is_not_judged() -> None:
    found = judged(replace(card(state="SIM PIN"), radio=replace(WELL.radio, registration=Registration(0, "CREG"))))
    assert found["registration"].verdict is Verdict.SKIP


@given(st.text("0123456789", min_size=9, max_size=15), st.text("0123456789", min_size=15, max_size=15))
def test_no_number_is_shown_in_full(number: str, imei: str) -> None:
    checkup = replace(WELL, identity=replace(WELL.identity, imei=imei, iccid="8944" + imei, imsi=number))
    checkup = replace(checkup, card=replace(WELL.card, number=f"+{number}"))
    checkup = replace(checkup, messages=replace(WELL.messages, centre=f"+{number}"))
    shown = str(document(modem_checks(checkup, "sim1", NOW.timestamp(), pin_configured=False)))
    assert number not in shown and imei not in shown


# -- ports ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def machine(tmp_path: Path) -> FakeMachine:
    return FakeMachine(tmp_path)


def sight(*held_by: Process, **change: Any) -> PortSight:
    free = PortSight("/dev/ttyUSB2", True, True, "dialout", "ada", Holders(tuple(held_by)))
    return replace(free, **change)


@pytest.mark.parametrize(
    ("holder", "fix"),
    [
        (Process(612, "ModemManager", "ModemManager.service"), "systemctl disable --now ModemManager"),
        (Process(7, "brltty", "brltty.service"), "systemctl mask --now brltty.service brltty-udev.service"),
        (
            Process(8, "agetty", "serial-getty@ttyUSB2.service"),
            "systemctl disable --now serial-getty@ttyUSB2.service",
        ),
        (Process(9, "wvdial"), "poff -a, or kill 9"),
        (Process(10, "minicom"), "kill 10"),
        (Process(11, "gammu-smsd", "gammu-smsd.service"), "systemctl disable --now gammu-smsd.service"),
        (Process(12, "smsd", "smsd.service", of_user=True), "systemctl --user disable --now smsd.service"),
    ],
)
def test_who_holds_a_port_is_named_with_the_command_that_ends_it(holder: Process, fix: str) -> None:
    found = port_check(sight(holder), None)
    assert (found.verdict, holder.called in found.message) == (Verdict.FAIL, True)
    assert found.remedy is not None and fix in found.remedy
    assert found.facts["holders"] == [{"pid": holder.pid, "name": holder.name, "unit": holder.unit, "gateway": False}]


def test_modem_manager_is_kept_off_one_stick_by_a_rule_for_it(machine: FakeMachine) -> None:
    machine.plug("1-1", "2c7c:0125", Interface(VENDOR, "option", ("ttyUSB2",)))
    (usb,) = usb_devices(machine.sysfs)
    remedy = port_check(sight(Process(612, "ModemManager", "ModemManager.service")), usb).remedy
    assert remedy is not None
    assert 'ATTR{idVendor}=="2c7c", ATTR{idProduct}=="0125", ENV{ID_MM_DEVICE_IGNORE}="1"' in remedy
    assert "udevadm control --reload && udevadm trigger && systemctl restart ModemManager" in remedy


def test_a_port_that_a_gateway_uses_is_as_it_should_be() -> None:
    found = port_check(sight(Process(4, "simwire", "simwire.service", gateway=True)), None)
    assert (found.verdict, found.remedy) == (Verdict.OK, None)


@pytest.mark.parametrize(
    ("change", "verdict", "said", "fix"),
    [
        ({}, Verdict.OK, "free", None),
        ({"present": False}, Verdict.FAIL, "no such device", "/dev/serial/by-id"),
        ({"allowed": False}, Verdict.FAIL, "user ada may not", "usermod -aG dialout ada"),
        ({"allowed": False, "group": None}, Verdict.FAIL, "ada", 'KERNEL=="ttyUSB2", GROUP="dialout", MODE="0660"'),
        ({"trouble": "it is not a serial port"}, Verdict.FAIL, "it is not a serial port", "--baudrate"),
        ({"console": True}, Verdict.WARN, "kernel", "console=ttyUSB2"),
        ({"held": True, "holders": Holders((), 31)}, Verdict.FAIL, "31 processes", "sudo simwire doctor"),
        (
            {"held": True, "suspects": (Process(612, "ModemManager", "ModemManager.service"),)},
            Verdict.FAIL, "ModemManager (process 612", "systemctl disable --now ModemManager",
        ),
        (
            {"held": True, "suspects": (Process(3, "simwire", gateway=True, config=Path("/etc/s.toml")),)},
            Verdict.WARN, "the gateway that runs here", "simwire doctor --config /etc/s.toml",
        ),
    ],
)  # fmt: skip
def test_what_stands_in_the_way_of_a_port(change: dict[str, Any], verdict: Verdict, said: str, fix: str | None) -> None:
    found = port_check(sight(**change), None)
    assert (found.verdict, said in found.message) == (verdict, True), found
    assert fix is None if found.remedy is None else fix is not None and fix in found.remedy


@pytest.mark.parametrize(
    ("usb_id", "interface", "name", "fix"),
    [
        ("12d1:1f01", Interface(STORAGE, "usb-storage"), "usb_mode", "usb_modeswitch -v 12d1 -p 1f01 -J"),
        ("19d2:2000", Interface(STORAGE, "usb-storage"), "usb_mode", "usb_modeswitch -v 19d2 -p 2000 -K"),
        ("12d1:14dc", Interface(ETHERNET, "cdc_ether", network="eth1"), "usb_mode", "another stick"),
        ("1e0e:9001", Interface(VENDOR), "usb_driver", "echo 1e0e 9001 > /sys/bus/usb-serial/drivers/option1/new_id"),
        ("1a86:7523", Interface(VENDOR, "usbfs"), "usb_driver", "systemctl mask --now brltty.service"),
    ],
)
def test_a_device_that_is_no_modem_yet_is_told_with_the_command(
    machine: FakeMachine, usb_id: str, interface: Interface, name: str, fix: str
) -> None:
    machine.plug("1-1", usb_id, interface, maker="Maker")
    brltty = Process(20, "brltty", "brltty.service")
    (found,) = unexpected_devices(usb_devices(machine.sysfs), [brltty])
    assert (found.name, found.subject, found.verdict) == (name, "1-1", Verdict.FAIL)
    assert found.remedy is not None and fix in found.remedy
    assert found.facts["usb_id"] == usb_id


def test_a_web_stick_is_not_promised_to_become_a_modem(machine: FakeMachine) -> None:
    machine.plug("1-1", "12d1:1f01", Interface(STORAGE, "usb-storage"))
    (found,) = unexpected_devices(usb_devices(machine.sysfs), [])
    assert "HiLink" in found.message


def test_modems_and_other_devices_are_nothing_to_mend(machine: FakeMachine) -> None:
    machine.plug("1-1", "12d1:1001", Interface(VENDOR, "option", ("ttyUSB0",)))
    machine.plug("1-2", "0781:5567", Interface(STORAGE, "usb-storage"))
    machine.plug("1-3", "1a86:7523", Interface(VENDOR, "ch341", ("ttyUSB1",)))
    assert unexpected_devices(usb_devices(machine.sysfs), [Process(20, "brltty")]) == []


# -- credit, trials, gateways -----------------------------------------------------------------------------------------

RULE = BalanceRule("*100#", r"£([\d.]+)", Decimal(5), 3600.0)


@pytest.mark.parametrize(
    ("rule", "text", "verdict"),
    [
        (RULE, "Balance: £10.00", Verdict.OK),
        (RULE, "Balance: £4.99", Verdict.WARN),
        (RULE, "Balance: £0.00", Verdict.FAIL),
        (RULE, "Try again later", Verdict.WARN),
        (None, "Balance: £0.00", Verdict.OK),
        (RULE, None, Verdict.WARN),
    ],
)
def test_credit(rule: BalanceRule | None, text: str | None, verdict: Verdict) -> None:
    assert balance_check("sim1", rule, text, None).verdict is verdict


def test_a_number_in_the_networks_answer_is_masked() -> None:
    assert "447700900150" not in str(balance_check("sim1", None, "447700900150 has £1.00", None))


@pytest.mark.parametrize(
    ("sent", "verdicts"),
    [
        (Sent("+447700900123", None, failure="CMS ERROR 38"), {"test_sms": Verdict.FAIL}),
        (
            Sent("+447700900123", 2.0, 3.0, "delivered", True),
            {"test_sms": Verdict.OK, "test_report": Verdict.OK},
        ),
        (Sent("+447700900123", 2.0, waited=60), {"test_sms": Verdict.OK, "test_report": Verdict.WARN}),
        (
            Sent("+447700900123", 2.0, 3.0, "not obtainable", False),
            {"test_sms": Verdict.OK, "test_report": Verdict.FAIL},
        ),
        (
            Sent("+447700900123", 2.0, 3.0, "cannot confirm", None),
            {"test_sms": Verdict.OK, "test_report": Verdict.WARN},
        ),
        (
            Sent("+447700900123", 2.0, 3.0, "delivered", True, True, 1.0),
            {"test_sms": Verdict.OK, "test_arrival": Verdict.OK, "test_report": Verdict.OK},
        ),
        (
            Sent("+447700900123", 2.0, 41.0, "delivered", True, True, 40.0),
            {"test_sms": Verdict.OK, "test_arrival": Verdict.WARN, "test_report": Verdict.OK},
        ),
        (
            Sent("+447700900123", 2.0, comes_back=True, waited=60),
            {"test_sms": Verdict.OK, "test_arrival": Verdict.FAIL, "test_report": Verdict.WARN},
        ),
    ],
)
def test_what_a_test_message_came_to(sent: Sent, verdicts: dict[str, Verdict]) -> None:
    checks = trial_checks("sim1", sent)
    assert {one.name: one.verdict for one in checks} == verdicts
    assert "447700900123" not in str(document(checks))


SERVED: dict[str, Any] = {
    "name": "sim1", "state": "ready", "condition": None, "reason": None, "advice": None, "model": "E1750",
    "imei": "490154203237518", "port": "/dev/ttyUSB2", "sent": 4, "failed": 1, "operator": "00101",
    "registration": "registered, home network", "signal_dbm": -73, "service_centre": "+447700900000", "reports": True,
    "balance": None,
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({}, Verdict.OK),
        ({"condition": "storage_full", "reason": "full"}, Verdict.WARN),
        ({"state": "searching", "reason": "no network"}, Verdict.WARN),
        ({"state": "locked", "reason": "the SIM asks for its PIN", "advice": "set pin_file"}, Verdict.FAIL),
        ({"state": "failed"}, Verdict.FAIL),
        ({"balance": {"amount": 0.0, "minimum": 5.0, "problem": None}}, Verdict.FAIL),
        ({"balance": {"amount": None, "minimum": 5.0, "problem": "no answer"}}, Verdict.WARN),
    ],
)
def test_a_modem_that_a_gateway_uses_is_judged_by_what_that_knows(change: dict[str, Any], verdict: Verdict) -> None:
    checks = served_checks(SERVED | change)
    assert worst(checks) is verdict
    assert {one.name for one in checks if one.verdict is Verdict.SKIP} == {"pin_tries", "storage", "clock"}
    assert not re.search(r"490154203237518|447700900000", str(document(checks)))


def test_the_document_counts_what_it_holds() -> None:
    checks = [Check("a", "machine", verdict, "x") for verdict in (Verdict.OK, Verdict.WARN, Verdict.WARN)]
    assert document(checks)["counts"] == {"ok": 1, "warn": 2, "fail": 0, "skip": 0}
    assert (document(checks)["ok"], document(checks)["verdict"]) == (True, "warn")
    failed = document([*checks, Check("b", "machine", Verdict.FAIL, "x", "y", {"n": 1})])
    assert (failed["ok"], failed["verdict"]) == (False, "fail")
    assert failed["checks"][-1] == {
        "check": "b", "subject": "machine", "verdict": "fail", "message": "x", "remedy": "y", "facts": {"n": 1},
    }  # fmt: skip
    assert worst([]) is Verdict.OK
