"""Sticks that change their ports' names, their places and their SIMs: who is meant is found by IMEI and ICCID.

In real time, on pseudo-terminals, with a thread for each modem as the gateway has them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from gateway.allowance import Allowance
from gateway.directory import ModemView
from gateway.dispatcher import ModemWorker
from gateway.fleet import Fleet
from gateway.quota import QuotaRules
from gateway.retry import RetryPolicy
from gateway.store import Store
from hardware.clock import SystemClock
from hardware.discovery import AUTO, PortSearch, SerialPort, opener_with
from hardware.modem import Modem, ModemSettings
from hardware.serial_port import SerialTransport
from hardware.simulator import GENERIC, SimCard, SimulatedModem, SimulatedNetwork, SimulatorServer, Vanish
from hardware.transport import Transport
from tests.contract.bench import QUICK_BOOT

LONGEST = 30.0  # seconds that anything may take; how long it takes is not what is tested


@dataclass(frozen=True)
class Wanted:
    """How a modem is configured."""

    port: str
    imei: str | None = None
    iccid: str | None = None


class Sticks:
    """Three sticks in one machine; `serve` starts a gateway's workers for them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.clock = folder, SystemClock()
        network = SimulatedNetwork(self.clock, submit_seconds=0.02)
        family = replace(GENERIC, boot=QUICK_BOOT)
        self.sticks = {
            name: SimulatedModem(
                network,
                SimCard(imsi=f"00101000000000{n}", iccid=f"8944100000000{n}00017", number=f"+44770090015{n}"),
                family,
                name=name,
                imei=f"490154203{n}37518",
            )
            for n, name in enumerate(("a", "b", "c"), 1)
        }
        self.server = SimulatorServer(network, self.sticks.values(), folder / "dev")
        self.server.start()
        self.store = Store.open(folder / "sticks.db", folder / "sticks.key", self.clock)
        self.fleet = Fleet(())
        self.workers: dict[str, ModemWorker] = {}
        self.opened: list[str] = []

    def close(self) -> None:
        assert self.fleet.stop(10.0)
        self.server.stop()
        self.store.close()

    def path(self, stick: str) -> str:
        """The port's name as it is at the beginning."""
        return str(self.folder / "dev" / f"tty-{stick}")

    def ports(self) -> list[SerialPort]:
        """What the machine has now."""
        there = sorted((self.folder / "dev").glob("tty-*"))
        return [SerialPort(str(path), 0x12D1, 0x1506, 0, path.name) for path in there]

    def serve(self, **wanted: Wanted) -> None:
        search = PortSearch(self.clock, ports=self.ports)
        plain = opener_with(115_200, rtscts=False)

        def opener(path: str) -> Transport:
            self.opened.append(path)
            return plain(path)

        for name, one in wanted.items():
            others = [other.port for other in wanted.values() if other is not one]
            self.workers[name] = self._worker(name, one, search, opener, others)
            self.fleet.add(self.workers[name])
        self.fleet.start()

    def _worker(
        self, name: str, one: Wanted, search: PortSearch, opener: Callable[[str], Transport], others: list[str]
    ) -> ModemWorker:
        settings = ModemSettings(imei=one.imei, iccid=one.iccid, time_scale=0.2)
        return ModemWorker(
            ModemView(name, "absent"),
            lambda: search.open(one.port, opener, imei=one.imei, iccid=one.iccid, skip=others),
            lambda transport, inbox: Modem(transport, settings, inbox, self.store.pins, self.clock),
            self.store,
            self.fleet,
            self.clock,
            RetryPolicy(),
            Allowance(QuotaRules(), None, ZoneInfo("UTC"), self.store.sim_usage, self.clock),
            # A busy machine must not make a search wait for seconds.
            lambda event, seconds: event.wait(min(seconds, 0.3)),
        )

    def view(self, name: str) -> ModemView:
        return self.workers[name].view

    def until(self, happened: Callable[[], bool]) -> None:
        end = self.clock.boot() + LONGEST
        while not happened():
            assert self.clock.boot() < end, [self.view(name) for name in self.workers]
            threading.Event().wait(0.02)

    def ready_at(self, name: str, path: str) -> Callable[[], bool]:
        return lambda: (self.view(name).state, self.view(name).port) == ("ready", path)

    def pull(self, *sticks: str) -> None:
        for stick in sticks:
            self.server.call(lambda stick=stick: self.sticks[stick].act(Vanish(None)))  # type: ignore[misc]

    def plug(self, stick: str, name: str) -> str:
        """Put a stick back, under another name; its path."""
        self.server.call(lambda: self.sticks[stick].restore(f"tty-{name}"))
        return self.path(name)


@pytest.fixture
def sticks(tmp_path: Path) -> Iterator[Sticks]:
    one = Sticks(tmp_path)
    yield one
    one.close()


def imei(sticks: Sticks, stick: str) -> str:
    return sticks.sticks[stick].imei


