"""Modems: what they are doing, and what an operator asks of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from gateway.api import render
from gateway.api.operations import Answer, Call, Operation
from gateway.api.shapes.modems import ModemList, ModemShape, UssdShape
from gateway.api.view import ModemAction, ServiceView
from gateway.directory import ModemView
from gateway.refusals import NotFound
from gateway.requests import Request, UssdRequest


class NoFields(Request):
    """A body without fields; it may be left out."""


def operations(service: ServiceView) -> tuple[Operation, ...]:
    """The operations on /v1/modems."""

    def find(name: str) -> ModemView:
        for view in service.modems():
            if view.name == name:
                return view
        raise NotFound(f"there is no modem {name[:40]}")

    def every(_: Call) -> Answer:
        return 200, {"items": [render.modem(view) for view in service.modems()]}

    def one(_: Call, name: str) -> Answer:
        return 200, render.modem(find(name))

    def do(call: Call, name: str, action: ModemAction, code: str | None = None) -> Mapping[str, Any]:
        find(name)
        outcome = "failed"
        try:
            done = service.modem_action(name, action, code)
            outcome = "done"
        finally:  # never the code: it may hold a PIN or a voucher
            call.audit(f"modems.{action}", name, {"outcome": outcome})
        return done

    def ussd(call: Call, name: str) -> Answer:
        return 200, do(call, name, "ussd", call.body.code)

    def act(action: ModemAction) -> Callable[[Call, str], Answer]:
        def handler(call: Call, name: str) -> Answer:
            do(call, name, action)
            return 200, render.modem(find(name))

        return handler

    path, read, manage = "/v1/modems/{name}", ("modems:read", "modems:manage"), ("modems:manage",)
    actions: tuple[tuple[ModemAction, str], ...] = (
        ("pause", "Send nothing more by a modem; it still receives"),
        ("resume", "Undo a pause"),
        ("restart", "Restart a modem"),
    )
    return (
        Operation("GET", "/v1/modems", "list_modems", "Every modem", read, every, 200, ModemList),
        Operation("GET", path, "get_modem", "One modem", read, one, 200, ModemShape, refusals=(404,)),
        Operation(
            "POST", f"{path}/ussd", "ussd", "Ask the network by USSD", manage, ussd, 200, UssdShape,
            body=UssdRequest, refusals=(404, 422, 503),
        ),
        *(
            Operation(
                "POST", f"{path}/{action}", f"{action}_modem", summary, manage, act(action), 200, ModemShape,
                body=NoFields, body_optional=True, refusals=(404, 409, 422, 503),
            )
            for action, summary in actions
        ),
    )  # fmt: skip
