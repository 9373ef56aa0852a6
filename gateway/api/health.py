"""Whether the gateway lives and can work. A loopback peer needs no key."""

from __future__ import annotations

from flask import Flask, Response, request

from gateway.api.auth import Authenticator
from gateway.api.operations import JSON, encode
from gateway.api.view import ServiceView

NO_STORE = {"Cache-Control": "no-store"}


def install(app: Flask, service: ServiceView, authenticator: Authenticator) -> None:
    """Add /health/live and /health/ready."""

    @app.get("/health/live")
    def live() -> Response:
        authenticator.admit_to_health(request)
        return Response(encode({"status": "live"}), 200, NO_STORE, content_type=JSON)

    @app.get("/health/ready")
    def ready() -> Response:
        authenticator.admit_to_health(request)
        is_ready = service.ready()
        document = {
            "status": "ready" if is_ready else "not_ready",
            "database": service.store.database.accepting(),
            "modems": sum(view.usable for view in service.modems()),
        }
        return Response(encode(document), 200 if is_ready else 503, NO_STORE, content_type=JSON)
