"""A gateway without modems for tests: real store, real engine, real API; the clock stands still."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Union

from flask import Flask
from pydantic import BaseModel, TypeAdapter
from werkzeug.test import TestResponse

from gateway.admission import Admission
from gateway.alarms import Alarms, Lookout, Mailer, Texter
from gateway.api import create_app
from gateway.api.operations import Operation
from gateway.api.shapes.common import ProblemShape
from gateway.api.view import ModemAction
from gateway.config import Config, load
from gateway.directory import ModemView
from gateway.intake import Intake
from gateway.messages import Lane
from gateway.metrics import Metrics
from gateway.optout import OptOut
from gateway.refusals import Unavailable
from gateway.service import settings_of
from gateway.store import Store
from gateway.verify import Verify
from gateway.webhooks import Webhooks
from hardware.clock import FakeClock
from hardware.tracing import Wiretap

NUMBER = "+447700900123"
OTHER = "+447700900124"
BASE = """
[gateway]
organisation = "Example Bank"
country = "GB"
timezone = "Europe/London"
[[modem]]
name = "sim1"
port = "simulator"
[[modem]]
name = "sim2"
port = "simulator"
prefixes = ["+33"]
"""
EVERYTHING = (
    *("messages:send", "messages:read", "messages:text", "messages:otp", "messages:raw"),
    *("otp:send", "otp:check", "inbox:read", "caught:read", "modems:read", "modems:manage"),
    *("events:read", "stats:read"),
)


class World:
    """The parts of a gateway, put together as the service does it."""

    def __init__(self, folder: Path, settings: str = "") -> None:
        path = folder / "simwire.toml"
        path.write_text(BASE + settings, encoding="utf-8")
        self.config: Config = load(path)
        self.clock = FakeClock()
        gateway = self.config.gateway
        self.store = Store.open(gateway.database, gateway.key_file, self.clock, settings_of(self.config))
        self.webhooks = Webhooks(self.config.webhook, self.store, self.clock)
        self.woken: list[tuple[str, Lane]] = []
        self.views = [ModemView("sim1", "ready", model="E1750"), ModemView("sim2", "absent", prefixes=("+33",))]
        admission = Admission(self.store, self.config, self.clock, lambda: self.views)
        self.store.inbox.listeners.append(OptOut(self.store, self.config).heard)
        self.intake = Intake(self.store, self.config, self.clock, admission, self._wake)
        self.verify = Verify(self.store, self.intake, self.config, self.clock)
        self.wiretaps = {view.name: Wiretap() for view in self.views}
        self.actions: list[tuple[str, ModemAction, str | None]] = []
        self.fails: Exception | None = None
        self.ussd: dict[str, Any] = {"mode": 0, "text": "credit 5.00"}
        alarms = self.config.alarms
        self.metrics = Metrics(
            *(self.store, self.clock, self.modems), webhooks=self.webhooks.status, limits=lambda: self.config.alarms
        )
        self.mailer = Mailer(alarms, again=())
        self.alarms = Alarms(
            alarms,
            gateway.organisation,
            Lookout(self.store, self.metrics.objectives, self.modems, list),
            self.store,
            self.clock,
            Texter(alarms.sms_to, self.store, self.clock, self.modems, lambda *woken: self.woken.append(woken)),
            self.mailer,
        )
        self.metrics.tell_alarms(self.alarms.keys)
        self.app: Flask = create_app(self)
        self.operations: tuple[Operation, ...] = self.app.extensions["simwire.operations"]
        self.keys: dict[tuple[str, tuple[str, ...]], str] = {}

    def close(self) -> None:
        """Close the store, and connections of webhooks."""
        self.webhooks.stop(0)
        self.store.close()

    def _wake(self, queue: str, lane: Lane, count: int) -> None:
        self.woken += [(queue, lane)] * count

    # -- what the API sees --------------------------------------------------------------------------------------------

    def modems(self) -> list[ModemView]:
        return self.views

    def ready(self) -> bool:
        return self.store.database.accepting() and any(view.usable for view in self.views)

    def wiretap(self, name: str) -> Wiretap:
        return self.wiretaps[name]

    def modem_action(self, name: str, action: ModemAction, code: str | None = None) -> Mapping[str, Any]:
        self.actions.append((name, action, code))
        if self.fails is not None:
            raise self.fails
        if name == "sim2":
            raise Unavailable("modem sim2 is absent", 10, "modem_unavailable")
        return self.ussd if action == "ussd" else {}

    @cached_property
    def document(self) -> dict[str, Any]:
        """What /openapi.json says."""
        found: dict[str, Any] = self.app.test_client().get("/openapi.json").get_json()
        return found

    # -- asking it ----------------------------------------------------------------------------------------------------

    def key(self, client: str = "shop", scopes: tuple[str, ...] = EVERYTHING) -> str:
        """A key of that client with those scopes."""
        if (client, scopes) not in self.keys:
            _, key = self.store.keys.create(client, scopes)
            self.keys[client, scopes] = key.reveal()
        return self.keys[client, scopes]

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        client: str = "shop",
        scopes: tuple[str, ...] = EVERYTHING,
        **options: Any,
    ) -> TestResponse:
        """One request with a key."""
        headers = {"Authorization": f"Bearer {self.key(client, scopes)}", **options.pop("headers", {})}
        if body is not None:
            options["json"] = body
        answer = self.app.test_client().open(path, method=method, headers=headers, **options)
        self.hold_to_document(method, path, answer)
        return answer

    def hold_to_document(self, method: str, path: str, answer: TestResponse) -> None:
        """Every answer is one that the OpenAPI document names, in the shape that it names."""
        for operation in self.operations:
            pattern = re.sub(r"{\w+}", "[^/]+", operation.path)
            if operation.method == method and re.fullmatch(pattern, path.partition("?")[0]):
                described = _promised(self)[operation.path][method.lower()]["responses"]
                assert str(answer.status_code) in described, f"{method} {path}: {answer.status_code} is not described"
                (content_type,) = described[str(answer.status_code)]["content"]
                assert answer.content_type == content_type
                shapes = (operation.answer, *operation.answers) if answer.status_code < 400 else (ProblemShape,)
                if answer.is_json or answer.status_code >= 400:
                    one_of(shapes).validate_json(answer.data)
                return

    def post(self, path: str, body: object = None, **options: Any) -> TestResponse:
        return self.ask("POST", path, body, **options)

    def get(self, path: str, **options: Any) -> TestResponse:
        return self.ask("GET", path, **options)

    def delete(self, path: str, **options: Any) -> TestResponse:
        return self.ask("DELETE", path, **options)

    def sent_text(self, message_id: str) -> str:
        """The text of a message as a modem would send it."""
        text = self.store.outbox.text(message_id)
        assert text is not None
        return text.reveal()

    def code(self, message_id: str) -> str:
        """The code in the text of a message."""
        found = re.search(r"(?<!\d)(\d{6,10})(?!\d)", self.sent_text(message_id))
        assert found is not None
        return found[1]


@cache
def one_of(shapes: tuple[type[BaseModel], ...]) -> TypeAdapter[BaseModel]:
    """Reads an answer that has one of these shapes."""
    return TypeAdapter(Union[shapes])  # noqa: UP007 - made at run time


_paths: dict[str, Any] = {}


def _promised(world: World) -> dict[str, Any]:
    """The paths of the document, which is the same whatever is configured."""
    if not _paths:
        _paths.update(world.document["paths"])
    return _paths
