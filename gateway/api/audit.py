"""The audit log: what was done to the gateway, and by whom."""

from __future__ import annotations

from gateway.api.kept import AuditList
from gateway.api.listing import CURSOR, LIMIT, limit_of, page
from gateway.api.operations import Answer, Call, Operation, Recorder
from gateway.api.render import moment
from gateway.api.view import ServiceView
from gateway.messages import Json
from gateway.store import AuditRow


def recorder(service: ServiceView) -> Recorder:
    """What `Call.audit` writes with."""
    return lambda actor, action, subject, details: service.store.audit.record(
        actor, action, subject, details, service.clock.now()
    )


def render(row: AuditRow) -> Json:
    """A row as JSON."""
    return {
        "id": row.id,
        "time": moment(row.at),
        "actor": row.actor,
        "action": row.action,
        "subject": row.subject,
        "details": row.details,
        "hash": row.hash.hex(),
    }


def operations(service: ServiceView) -> tuple[Operation, ...]:
    """The operations on /v1/audit."""

    def listing(call: Call) -> Answer:
        limit, cursor = limit_of(call.query), call.query.get("cursor")
        rows, more = page(lambda: service.store.audit.list(limit, cursor))
        return 200, {"items": [render(row) for row in rows], "next_cursor": more}

    return (
        Operation(
            "GET", "/v1/audit", "list_audit", "The audit log, newest first", ("admin",), listing, 200, AuditList,
            query=(LIMIT, CURSOR), refusals=(422,),
        ),
    )  # fmt: skip
