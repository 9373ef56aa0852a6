"""What is an alarm, and what passes by itself."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.alarms import Sight, find
from gateway.config import AlarmsConfig
from gateway.directory import CanaryView, ModemView
from gateway.messages import Lane
from gateway.objective import OBJECTIVES, Burning

CONFIG = AlarmsConfig()
READY = ModemView("sim1", "ready")
WELL = Sight((READY,), (), {}, {}, (), 10**12, "/var/lib/simwire", accepting=True)


def keys(sight: Sight) -> list[str]:
    return [alarm.key for alarm in find(sight, CONFIG)]


def test_nothing_is_an_alarm_while_all_is_well() -> None:
    assert keys(WELL) == []


def test_no_modem_that_can_send_is_one_after_a_while() -> None:
    absent = ModemView("sim1", "absent", "the port is gone", condition="connection_lost")
    (alarm,) = find(replace(WELL, modems=(absent,)), CONFIG)
    assert (alarm.key, alarm.severity.value, alarm.holds) == ("no_modem", "critical", 60.0)
    assert "sim1 is absent (the port is gone)" in alarm.what


@pytest.mark.parametrize(
    ("condition", "told"),
    [
        ("connection_lost", False),
        ("port_missing", True),
        ("pin_refused", True),
        ("no_credit", True),
        ("quarantined", True),
        ("sim_swapped", True),
        ("storage_full", True),
    ],
)
def test_a_modem_is_one_that_will_not_be_well_by_itself(condition: str, *, told: bool) -> None:
    other = ModemView("sim2", "failed", "why it is so", "what to do", condition)
    found = find(replace(WELL, modems=(READY, other)), CONFIG)
    assert [alarm.key for alarm in found] == (["modem:sim2"] if told else [])
    assert all((alarm.modem, alarm.remedy) == ("sim2", "what to do") for alarm in found)


def test_one_that_finds_no_network_is_one_after_half_an_hour() -> None:
    other = ModemView("sim2", "searching", "no network", "see the antenna", "not_registered")
    (alarm,) = find(replace(WELL, modems=(READY, other)), CONFIG)
    assert (alarm.key, alarm.holds) == ("modem:sim2", 1800.0)


def test_a_modem_that_an_operator_paused_is_none() -> None:
    paused = ModemView("sim2", "paused", "paused by an operator", "resume it", "sim_swapped")
    assert keys(replace(WELL, modems=(READY, paused))) == []


def test_a_queue_is_one_once_its_oldest_message_has_waited_longer_than_its_lane_allows() -> None:
    waiting = {Lane.OTP: 30.0, Lane.NORMAL: 1801.0, Lane.BULK: 10**6}
    assert keys(replace(WELL, waiting=waiting, depths=dict.fromkeys(waiting, 7))) == ["queue:normal"]
    waiting[Lane.OTP] = 30.1
    found = find(replace(WELL, waiting=waiting, depths=dict.fromkeys(waiting, 7)), CONFIG)
    assert [(alarm.key, alarm.severity.value) for alarm in found] == [
        ("queue:otp", "critical"),
        ("queue:normal", "warning"),
    ]


def test_a_disk_is_one_before_nothing_is_accepted_any_more_and_then() -> None:
    (low,) = find(replace(WELL, disk_free=255_000_000), CONFIG)
    (full,) = find(replace(WELL, disk_free=1, accepting=False), CONFIG)
    (gone,) = find(replace(WELL, disk_free=None, accepting=False), CONFIG)
    assert [(one.key, one.severity.value) for one in (low, full, gone)] == [
        ("disk", "warning"),
        ("disk", "critical"),
        ("disk", "critical"),
    ]


def test_a_burning_objective_and_a_missed_canary_are() -> None:
    burning = Burning(OBJECTIVES[1], 20.0, 3600.0, 6, 30)
    canaries = (CanaryView("sim1", "sim2", "missed", "nothing came"), CanaryView("sim2", "sim1", "untested", "away"))
    found = find(replace(WELL, burning=(burning,), canaries=canaries), CONFIG)
    assert [alarm.key for alarm in found] == ["objective:30s", "canary:sim1>sim2"]
    assert "of 30 codes in the last 60 min, 6 were not delivered within 30 s; 99% should be" in found[0].what
