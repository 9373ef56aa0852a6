"""Everything that is kept about one number: given out, or erased."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from gateway.api import blocked, caught, inbox
from gateway.api.kept import ErasedShape, Export
from gateway.api.listing import CURSOR, page
from gateway.api.operations import Answer, Call, Operation
from gateway.api.render import message, moment, moment_or_none
from gateway.api.view import ServiceView
from gateway.messages import Json, masked
from gateway.numbers import written_forms
from gateway.requests import Request
from gateway.store import Challenge, Page


class EraseRequest(Request):
    """What else is erased; the body may be left out."""

    forget_block: bool = False
    """Also that the number is blocked or has opted out: from then on it may be sent to again."""


def render(number: str, found: Page) -> Json:
    """A page of an export as JSON."""
    return {
        "number": number,
        "blocked": found.standing.blocked and blocked.render(found.standing.blocked),
        "wrong_codes": [
            _with_times(one, "newest_at", "locked_until", "stopped_at") for one in found.standing.wrong_codes
        ],
        "counted": [_with_times(one, "since") for one in found.standing.counted],
        "messages": [
            {
                **message(kept.message, kept.timeline),
                "client": kept.message.client,
                "otp_id": kept.message.challenge_id,
                "sent_to": kept.sent_to,
                "text": None if kept.text is None else kept.text.reveal(),
            }
            for kept in found.messages
        ],
        "challenges": [_challenge(one) for one in found.challenges],
        "received": [inbox.render(one) for one in found.received],
        "caught": [caught.render(one) for one in found.caught],
        "next_cursor": found.cursor,
    }


def _challenge(stored: Challenge) -> Json:
    return {
        "id": stored.id,
        "client": stored.client,
        "to": stored.to,
        "purpose": stored.purpose,
        "state": stored.state.value,
        "reason": stored.reason,
        "context": stored.details.get("context") or {},
        "locale": stored.details.get("locale"),
        "failures": stored.failures,
        "sends": stored.sends,
        "message_id": stored.message_id,
        "client_ref": stored.client_ref,
        "created_at": moment(stored.created_at),
        "sent_at": moment(stored.sent_at),
        "expires_at": moment(stored.expires_at),
        "closed_at": moment_or_none(stored.closed_at),
    }


def _with_times(row: Json, *names: str) -> Json:
    times: dict[str, Any] = {name: moment_or_none(row[name]) for name in names}
    return {**row, **times}


def operations(service: ServiceView) -> tuple[Operation, ...]:
    """The operations on /v1/numbers that give out or erase."""
    admission, store, clock = service.intake.admission, service.store, service.clock

    def export(call: Call, number: str) -> Answer:
        stored = admission.number(number, "number")
        cursor = call.query.get("cursor")
        found = page(lambda: store.dossier.page(stored, written_forms(stored), cursor))
        call.audit("numbers.export", masked(stored), {"cursor": cursor})  # every page: whoever asks chooses the first
        return 200, render(stored, found)

    def erase(call: Call, number: str) -> Answer:
        stored = admission.number(number, "number")
        forget = call.body.forget_block
        call.audit("numbers.erase", masked(stored), {"forget_block": forget})
        erased = store.erasure.erase(stored, written_forms(stored), clock.now(), forget_block=forget)
        return 200, {"number": stored, **asdict(erased)}

    path = "/v1/numbers/{number}"
    return (
        Operation(
            "GET", f"{path}/export", "export_number", "Everything that is kept about a number", ("admin",), export,
            200, Export, query=(CURSOR,), refusals=(422,),
        ),
        Operation(
            "POST", f"{path}/erase", "erase_number", "Erase everything that is kept about a number", ("admin",), erase,
            200, ErasedShape, body=EraseRequest, body_optional=True, refusals=(422, 503),
        ),
    )  # fmt: skip
