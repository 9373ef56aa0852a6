"""One test message and what becomes of it: by a modem that nobody uses, or by a running gateway."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

from gateway.cli.client import Gateway
from gateway.cli.failure import Failure
from gateway.cli.messages import outcome
from gateway.diagnosis import Sent
from gateway.messages import MessageState
from hardware.errors import HardwareError
from hardware.modem import Visit
from hardware.pdu import DeliveryOutcome

_LIFETIME = "10m"  # of a test message: one that arrives tomorrow helps nobody
_LOOK = 0.5  # seconds between looks into the inbox
_DELIVERED = {DeliveryOutcome.DELIVERED: True, DeliveryOutcome.UNCONFIRMED: None, DeliveryOutcome.REPLACED: None}
_NEWEST = 10  # messages of one sender among which the test message is


def by_visit(visit: Visit, to: str, text: str, *, wait: float, comes_back: bool, told: Callable[[str], None]) -> Sent:
    """Send by the modem itself."""
    try:
        trial = visit.send(to, text, wait=wait, comes_back=comes_back, told=told)
    except HardwareError as error:
        return Sent(to, None, failure=str(error))
    return Sent(
        to,
        trial.accepted_after,
        trial.reported_after if trial.outcome is not None else None,
        trial.status.meaning if trial.status is not None else None,
        _DELIVERED.get(trial.outcome, False) if trial.outcome is not None else False,
        comes_back,
        trial.arrived_after,
        waited=wait,
    )


def by_gateway(
    gateway: Gateway, modem: str, to: str, text: str, *, wait: float, comes_back: bool, told: Callable[[str], None]
) -> Sent:
    """Send by one modem of a running gateway; whether it came back is only told to a key that may read the inbox."""
    try:
        accepted = gateway.post("/v1/messages", {"to": to, "text": text, "modem": modem, "lifetime": _LIFETIME})
        message = outcome(gateway, str(accepted["id"]), time.monotonic() + wait, told)
    except Failure as failure:
        return Sent(to, None, failure=failure.message)
    state, reason = message["state"], message["reason"]
    if message["sent_at"] is None:
        return Sent(to, None, failure=f"it is {state}" + (f" ({reason})" if reason else ""), waited=wait)
    sent = datetime.fromisoformat(message["sent_at"])
    reported = state in (MessageState.DELIVERED, MessageState.UNDELIVERED)
    ended = datetime.fromisoformat(message["timeline"][-1]["time"])
    arrived = _arrival(gateway, to, text, wait) if comes_back else None
    return Sent(
        to,
        (sent - datetime.fromisoformat(message["created_at"])).total_seconds(),
        (ended - sent).total_seconds() if reported else None,
        f"{state}" + (f", {reason}" if reason else "") if reported else None,
        state == MessageState.DELIVERED,
        arrived is not None,
        (arrived - sent).total_seconds() if isinstance(arrived, datetime) else None,
        waited=wait,
    )


def _arrival(gateway: Gateway, sender: str, text: str, wait: float) -> datetime | bool | None:
    """When a message came in; False where it did not, None where this key may not look."""
    deadline = time.monotonic() + wait
    while True:
        try:
            found = gateway.get("/v1/inbox", {"from": sender, "limit": _NEWEST})["items"]
        except Failure:
            return None
        for one in found:
            if one["text"] == text:
                return datetime.fromisoformat(one["received_at"])
        if time.monotonic() >= deadline:
            return False
        time.sleep(_LOOK)
