"""Webhooks: what happened, sent to configured endpoints, signed, in order, and again until it arrives."""

from __future__ import annotations

from gateway.webhooks.client import Answer, Client, NotSent
from gateway.webhooks.endpoint import Endpoint, EndpointState
from gateway.webhooks.webhooks import Trial, Webhooks, WebhookStatus

__all__ = ["Answer", "Client", "Endpoint", "EndpointState", "NotSent", "Trial", "WebhookStatus", "Webhooks"]
