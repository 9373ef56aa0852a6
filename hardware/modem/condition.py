"""The state of one modem with its reason and advice, and how it changes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from hardware.errors import ConnectionLost
from hardware.modem.status import CONFIGURED, ModemState, NotReady, Trouble


class Condition:
    """State, reason and advice; only the driver changes them."""

    def __init__(self) -> None:
        self.state = ModemState.OPENING
        self.reason: str | None = None
        self.advice: str | None = None
        self.trouble: Trouble | None = None

    @property
    def configured(self) -> bool:
        """Whether a ladder reached its end and the modem has not restarted since."""
        return self.state in CONFIGURED

    def settle(
        self,
        state: ModemState,
        reason: str | None = None,
        advice: str | None = None,
        trouble: Trouble | None = None,
    ) -> None:
        """Be in `state` from now on."""
        self.state, self.reason, self.advice, self.trouble = state, reason, advice, trouble

    def fall(self, reason: str) -> None:
        """The modem has to be set up again."""
        self.settle(ModemState.CONFIGURING, reason, "it is set up again by itself; if it stays so, restart the modem")

    def require_ready(self) -> None:
        """Raise NotReady in any state but READY."""
        if self.state is not ModemState.READY:
            raise NotReady(self.state, self.reason, self.advice, self.trouble)

    @contextmanager
    def port(self) -> Iterator[None]:
        """Notice in the state that the port has gone."""
        try:
            yield
        except ConnectionLost as lost:
            self.settle(ModemState.ABSENT, str(lost), "check the modem's plug and power")
            raise
