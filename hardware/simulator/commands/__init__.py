"""What each AT command does: one table of names, filled by the modules of this package."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hardware.simulator.commands import (
    basic,
    equipment,
    registration,
    settings,
    sims,
    submitting,
    supplementary,
    vendor,
)
from hardware.simulator.commands import storage as message_storage
from hardware.simulator.commands.table import Handler
from hardware.simulator.lines import Call
from hardware.simulator.session import Refusal, cme

if TYPE_CHECKING:
    from hardware.simulator.modem import SimulatedModem

HANDLERS: dict[str, Handler] = {
    **basic.HANDLERS,
    **equipment.HANDLERS,
    **sims.HANDLERS,
    **registration.HANDLERS,
    **settings.HANDLERS,
    **submitting.HANDLERS,
    **message_storage.HANDLERS,
    **supplementary.HANDLERS,
}


def carry_out(modem: SimulatedModem, call: Call) -> bool:
    """Carry one command out; False when its answer comes later. Raises Refusal."""
    personality = modem.personality
    if call.name == personality.noise_off:
        modem.session.vendor.setdefault(call.name, call.text)
    fixed = personality.fixed.get(f"AT{call.name}{'=' + call.text if call.text else ''}")
    if fixed is not None:
        modem.execution.information(fixed)
        return True
    own = vendor.handler(personality, call.name)
    if own is not None:
        return own(modem, call)
    handler = HANDLERS.get(call.name)
    if handler is None or call.name in personality.unsupported:
        raise Refusal
    if call.name == "+CLAC" and call.kind == "run":
        known = {*HANDLERS, *vendor.names(personality)} - personality.unsupported
        for name in sorted(known - {"S3", "S4", "S5"}):
            modem.execution.information(f"AT{name}")
        return True
    if modem.functionality == 0 and call.name in sims.NEEDS_CARD:
        raise cme(14)
    return handler(modem, call)
