"""What is sent for an event: body, signature, headers. Pure."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

from gateway.messages import Secret
from gateway.store import StoredEvent


def _version() -> str:
    try:
        return version("simwire")
    except PackageNotFoundError:  # run from a checkout
        return "0"


USER_AGENT = f"Simwire/{_version()}"


def sign(secrets: Sequence[Secret], at: int, body: bytes) -> str:
    """The value of X-Signature for a body that is sent at `at` (Unix seconds): one `v1` for each secret."""
    signed = b"%d." % at + body
    marks = [hmac.new(secret.reveal().encode(), signed, hashlib.sha256).hexdigest() for secret in secrets]
    return ",".join((f"t={at}", *(f"v1={mark}" for mark in marks)))


def body_of(event_id: str, kind: str, at_ms: int, client: str | None, data: object) -> bytes:
    """The JSON document of an event, in ASCII; `at_ms` is when it happened."""
    moment = datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"
    document = {"id": event_id, "type": kind, "time": moment, "client": client, "data": data}
    return json.dumps(document, separators=(",", ":")).encode()


def body_of_event(event: StoredEvent) -> bytes:
    """The JSON document of a stored event: the same bytes at each attempt."""
    return body_of(str(event.id), event.kind, event.at, event.client, event.body)


def headers(
    event_id: str, kind: str, attempt: int, secrets: Sequence[Secret], at: float, body: bytes
) -> dict[str, str]:
    """The headers of one attempt; `attempt` counts from 1, `at` is its own time in Unix seconds."""
    return {
        "Content-Type": "application/json",
        "User-Agent": USER_AGENT,
        "X-Event-Id": event_id,
        "X-Event": kind,
        "X-Attempt": str(attempt),
        "X-Signature": sign(secrets, int(at), body),
    }
