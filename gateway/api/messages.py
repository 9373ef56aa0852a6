"""Messages: send, look, wait, list, cancel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.api import render
from gateway.api.listing import CURSOR, LIMIT, limit_of, moment_of, page
from gateway.api.operations import Answer, Call, Operation, Parameter
from gateway.api.problems import Problem
from gateway.api.shapes.messages import Accepted, MessageList, MessageWithTimeline
from gateway.api.view import ServiceView
from gateway.api.waiting import LONGEST_WAIT, WaitRoom, wait_seconds
from gateway.messages import Json, Lane, Message, MessageState
from gateway.refusals import InvalidInput, NotFound
from gateway.requests import SendRequest
from gateway.store import MessageFilter

_STRING: Mapping[str, Any] = {"type": "string"}
_TIME: Mapping[str, Any] = {"type": "string", "format": "date-time"}
_WAIT = Parameter(
    "wait",
    {"type": "number", "minimum": 0, "maximum": LONGEST_WAIT},
    "Seconds to wait for the state to be terminal",
)
_FILTERS = (
    Parameter("state", {"type": "string", "enum": [state.value for state in MessageState]}, "Only in this state"),
    Parameter("to", _STRING, "Only to this number"),
    Parameter("tag", _STRING, "Only with this tag"),
    Parameter("since", _TIME, "Accepted at this time or later"),
    Parameter("until", _TIME, "Accepted before this time"),
    LIMIT,
    CURSOR,
)


class Messages:
    """The handlers on /v1/messages."""

    def __init__(self, service: ServiceView, waiting: WaitRoom) -> None:
        self._store, self._intake, self._clock, self._waiting = service.store, service.intake, service.clock, waiting
        self._outbox = service.store.outbox

    def send(self, call: Call) -> Answer:
        """One message, or one to each of many."""
        request: SendRequest = call.body
        _check_scopes(call, request)

        def answer(messages: list[Message]) -> Json:
            if isinstance(request.to, str):
                return render.accepted(messages[0])
            return {"items": [render.accepted(message) for message in messages]}

        return 202, answer(self._intake.send(request, call.principal.caller, call.once(self._store, answer)))

    def look(self, call: Call, message_id: str) -> Answer:
        """A message now, or once its state is terminal."""
        message = self._found(message_id, call)
        seconds = wait_seconds(call.query.get("wait"))
        if seconds and not message.final:
            client = call.principal.client
            self._waiting.wait(client, seconds, lambda share: _ended(self._outbox.wait_final(message_id, share)))
            message = self._found(message_id, call)
        return 200, self._whole(message, call)

    def listing(self, call: Call) -> Answer:
        """A page of messages."""
        query = call.query
        filters = MessageFilter(
            client=call.principal.sees,
            state=_state(query.get("state")),
            to=self._intake.admission.number(query["to"], "to") if "to" in query else None,
            tag=query.get("tag"),
            since=moment_of(query, "since"),
            until=moment_of(query, "until"),
        )
        messages, cursor = page(lambda: self._outbox.list(filters, limit_of(query), query.get("cursor")))
        return 200, {"items": [render.message(message) for message in messages], "next_cursor": cursor}

    def cancel(self, call: Call, message_id: str) -> Answer:
        """Withdraw a message of which nothing has left."""
        self._found(message_id, call)
        message = self._store.database.accept(lambda cx: self._outbox.cancel(cx, message_id, self._clock.now()))
        return 200, self._whole(message, call)

    def _found(self, message_id: str, call: Call) -> Message:
        message = self._outbox.get(message_id, call.principal.sees)
        if message is None:
            raise NotFound(f"there is no message {message_id[:40]}")
        return message

    def _whole(self, message: Message, call: Call) -> Json:
        readable = message.lane is not Lane.OTP and call.principal.may("messages:text")
        text = self._outbox.text(message.id) if readable else None
        return render.message(message, self._outbox.timeline(message.id), text)


def operations(service: ServiceView, waiting: WaitRoom) -> tuple[Operation, ...]:
    """The operations on /v1/messages."""
    desk = Messages(service, waiting)
    path, read = "/v1/messages/{message_id}", ("messages:read", "messages:all")
    return (
        Operation(
            "POST", "/v1/messages", "send_messages", "Send a message, to one number or to many",
            ("messages:send",), desk.send, 202, MessageWithTimeline, body=SendRequest, answers=(Accepted,),
            once=True, refusals=(409, 429, 503),
        ),
        Operation(
            "GET", path, "get_message", "Look at a message, or wait until its state is terminal", read, desk.look, 200,
            MessageWithTimeline, query=(_WAIT,), refusals=(404,),
        ),
        Operation(
            "GET", "/v1/messages", "list_messages", "Messages, newest first", read, desk.listing, 200, MessageList,
            query=_FILTERS,
        ),
        Operation(
            "DELETE", path, "cancel_message", "Cancel a message of which nothing has left", ("messages:send",),
            desk.cancel, 200, MessageWithTimeline, refusals=(404, 409),
        ),
    )  # fmt: skip


def _ended(message: Message | None) -> bool:
    return message is None or message.final


def _check_scopes(call: Call, request: SendRequest) -> None:
    """Some options need a scope of their own; raises Problem 403."""
    needed = []
    if request.priority == "otp":
        needed.append(("messages:otp", 'priority "otp"'))
    if request.silent or request.data is not None:
        needed.append(("messages:raw", "silent and data"))
    for scope, what in needed:
        if not call.principal.may(scope):
            raise Problem(403, "scope_missing", f"{what}: this key lacks the scope {scope}")


def _state(written: str | None) -> MessageState | None:
    try:
        return None if written is None else MessageState(written)
    except ValueError:
        raise InvalidInput.of("state", f"one of {', '.join(MessageState)}") from None
