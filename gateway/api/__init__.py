"""The HTTP API: parse, one call into the gateway, render. One file per resource."""

from __future__ import annotations

from gateway.api.app import create_app
from gateway.api.view import ServiceView

__all__ = ["ServiceView", "create_app"]
