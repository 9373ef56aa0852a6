"""Caught messages: what keys that send nothing were given. Look, list, wait for the next one, clear."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.api.listing import CURSOR, LIMIT, limit_of, moment_of, page
from gateway.api.operations import Answer, Call, Operation, Parameter
from gateway.api.render import moment
from gateway.api.shapes.inbox import CaughtList, CaughtMessage, Cleared
from gateway.api.view import ServiceView
from gateway.api.waiting import LONGEST_WAIT, WaitRoom, wait_seconds
from gateway.messages import Json
from gateway.refusals import InvalidInput, NotFound
from gateway.store import Caught, CaughtFilter

_QUERY = (
    Parameter("to", {"type": "string"}, "Only to this number"),
    Parameter("message_id", {"type": "string"}, "Only this message"),
    Parameter("since", {"type": "string", "format": "date-time"}, "Caught at this time or later"),
    Parameter(
        "wait",
        {"type": "number", "minimum": 0, "maximum": LONGEST_WAIT},
        "Seconds to wait for one, where none fits yet",
    ),
    Parameter("after", {"type": "string"}, "With `wait`: the id of one; the next one after it is the answer"),
    LIMIT,
    CURSOR,
)


def render(caught: Caught) -> Json:
    """A caught message as JSON."""
    return {
        "id": caught.id,
        "message_id": caught.message_id,
        "to": caught.to,
        "text": caught.text.reveal() if caught.text is not None else None,
        "data": caught.data.hex().upper() if caught.data is not None else None,
        "port": caught.port,
        "code": caught.code.reveal() if caught.code is not None else None,
        "parts": caught.parts,
        "encoding": caught.encoding,
        "caught_at": moment(caught.caught_at),
    }


class CaughtBox:
    """The handlers on /v1/caught."""

    def __init__(self, service: ServiceView, waiting: WaitRoom) -> None:
        self._caught, self._admission, self._waiting = service.store.caught, service.intake.admission, waiting
        self._clock = service.clock

    def look(self, call: Call, caught_id: str) -> Answer:
        """One message."""
        return 200, render(self._found(call, caught_id))

    def listing(self, call: Call) -> Answer:
        """What is there, or with `wait` what comes next."""
        query = call.query
        filters = CaughtFilter(
            client=call.principal.sees,
            to=self._admission.number(query["to"], "to") if "to" in query else None,
            message_id=query.get("message_id"),
            since=moment_of(query, "since"),
        )
        seconds = wait_seconds(query.get("wait"))
        if seconds and "after" in query:
            return 200, {"items": self._next(call, self._start(call, query), seconds, filters), "next_cursor": None}
        limit, cursor = limit_of(query), query.get("cursor")
        found, more = page(lambda: self._caught.list(filters, limit, cursor))
        if found or not seconds:
            return 200, {"items": [render(one) for one in found], "next_cursor": more}
        return 200, {"items": self._next(call, 0, seconds, filters), "next_cursor": None}

    def clear(self, call: Call) -> Answer:
        """Delete what was caught of the key's own client."""
        principal = call.principal
        return 200, {"deleted": self._caught.clear(principal.client, self._clock.now(), actor=principal.actor)}

    def _found(self, call: Call, caught_id: str) -> Caught:
        caught = self._caught.get(caught_id, call.principal.sees)
        if caught is None:
            raise NotFound(f"there is no caught message {caught_id[:40]}")
        return caught

    def _start(self, call: Call, query: Mapping[str, str]) -> int:
        try:
            return self._found(call, query["after"]).seq
        except NotFound:
            raise InvalidInput.of("after", "there is no such caught message") from None

    def _next(self, call: Call, start: int, seconds: float, filters: CaughtFilter) -> list[Json]:
        come: list[Json] = []

        def attempt(share: float) -> bool:
            if (caught := self._caught.next_after(start, share, filters)) is not None:
                come.append(render(caught))
            return bool(come)

        if not attempt(0):
            self._waiting.wait(call.principal.client, seconds, attempt)
        return come


def operations(service: ServiceView, waiting: WaitRoom) -> tuple[Operation, ...]:
    """The operations on /v1/caught."""
    box, read = CaughtBox(service, waiting), ("caught:read",)
    return (
        Operation(
            "GET", "/v1/caught/{caught_id}", "get_caught", "One caught message", read, box.look, 200, CaughtMessage,
            refusals=(404,),
        ),
        Operation(
            "GET", "/v1/caught", "list_caught", "Caught messages, newest first, or the first one that comes", read,
            box.listing, 200, CaughtList, query=_QUERY,
        ),
        Operation(
            "DELETE", "/v1/caught", "clear_caught", "Delete what was caught of this key's client", read, box.clear, 200,
            Cleared,
        ),
    )  # fmt: skip
