"""Who is woken for what, and that none of it is lost."""

from __future__ import annotations

import threading

import pytest

from gateway.messages import Lane
from gateway.quota import QuotaRules
from hardware.simulator import Fault, Refuse, Silence, Step
from tests.gateway.rig import ANYBODY, Make, Rig

OTHER = "+447700900002"


def idle(gateway: Rig) -> None:
    """Every worker waits for work, as it does in its thread."""
    for worker in gateway.workers.values():
        worker.turn(0.0)
        worker.idle = True


def woken(gateway: Rig) -> list[str]:
    return [name for name, worker in gateway.workers.items() if not worker.idle]


def test_a_modem_that_waits_for_its_pace_is_not_woken_in_place_of_one_that_can_send(rig: Make) -> None:
    gateway = rig(2, sim1={"quotas": QuotaRules(every=60.0)})
    gateway.send(route="modem:sim1")
    gateway.step()
    idle(gateway)
    message = gateway.send(to=OTHER)
    assert woken(gateway) == ["sim2"]
    gateway.step()
    idle(gateway)
    assert gateway.state(message) in ("sent", "delivered")
    gateway.code(to=OTHER)
    assert woken(gateway) == ["sim1"], "codes keep no pace"


def test_where_all_wait_for_their_pace_the_first_to_be_free_sends(rig: Make) -> None:
    gateway = rig(1, quotas=QuotaRules(every=20.0))
    gateway.send()
    gateway.step()
    begun, message = gateway.clock.boot(), gateway.send(to=OTHER)
    while gateway.state(message) == "queued":
        gateway.workers["sim1"].turn(30.0)
    gateway.workers["sim1"].turn(0.0)
    assert gateway.clock.boot() - begun < 25.0


def test_one_that_sends_only_to_numbers_it_knows_is_not_the_only_one_that_is_woken(rig: Make) -> None:
    gateway = rig(2, sim1={"quotas": QuotaRules(recipients_per_month=1, otp_share=0.0)})
    gateway.send(route="modem:sim1")
    gateway.step()
    idle(gateway)
    gateway.send(to=OTHER)
    assert woken(gateway) == ["sim1", "sim2"]


def test_what_waits_for_a_modem_that_is_paused_goes_by_the_others_at_once(
    rig: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = rig(2, sim1={"prefixes": ("+44",)})
    idle(gateway)
    gateway.workers["sim1"].idle = False  # it sends another one just now
    message = gateway.send(to=ANYBODY, route="route:+44")
    assert woken(gateway) == ["sim1"], "it is left to that one"
    calls: list[Lane] = []
    monkeypatch.setattr(gateway.workers["sim2"], "wake", lambda lane=Lane.BULK: calls.append(lane))
    gateway.fleet.pause("sim1")
    assert calls
    gateway.step(5)
    assert gateway.state(message) == "delivered"
    assert [record.imsi[-1] for record in gateway.network.submits] == ["2"]


def test_what_waits_behind_a_part_on_the_air_wakes_whoever_is_idle(rig: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the wake that was meant for it was spent on something else."""
    gateway = rig(2)
    idle(gateway)
    gateway.send()
    gateway.send(to=OTHER)
    gateway.workers["sim2"].idle = True  # it looked before the second one was stored, say
    calls: list[Lane] = []
    monkeypatch.setattr(gateway.workers["sim2"], "wake", lambda lane=Lane.BULK: calls.append(lane))
    gateway.workers["sim1"].turn(0.0)
    assert calls


def test_a_code_on_its_way_wakes_nobody_who_could_do_nothing_about_it(
    rig: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Least of all between the mark and the PDU; its hedge is the clockwork's business."""
    gateway = rig(2)
    idle(gateway)
    message = gateway.code()
    calls: list[Lane] = []
    looks: list[str] = []
    monkeypatch.setattr(gateway.workers["sim2"], "wake", lambda lane=Lane.BULK: calls.append(lane))
    monkeypatch.setattr(gateway.fleet, "on_planned", lambda: looks.append(gateway.state(message)))
    for _ in range(4):
        gateway.workers["sim1"].turn(1.0)
    assert gateway.state(message) == "delivered"
    assert not calls
    assert looks[:2] == ["sending", "sent"], "for the hedge, and for the copy where nothing is heard"


def test_a_sim_that_rested_sends_as_soon_as_it_may(rig: Make) -> None:
    gateway = rig(1)
    gateway.modems["sim1"].inject(Fault(Step.PDU, Refuse(8), times=3))
    message = gateway.send()
    gateway.send(to=OTHER)
    while not gateway.workers["sim1"]._sender.results.aside:
        gateway.step(1.0)
    until = gateway.workers["sim1"]._sender.results.aside_until
    while gateway.state(message) in ("queued", "sending"):
        gateway.workers["sim1"].turn(30.0)
        gateway.scheduler.round(gateway.clock.now())
    assert until < gateway.clock.boot() < until + 5, "the submit included"


def test_a_list_of_messages_wakes_as_many_as_it_has_and_no_more(rig: Make) -> None:
    gateway = rig(4, sim2={"prefixes": ("+33",)})
    idle(gateway)
    gateway.fleet.wake("route:", Lane.NORMAL, 2)
    assert woken(gateway) == ["sim1", "sim3"]
    idle(gateway)
    gateway.fleet.wake("route:", Lane.NORMAL, 1_000)
    assert woken(gateway) == ["sim1", "sim3", "sim4"]


def test_a_wake_that_comes_before_the_wait_ends_it(rig: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """As that of an operator who resumes a modem while its worker is about to leave it alone for minutes."""
    gateway = rig(1)
    worker = gateway.workers["sim1"]
    gateway.modems["sim1"].inject(Fault(Step.TIME, Silence(None)))
    while not worker._healer.quarantined:
        worker.turn(5.0)
    worker._close()
    seen: list[bool] = []

    def wait(event: threading.Event, _: float) -> None:
        seen.append(event.is_set())

    monkeypatch.setattr(worker._port, "_wait", wait)
    worker.wake()
    worker.turn(30.0)
    worker.turn(30.0)
    assert seen == [True, False]
