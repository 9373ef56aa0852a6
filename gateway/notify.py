"""What the gateway tells the service manager that started it: sd_notify(3), one datagram to $NOTIFY_SOCKET.

Where nobody set that variable, nothing is told and nothing fails.
"""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager

from gateway.directory import ModemView
from gateway.messages import Lane
from gateway.store import Store, StoreError
from hardware.clock import Clock, Instant

log = logging.getLogger("simwire.serve")

EXTENSION = 60.0  # seconds that each sign of progress gives a start
TELL_EVERY = 5.0  # seconds between two signs of progress
PATIENCE = 2.0  # seconds that it may take to be told
STATUS_EVERY = 10.0  # seconds between two status lines: with a million messages the queue takes a while to count


class ServiceManager:
    """systemd, or nobody. Safe from any thread; what cannot be told is dropped."""

    def __init__(self, address: str | None, watchdog: float | None, clock: Clock) -> None:
        self._address, self._clock = address, clock
        self.watchdog = watchdog
        """Seconds within which it expects `alive`; None where it expects nothing."""
        self._told, self._served = float("-inf"), False

    @classmethod
    def of(cls, environ: MutableMapping[str, str], pid: int, clock: Clock) -> ServiceManager:
        """The one that `environ` names, taken out of it: it is this process alone that is spoken for."""
        address = environ.pop("NOTIFY_SOCKET", None)
        within, meant = environ.pop("WATCHDOG_USEC", ""), environ.pop("WATCHDOG_PID", str(pid))
        ours = address and within.isdecimal() and meant == str(pid)
        return cls(address, int(within) / 1e6 if ours else None, clock)

    def starting(self) -> None:
        """The start gets on, and may take `EXTENSION` seconds more. May be said at any time, however often."""
        now = self._clock.boot()
        if not self._served and now - self._told >= TELL_EVERY:
            self._told = now
            self._tell(EXTEND_TIMEOUT_USEC=f"{EXTENSION * 1e6:.0f}", STATUS="Starting: the database is made ready")

    def ready(self) -> None:
        """Requests are answered."""
        self._served = True
        self._tell(READY="1")

    def alive(self) -> None:
        """Everybody got on since the last time."""
        self._tell(WATCHDOG="1")

    def status(self, line: str) -> None:
        """One line for people."""
        self._tell(STATUS=line)

    def stopping(self) -> None:
        """The end has begun."""
        self._tell(STOPPING="1", STATUS="Stopping: what is on the air is finished first")

    @contextmanager
    def reloading(self) -> Iterator[None]:
        """Within the `with` block the configuration is read anew; whatever comes of it, the gateway serves again."""
        self._tell(RELOADING="1", MONOTONIC_USEC=str(time.monotonic_ns() // 1000))
        try:
            yield
        finally:
            self.ready()

    def _tell(self, **fields: str) -> None:
        if self._address is None:
            return
        text = "".join(f"{name}={' '.join(value.split())}\n" for name, value in fields.items())
        address = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address  # abstract, unix(7)
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as door:
                door.settimeout(PATIENCE)  # who waited for a service manager that hangs would hang with it
                door.sendto(text.encode(), address)
        except OSError as error:
            log.debug("the service manager was not told %s: %s", ", ".join(fields), error)


class StatusLine:
    """Says in one line how the gateway is, now and then, on the scheduler's thread."""

    def __init__(self, manager: ServiceManager, store: Store, modems: Callable[[], list[ModemView]]) -> None:
        self._manager, self._store, self._modems = manager, store, modems
        self._next = float("-inf")

    def round(self, now: Instant) -> int:
        """Say it where it is time for that; changes nothing."""
        if now.boot >= self._next:
            self._next = now.boot + STATUS_EVERY
            self._manager.status(self._line())
        return 0

    def _line(self) -> str:
        views = self._modems()
        ready = sum(view.usable for view in views)
        line = f"{ready} of {len(views)} modem{'s'[: len(views) != 1]} ready"
        try:
            waiting = self._store.outbox.waiting()
        except StoreError as error:
            return f"{line}; the queue cannot be read: {error}"
        total, codes = sum(depth for depth, _ in waiting.values()), waiting.get(Lane.OTP, (0, None))[0]
        line += f", {total or 'no'} message{'s'[: total != 1]} to be sent"
        return line + (f", {codes} of them code{'s'[: codes != 1]}" if codes else "")
