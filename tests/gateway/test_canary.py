"""Canaries: sent from SIM to SIM, known again, missed, and nobody's message."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.canary import Canary, Pair
from gateway.config import ConfigError, load
from gateway.directory import CanaryView
from gateway.messages import CANARY, Lane
from gateway.metrics import Metrics
from gateway.quota import QuotaRules
from gateway.store import MessageFilter, Sight, Subscription
from hardware.clock import FakeClock
from hardware.simulator import Fault, FillStorage, Refuse, Step
from tests.gateway.rig import Rig
from tests.gateway.world import BASE

EVERY, WITHIN = 900.0, 300.0
PAIR = Pair("sim1", "sim2", "+447700900152")


class Watched:
    """A rig with canaries."""

    def __init__(self, folder: Path, *pairs: Pair, clock: FakeClock | None = None, **options: Any) -> None:
        self.rig = Rig(folder, 2, clock=clock, **options)
        self.rig.store.events.subscriptions = (Subscription("hook"),)
        self.canary = Canary(
            pairs or (PAIR,), EVERY, WITHIN, self.rig.store, self.rig.clock, self.rig.fleet.views, self.rig.fleet.wake
        )
        self.rig.store.inbox.takers.append(self.canary.heard)
        self.rig.scheduler.also.append(self.canary.round)
        self.metrics = Metrics(self.rig.store, self.rig.clock, self.rig.fleet.views, self.canary.views)

    @property
    def view(self) -> CanaryView:
        return self.canary.views()[0]

    def told(self) -> list[str]:
        return [event.kind for event in self.rig.store.events.after(0, 1000) if not event.kind.startswith("modem.")]

    def sent(self) -> int:
        return len(self.rig.network.submits)

    def lose(self) -> None:
        """What is sent now never arrives."""
        self.rig.network.delivery_seconds = 10 * EVERY


def again(rig: Rig) -> None:
    """The network brings the newest canary, once more or at last."""
    message = rig.store.outbox.list(MessageFilter(client=CANARY))[0][0]
    text = rig.store.outbox.text(message.id)
    assert text is not None
    rig.network.send_from("+447700900151", text.reveal(), PAIR.number)


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    one = Watched(tmp_path)
    one.rig.ready()
    yield one
    one.rig.store.close()


def test_one_that_arrives_is_counted_and_shown_to_nobody(watched: Watched) -> None:
    rig = watched.rig
    rig.step(20)
    view = watched.view
    assert (view.state, view.reason, view.missed) == ("ok", None, 0)
    assert view.seconds is not None
    assert 2 <= view.seconds <= 20
    assert view.ok_at == view.sent_at == pytest.approx(rig.clock.now().wall, abs=30)
    assert rig.store.inbox.list() == ([], None)
    assert watched.told() == []
    (message,) = rig.store.outbox.list(MessageFilter(client=CANARY))[0]
    assert (message.to, message.state.value) == (PAIR.number, "delivered")
    assert rig.store.stats.window(EVERY, rig.clock.now()).every.total == 0
    assert rig.store.sim_usage.sent("001010000000001", EVERY, rig.clock.now())
    text = rig.store.outbox.text(message.id)
    assert text is not None
    assert text.reveal().startswith("Simwire canary ")


def test_the_next_one_goes_when_it_is_due_and_not_before(watched: Watched) -> None:
    watched.rig.step(20)
    watched.rig.step(EVERY - 100, turns=1, idle=3.0)
    assert watched.sent() == 1
    watched.rig.step(200, turns=1, idle=3.0)
    assert watched.sent() == 2
    assert watched.view.state == "ok"


def test_one_that_does_not_come_is_an_alarm_and_the_next_that_comes_ends_it(watched: Watched) -> None:
    rig = watched.rig
    watched.lose()
    rig.step(WITHIN + 30, turns=1, idle=3.0)
    view = watched.view
    assert (view.state, view.missed, watched.sent()) == ("missed", 1, 1)
    assert "the network had taken it from sim1" in (view.reason or "")
    assert watched.told() == ["canary.missed"]
    rig.network.delivery_seconds = 1.0
    rig.step(EVERY, turns=1, idle=3.0)
    assert (watched.view.state, watched.view.missed) == ("ok", 1)
    assert watched.told() == ["canary.missed", "canary.ok"]
    rig.step(EVERY, turns=1, idle=3.0)
    assert watched.told() == ["canary.missed", "canary.ok"]


def test_one_that_comes_late_says_how_late_and_is_not_shown(watched: Watched) -> None:
    rig = watched.rig
    watched.lose()
    rig.step(WITHIN + 30, turns=1, idle=3.0)
    again(rig)
    rig.network.delivery_seconds = 1.0
    rig.step(20)
    assert (watched.view.state, watched.told()) == ("missed", ["canary.missed"])
    assert "came after" in (watched.view.reason or "")
    assert rig.store.inbox.list() == ([], None)


def test_one_that_comes_twice_is_never_shown(watched: Watched) -> None:
    rig = watched.rig
    rig.step(20)
    again(rig)
    rig.step(10)
    assert rig.store.inbox.list() == ([], None)
    assert watched.view.state == "ok"


def test_other_texts_and_other_gateways_canaries_are_messages(watched: Watched) -> None:
    rig = watched.rig
    for text in ("hello", "Simwire canary " + "0" * 28, "Simwire canary"):
        rig.network.send_from("+447700900777", text, PAIR.number)
    rig.step(20)
    assert len(rig.store.inbox.list()[0]) == 3
    assert watched.told() == ["inbox.received"] * 3


def test_nothing_piles_up_while_a_modem_is_away(watched: Watched) -> None:
    rig = watched.rig
    rig.step(20)
    rig.modems["sim1"].vanish(None)
    rig.step(3 * EVERY, turns=1, idle=3.0)
    view = watched.view
    assert (view.state, watched.sent(), view.missed) == ("untested", 1, 0)
    assert "sim1 is absent" in (view.reason or "")
    assert watched.told() == []
    rig.modems["sim1"].restore()
    rig.step(60, turns=1, idle=3.0)
    assert (watched.view.state, watched.sent()) == ("ok", 2)


def test_one_that_could_not_be_received_is_untested_too(watched: Watched) -> None:
    rig = watched.rig
    watched.lose()
    rig.step(10)
    rig.modems["sim2"].vanish(None)
    rig.step(WITHIN + 30, turns=1, idle=3.0)
    assert (watched.view.state, watched.view.missed) == ("untested", 0)
    assert "sim2 is absent" in (watched.view.reason or "")


def test_one_that_was_not_handed_over_before_the_modem_left_says_so(watched: Watched) -> None:
    rig = watched.rig
    watched.canary.round(rig.clock.now())
    rig.modems["sim1"].vanish(None)
    rig.step(WITHIN + 30, turns=1, idle=3.0)
    assert (watched.view.state, watched.sent()) == ("untested", 0)
    assert (watched.view.reason or "").startswith("it was not handed over: sim1 is absent")


def test_one_that_arrives_elsewhere_tells_of_a_wrong_number(tmp_path: Path) -> None:
    wrong = Pair("sim1", "sim2", "+447700900151")
    watched = Watched(tmp_path, wrong)
    watched.rig.ready()
    watched.rig.step(20)
    assert watched.view.state == "missed"
    assert "came to sim1 in place of sim2" in (watched.view.reason or "")
    watched.rig.store.close()


def test_a_restart_forgets_nothing(tmp_path: Path) -> None:
    clock = FakeClock()
    first = Watched(tmp_path, clock=clock)
    first.rig.ready()
    first.rig.network.delivery_seconds = 60.0
    first.rig.step(10)
    assert (first.view.state, first.sent()) == ("pending", 1)
    first.rig.store.close()
    second = Watched(tmp_path, clock=clock)
    second.rig.ready()
    second.rig.step(60, turns=1, idle=3.0)
    assert (second.view.state, second.sent()) == ("pending", 0)
    again(second.rig)
    second.rig.step(20)
    assert second.view.state == "ok"
    second.rig.step(EVERY / 2, turns=1, idle=3.0)
    assert second.sent() == 0
    second.rig.store.close()


def test_metrics_tell_of_each_pair(watched: Watched) -> None:
    watched.rig.step(20)
    text = watched.metrics.exposition().decode()
    assert 'simwire_canary_missed_total{from="sim1",to="sim2"} 0.0' in text
    assert 'simwire_canary_last_success_timestamp_seconds{from="sim1",to="sim2"}' in text
    assert 'simwire_canary_round_trip_seconds{from="sim1",to="sim2"}' in text
    assert 'simwire_accepted_total{lane="normal"} 0.0' in text


def test_only_those_who_may_see_modems_hear_of_an_alarm(watched: Watched) -> None:
    watched.lose()
    watched.rig.step(WITHIN + 30, turns=1, idle=3.0)
    events = watched.rig.store.events
    kinds = ("canary.*",)
    assert len(events.seen(0, Sight("shop", modems=True, kinds=kinds))[0]) == 1
    assert events.seen(0, Sight("shop", inbox=True, kinds=kinds))[0] == []


def test_codes_only_modems_send_them_as_codes(tmp_path: Path) -> None:
    watched = Watched(tmp_path, Pair("sim1", "sim2", PAIR.number, Lane.OTP))
    watched.rig.ready()
    watched.rig.step(20)
    assert watched.view.state == "ok"
    watched.rig.store.close()


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Watched]]:
    made: list[Watched] = []

    def one(*pairs: Pair, **options: Any) -> Watched:
        made.append(Watched(tmp_path, *pairs, **options))
        made[-1].rig.ready()
        return made[-1]

    yield one
    for each in made:
        each.rig.store.close()


RESERVED = Pair("sim1", "sim2", PAIR.number, Lane.OTP)


def test_in_one_lane_with_codes_it_goes_when_none_waits(make: Callable[..., Watched]) -> None:
    watched = make(RESERVED, sim1={"reserve_for_otp": True})
    rig = watched.rig
    codes = [rig.code(f"+4477009001{n:02}", route="modem:sim1", modem="sim1") for n in range(4)]
    rig.clock.advance(1.0)
    watched.canary.round(rig.clock.now())
    assert watched.view.state == "waiting"
    rig.step(60)
    assert {rig.state(code) for code in codes} == {"delivered"}
    assert watched.view.state == "ok"
    assert rig.network.submits[-1].destination == PAIR.number


def test_it_takes_nothing_of_what_a_quota_keeps_for_codes(make: Callable[..., Watched]) -> None:
    watched = make(RESERVED, sim1={"reserve_for_otp": True, "quotas": QuotaRules(per_hour=10)})
    rig = watched.rig
    kept = rig.workers["sim1"].view.quota[0].otp_kept
    assert kept
    for n in range(10 - kept):
        rig.store.outbox.get(rig.code(f"+4477009001{n:02}", route="modem:sim1", modem="sim1").id)
    rig.clock.advance(1.0)
    for _ in range(60):
        for worker in rig.workers.values():
            worker.turn(1.0)
    watched.canary.round(rig.clock.now())
    assert (watched.view.state, watched.sent()) == ("untested", 10 - kept)
    assert "quota per_hour used" in (watched.view.reason or "")


def test_quiet_hours_hold_it_back_as_little_as_other_messages(make: Callable[..., Watched]) -> None:
    watched = make(quiet="00:00-23:59")
    watched.rig.step(20)
    assert watched.view.state == "ok"


def test_one_that_stood_behind_too_many_others_is_no_alarm(make: Callable[..., Watched]) -> None:
    watched = make()
    rig = watched.rig
    for n in range(160):
        rig.send(to=f"+447700{n:06}", route="modem:sim1", modem="sim1", lifetime=7200.0)
    rig.step(WITHIN + 30, turns=1, idle=3.0)
    assert (watched.view.state, watched.view.missed) == ("untested", 0)
    assert "sim1 was busy with what stood before it" in (watched.view.reason or "")
    assert "canary.missed" not in watched.told()


def test_one_that_a_sender_never_came_to_although_it_had_time_is_an_alarm(make: Callable[..., Watched]) -> None:
    watched = make()
    rig = watched.rig
    watched.canary.round(rig.clock.now())
    rig.workers["sim1"]._sender.take = lambda: None  # type: ignore[method-assign]
    rig.step(WITHIN + 30, turns=1, idle=3.0)
    assert (watched.view.state, watched.view.missed) == ("missed", 1)
    assert "sim1 did not send it although it could" in (watched.view.reason or "")


def test_a_plan_for_few_numbers_that_does_not_know_the_receivers_is_no_alarm(make: Callable[..., Watched]) -> None:
    watched = make(sim1={"quotas": QuotaRules(recipients_per_month=1)})
    rig = watched.rig
    rig.send(to="+447700900777", route="modem:sim1", modem="sim1")
    for _ in range(20):
        rig.workers["sim1"].turn(1.0)
    rig.step(WITHIN + 30, turns=1, idle=3.0)
    assert (watched.view.state, watched.view.missed) == ("untested", 0)
    assert "recipients_per_month" in (watched.view.reason or "")


def test_the_alarm_names_what_ails_the_receiver(make: Callable[..., Watched]) -> None:
    watched = make()
    rig = watched.rig
    modem = rig.modems["sim2"]
    modem.inject(Fault(Step.COMMAND, Refuse(302), times=0, command="+CMGD"))
    modem.act(FillStorage())
    rig.step(WITHIN + 100, turns=1, idle=3.0)
    assert watched.view.state == "missed"
    assert (watched.view.reason or "").endswith("; sim2: storage_full")


def test_a_modem_that_comes_and_goes_writes_no_row_and_no_line_in_each_round(
    watched: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "simwire.canary")
    rig, views = watched.rig, watched.rig.fleet.views()
    watched.canary._modems = lambda: views
    changed = 0
    for n in range(50):
        views[0] = replace(views[0], state="absent", reason=f"words {n}")
        rig.clock.advance(1.0)
        changed += watched.canary.round(rig.clock.now())
    assert changed == 1
    assert len(caplog.records) == 1
    views[0] = replace(views[0], state="failed", reason="other words")
    assert watched.canary.round(rig.clock.now()) == 1
    assert watched.view.reason == "sim1 is failed (other words)"


def test_it_opts_nobody_out_and_calls_no_webhook_of_an_application(tmp_path: Path) -> None:
    watched = Watched(tmp_path)
    heard: list[str] = []
    watched.rig.store.inbox.listeners.append(lambda _cx, sender, _text, _now: heard.append(sender))
    watched.rig.ready()
    watched.rig.step(20)
    assert watched.view.state == "ok"
    assert heard == []
    assert watched.told() == []
    watched.rig.store.close()


NUMBERS = """
[[modem]]
name = "a"
port = "/dev/a"
number = "+447700900001"
[[modem]]
name = "b"
port = "/dev/b"
number = "+447700900002"
[[modem]]
name = "c"
port = "/dev/c"
"""


def configured(folder: Path, canary: str) -> list[tuple[str, str]]:
    path = folder / "simwire.toml"
    path.write_text(f"{BASE}{NUMBERS}[canary]\n{canary}\n", encoding="utf-8")
    return [(sender.name, receiver.name) for sender, receiver in load(path).canary_pairs]


def test_pairs_are_a_ring_of_those_with_a_number_unless_they_are_named(tmp_path: Path) -> None:
    assert configured(tmp_path, "") == []
    assert configured(tmp_path, 'every = "1h"') == [("a", "b"), ("b", "a")]
    assert configured(tmp_path, 'every = "1h"\npairs = [["c", "a"]]') == [("c", "a")]


@pytest.mark.parametrize(
    ("canary", "problem"),
    [
        ('every = "1h"\npairs = [["a", "c"]]', "c has no `number`"),
        ('every = "1h"\npairs = [["a", "x"]]', "there is no modem x"),
        ('every = "1h"\npairs = [["a", "b"], ["a", "b"]]', "twice"),
        ('every = "10m"\nwithin = "10m"', "within is not below every"),
        ('every = "1m"', "every: 0 (off), or from 5 min"),
    ],
)
def test_what_cannot_be_sent_is_said_at_the_start(tmp_path: Path, canary: str, problem: str) -> None:
    with pytest.raises(ConfigError) as refused:
        configured(tmp_path, canary)
    assert problem in str(refused.value)
