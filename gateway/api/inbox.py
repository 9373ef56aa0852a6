"""Received messages: look, list, wait for the next one."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.api.listing import CURSOR, LIMIT, limit_of, moment_of, page
from gateway.api.operations import Answer, Call, Operation, Parameter
from gateway.api.render import moment, moment_or_none
from gateway.api.shapes.inbox import InboxList, InboxMessage
from gateway.api.view import ServiceView
from gateway.api.waiting import LONGEST_WAIT, WaitRoom, wait_seconds
from gateway.messages import Json
from gateway.refusals import InvalidInput, NotFound
from gateway.store import Received

_QUERY = (
    Parameter("from", {"type": "string"}, "Only from this sender: a number, or the name that it sends as"),
    Parameter("since", {"type": "string", "format": "date-time"}, "Received at this time or later"),
    Parameter("until", {"type": "string", "format": "date-time"}, "Received before this time"),
    Parameter(
        "wait",
        {"type": "number", "minimum": 0, "maximum": LONGEST_WAIT},
        "Seconds to wait for the next message; with `since`, one that is there already is the answer",
    ),
    Parameter("after", {"type": "string"}, "With `wait`: the id of a message; the next one after it is the answer"),
    LIMIT,
    CURSOR,
)


def render(message: Received) -> Json:
    """A received message as JSON."""
    return {
        "id": message.id,
        "from": message.sender,
        "text": message.text.reveal() if message.text is not None else None,
        "data": message.data.hex().upper() if message.data is not None else None,
        "port": message.ports[0] if message.ports else None,
        "parts": message.parts,
        "missing": message.missing,
        "readable": message.readable,
        "modem": message.modem,
        "sent_at": moment_or_none(message.sent_at),
        "received_at": moment(message.received_at),
    }


class Inbox:
    """The handlers on /v1/inbox."""

    def __init__(self, service: ServiceView, waiting: WaitRoom) -> None:
        self._inbox, self._admission, self._waiting = service.store.inbox, service.intake.admission, waiting

    def look(self, _: Call, message_id: str) -> Answer:
        """One message."""
        message = self._inbox.get(message_id)
        if message is None:
            raise NotFound(f"there is no received message {message_id[:40]}")
        return 200, render(message)

    def listing(self, call: Call) -> Answer:
        """What is there, or with `wait` what comes next."""
        query, sender = call.query, self._sender(call.query)
        seconds = wait_seconds(query.get("wait"))
        since, until = moment_of(query, "since"), moment_of(query, "until")
        start = self._start(query)
        if seconds == 0 or since is not None:
            limit, cursor = limit_of(query), query.get("cursor")
            messages, more = page(
                lambda: self._inbox.list(limit, cursor, sender=sender, since=since, until=until),
            )
            if messages or seconds == 0:
                return 200, {"items": [render(message) for message in messages], "next_cursor": more}
        return 200, {"items": self._next(call, start, seconds, sender), "next_cursor": None}

    def _start(self, query: Mapping[str, str]) -> int:
        if "after" not in query:
            return self._inbox.newest()
        message = self._inbox.get(query["after"])
        if message is None:
            raise InvalidInput.of("after", "there is no such received message")
        return message.seq

    def _sender(self, query: Mapping[str, str]) -> str | None:
        if "from" not in query:
            return None
        try:
            return self._admission.number(query["from"], "from")
        except InvalidInput:
            return query["from"]  # a name, or a short number of the network's own

    def _next(self, call: Call, start: int, seconds: float, sender: str | None) -> list[Json]:
        come: list[Json] = []

        def attempt(share: float) -> bool:
            if (message := self._inbox.next_after(start, share, sender)) is not None:
                come.append(render(message))
            return bool(come)

        if not attempt(0):
            self._waiting.wait(call.principal.client, seconds, attempt)
        return come


def operations(service: ServiceView, waiting: WaitRoom) -> tuple[Operation, ...]:
    """The operations on /v1/inbox."""
    inbox, read = Inbox(service, waiting), ("inbox:read",)
    return (
        Operation(
            "GET", "/v1/inbox/{message_id}", "get_inbox", "One received message", read, inbox.look, 200, InboxMessage,
            refusals=(404,),
        ),
        Operation(
            "GET", "/v1/inbox", "list_inbox", "Received messages, newest first, or the next one that comes", read,
            inbox.listing, 200, InboxList, query=_QUERY,
        ),
    )  # fmt: skip
