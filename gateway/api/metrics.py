"""/metrics for monitoring. A loopback peer needs no key."""

from __future__ import annotations

from flask import Flask, Response, g, request
from flask.globals import request_ctx

from gateway.api.auth import Authenticator
from gateway.api.health import NO_STORE
from gateway.api.problems import Problem
from gateway.api.view import ServiceView
from gateway.metrics import CONTENT_TYPE

SCOPE = "stats:read"


def install(app: Flask, service: ServiceView, authenticator: Authenticator) -> None:
    """Add /metrics, and count what is answered."""

    @app.get("/metrics")
    def metrics() -> Response:
        principal = authenticator.admit_to_health(request)
        if principal is not None and not principal.may(SCOPE):
            raise Problem(403, "scope_missing", f"this key lacks the scope {SCOPE}")
        return Response(service.metrics.exposition(), 200, NO_STORE, content_type=CONTENT_TYPE)

    clock = service.clock

    @app.before_request
    def came() -> None:
        g.came = clock.boot()

    @app.after_request
    def answered(response: Response) -> Response:
        asked = request_ctx.request
        service.metrics.answered(asked.method, asked.endpoint, response.status_code, clock.boot() - g.came)
        return response
