"""Pseudo-terminals for simulated modems, so that any program can open them: one thread serves them all in real time."""

from __future__ import annotations

import os
import select
import threading
import tty
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from hardware.simulator.machine import Machine, Timeline

T = TypeVar("T")
_BACKLOG = 65_536
_LONGEST_WAIT = 1.0


@dataclass(eq=False, slots=True)
class _Port:
    """The master side of one pseudo-terminal. The slave side is open only while a program has it."""

    modem: Machine
    generation: int
    master: int
    links: tuple[Path, ...]
    unsent: bytearray = field(default_factory=bytearray)


class SimulatorServer:
    """Serves modems of one network, on a SystemClock, as `DIRECTORY/<port name>` and `DIRECTORY/by-id/<modem name>`.

    The first link carries the name that a fault may change; the second always leads to the modem, as
    /dev/serial/by-id does. Start it with `start` or as a context manager. Everything simulated belongs to the
    server's thread: reach it with `call`.
    """

    def __init__(self, network: Timeline, modems: Iterable[Machine], directory: str | Path) -> None:
        self._network, self._modems = network, list(modems)
        self.directory = Path(directory)
        self._ports: dict[int, _Port] = {}
        self._calls: deque[Callable[[], None]] = deque()
        self._poll = select.epoll()
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="simulator", daemon=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Make the ports and serve them; they can be opened when this returns."""
        self._poll.register(self._wake_read, select.EPOLLIN)
        (self.directory / "by-id").mkdir(parents=True, exist_ok=True)
        self._follow_modems()
        self._thread.start()

    def stop(self) -> None:
        """Take the ports away and end the thread; idempotent."""
        if self._stopping:
            return
        self._stopping = True
        self._wake()
        if self._thread.ident is not None:
            self._thread.join()
        for port in list(self._ports.values()):
            self._close(port)
        self._poll.close()
        os.close(self._wake_read)
        os.close(self._wake_write)

    def path(self, modem: Machine | str) -> Path:
        """The stable path of a modem, which is there whenever its port is."""
        return self.directory / "by-id" / (modem if isinstance(modem, str) else modem.name)

    def call(self, action: Callable[[], T], *, timeout: float = 10.0) -> T:
        """Run `action` on the server's thread and return what it returns; raises what it raises.

        Waits at most `timeout` seconds (TimeoutError).
        """
        if threading.current_thread() is self._thread:
            return action()
        future: Future[T] = Future()

        def run() -> None:
            try:
                future.set_result(action())
            except Exception as error:  # noqa: BLE001 - handed to the caller, whose action it was
                future.set_exception(error)

        self._calls.append(run)
        self._wake()
        return future.result(timeout)

    def _wake(self) -> None:
        try:
            os.write(self._wake_write, b"\0")
        except BlockingIOError:
            return  # the pipe is full, so the thread is about to wake anyway

    # The thread

    def _run(self) -> None:
        while not self._stopping:
            for descriptor, _ in self._poll.poll(self._patience()):
                if descriptor == self._wake_read:
                    os.read(self._wake_read, 4096)
                elif descriptor in self._ports:
                    self._receive(self._ports[descriptor])
            while self._calls:
                self._calls.popleft()()
            self._network.run_due()
            self._follow_modems()
            for port in self._ports.values():
                self._transmit(port)

    def _patience(self) -> float:
        upcoming = self._network.next_event()
        # A port that takes no more octets gives no edge when its reader catches up: look again soon.
        longest = 0.01 if any(port.unsent for port in self._ports.values()) else _LONGEST_WAIT
        if upcoming is None:
            return longest
        return min(longest, max(0.0, upcoming - self._network.clock.boot()))

    def _follow_modems(self) -> None:
        served = {id(port.modem): port for port in self._ports.values()}
        for modem in self._modems:
            port = served.get(id(modem))
            if port is not None and (not modem.present or port.generation != modem.generation):
                self._close(port)
                port = None
            if port is None and modem.present:
                self._open(modem)

    def _open(self, modem: Machine) -> None:
        master, slave = os.openpty()
        tty.setraw(slave)
        name = Path(os.ttyname(slave))
        # Nobody keeps the slave open here: a program that asks for exclusive use must be able to give it up again.
        os.close(slave)
        os.set_blocking(master, False)
        links = (self.directory / modem.port, self.path(modem))
        for link in links:
            _point(link, name)
        port = self._ports[master] = _Port(modem, modem.generation, master, links)
        # Edge-triggered: a port that no program has open hangs up for as long as that lasts, and is told of once.
        self._poll.register(port.master, select.EPOLLIN | select.EPOLLET)

    def _close(self, port: _Port) -> None:
        for link in port.links:
            link.unlink(missing_ok=True)
        self._poll.unregister(port.master)
        os.close(port.master)
        del self._ports[port.master]

    def _receive(self, port: _Port) -> None:
        while True:
            try:
                octets = os.read(port.master, 4096)
            except OSError:
                return  # nothing more, or EIO: no program has the port open
            if not octets:
                return
            self._network.run_due()
            port.modem.feed(octets)

    def _transmit(self, port: _Port) -> None:
        while port.modem.output_waiting and len(port.unsent) < _BACKLOG:
            port.unsent += port.modem.take(4096)
        if port.unsent and _hung_up(port.master):
            port.unsent.clear()  # as with a real port, what is said while nobody listens is gone
        if not port.unsent:
            return
        try:
            sent = os.write(port.master, port.unsent)
        except OSError:
            return  # full, or hung up just now
        del port.unsent[:sent]


def _hung_up(master: int) -> bool:
    poll = select.poll()
    poll.register(master, 0)
    return bool(poll.poll(0))


def _point(link: Path, target: Path) -> None:
    """Make or move a symbolic link in one step, so that no one finds it missing."""
    new = link.with_name(f".{link.name}.new")
    new.unlink(missing_ok=True)
    new.symlink_to(target)
    new.replace(link)
