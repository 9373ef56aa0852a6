"""What requests meet before anything is stored, made of one configuration; a reload makes it anew."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gateway.admission import Admission
from gateway.config import Config
from gateway.directory import ModemView
from gateway.intake import Intake, Wake
from gateway.optout import OptOut
from gateway.store import Store
from gateway.verify import Verify
from hardware.clock import Clock


class Front:
    """Intake, code engine and opt-outs under one configuration."""

    def __init__(
        self,
        store: Store,
        config: Config,
        clock: Clock,
        modems: Callable[[], Sequence[ModemView]],
        wake: Wake,
        before: Front | None = None,
    ) -> None:
        """`before`: the one that this replaces. Where the limits stay as they are, so does what is counted under them;
        else it is counted anew from what is stored, as at a start.
        """
        self.config: Config = config
        same = before is not None and _counted(before.config) == _counted(config)
        self.admission: Admission = Admission(
            store, config, clock, modems, before.admission.guard if before and same else None
        )
        self.intake = Intake(store, config, clock, self.admission, wake)
        self.verify = Verify(store, self.intake, config, clock)
        opt_out = OptOut(store, config)
        listeners = store.inbox.listeners
        if before is None:
            listeners.append(opt_out.heard)
        else:
            listeners[listeners.index(before.opt_out.heard)] = opt_out.heard
        self.opt_out: OptOut = opt_out


def _counted(config: Config) -> object:
    """All that the guard is made of."""
    return config.limits, config.otp.lifetime
