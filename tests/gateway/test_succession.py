"""A worker whose thread hangs, or has ended: another one goes on, and knows what this one knew."""

from __future__ import annotations

import logging
import threading
from typing import Any

import pytest

from gateway.dispatcher import ModemWorker
from gateway.fleet import _run
from gateway.port_watch import CLOSE_LIMIT, MARGIN, WRITE_LIMIT, GivenUp, PortWatch
from gateway.store import StoreBusy
from hardware.clock import FakeClock
from hardware.errors import CommandTimeout, ConnectionLost
from hardware.modem import NotReady
from hardware.simulator import SimCard, UssdAnswer
from hardware.transport import Transport
from tests.gateway.rig import ANYBODY, Make, Rig

LATE = WRITE_LIMIT + MARGIN + 1.0  # seconds after which a write is given up
OTHER = "+447700900002"


class Hanging:
    """A port of which one call hangs, as one in the kernel may, until it is released."""

    def __init__(self, inner: Transport, *, at: bytes = b"", nth: int = 1, lose: bool = False) -> None:
        self._inner, self._at, self._left, self._lose = inner, at, nth, lose
        self.hangs, self.released = threading.Event(), threading.Event()
        self.closed = False
        self.written_after = 0

    @property
    def name(self) -> str:
        return self._inner.name

    def write(self, data: bytes) -> None:
        if self.released.is_set():
            self.written_after += 1
        self._left -= self._at in data
        if self._left == 0 and not self.hangs.is_set():
            if self._lose:
                raise ConnectionLost(self.name, "pulled out")
            self._hang()
            return
        self._inner.write(data)

    def read(self, timeout: float, *, wakeable: bool = False) -> bytes:
        return self._inner.read(timeout, wakeable=wakeable)

    def wake(self) -> None:
        self._inner.wake()

    def close(self) -> None:
        self.closed = True
        if self._lose and not self.hangs.is_set():
            self._hang()
        self._inner.close()

    def _hang(self) -> None:
        self.hangs.set()
        assert self.released.wait(60)


class Run:
    """A worker in its thread, which hangs in a call on its port."""

    def __init__(self, gateway: Rig, port: Hanging) -> None:
        self.gateway, self.port = gateway, port
        self.worker = gateway.workers["sim1"]
        self.thread = threading.Thread(target=self.worker.run, daemon=True)
        self.thread.start()
        assert port.hangs.wait(30)
        gateway.fleet._threads["sim1"] = self.thread
        # The successor is turned by hand: simulated time belongs to one thread.
        self.started: list[ModemWorker] = []
        gateway.fleet._start = self.started.append  # type: ignore[method-assign]

    def give_up(self, after: float = LATE) -> ModemWorker:
        """Let time pass and the watch look; the successor."""
        self.gateway.clock.advance(after)
        self.gateway.fleet.look()
        (heir,) = self.started
        assert self.gateway.fleet._workers["sim1"] is heir
        self.gateway.workers["sim1"] = heir
        return heir

    def release(self) -> None:
        """Let the call return, and its thread end."""
        self.port.released.set()
        self.thread.join(30)
        assert not self.thread.is_alive()


def through(gateway: Rig, **hanging: Any) -> Hanging:
    """The next opening of the first modem's port, ready to hang."""
    worker, opener = gateway.workers["sim1"], gateway.workers["sim1"]._port._open_port
    worker._close()
    port = Hanging(gateway.modems["sim1"].transport(), **hanging)
    ports: list[Transport] = [port]
    worker._port._open_port = lambda: ports.pop() if ports else opener()
    gateway.ready()
    return port


def busy(*_: object) -> Any:
    raise StoreBusy("another program holds the database")


def in_hand(gateway: Rig) -> int:
    """How many attempts are claimed or begun, by what the store says."""
    with gateway.store.database.read() as cx:
        found = cx.execute("SELECT count(*) FROM attempts WHERE state IN ('claimed', 'submitting')").fetchone()
    return int(found[0])


# -- the step itself --------------------------------------------------------------------------------------------------


def test_a_call_that_has_returned_is_not_given_up() -> None:
    clock = FakeClock()
    watch = PortWatch(clock, lambda: False)
    watch.calling(1.0)
    clock.advance(60.0)
    assert watch.overdue() is not None
    watch.returned()  # between the look and the deed
    assert watch.give_up() is None
    with watch.calling(1.0):
        pass
    watch.calling(1.0)
    clock.advance(60.0)
    assert watch.give_up() == pytest.approx(59.0)
    with pytest.raises(GivenUp):
        watch.__exit__(None, None, None)
    with pytest.raises(GivenUp), watch.calling(1.0):
        pytest.fail("it may begin no other call")


