"""The way to a modem: bytes in, bytes out, and an end to waiting when there is other work."""

from __future__ import annotations

from typing import Protocol


class Transport(Protocol):
    """A port held by one thread. Only `wake` may be called from another one."""

    @property
    def name(self) -> str:
        """What people call the port: a path, a URL, or a simulated name."""
        ...

    def write(self, data: bytes) -> None:
        """Hand over all of `data`; raises ConnectionLost where the port is gone or stops taking bytes."""
        ...

    def read(self, timeout: float, *, wakeable: bool = False) -> bytes:
        """Wait at most `timeout` seconds and return what is there, b"" for nothing.

        With `wakeable`, a `wake` ends the wait early (also one that came before the call, once). Raises ConnectionLost
        as soon as the port vanishes.
        """
        ...

    def wake(self) -> None:
        """End a wakeable `read`, now or the next one; safe from any thread and from a signal handler."""
        ...

    def close(self) -> None:
        """Give the port up without draining it; idempotent."""
        ...
