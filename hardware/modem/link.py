"""The channel as the rest of the package uses it: scaled times, commands that may be refused, pauses that listen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from hardware.at.channel import AtChannel
from hardware.clock import Clock
from hardware.errors import CommandRejected, CommandTimeout, MalformedResponse

_BUSY = (14, 314, 515)  # SIM busy, or the start is not finished (27.007 9.2, 27.005 3.2.5, Wavecom and Huawei)
_SILENCES = 2  # optional commands in a row without an answer until the modem counts as silent


Value = TypeVar("Value")


def read(parser: Callable[[Sequence[str]], Value], lines: Sequence[str] | None) -> Value | None:
    """What `parser` makes of an answer; None where there was none or it makes no sense."""
    if lines is None:
        return None
    try:
        return parser(lines)
    except MalformedResponse:
        return None


class Link:
    """One modem's channel. Times are seconds of the modem; `scale` turns them into seconds of the clock."""

    def __init__(self, channel: AtChannel, clock: Clock, scale: float) -> None:
        self.channel, self.clock, self.scale = channel, clock, scale
        self._silences = 0
        self._patient_until = clock.boot()

    def be_patient(self, seconds: float) -> None:
        """For that long a "busy" is no refusal: `attempt` asks again."""
        self._patient_until = self.deadline(seconds)

    def command(self, text: str, *, prefix: str | None = None, timeout: float = 5.0, bare: bool = False) -> list[str]:
        """`AtChannel.command` with its time-out scaled, which a list restarts with each line; raises as that."""
        lines = self.channel.command(
            text, prefix=prefix, timeout=timeout * self.scale, bare=bare, extends=text.startswith("AT+CMGL")
        )
        self._silences = 0
        return lines

    def patient(self, text: str, *, prefix: str | None = None, timeout: float = 5.0, bare: bool = False) -> list[str]:
        """`command`, asked again while the modem is busy and `be_patient` holds; raises as that."""
        while True:
            try:
                return self.command(text, prefix=prefix, timeout=timeout, bare=bare)
            except CommandRejected as refused:
                if refused.code not in _BUSY or self.clock.boot() >= self._patient_until:
                    raise
            self.pause(1)

    def attempt(
        self, text: str, *, prefix: str | None = None, timeout: float = 5.0, bare: bool = False
    ) -> list[str] | None:
        """The answer of a command that the ladder can do without; None where it was refused or not answered.

        Raises CommandTimeout where the one before was not answered either, ConnectionLost.
        """
        try:
            return self.unless_refused(text, prefix=prefix, timeout=timeout, bare=bare)
        except CommandRejected:
            return None

    def unless_refused(
        self, text: str, *, prefix: str | None = None, timeout: float = 5.0, bare: bool = False
    ) -> list[str] | None:
        """As `attempt` where a refusal says something: it is raised, and None is silence or nonsense."""
        try:
            return self.patient(text, prefix=prefix, timeout=timeout, bare=bare)
        except CommandRejected:
            self._silences = 0
            raise
        except MalformedResponse:
            self._silences = 0
            return None
        except CommandTimeout:
            self._silences += 1
            if self._silences >= _SILENCES:
                raise
            return None

    def pause(self, seconds: float) -> None:
        """Let time pass; what comes meanwhile is kept as news."""
        until = self.clock.boot() + seconds * self.scale
        while (left := until - self.clock.boot()) > 0:
            self.channel.listen(left)

    def deadline(self, seconds: float) -> float:
        """That many seconds from now, on the boot clock."""
        return self.clock.boot() + seconds * self.scale