def test_a_worker_whose_call_has_returned_since_it_was_looked_at_goes_on(
    rig: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = rig()
    worker = gateway.workers["sim1"]
    monkeypatch.setattr(worker, "overdue", lambda: 60.0)
    gateway.fleet.look()
    assert gateway.fleet._workers["sim1"] is worker
    message = gateway.send()
    gateway.step(10)
    assert gateway.state(message) == "delivered"


def test_a_worker_that_hangs_in_a_write_is_given_up_and_another_one_goes_on(rig: Make) -> None:
    gateway = rig()
    port = through(gateway, at=b"AT+CMGS")
    message = gateway.send()
    run = Run(gateway, port)
    gateway.fleet.look()
    assert gateway.fleet._workers["sim1"] is run.worker, "nothing is late yet"
    heir = run.give_up()
    assert heir.view.state == "failed" and "should have returned" in str(heir.view.reason)
    gateway.step(90)
    assert gateway.state(message) == "delivered"
    assert gateway.fleet.views()[0].state == "ready"
    run.release()
    assert port.closed and port.written_after == 0
    gateway.step(10)
    assert [shown.text for shown in gateway.network.handset(ANYBODY).messages] == ["hello"]


def test_one_that_hangs_in_the_closing_of_its_port_touches_nothing_when_it_returns(
    rig: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = rig()
    port = through(gateway, at=b"AT+CMGS", nth=3, lose=True)
    messages = [gateway.send(to=f"+44770090005{number}", report=False) for number in range(3)]
    run = Run(gateway, port)
    heir = run.give_up(CLOSE_LIMIT + MARGIN + 1.0)
    gateway.step(30)
    assert [gateway.state(message) for message in messages] == ["sent"] * 3
    view, marks, mark = heir.view, list[threading.Thread](), gateway.store.database.mark

    def marked(**options: bool) -> Any:
        marks.append(threading.current_thread())
        return mark(**options)

    monkeypatch.setattr(gateway.store.database, "mark", marked)
    run.release()
    assert run.thread not in marks
    assert heir.view == view


@pytest.mark.parametrize("error", [StoreBusy("it is busy"), CommandTimeout("AT", 1.0), RuntimeError("no such thing")])
def test_an_error_on_the_way_out_does_not_keep_it(
    rig: Make, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    """What is cleared up as it ends may fail, and the error then hides that it was given up."""
    gateway = rig()
    port = through(gateway, at=b"AT+CMGS")
    messages = [gateway.send(report=False), gateway.send(to=OTHER, report=False)]
    run = Run(gateway, port)
    heir = run.give_up()

    def fails() -> None:
        raise error

    assert run.worker._modem is not None
    monkeypatch.setattr(run.worker._modem._sending, "_clear_up", fails)
    heir.turn(0.0)
    view, marks, mark = heir.view, list[threading.Thread](), gateway.store.database.mark

    def marked(**options: bool) -> Any:
        marks.append(threading.current_thread())
        return mark(**options)

    monkeypatch.setattr(gateway.store.database, "mark", marked)
    run.release()
    assert run.thread not in marks
    assert heir.view == view
    gateway.step(60)
    assert [gateway.state(message) for message in messages] == ["sent", "sent"]
    assert len(gateway.network.submits) == 2


# -- what the next one knows ------------------------------------------------------------------------------------------


def test_what_was_answered_before_it_hung_is_not_called_unknown(rig: Make) -> None:
    """A success is stored while the modem makes the next prompt: it is in hand only when that never comes."""
    gateway = rig()
    port = through(gateway, at=b"AT+CMGS", nth=3)
    messages = [gateway.code(to=f"+44770090005{number}", report=False) for number in range(3)]
    run = Run(gateway, port)
    run.give_up()
    gateway.step(30)
    run.release()
    assert [gateway.state(message) for message in messages] == ["sent"] * 3
    assert all(gateway.results(message)[-1].startswith("+CMGS") for message in messages)
    assert len(gateway.network.submits) == 3
    assert not any(gateway.marked(message) for message in messages)


def test_others_hear_at_once_of_what_it_had_claimed(rig: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    gateway = rig()
    port = through(gateway, at=b"AT+CMGS")
    gateway.send()
    run = Run(gateway, port)
    heir = run.give_up()
    ready: list[bool] = []
    monkeypatch.setattr(gateway.fleet, "planned", lambda: ready.append(in_hand(gateway) == 0))
    heir.turn(0.0)
    assert True in ready
    run.release()


def test_whoever_waits_for_what_it_was_asked_hears_of_it_and_the_rest_is_done(rig: Make) -> None:
    gateway = rig()
    sim = gateway.modems["sim1"].sim
    assert sim is not None
    sim.ussd["*100#"] = UssdAnswer("Balance: 10")
    port = through(gateway, at=b"AT+CUSD")
    hung, waits = (gateway.fleet.request("sim1", lambda modem: modem.ussd("*100#")) for _ in range(2))
    run = Run(gateway, port)
    run.give_up()
    assert isinstance(hung.exception(0), NotReady)
    assert not waits.done()
    gateway.step(30)
    assert waits.result(0).text == "Balance: 10"
    run.release()


def test_a_sim_that_rests_a_pause_and_a_swapped_card_are_remembered(rig: Make) -> None:
    gateway = rig()
    sim = SimCard(imsi="001010000000009", iccid="8944100000000000009", number="+447700900159")
    gateway.modems["sim1"].insert(sim)
    gateway.step(60)
    assert gateway.workers["sim1"].view.condition == "sim_swapped"
    port = through(gateway, at=b"AT+CUSD")
    gateway.network.refusal = 50
    for number in range(3):
        gateway.send(to=f"+44770090004{number}")
    gateway.step()
    assert (gateway.workers["sim1"].view.state, gateway.workers["sim1"].view.condition) == ("denied", "sim_refused")
    gateway.fleet.pause("sim1")
    gateway.fleet.request("sim1", lambda modem: modem.ussd("*100#"))
    run = Run(gateway, port)
    heir = run.give_up()
    gateway.step()
    assert (heir.view.state, heir.view.condition) == ("denied", "sim_refused")
    gateway.step(60)
    assert heir.view.state == "paused"
    submits = len(gateway.network.submits)
    gateway.network.refusal = None
    gateway.step(60)
    assert len(gateway.network.submits) == submits
    assert heir._view.condition == "sim_refused", "until the network takes a part"
    assert "another SIM is in the modem" in (heir._view.reason or "")
    run.release()


def test_what_an_operator_asked_for_while_it_hung_is_done(rig: Make, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "simwire.recovery")
    gateway = rig()
    port = through(gateway, at=b"AT+CMGS")
    gateway.send()
    run = Run(gateway, port)
    gateway.fleet.resume("sim1")
    heir = run.give_up()
    heir.turn(0.0)
    assert "step reopen, as an operator asked for it" in caplog.text
    run.release()


# -- where none goes on -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [False, True])
def test_while_too_many_threads_hang_the_others_have_its_messages(
    rig: Make, monkeypatch: pytest.MonkeyPatch, ending: bool
) -> None:
    """Three hang when they open the port; the fourth one hangs with a message on the air."""
    gateway = rig()
    worker, fleet = gateway.workers["sim1"], gateway.fleet
    worker._close()
    real = gateway.modems["sim1"].transport
    ports = [Hanging(real()), Hanging(real()), Hanging(real()), Hanging(real(), at=b"\x1a")]
    left = list(ports)

    def opener() -> Transport:
        return left.pop(0) if left else real()

    worker._made_of = (opener, *worker._made_of[1:])
    worker._port._open_port = opener
    messages = [gateway.send(report=False, lifetime=3600.0), gateway.send(to=OTHER, report=False, lifetime=3600.0)]
    threads = [threading.Thread(target=worker.run, daemon=True)]
    fleet._threads["sim1"] = threads[0]
    threads[0].start()
    for number, port in enumerate(ports, 1):
        assert port.hangs.wait(30)
        gateway.clock.advance(LATE)
        with monkeypatch.context() as patched:
            if number == len(ports):
                patched.setattr(gateway.store.outbox, "recover", busy)
            fleet.look()
        assert fleet._workers["sim1"] is not worker
        worker = fleet._workers["sim1"]
        if number < len(ports):
            threads.append(fleet._threads["sim1"])
    assert in_hand(gateway) == 1, "the database could not be written"
    fleet.look()
    assert in_hand(gateway) == 0
    assert [gateway.state(message) for message in messages] == ["unknown", "queued"]
    assert (worker.view.state, worker.view.condition) == ("failed", "stuck")
    assert "so did those before it" in str(worker.view.reason) and "unplug" in str(worker.view.advice)
    asked = fleet.request("sim1", lambda modem: modem.ussd("*100#"))
    fleet.look()
    assert fleet._workers["sim1"] is worker, "it waits for a thread"
    assert isinstance(asked.exception(0), NotReady)
    if ending:
        assert fleet.stop(0.0), "nothing is waited for that touches nothing"
    ports[0].released.set()
    threads[0].join(30)
    started: list[ModemWorker] = []
    fleet._start = started.append  # type: ignore[method-assign]
    fleet.resume("sim1")
    fleet.look()
    if not ending:
        assert started == [worker], "one has returned"
        gateway.workers["sim1"] = worker
        gateway.step(60)
        assert gateway.state(messages[1]) == "sent"
    for thread, port in zip(threads, ports, strict=True):
        port.released.set()
        thread.join(30)
        assert port.written_after == 0
    assert [record.destination for record in gateway.network.submits] == ([] if ending else [OTHER])


# -- a thread that has ended ------------------------------------------------------------------------------------------


def dies(worker: ModemWorker, monkeypatch: pytest.MonkeyPatch) -> threading.Thread:
    """Its thread, which a defect has ended."""

    def broken(*_: object) -> None:
        raise RuntimeError("no such thing")

    monkeypatch.setattr(worker, "turn", broken)
    monkeypatch.setattr(worker, "recover_from", broken)
    thread = threading.Thread(target=_run, args=(worker,), daemon=True)
    thread.start()
    thread.join(30)
    return thread


def test_a_thread_that_a_defect_has_ended_is_replaced(
    rig: Make, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = rig()
    steps: list[str] = []
    gateway.fleet.on_recovery = lambda _, step: steps.append(step)
    messages = [gateway.send(to=f"+44770090005{number}", report=False) for number in range(3)]
    old = gateway.workers["sim1"]
    old.turn(0.2)
    old.turn(0.2)
    assert in_hand(gateway) == 2, "one is sent and not stored, one is claimed ahead"
    with caplog.at_level(logging.ERROR):
        gateway.fleet._threads["sim1"] = dies(old, monkeypatch)
        assert old._modem is None, "its port is closed"
        started: list[ModemWorker] = []
        gateway.fleet._start = started.append  # type: ignore[method-assign]
        gateway.fleet.look()
    assert "no such thing" in caplog.text and "modem sim1: its thread has ended; another one goes on" in caplog.text
    (heir,) = started
    assert (heir.view.state, heir.view.condition) == ("failed", "gateway_error")
    gateway.workers["sim1"] = heir
    gateway.step(30)
    assert [gateway.state(message) for message in messages] == ["sent"] * 3
    assert len(gateway.network.submits) == 3
    assert steps == ["thread", "reopen"]


def test_one_that_ends_again_and_again_is_left_alone_for_longer_and_longer(
    rig: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = rig()
    gateway.fleet._threads["sim1"] = dies(gateway.workers["sim1"], monkeypatch)
    started: list[ModemWorker] = []

    def start(worker: ModemWorker) -> None:
        started.append(worker)
        gateway.fleet._threads["sim1"] = dies(worker, monkeypatch)

    gateway.fleet._start = start  # type: ignore[method-assign]
    message = gateway.send(lifetime=86_400.0)
    for _ in range(3600 // 5):
        gateway.fleet.look()
        gateway.clock.advance(5.0)
    assert 3 < len(started) < 12
    assert gateway.fleet.views()[0].recovery is not None
    assert gateway.fleet.views()[0].state == "failed"
    before = len(started)
    gateway.fleet.resume("sim1")
    gateway.fleet.look()
    assert len(started) == before + 1, "an operator need not wait"
    assert in_hand(gateway) == 0 and gateway.state(message) == "queued"


def test_a_store_that_fails_at_that_moment_is_asked_again(rig: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    gateway = rig()
    messages = [gateway.send(to=f"+44770090005{number}", report=False) for number in range(3)]
    old = gateway.workers["sim1"]
    old.turn(0.2)
    old.turn(0.2)
    gateway.fleet._threads["sim1"] = dies(old, monkeypatch)
    gateway.fleet._start = lambda worker: None  # type: ignore[method-assign]
    gateway.fleet.look()
    heir = gateway.workers["sim1"] = gateway.fleet._workers["sim1"]
    accepted, recover = gateway.store.outbox.accepted, gateway.store.outbox.recover

    for method, works in (("accepted", accepted), ("recover", recover)):
        monkeypatch.setattr(gateway.store.outbox, method, busy)
        with pytest.raises(StoreBusy):
            heir.turn(0.0)
        heir.recover_from("the store failed")  # what `run` does
        monkeypatch.setattr(gateway.store.outbox, method, works)
    gateway.step(30)
    assert [gateway.state(message) for message in messages] == ["sent"] * 3
    assert len(gateway.network.submits) == 3
