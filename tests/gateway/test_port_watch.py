"""The watched port: no wake is lost, none ends a wait that nobody may end, and each ends one wait only."""

from __future__ import annotations

import pytest

from gateway.port_watch import GivenUp, PortWatch, Stopping
from hardware.at.channel import AtChannel
from hardware.clock import FakeClock
from hardware.transport import Transport
from tests.hardware.at.bench import QuietHooks
from tests.hardware.wire import Wire


class Quiet:
    """A port that says nothing, with other threads that wake it at set times."""

    name = "quiet"

    def __init__(self, clock: FakeClock, wakes: list[float]) -> None:
        self.clock, self.wakes = clock, sorted(wakes)
        self.watched: Transport
        self._woken = False

    def read(self, timeout: float, *, wakeable: bool = False) -> bytes:
        until = self.clock.boot() + timeout
        while not (wakeable and self._woken):
            if not self.wakes or self.wakes[0] > until:
                self.clock.advance(until - self.clock.boot())
                return b""
            self.clock.advance(max(0.0, self.wakes.pop(0) - self.clock.boot()))
            self.watched.wake()
        self._woken = False
        return b""

    def write(self, data: bytes) -> None:
        raise AssertionError(data)

    def wake(self) -> None:
        self._woken = True

    def close(self) -> None:
        pass


def watched(wakes: list[float]) -> tuple[Transport, FakeClock, list[bool]]:
    clock = FakeClock(boot=0.0)
    stop = [False]
    port = Quiet(clock, wakes)
    port.watched = PortWatch(clock, lambda: stop[0]).open(lambda: port)
    return port.watched, clock, stop


@pytest.mark.parametrize("at", [0.0, 4.0, 5.0])
def test_a_wake_while_nobody_may_be_woken_is_kept_for_whoever_may(at: float) -> None:
    """Also one that comes in the moment in which the waiting ends."""
    port, clock, _ = watched([at])
    assert port.read(5.0) == b""
    assert clock.boot() == 5.0
    assert port.read(60.0, wakeable=True) == b""
    assert clock.boot() == 5.0
    port.read(60.0, wakeable=True)
    assert clock.boot() == 65.0, "it ends one wait only"


def test_a_look_without_waiting_takes_no_wake_from_a_wait() -> None:
    port, clock, _ = watched([])
    port.wake()
    port.read(0.0)
    port.read(60.0, wakeable=True)
    assert clock.boot() == 0.0


@pytest.mark.parametrize("wakeable", [True, False])
def test_a_stop_ends_every_wait(wakeable: bool) -> None:
    port, _, stop = watched([4.0])
    stop[0] = True
    with pytest.raises(Stopping):
        port.read(60.0, wakeable=wakeable)
    assert port.read(0.0) == b"", "what is there may still be read"


def test_a_submit_whose_port_was_given_up_writes_nothing_more() -> None:
    """Not even ESC: another thread speaks with the modem by then."""

    class GivingUp(QuietHooks):
        def awaiting_prompt(self) -> None:
            watch.calling(0.0)
            wire.clock.advance(60.0)
            assert watch.give_up() is not None

    wire = Wire()
    watch = PortWatch(wire.clock, lambda: False)
    channel = AtChannel(watch.open(lambda: wire), wire.clock)
    with pytest.raises(GivenUp):
        channel.submit(13, "00" * 14, GivingUp())
    assert wire.heard == ["AT+CMGS=13"]
