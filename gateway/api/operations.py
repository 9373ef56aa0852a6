"""One operation of the API: how it is called, who may call it, what it takes and gives. Routes and the OpenAPI
document are both made from these, so that they cannot disagree.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson
from flask import Flask, Request, Response, request
from flask.globals import request_ctx
from pydantic import BaseModel, ValidationError

from gateway.api.auth import Authenticator, Principal
from gateway.api.problems import Problem, field_errors
from gateway.once import LONGEST_KEY, Once, Replay, Turns
from gateway.refusals import FieldError, InvalidInput
from gateway.store import Store

T = TypeVar("T")

BODY_LIMIT = 256 * 1024
"""Bytes of a request body; more is answered 413."""
JSON = "application/json"
EVENT_STREAM = "text/event-stream"
JSON_LINES = "application/jsonl"
_UNBUFFERED = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
"""Headers of a stream: no proxy keeps it, nor holds it back (nginx)."""
encode = orjson.dumps
"""Of plain values with text as keys, as all documents are; anything else is a TypeError in a test of that answer."""

Recorder = Callable[[str, str, str, Mapping[str, Any]], None]
"""Adds to the audit log: actor, action, subject, details."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request: who asks, with which body and query."""

    principal: Principal
    body: Any
    query: Mapping[str, str]
    recorder: Recorder

    def audit(self, action: str, subject: str, details: Mapping[str, Any] | None = None) -> None:
        """Note in the audit log that the caller did this; no secret and no whole number. Durable when this returns.

        It is a transaction of its own: what the store does by itself is noted in the transaction that does it.
        """
        self.recorder(self.principal.actor, action, subject, details or {})

    def once(self, store: Store, render: Callable[[T], Mapping[str, Any]]) -> Once[T] | None:
        """The bracket for a request under an Idempotency-Key, None where there is none. Raises InvalidInput."""
        key = request.headers.get("Idempotency-Key")
        if key is None:
            return None
        if not 1 <= len(key) <= LONGEST_KEY:
            raise InvalidInput.of("Idempotency-Key", f"1 to {LONGEST_KEY} characters")
        octets = request.get_data()
        body = json.dumps(json.loads(octets), sort_keys=True) if octets else ""
        what = f"{request.path}\n{body}".encode("utf-8", "surrogatepass")
        return Once(store, self.principal.client, key, what, lambda result: encode(render(result)))


@dataclass(frozen=True, slots=True)
class Stream:
    """An answer that is written piece by piece while it goes on; each piece leaves at once."""

    pieces: Iterator[bytes]


Answer = tuple[int, Mapping[str, Any] | Stream]
Handler = Callable[..., Answer]
"""Called with a Call and the parameters of the path."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A query parameter, for the document and for refusing unknown ones."""

    name: str
    schema: Mapping[str, Any]
    description: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path."""

    method: str
    path: str
    """With `{name}` for parameters, as OpenAPI writes it."""
    name: str
    summary: str
    scopes: tuple[str, ...]
    """Any of them is enough; `admin` always is."""
    handler: Handler
    status: int
    answer: type[BaseModel]
    body: type[BaseModel] | None = None
    body_optional: bool = False
    query: tuple[Parameter, ...] = ()
    once: bool = False
    """Whether it heeds an Idempotency-Key."""
    refusals: tuple[int, ...] = ()
    """Further statuses it may answer with a problem document."""
    answers: tuple[type[BaseModel], ...] = ()
    """Other shapes that a success may have."""
    secret: bool = False
    """Whether its answer shows a secret: nothing on the way may keep it."""
    content_type: str = JSON
    """Of a success. A stream of events also heeds Last-Event-ID; `answer` is then the shape of each event's data."""


def register(app: Flask, operation: Operation, authenticator: Authenticator, recorder: Recorder) -> None:
    """Make the route of an operation: key, scope, body, handler, JSON."""
    allowed = frozenset((*operation.scopes, "admin"))
    known = frozenset(parameter.name for parameter in operation.query)
    handler, body_of, turn_of = operation.handler, _body_reader(operation), _turn_taker(operation)
    kept = {"Cache-Control": "no-store"} if operation.secret else {}

    def view(**path: str) -> Response:
        asked = request_ctx.request  # once: each use of the stand-in looks it up anew
        principal = authenticator.principal(asked)
        if not allowed & principal.scopes:
            needed = " or ".join(operation.scopes)
            raise Problem(403, "scope_missing", f"this key lacks the scope {needed}")
        body = body_of(asked)
        query = _query(known) if asked.query_string else {}
        try:
            with turn_of(asked, principal):
                status, document = handler(Call(principal, body, query, recorder), **path)
        except Replay as done:
            return Response(done.answer, done.status, content_type=JSON)
        if isinstance(document, Stream):
            return Response(document.pieces, status, _UNBUFFERED, content_type=operation.content_type)
        return Response(encode(document), status, kept, content_type=JSON)

    rule = operation.path.replace("{", "<").replace("}", ">")
    app.add_url_rule(rule, operation.name, view, methods=[operation.method])


def _turn_taker(operation: Operation) -> Callable[[Request, Principal], AbstractContextManager[None]]:
    turns, anybodys = Turns(), nullcontext()

    def take(asked: Request, principal: Principal) -> AbstractContextManager[None]:
        key = asked.headers.get("Idempotency-Key") if operation.once else None
        return anybodys if key is None else turns.take(principal.client, key)

    return take


def _body_reader(operation: Operation) -> Callable[[Request], BaseModel | None]:
    model = operation.body
    if model is None:
        return lambda _: None
    validate = model.__pydantic_validator__.validate_json
    optional = operation.body_optional

    def read(asked: Request) -> BaseModel | None:
        if (asked.content_length or 0) > BODY_LIMIT:
            raise Problem(413, "body_too_large", f"a body has at most {BODY_LIMIT} bytes")
        octets = asked.get_data()
        if not octets and optional:
            return model()
        if asked.content_type != JSON and not asked.is_json:
            raise Problem(415, "not_json", f"send the body as Content-Type: {JSON}")
        try:
            parsed: BaseModel = validate(octets)
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            if first["type"] == "json_invalid":
                raise Problem(400, "malformed_json", first["msg"]) from None
            raise InvalidInput(field_errors(error)) from None
        return parsed

    return read


def _query(known: frozenset[str]) -> dict[str, str]:
    """The query's parameters, empty ones left out; raises InvalidInput for one that is not known."""
    given = request.args
    if unknown := [name for name in given if name not in known]:
        listed = ", ".join(sorted(known)) or "none"
        raise InvalidInput([FieldError(name[:64], f"no such parameter; known: {listed}") for name in unknown])
    return {name: value for name, value in given.items() if value != ""}
