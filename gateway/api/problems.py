"""Errors as clients see them: RFC 9457 problem documents with a stable `code`."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable

from flask import Flask, Response
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException
from werkzeug.http import HTTP_STATUS_CODES

from gateway.limits import whole_seconds
from gateway.refusals import (
    Conflict,
    FieldError,
    Forbidden,
    InvalidInput,
    NotFound,
    RefusedError,
    TooMany,
    Unavailable,
)
from gateway.requests import RECIPIENT_TAGS
from gateway.store.errors import Conflict as StoreConflict
from gateway.store.errors import StoreBusy, StoreError, StoreFailed, StoreFull

log = logging.getLogger("simwire.api")

PROBLEM = "application/problem+json"
_STATUS: dict[type[RefusedError], int] = {
    InvalidInput: 422,
    Forbidden: 403,
    NotFound: 404,
    Conflict: 409,
    TooMany: 429,
    Unavailable: 503,
}
_WORDS = {
    "missing": "is missing",
    "extra_forbidden": "no such field",
    "model_type": "must be a JSON object",
    "model_attributes_type": "must be a JSON object",
}
_CODES = {404: "not_found", 405: "method_not_allowed", 413: "body_too_large", 415: "not_json"}
_DETAILS = {
    404: "there is nothing at this path; /docs lists what there is",
    405: "this path does not take this method; Allow says which it takes",
}
STORE_RETRY = 5.0


class Problem(Exception):
    """An error of the HTTP side itself: authentication, scope, form of the request."""

    def __init__(self, status: int, code: str, detail: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail, self.headers = status, code, detail, headers or {}


def problem(
    status: int,
    code: str,
    detail: str,
    errors: Iterable[FieldError] = (),
    headers: dict[str, str] | None = None,
) -> Response:
    """A problem document."""
    document: dict[str, object] = {
        "type": "about:blank",
        "title": HTTP_STATUS_CODES[status],
        "status": status,
        "code": code,
        "detail": detail,
    }
    if fields := [{"field": error.field, "message": error.message} for error in errors]:
        document["errors"] = fields
    return Response(json.dumps(document), status, headers, content_type=PROBLEM)


def field_errors(error: ValidationError) -> list[FieldError]:
    """What pydantic found, by field; without the values."""
    found = []
    for detail in error.errors(include_url=False, include_context=False, include_input=False):
        steps = [step for step in detail["loc"] if step not in RECIPIENT_TAGS]
        name = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps).lstrip(".")
        message = detail["msg"].removeprefix("Value error, ")
        found.append(FieldError(name or "body", _WORDS.get(detail["type"], message[:1].lower() + message[1:])))
    return found


def install(app: Flask, count: Callable[[str], None]) -> None:
    """Answer every error of `app` with a problem document, and count it by its code."""

    def told(
        status: int, code: str, detail: str, errors: Iterable[FieldError] = (), headers: dict[str, str] | None = None
    ) -> Response:
        count(code)
        return problem(status, code, detail, errors, headers)

    def refused(error: RefusedError) -> Response:
        status = _STATUS[type(error)]
        headers = {}
        if isinstance(error, TooMany | Unavailable):
            headers["Retry-After"] = str(whole_seconds(error.retry_after))
        errors = error.errors if isinstance(error, InvalidInput | Forbidden) else ()
        return told(status, error.code, str(error), errors, headers)

    def own(error: Problem) -> Response:
        return told(error.status, error.code, error.detail, headers=error.headers)

    def http_error(error: HTTPException) -> Response:
        status = error.code or 500
        headers = {"Allow": ", ".join(sorted(error.valid_methods or ()))} if hasattr(error, "valid_methods") else {}
        words = _DETAILS.get(status) or error.description or error.name
        return told(status, _CODES.get(status, "http_error"), words, headers=headers)

    def stored(error: StoreError) -> Response:
        if isinstance(error, StoreConflict):
            return told(409, "conflict", str(error))
        if isinstance(error, StoreFull | StoreBusy | StoreFailed):
            log.error("the store refused: %s", error)
            return told(503, "store_unavailable", str(error), headers={"Retry-After": f"{STORE_RETRY:g}"})
        return unexpected(error)

    def unexpected(error: Exception) -> Response:
        log.error("request failed: %s", type(error).__name__, exc_info=error)
        return told(500, "internal_error", "this request failed inside the gateway; its log says why")

    app.register_error_handler(RefusedError, refused)
    app.register_error_handler(Problem, own)
    app.register_error_handler(HTTPException, http_error)
    app.register_error_handler(StoreError, stored)
    app.register_error_handler(Exception, unexpected)
