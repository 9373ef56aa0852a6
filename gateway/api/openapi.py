"""The OpenAPI 3.1 document, from the operations and the types that validate."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from gateway import release
from gateway.api.operations import BODY_LIMIT, EVENT_STREAM, Operation
from gateway.api.problems import PROBLEM
from gateway.api.shapes.common import Live, ProblemShape, Ready, Shape
from gateway.once import LONGEST_KEY

_REF = "#/components/schemas/{model}"
_WORDS = {
    400: "The body is not JSON, or a trusted proxy does not say whom it speaks for",
    401: "No key, or one that is not in force",
    403: "The key lacks a scope, or the destination is not allowed",
    404: "There is no such thing, or it is another client's",
    409: "The state of the thing forbids it",
    413: f"The body is over {BODY_LIMIT} bytes",
    415: "The body is not sent as JSON",
    422: "Fields that cannot be used, each named",
    429: "A limit; Retry-After says when to try again",
    503: "Nothing can be taken now; Retry-After says when to try again",
}
_INTRODUCTION = (
    "Send text messages and one-time codes through your own SIM cards. JSON in and out; times in RFC 3339, UTC; "
    "errors are problem documents (RFC 9457) with a stable `code`."
)

Json = dict[str, Any]


def document(operations: Iterable[Operation]) -> Json:
    """The whole document."""
    operations = list(operations)
    models = _models(operations)
    keys, definitions = models_json_schema([(model, _mode(model)) for model in models], ref_template=_REF)
    refs = {model: keys[(model, _mode(model))] for model in models}
    paths: dict[str, Json] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, refs)
    for path, model in (("/health/live", Live), ("/health/ready", Ready)):
        paths[path] = {"get": _health(path, refs[model])}
    paths["/metrics"] = {"get": _metrics(refs[ProblemShape])}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Simwire", "version": release.installed(), "description": _INTRODUCTION},
        "security": [{"key": []}],
        "paths": paths,
        "components": {
            "schemas": definitions["$defs"],
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


def _models(operations: list[Operation]) -> list[type[BaseModel]]:
    found: dict[type[BaseModel], None] = {ProblemShape: None, Live: None, Ready: None}
    for operation in operations:
        found[operation.answer] = None
        found.update(dict.fromkeys(operation.answers))
        if operation.body is not None:
            found[operation.body] = None
    return list(found)


_IDEMPOTENCY_KEY: Json = {
    "name": "Idempotency-Key",
    "in": "header",
    "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY},
    "description": "The same key with the same request is done once, and answered the same way for 24 hours",
}

_LAST_EVENT_ID: Json = {
    "name": "Last-Event-ID",
    "in": "header",
    "schema": {"type": "string", "pattern": "^[0-9]{1,18}$"},
    "description": "The id of the last event that was seen; the next one after it is the first (WHATWG HTML 9.2)",
}


def _mode(model: type[BaseModel]) -> JsonSchemaMode:
    return "serialization" if issubclass(model, Shape) else "validation"


def _operation(operation: Operation, refs: dict[type[BaseModel], Json]) -> Json:
    names = [part[1:-1] for part in operation.path.split("/") if part.startswith("{")]
    shapes = [refs[model] for model in (operation.answer, *operation.answers)]
    described: Json = {
        "operationId": operation.name,
        "summary": operation.summary,
        "description": "Scope: " + " or ".join(f"`{scope}`" for scope in operation.scopes),
        "tags": [operation.path.split("/")[2]],
        "parameters": [
            *({"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names),
            *(
                {
                    "name": one.name,
                    "in": "query",
                    "schema": dict(one.schema),
                    "description": one.description,
                    "allowEmptyValue": True,
                }
                for one in operation.query
            ),
            *((_IDEMPOTENCY_KEY,) if operation.once else ()),
            *((_LAST_EVENT_ID,) if operation.content_type == EVENT_STREAM else ()),
        ],
        "responses": {
            str(operation.status): {
                "description": operation.answer.__doc__,
                "content": {operation.content_type: {"schema": shapes[0] if len(shapes) == 1 else {"oneOf": shapes}}},
            },
            **{str(status): _problem(status, refs) for status in _refusals(operation)},
        },
    }
    if operation.body is not None:
        described["requestBody"] = {
            "required": not operation.body_optional,
            "content": {"application/json": {"schema": refs[operation.body]}},
        }
    return described


def _refusals(operation: Operation) -> list[int]:
    found = {400, 401, 403, *operation.refusals}
    if operation.body is not None:
        found |= {413, 415, 422}
    # An unknown query parameter is refused wherever none or another is known.
    return sorted(found | {422})


def _problem(status: int, refs: dict[type[BaseModel], Json]) -> Json:
    described: Json = {"description": _WORDS[status], "content": {PROBLEM: {"schema": refs[ProblemShape]}}}
    if status in (429, 503):
        described["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds"}}
    return described


def _health(path: str, shape: Json) -> Json:
    content = {"content": {"application/json": {"schema": shape}}}
    refusals = {str(status): {"description": _WORDS[status]} for status in (400, 401)}
    responses: Json = {"200": {"description": "Yes", **content}, **refusals}
    if path.endswith("ready"):
        responses["503"] = {"description": "Not now", **content}
    return {
        "operationId": path.strip("/").replace("/", "_"),
        "summary": "Whether the process answers" if path.endswith("live") else "Whether messages can be taken and sent",
        "description": "No key is needed from a loopback peer without forwarding headers.",
        "tags": ["health"],
        "security": [{}, {"key": []}],
        "responses": responses,
    }


def _metrics(problem: Json) -> Json:
    refusals = {
        str(status): {"description": _WORDS[status], "content": {PROBLEM: {"schema": problem}}} for status in (401, 403)
    }
    text = {"text/plain": {"schema": {"type": "string"}}}
    return {
        "operationId": "metrics",
        "summary": "What monitoring reads, in Prometheus' text format",
        "description": (
            "No key is needed from a loopback peer without forwarding headers; others need the scope `stats:read`."
        ),
        "tags": ["health"],
        "security": [{}, {"key": []}],
        "responses": {"200": {"description": "Metrics", "content": text}, **refusals},
    }
