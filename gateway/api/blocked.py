"""Blocked numbers: list, block, unblock."""

from __future__ import annotations

from gateway.api.listing import CURSOR, LIMIT, limit_of, page
from gateway.api.operations import Answer, Call, Operation
from gateway.api.render import moment
from gateway.api.shapes.numbers import BlockedList, BlockedShape
from gateway.api.view import ServiceView
from gateway.messages import Json, Secret
from gateway.refusals import NotFound
from gateway.requests import BlockRequest
from gateway.store import Block, BlockedNumber


def render(blocked: BlockedNumber) -> Json:
    """A blocked number as JSON."""
    return {
        "number": blocked.number,
        "why": blocked.block.value,
        "reason": blocked.note.reveal() if blocked.note is not None else None,
        "by": blocked.by,
        "since": moment(blocked.at),
    }


def operations(service: ServiceView) -> tuple[Operation, ...]:
    """The operations on /v1/blocked."""
    blocked, admission = service.store.blocked, service.intake.admission

    def listing(call: Call) -> Answer:
        limit, cursor = limit_of(call.query), call.query.get("cursor")
        found, more = page(lambda: blocked.list(limit, cursor))
        return 200, {"items": [render(one) for one in found], "next_cursor": more}

    def block(call: Call, number: str) -> Answer:
        request: BlockRequest = call.body
        kind = Block.BLOCKED_ALL if request.everything else Block.BLOCKED
        note = None if request.reason is None else Secret(request.reason)
        stored = admission.number(number, "number")
        by, actor = call.principal.client, call.principal.actor
        return 200, render(blocked.add(stored, kind, by, service.clock.now(), note, actor=actor))

    def unblock(call: Call, number: str) -> Answer:
        found = blocked.remove(admission.number(number, "number"), service.clock.now(), actor=call.principal.actor)
        if found is None:
            raise NotFound("this number is not blocked")
        return 200, render(found)

    path, scope = "/v1/blocked/{number}", ("admin",)
    return (
        Operation(
            "GET", "/v1/blocked", "list_blocked", "Numbers that get nothing more", scope, listing, 200, BlockedList,
            query=(LIMIT, CURSOR),
        ),
        Operation(
            "PUT", path, "block_number", "Block a number", scope, block, 200, BlockedShape,
            body=BlockRequest, body_optional=True,
        ),
        Operation(
            "DELETE", path, "unblock_number", "Block a number no more, also one that opted out", scope, unblock, 200,
            BlockedShape, refusals=(404,),
        ),
    )  # fmt: skip
