"""The Flask application of the API."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from flask import Flask, Response

from gateway.api import (
    alarms,
    audit,
    blocked,
    caught,
    docs,
    events,
    health,
    inbox,
    keys,
    locks,
    messages,
    metrics,
    modems,
    openapi,
    otp,
    preview,
    privacy,
    problems,
    stats,
    traces,
    webhooks,
)
from gateway.api.auth import Authenticator
from gateway.api.operations import BODY_LIMIT, JSON, Operation, encode, register
from gateway.api.view import ServiceView
from gateway.api.waiting import WaitRoom


class _Api(Flask):
    """Flask, without asking of each function for each request whether it is a coroutine: none is."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """The function as it is."""
        return func


def create_app(service: ServiceView, waiting: WaitRoom | None = None) -> Flask:
    """The WSGI application, which may share a room for waiting requests with the one before it.

    `app.extensions["simwire.waiting"].close()` ends its long polls, and
    `app.extensions["simwire.operations"]` is everything that the OpenAPI document describes.
    """
    app = _Api("simwire", static_folder=None, template_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = BODY_LIMIT
    app.url_map.merge_slashes = False  # `/v1/otp//check` is a missing id, not a redirect to somewhere else
    waiting = app.extensions["simwire.waiting"] = waiting or WaitRoom(service.config.api.threads)
    authenticator = Authenticator(service.store.keys, service.config.api.trusted_proxies)
    operations = (
        *messages.operations(service, waiting),
        *otp.operations(service),
        *preview.operations(service),
        *inbox.operations(service, waiting),
        *caught.operations(service, waiting),
        *modems.operations(service),
        *traces.operations(service, waiting, authenticator),
        *blocked.operations(service),
        *locks.operations(service),
        *privacy.operations(service),
        *audit.operations(service),
        *keys.operations(service),
        *webhooks.operations(service),
        *alarms.operations(service),
        *events.operations(service, waiting, authenticator),
        *stats.operations(service),
    )
    app.extensions["simwire.operations"] = operations
    for operation in operations:
        register(app, operation, authenticator, audit.recorder(service))
    health.install(app, service, authenticator)
    metrics.install(app, service, authenticator)
    problems.install(app, service.metrics.refused)
    _describe(app, operations)
    return app


def _describe(app: Flask, operations: tuple[Operation, ...]) -> None:
    """Add /openapi.json and /docs, both made once, when somebody asks: a start and a reload do not wait for them."""
    document = cache(lambda: openapi.document(operations))
    described, page = cache(lambda: encode(document())), cache(lambda: docs.page(document()))

    @app.get("/openapi.json")
    def openapi_json() -> Response:
        return Response(described(), content_type=JSON)

    @app.get("/docs")
    def docs_page() -> Response:
        headers = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
        return Response(page(), headers=headers, content_type="text/html; charset=utf-8")
