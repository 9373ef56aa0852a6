"""One test message and what becomes of it: by a modem that nobody uses, or by a running gateway."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

from gateway.cli.client import LONGEST_WAIT, Gateway
from gateway.cli.failure import Failure
from gateway.diagnosis import Sent
from gateway.messages import Json
from hardware.errors import HardwareError
from hardware.modem import Visit

_LOOK = 1.0  # seconds between looks at a message that is not final


def by_visit(visit: Visit, to: str, text: str, *, wait: float, comes_back: bool, told: Callable[[str], None]) -> Sent:
    """Send by the modem itself."""
    try:
        trial = visit.send(to, text, wait=wait, comes_back=comes_back, told=told)
    except HardwareError as error:
        return Sent(to, None, failure=str(error))
    return Sent(
        to,
        trial.accepted_after,
        trial.reported_after,
        trial.status.meaning if trial.status is not None else None,
        trial.delivered,
        comes_back,
        trial.arrived_after,
        waited=wait,
    )


def by_gateway(gateway: Gateway, to: str, text: str, wait: float) -> Sent:
    """Send by a running gateway, which chooses the modem."""
    try:
        accepted = gateway.post("/v1/messages", {"to": to, "text": text, "lifetime": f"{max(round(wait), 10)}s"})
        message = _outcome(gateway, str(accepted["id"]), wait)
    except Failure as failure:
        return Sent(to, None, failure=failure.message)
    times = {entry["state"]: datetime.fromisoformat(entry["time"]) for entry in message["timeline"]}
    began = datetime.fromisoformat(message["timeline"][0]["time"])
    if "sent" not in times and message["state"] not in ("sent", "delivered", "undelivered"):
        return Sent(to, None, failure=f"it is {message['state']}: {message['reason'] or 'no reason is known'}")
    sent = times.get("sent", began)
    final = message["state"] in ("delivered", "undelivered")
    reported = (times[message["state"]] - sent).total_seconds() if final else None
    outcome = f"{message['state']}{': ' + message['reason'] if message['reason'] else ''}" if final else None
    accepted_after = (sent - began).total_seconds()
    return Sent(to, accepted_after, reported, outcome, message["state"] == "delivered", waited=wait)


def _outcome(gateway: Gateway, identity: str, wait: float) -> Json:
    """The message once it is final, or as it is after `wait` seconds."""
    deadline = time.monotonic() + wait
    while True:
        left = deadline - time.monotonic()
        patience = max(0.0, min(left, LONGEST_WAIT))
        message = gateway.get(f"/v1/messages/{identity}", {"wait": f"{patience:g}"}, wait=patience)
        if message["final"] or left <= 0:
            return message
        time.sleep(min(_LOOK, max(0.0, deadline - time.monotonic())))