def test_a_stick_that_comes_back_under_another_name_is_found(sticks: Sticks) -> None:
    sticks.serve(
        one=Wanted(sticks.path("a"), imei(sticks, "a")),
        two=Wanted(sticks.path("b"), imei(sticks, "b")),
    )
    sticks.until(sticks.ready_at("one", sticks.path("a")))
    sticks.until(sticks.ready_at("two", sticks.path("b")))
    before = len(sticks.opened)
    sticks.pull("a")
    sticks.until(lambda: sticks.view("one").state == "absent")
    assert sticks.view("one").condition == "connection_lost"
    sticks.until(lambda: sticks.view("one").condition == "modem_not_found")
    assert imei(sticks, "a") not in (sticks.view("one").reason or "")
    renamed = sticks.plug("a", "x")
    sticks.until(sticks.ready_at("one", renamed))
    assert sticks.view("one").imei == imei(sticks, "a")
    assert sticks.view("two").state == "ready"
    assert sticks.opened[before:].count(sticks.path("b"))  # it was tried, and the worker that has it kept it
    assert sticks.view("two").port == sticks.path("b")


def test_two_that_swap_their_names_keep_who_they_are(sticks: Sticks) -> None:
    sticks.serve(
        one=Wanted(sticks.path("a"), imei(sticks, "a")),
        two=Wanted(sticks.path("b"), imei(sticks, "b")),
        plain=Wanted(sticks.path("c")),
    )
    for name, stick in (("one", "a"), ("two", "b"), ("plain", "c")):
        sticks.until(sticks.ready_at(name, sticks.path(stick)))
    sticks.pull("a", "b")
    sticks.until(lambda: sticks.view("one").state == sticks.view("two").state == "absent")
    sticks.plug("a", "b")
    sticks.plug("b", "a")
    sticks.until(sticks.ready_at("one", sticks.path("b")))
    sticks.until(sticks.ready_at("two", sticks.path("a")))
    assert [sticks.view(name).imei for name in ("one", "two")] == [imei(sticks, "a"), imei(sticks, "b")]
    assert sticks.view("plain").port == sticks.path("c")


def test_sims_that_change_sticks_take_their_names_with_them(sticks: Sticks) -> None:
    cards = {stick: sticks.sticks[stick].sim for stick in ("a", "b")}
    numbers = {stick: card.iccid for stick, card in cards.items() if card is not None}
    sticks.serve(
        one=Wanted(sticks.path("a"), iccid=numbers["a"]),
        two=Wanted(sticks.path("b"), iccid=numbers["b"]),
    )
    sticks.until(sticks.ready_at("one", sticks.path("a")))
    sticks.until(sticks.ready_at("two", sticks.path("b")))

    def swap() -> None:
        sticks.sticks["a"].insert(None)
        sticks.sticks["b"].insert(cards["a"])
        sticks.sticks["a"].insert(cards["b"])

    sticks.server.call(swap)
    sticks.until(sticks.ready_at("one", sticks.path("b")))
    sticks.until(sticks.ready_at("two", sticks.path("a")))
    assert [sticks.view(name).iccid for name in ("one", "two")] == [numbers["a"], numbers["b"]]


def test_a_configured_sim_that_is_nowhere_is_said_with_what_is_there(sticks: Sticks) -> None:
    sticks.serve(one=Wanted(sticks.path("a"), iccid="8944100000000000099"))
    sticks.until(lambda: sticks.view("one").condition == "sim_wrong")
    view = sticks.view("one")
    assert view.state == "failed"
    assert "ICCID …0099" in (view.reason or "")
    assert "iccid" in (view.advice or "")


def test_a_port_without_identity_is_waited_for_where_it_was(sticks: Sticks) -> None:
    sticks.serve(one=Wanted(sticks.path("a")))
    sticks.until(sticks.ready_at("one", sticks.path("a")))
    sticks.pull("a")
    sticks.until(lambda: sticks.view("one").condition == "port_missing")
    assert "imei" in (sticks.view("one").advice or "")
    sticks.plug("a", "a")
    sticks.until(sticks.ready_at("one", sticks.path("a")))
    assert set(sticks.opened) == {sticks.path("a")}


def test_a_port_that_somebody_else_holds_is_passed_over_and_named(sticks: Sticks) -> None:
    held = SerialTransport(sticks.path("a"))
    sticks.serve(
        plain=Wanted(sticks.path("a")),
        one=Wanted(sticks.path("a"), imei(sticks, "a")),
        two=Wanted(sticks.path("a"), imei(sticks, "b")),
    )
    sticks.until(sticks.ready_at("two", sticks.path("b")))
    sticks.until(lambda: sticks.view("plain").condition == "port_in_use")
    sticks.until(lambda: sticks.view("one").condition == "modem_not_found")
    assert sticks.path("a") in (sticks.view("one").reason or "")
    held.close()
    sticks.until(lambda: "ready" in (sticks.view("plain").state, sticks.view("one").state))


def test_two_that_take_any_modem_take_different_ones_and_leave_the_others_theirs(sticks: Sticks) -> None:
    sticks.serve(
        one=Wanted(AUTO),
        two=Wanted(AUTO),
        plain=Wanted(sticks.path("a")),
    )
    for name in ("one", "two", "plain"):
        sticks.until(lambda name=name: sticks.view(name).state == "ready")  # type: ignore[misc]
    assert sticks.view("plain").port == sticks.path("a")
    assert {sticks.view("one").port, sticks.view("two").port} == {sticks.path("b"), sticks.path("c")}
