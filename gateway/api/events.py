"""What happens, as it happens: Server-Sent Events (WHATWG HTML 9.2), resumable by the id of the last one seen."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterator

from flask import Request, request

from gateway.api.auth import Authenticator, Principal
from gateway.api.operations import EVENT_STREAM, Answer, Call, Operation, Parameter, Stream
from gateway.api.problems import Problem
from gateway.api.render import event as rendered
from gateway.api.shapes.messages import EventShape
from gateway.api.view import ServiceView
from gateway.api.waiting import LOOK, WaitRoom, leaving
from gateway.config import GROUPS, KINDS
from gateway.messages import Json
from gateway.refusals import InvalidInput
from gateway.store import Sight, StoreError

log = logging.getLogger("simwire.api")

HEARTBEAT = 15.0
"""Seconds between signs of life; each looks whether the key is still in force."""
RETRY = 3000  # milliseconds after which a client connects again
PAGE = 100  # events read at once
MOST_OCTETS = 8 * 1024 * 1024
"""After so many a stream ends, and its client goes on where it was: half of what Waitress holds for a client that does
not read before it stops the thread.
"""
MOST_AT_ONCE = 256 * 1024
"""The same for a stream without a place to wait."""
_encode = json.JSONEncoder(separators=(",", ":")).encode  # ASCII: whatever somebody texted, the stream goes on
_ID = re.compile(r"[0-9]{1,18}")
_MOST_KINDS = 20  # names in `types` at most

_QUERY = (
    Parameter(
        "after",
        {"type": "string", "pattern": "^[0-9]{1,18}$"},
        "Like the header Last-Event-ID, which goes before it; 0: everything that is kept",
    ),
    Parameter(
        "types",
        {"type": "string"},
        "Only these, with commas between: `message.delivered`, `otp.*`, `inbox.received`, `modem.*`",
    ),
)


class Events:
    """The handler of /v1/events."""

    def __init__(self, service: ServiceView, waiting: WaitRoom, authenticator: Authenticator) -> None:
        self._store, self._clock, self._waiting = service.store, service.clock, waiting
        self._authenticator = authenticator

    def listen(self, call: Call) -> Answer:
        """The stream of one client. Without a last id it begins with what comes next."""
        kinds = _kinds(call.query.get("types"))
        asked: Request = request._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001 - the stream outlives the call

        def sight() -> Sight | None:
            """What the key may see now; None where it may not listen any more."""
            try:
                principal = self._authenticator.principal(asked)
            except Problem:
                return None
            return _sight(principal, kinds) if principal.may("events:read") else None

        return 200, Stream(self._stream(_asked(call), call.principal, sight, leaving()))

    def _stream(
        self, asked: int | None, principal: Principal, sight: Callable[[], Sight | None], gone: Callable[[], bool]
    ) -> Iterator[bytes]:
        try:
            begun = self._clock.boot()
            opening, position = self._open(asked)
            yield opening
            with self._waiting.place(principal.client) as may_wait:
                left = MOST_OCTETS if may_wait else MOST_AT_ONCE
                for piece in self._follow(position, may_wait, sight, gone, begun):
                    yield piece
                    left -= len(piece)
                    if left <= 0:
                        return
        except StoreError as error:
            log.warning("an event stream ends: %s", error)

    def _follow(
        self,
        position: int,
        may_wait: bool,
        sight: Callable[[], Sight | None],
        gone: Callable[[], bool],
        begun: float,
    ) -> Iterator[bytes]:
        """Everything behind `position`; where there is no place to wait, only what there is already.

        `begun`: when the stream did, in seconds of the boot clock.
        """
        seen, beat = sight(), begun + HEARTBEAT
        while seen is not None and not self._waiting.closed and not gone():
            if self._clock.boot() >= beat:
                seen, beat = sight(), self._clock.boot() + HEARTBEAT
                if seen is None:
                    return
                # With an id, so that a client that is shown little does not fall behind what is kept.
                yield f": still here\nid: {position}\n\n".encode()
            events, position = self._store.events.seen(position, seen, PAGE)
            if events:
                yield "".join(_written(rendered(event)) for event in events).encode()
            elif not may_wait:
                return
            else:
                self._store.events.wait(position, LOOK)

    def _open(self, asked: int | None) -> tuple[bytes, int]:
        """How a stream begins, and the id behind which it does."""
        oldest, newest = self._store.events.span()
        position = newest if asked is None else asked
        gap = ""
        if position > newest or 0 < position < oldest - 1:
            # Erased since, or of another database: everything that is kept follows.
            known, position = position, oldest - 1
            told = {"id": str(position), "type": "gap", "time": None, "client": None}
            gap = _written({**told, "data": {"after": str(known), "oldest": str(oldest)}})
        return (
            f"retry: {RETRY}\n: what follows comes after event {position}\nid: {position}\n\n{gap}".encode(),
            position,
        )


def operations(service: ServiceView, waiting: WaitRoom, authenticator: Authenticator) -> tuple[Operation, ...]:
    """The operation on /v1/events."""
    return (
        Operation(
            "GET", "/v1/events", "listen", "Follow what happens to messages, codes, the inbox and modems",
            ("events:read",), Events(service, waiting, authenticator).listen, 200, EventShape, query=_QUERY,
            content_type=EVENT_STREAM,
        ),
    )  # fmt: skip


def _sight(principal: Principal, kinds: tuple[str, ...]) -> Sight:
    return Sight(
        client=principal.sees, inbox=principal.may("inbox:read"), modems=principal.may("modems:read"), kinds=kinds
    )


def _written(document: Json) -> str:
    """One event on the wire; its JSON is one line."""
    return f"id: {document['id']}\nevent: {document['type']}\ndata: {_encode(document)}\n\n"


def _asked(call: Call) -> int | None:
    """The id of the last event that the client has seen; raises InvalidInput for what is none."""
    header = request.headers.get("Last-Event-ID")
    name, written = ("Last-Event-ID", header) if header else ("after", call.query.get("after"))
    if written is None:
        return None
    if not _ID.fullmatch(written):
        raise InvalidInput.of(name, "the id of an event: a whole number")
    return int(written)


def _kinds(written: str | None) -> tuple[str, ...]:
    if written is None:
        return ("*",)
    kinds = tuple(kind.strip() for kind in written.split(","))
    if len(kinds) > _MOST_KINDS or not set(kinds) <= {"*", *GROUPS, *KINDS}:
        raise InvalidInput.of(
            "types", f"at most {_MOST_KINDS}, with commas between, of *, {', '.join((*GROUPS, *KINDS))}"
        )
    return kinds
