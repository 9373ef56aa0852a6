"""Hooks of a submit that remember what they were told and can say no; listening until nothing comes any more."""

from __future__ import annotations

from hardware.at.channel import AtChannel
from tests.hardware.wire import Wire


def hear_out(channel: AtChannel, wire: Wire) -> None:
    """Listen for a second, past the first indication."""
    until = wire.clock.boot() + 1
    while wire.clock.boot() < until:
        channel.listen(1)


class QuietHooks:
    """Remembers the calls in order; raises `error` at the call named `at`."""

    def __init__(self, at: str = "", error: BaseException | None = None) -> None:
        self.calls: list[str] = []
        self._at, self._error = at, error

    def _called(self, name: str) -> None:
        self.calls.append(name)
        if name == self._at and self._error is not None:
            raise self._error

    def awaiting_prompt(self) -> None:
        self._called("awaiting_prompt")

    def before_pdu(self) -> None:
        self._called("before_pdu")

    def on_air(self) -> None:
        self._called("on_air")

    def slow(self) -> None:
        self._called("slow")

    def news(self) -> None:
        self._called("news")
