"""Stored things as JSON. Written out by hand: these run for every request."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.challenges import ChallengeView
from gateway.directory import BalanceView, CanaryView, ModemView
from gateway.messages import Json, Lane, Message, Secret, TimelineEntry
from gateway.quantities import rfc3339
from gateway.store import StoredEvent

PRIORITY = {Lane.OTP: "otp", Lane.HIGH: "high", Lane.NORMAL: "normal", Lane.BULK: "bulk"}
moment = rfc3339
"""RFC 3339 in UTC with milliseconds."""


def moment_or_none(milliseconds: int | None) -> str | None:
    """`moment`, where there is one."""
    return None if milliseconds is None else moment(milliseconds)


def message(stored: Message, timeline: Iterable[TimelineEntry] | None = None, text: Secret | None = None) -> Json:
    """A message; with its timeline and text where they are given."""
    document: Json = {
        "id": stored.id,
        "to": stored.to,
        "state": stored.state.value,
        "reason": stored.reason,
        "parts": stored.parts,
        "encoding": stored.encoding,
        "priority": PRIORITY[stored.lane],
        "modem": stored.modem,
        "attempts": stored.attempts,
        "created_at": moment(stored.created_at),
        "expires_at": moment(stored.expires_at),
        "next_attempt_at": moment_or_none(stored.next_attempt_at),
        "sent_at": moment_or_none(stored.sent_at),
        "delivered_at": moment_or_none(stored.delivered_at),
        "client_ref": stored.client_ref,
        "tags": list(stored.tags),
        "warnings": list(stored.warnings),
    }
    if text is not None:
        document["text"] = text.reveal()
    if timeline is not None:
        document["timeline"] = [timeline_row(entry) for entry in timeline]
    return document


def accepted(stored: Message) -> Json:
    """A message that was queued just now: its timeline has one row."""
    return message(stored, (TimelineEntry(stored.created_at, stored.state),))


def timeline_row(entry: TimelineEntry) -> Json:
    """One row of a timeline."""
    return {
        "time": moment(entry.at),
        "state": entry.state.value,
        "reason": entry.reason,
        "modem": entry.modem,
        "attempt": entry.attempt,
        "part": entry.part,
        "result": entry.result,
        "possible_duplicate": entry.possible_duplicate,
    }


def challenge(view: ChallengeView) -> Json:
    """A challenge, without its code."""
    stored, newest = view.challenge, view.message
    return {
        "id": stored.id,
        "message_id": newest.id if newest else None,
        "to": stored.to,
        "state": view.state.value,
        "message_state": newest.state.value if newest else None,
        "expires_at": moment(stored.expires_at),
        "resend_after": view.resend_after,
        "attempts_left": view.attempts_left,
        "warnings": list(newest.warnings) if newest else [],
    }


def challenge_with_timeline(view: ChallengeView, timeline: Iterable[TimelineEntry]) -> Json:
    """A challenge and what happened to its newest message."""
    stored = view.challenge
    return {
        **challenge(view),
        "purpose": stored.purpose,
        "sends": stored.sends,
        "created_at": moment(stored.created_at),
        "client_ref": stored.client_ref,
        "timeline": [timeline_row(entry) for entry in timeline],
    }


def modem(view: ModemView) -> Json:
    """A modem as it is now."""
    return {
        "name": view.name,
        "state": view.state,
        "reason": view.reason,
        "advice": view.advice,
        "condition": view.condition,
        "port": view.port,
        "profile": view.profile,
        "manufacturer": view.manufacturer,
        "model": view.model,
        "firmware": view.firmware,
        "imei": view.imei,
        "imsi": view.imsi,
        "iccid": view.iccid,
        "operator": view.operator,
        "registration": view.registration,
        "signal_dbm": view.signal_dbm,
        "service_centre": view.service_centre,
        "reports": view.reports,
        "sent": view.sent,
        "failed": view.failed,
        "received": view.received,
        "last_error": view.last_error,
        "changes": view.changes,
        "prefixes": list(view.prefixes),
        "reserve_for_otp": view.reserve_for_otp,
        "quota": [
            {
                "rule": use.rule,
                "used": use.used,
                "limit": use.limit,
                "otp_kept": use.otp_kept,
                "renews_at": _at(use.renews_at),
            }
            for use in view.quota
        ],
        "recovery": None
        if view.recovery is None
        else {
            "step": view.recovery.step,
            "tried": list(view.recovery.tried),
            "next_at": None if view.recovery.next_at is None else moment(round(view.recovery.next_at * 1000)),
        },
        "balance": None if view.balance is None else _balance(view.balance),
        "canaries": [_canary(one) for one in view.canaries],
    }


def _balance(view: BalanceView) -> Json:
    return {
        "amount": None if view.amount is None else float(view.amount),
        "minimum": float(view.minimum),
        "asked_at": _at(view.asked_at),
        "problem": view.problem,
    }


def _canary(view: CanaryView) -> Json:
    return {
        "to": view.receiver,
        "state": view.state,
        "reason": view.reason,
        "sent_at": _at(view.sent_at),
        "ok_at": _at(view.ok_at),
        "seconds": None if view.seconds is None else round(view.seconds, 1),
        "missed": view.missed,
    }


def _at(seconds: float | None) -> str | None:
    return None if seconds is None else moment(round(seconds * 1000))


def event(stored: StoredEvent) -> Json:
    """Something that happened, as streams tell it."""
    return {
        "id": str(stored.id),
        "type": stored.kind,
        "time": moment(stored.at),
        "client": stored.client,
        "data": stored.body,
    }
