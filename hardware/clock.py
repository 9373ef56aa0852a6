"""Time as an argument: wall clock and boot clock behind one protocol, so that tests decide what time it is.

Durations run on CLOCK_BOOTTIME, which neither NTP nor suspend disturbs; the wall clock is for people and for the
time after another boot. A `boot` value means something only together with the boot id it was read under.
"""

from __future__ import annotations

import ctypes
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Instant:
    """One reading of both clocks."""

    wall: float
    """Unix time in seconds, UTC."""
    boot: float
    """CLOCK_BOOTTIME in seconds since the boot named by `Clock.boot_id`."""

    def after(self, seconds: float) -> Instant:
        """The instant that many seconds later on both clocks."""
        return Instant(self.wall + seconds, self.boot + seconds)


class Clock(Protocol):
    """What code that needs the time is handed."""

    @property
    def boot_id(self) -> str:
        """Identity of this boot of the machine (Linux: /proc/sys/kernel/random/boot_id)."""
        ...

    def now(self) -> Instant:
        """Both clocks, read together."""
        ...

    def boot(self) -> float:
        """CLOCK_BOOTTIME in seconds; cheaper than `now` where only durations matter."""
        ...

    def synchronised(self) -> bool:
        """Whether the wall clock is disciplined (the kernel's STA_UNSYNC is clear)."""
        ...


_STA_UNSYNC = 0x0040  # <sys/timex.h>


class SystemClock:
    """The machine's clocks."""

    @property
    def boot_id(self) -> str:
        """The kernel's boot id."""
        return _kernel_boot_id()

    def now(self) -> Instant:
        """Both clocks, read together."""
        return Instant(time.time(), time.clock_gettime(time.CLOCK_BOOTTIME))

    def boot(self) -> float:
        """CLOCK_BOOTTIME in seconds."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def synchronised(self) -> bool:
        """Ask adjtimex(2); a kernel that refuses to tell counts as synchronised."""
        return not _kernel_time_status() & _STA_UNSYNC


@cache
def _kernel_boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def _kernel_time_status() -> int:
    # struct timex is 208 bytes on 64-bit Linux, 128 on 32-bit; `status` is its sixth word-sized place, an int.
    buffer = (ctypes.c_long * 64)()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.adjtimex(ctypes.byref(buffer)) < 0:
        return 0
    return int(ctypes.cast(ctypes.byref(buffer, 5 * ctypes.sizeof(ctypes.c_long)), ctypes.POINTER(ctypes.c_int))[0])


class FakeClock:
    """A clock that stands still until told otherwise. Shipped for tests and for the simulator's in-process door."""

    def __init__(self, wall: float = 1_767_225_600.0, boot: float = 1_000.0, boot_id: str = "boot-1") -> None:
        self._wall_offset = wall - boot
        self._boot = boot
        self._boot_id = boot_id
        self._synchronised = True

    @property
    def boot_id(self) -> str:
        """The id given at construction or by `reboot`."""
        return self._boot_id

    def now(self) -> Instant:
        """Both clocks, read together."""
        return Instant(self._boot + self._wall_offset, self._boot)

    def boot(self) -> float:
        """Seconds since the simulated boot."""
        return self._boot

    def synchronised(self) -> bool:
        """What `reboot` or `set_synchronised` said last."""
        return self._synchronised

    def advance(self, seconds: float) -> None:
        """Move both clocks forward; raises ValueError for a negative step (time on the boot clock never goes back)."""
        if seconds < 0:
            raise ValueError(f"the boot clock cannot go back by {-seconds} s; use step_wall for a wall-clock step")
        self._boot += seconds

    def step_wall(self, seconds: float) -> None:
        """Step the wall clock alone, as NTP or a person does."""
        self._wall_offset += seconds

    def set_synchronised(self, synchronised: bool) -> None:
        """Say whether the wall clock is disciplined."""
        self._synchronised = synchronised

    def reboot(self, boot_id: str, *, wall: float | None = None, synchronised: bool = True) -> None:
        """Start another boot: the boot clock restarts near zero, the wall clock goes on or is set to `wall`."""
        at = self.now().wall if wall is None else wall
        self._boot, self._boot_id, self._synchronised = 5.0, boot_id, synchronised
        self._wall_offset = at - self._boot
