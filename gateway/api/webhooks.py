"""Webhooks: how they are doing, what was given up, and sending it once more."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from gateway.api.listing import CURSOR, LIMIT, limit_of, page
from gateway.api.operations import Answer, Call, Operation, Parameter
from gateway.api.render import moment, moment_or_none
from gateway.api.shapes.webhooks import DeadDeliveryList, ReplayShape, WebhookList, WebhookTestShape
from gateway.api.view import ServiceView
from gateway.messages import Json
from gateway.refusals import InvalidInput, NotFound
from gateway.requests import Request, shown
from gateway.store import DeadDelivery
from gateway.webhooks import WebhookStatus

_QUERY = (Parameter("endpoint", {"type": "string"}, "Only what was given up at this webhook"), LIMIT, CURSOR)


class ReplayRequest(Request):
    """What is sent once more: deliveries by id, or everything that was given up at a webhook."""

    model_config = shown(endpoint="hook1")

    ids: Annotated[tuple[Annotated[str, Field(max_length=40)], ...], Field(min_length=1, max_length=1000)] | None = None
    endpoint: str | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> ReplayRequest:
        if (self.ids is None) == (self.endpoint is None):
            raise ValueError("either ids or endpoint")
        return self


class NoFields(Request):
    """A body without fields; it may be left out."""


def render(status: WebhookStatus) -> Json:
    """A webhook as JSON."""
    state, counts = status.state, status.counts
    return {
        "name": status.hook.name,
        "origin": status.origin,
        "events": list(status.hook.events),
        "clients": list(status.hook.clients),
        "waiting": counts.waiting,
        "oldest_waiting_at": moment_or_none(counts.oldest_at),
        "dead": counts.dead,
        "failures": state.failures,
        "paused_until": _seconds(state.paused_until),
        "last_error": state.last_error,
        "last_error_at": _seconds(state.last_error_at),
        "last_delivery_at": _seconds(state.last_delivery_at),
    }


def render_dead(dead: DeadDelivery) -> Json:
    """What was given up, as JSON."""
    return {
        "id": str(dead.id),
        "endpoint": dead.endpoint,
        "event_id": str(dead.event),
        "type": dead.kind,
        "client": dead.client,
        "subject": dead.subject,
        "attempts": dead.attempts,
        "status": dead.status,
        "error": dead.error,
        "created_at": moment(dead.created_at),
        "dead_at": moment(dead.dead_at),
    }


def _seconds(at: float | None) -> str | None:
    return None if at is None else moment(round(at * 1000))


def operations(service: ServiceView) -> tuple[Operation, ...]:
    """The operations on /v1/webhooks."""
    webhooks = service.webhooks

    def every(_: Call) -> Answer:
        return 200, {"items": [render(status) for status in webhooks.status()]}

    def dead(call: Call) -> Answer:
        limit, query = limit_of(call.query), call.query
        found, more = page(
            lambda: service.store.deliveries.dead(query.get("endpoint"), limit, query.get("cursor")),
        )
        return 200, {"items": [render_dead(one) for one in found], "next_cursor": more}

    def replay(call: Call) -> Answer:
        if call.body.ids is None:
            try:
                replayed, unknown = webhooks.replay_dead(call.body.endpoint), list[str]()
            except KeyError:
                raise InvalidInput.of("endpoint", "no webhook of the configuration has this name") from None
        else:
            ids = tuple(dict.fromkeys(call.body.ids))
            unknown = webhooks.replay(ids)
            replayed = len(ids) - len(unknown)
        if replayed:
            call.audit("webhooks.replay", call.body.endpoint or "by id", {"replayed": replayed})
        return 200, {"replayed": replayed, "unknown": unknown}

    def test(call: Call, name: str) -> Answer:
        try:
            result = webhooks.test(name)
        except KeyError:
            raise NotFound(f"there is no webhook {name[:40]}") from None
        call.audit("webhooks.test", name, {"delivered": result.error is None})
        return 200, {
            "event_id": result.event,
            "delivered": result.error is None,
            "status": result.status,
            "error": result.error,
            "seconds": round(result.seconds, 3),
        }

    path, admin = "/v1/webhooks", ("admin",)
    return (
        Operation("GET", path, "list_webhooks", "Every webhook and how it is doing", admin, every, 200, WebhookList),
        Operation(
            "GET", f"{path}/dead", "list_dead_deliveries", "Events that were given up at a webhook, newest first",
            admin, dead, 200, DeadDeliveryList, query=_QUERY,
        ),
        Operation(
            "POST", f"{path}/replay", "replay_deliveries", "Send events once more", admin, replay, 200, ReplayShape,
            body=ReplayRequest,
        ),
        Operation(
            "POST", f"{path}/{{name}}/test", "test_webhook", "Send a test event now", admin, test, 200,
            WebhookTestShape, body=NoFields, body_optional=True, refusals=(404,),
        ),
    )  # fmt: skip
