"""The HTTP side: keys, scopes, forms of requests, problem documents, health, the described API; and a real server."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from waitress import wasyncore
from waitress.server import create_server
from werkzeug.test import TestResponse

from gateway.api.operations import BODY_LIMIT
from gateway.store import Conflict as StoreConflict
from gateway.store import StoreBusy, StoreFailed, StoreFull
from tests.gateway.world import NUMBER, World

HELLO = {"to": NUMBER, "text": "hello"}
PROBLEM = {"type", "title", "status", "code", "detail"}


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer ", "Bearer sw_wrong", "Basic c2hvcDpzaG9w", "sw_wrong", "Bearer \u00fc"]
)
def test_without_a_key_nothing_goes(world: World, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    for method, path in (("POST", "/v1/messages"), ("GET", "/v1/messages"), ("GET", "/v1/modems"), ("POST", "/v1/otp")):
        answer = world.app.test_client().open(
            path, method=method, headers=headers, data=b"{", content_type="text/plain"
        )
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert answer.content_type == "application/problem+json"
        assert set(answer.get_json()) == PROBLEM
        assert answer.get_json()["code"] == "unauthorized"


def test_a_revoked_key_is_none(world: World) -> None:
    info, key = world.store.keys.create("shop", ("messages:read",))
    ask = {"Authorization": f"bearer {key.reveal()}"}
    assert world.app.test_client().get("/v1/messages", headers=ask).status_code == 200
    world.store.keys.revoke(info.id)
    assert world.app.test_client().get("/v1/messages", headers=ask).status_code == 401


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("POST", "/v1/messages", "messages:send"),
        ("GET", "/v1/messages", "messages:read"),
        ("DELETE", "/v1/messages/x", "messages:send"),
        ("POST", "/v1/otp", "otp:send"),
        ("POST", "/v1/otp/x/check", "otp:check"),
        ("GET", "/v1/inbox", "inbox:read"),
        ("GET", "/v1/modems", "modems:read"),
        ("POST", "/v1/modems/sim1/pause", "modems:manage"),
    ],
)
def test_each_call_needs_its_scope(world: World, method: str, path: str, scope: str) -> None:
    answer = world.ask(method, path, {} if method == "POST" else None, scopes=("stats:read",))
    assert (answer.status_code, answer.get_json()["code"]) == (403, "scope_missing")
    assert scope in answer.get_json()["detail"]
    assert world.ask(method, path, {} if method == "POST" else None, scopes=(scope,)).status_code != 403
    assert world.ask(method, path, {} if method == "POST" else None, scopes=("admin",)).status_code != 403


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"not json", b'{"to": "\\ud800"}', b"\xff\xfe", b'{"a":1}}', b"[" * 100_000, b'{"to":}', b"NaN"],
)
def test_malformed_json(world: World, data: bytes) -> None:
    answer = world.post("/v1/messages", data=data, content_type="application/json")
    assert answer.status_code in ((400, 422) if data == b"NaN" else (400,))
    assert answer.status_code == 422 or answer.get_json()["code"] == "malformed_json"
    assert set(answer.get_json()) >= PROBLEM


@pytest.mark.parametrize("field", ["to", "text", "lifetime", "client_ref", "replace", "not_before"])
def test_a_number_of_five_thousand_digits_is_no_defect(world: World, field: str) -> None:
    others = {name: value for name, value in HELLO.items() if name != field}
    data = json.dumps(others)[:-1] + f', "{field}": {"9" * 5000}}}'
    answer = world.post("/v1/messages", data=data, content_type="application/json")
    assert answer.status_code in (400, 422)


@pytest.mark.parametrize("data", [b"[]", b'"x"', b"1", b"null", b"true"])
def test_json_that_is_no_object(world: World, data: bytes) -> None:
    answer = world.post("/v1/messages", data=data, content_type="application/json")
    assert answer.status_code == 422
    assert answer.get_json()["errors"] == [{"field": "body", "message": "must be a JSON object"}]


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", None]
)
def test_bodies_must_be_sent_as_json(world: World, content_type: str | None) -> None:
    answer = world.post("/v1/messages", data=json.dumps(HELLO), content_type=content_type)
    assert (answer.status_code, answer.get_json()["code"]) == (415, "not_json")


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "application/vnd.api+json"])
def test_json_by_other_names(world: World, content_type: str) -> None:
    assert world.post("/v1/messages", data=json.dumps(HELLO), content_type=content_type).status_code == 202


def test_bodies_have_a_limit(world: World) -> None:
    body = json.dumps({**HELLO, "client_ref": "x" * BODY_LIMIT})
    answer = world.post("/v1/messages", data=body, content_type="application/json")
    assert (answer.status_code, answer.get_json()["code"]) == (413, "body_too_large")


def test_paths_and_methods_that_are_not_there(world: World) -> None:
    answer = world.get("/v1/nothing")
    assert (answer.status_code, answer.get_json()["code"]) == (404, "not_found")
    answer = world.app.test_client().put("/v1/messages")
    assert (answer.status_code, answer.get_json()["code"]) == (405, "method_not_allowed")
    assert answer.headers["Allow"] == "GET, HEAD, OPTIONS, POST"


@pytest.mark.parametrize("path", ["/v1//messages", "/v1/otp//check", "/v1/messages//", "/v1/modems/sim1//pause"])
def test_slashes_too_many_are_no_redirect(world: World, path: str) -> None:
    for method in ("GET", "POST", "DELETE"):
        answer = world.app.test_client().open(path, method=method)
        assert (answer.status_code, answer.content_type) == (404, "application/problem+json")
        assert answer.get_json()["code"] == "not_found"


def test_the_document_knows_the_bounds_and_shows_a_request(world: World) -> None:
    schemas = world.document["components"]["schemas"]
    send = schemas["SendRequest"]["properties"]
    assert send["to"]["oneOf"][0]["maxLength"] == 64
    assert (send["client_ref"]["anyOf"][0]["minLength"], send["client_ref"]["anyOf"][0]["maxLength"]) == (1, 255)
    assert (send["tags"]["items"]["minLength"], send["tags"]["items"]["maxLength"]) == (1, 64)
    assert world.post("/v1/messages", schemas["SendRequest"]["examples"][0]).status_code == 202
    assert world.post("/v1/otp", schemas["OtpRequest"]["examples"][0]).status_code == 202
    for call in (call for methods in world.document["paths"].values() for call in methods.values()):
        queries = [one for one in call.get("parameters", ()) if one["in"] == "query"]
        assert all(one["allowEmptyValue"] for one in queries)
    assert world.get("/v1/messages?until=&state=&limit=").status_code == 200


def test_errors_do_not_repeat_what_was_sent(world: World) -> None:
    secret = "topsecret987654"
    for path, body in (
        ("/v1/messages", {"to": secret, "text": [secret]}),
        ("/v1/messages", {**HELLO, "data": secret}),
        ("/v1/otp", {"to": NUMBER, "purpose": secret, "code": secret * 9, "binding": {"x": secret}}),
        ("/v1/otp", {"to": NUMBER, "purpose": "login", "context": {"payee": [secret], "amount": secret}}),
        ("/v1/otp/x/check", {"code": [secret]}),
    ):
        answer = world.post(path, body)
        assert answer.status_code == 422
        assert secret not in answer.text


def test_a_store_that_fails_is_503_and_a_defect_is_500(world: World, caplog: pytest.LogCaptureFixture) -> None:
    def ask() -> TestResponse:
        return world.post("/v1/modems/sim1/pause")

    for error in (StoreFull("the disk is full"), StoreFailed("unreadable"), StoreBusy("held")):
        world.fails = error
        answer = ask()
        assert (answer.status_code, answer.get_json()["code"]) == (503, "store_unavailable")
        assert int(answer.headers["Retry-After"]) > 0
    world.fails = StoreConflict("too late")
    assert ask().status_code == 409
    world.fails = RuntimeError("detail 987654")
    answer = world.app.test_client().post("/v1/modems/sim1/pause", headers={"Authorization": f"Bearer {world.key()}"})
    assert (answer.status_code, answer.get_json()["code"]) == (500, "internal_error")
    assert "987654" not in answer.text
    assert "RuntimeError" in caplog.text


def test_health_without_a_key_from_loopback_only(world: World) -> None:
    client = world.app.test_client()
    for path, body in (
        ("/health/live", {"status": "live"}),
        ("/health/ready", {"status": "ready", "database": True, "modems": 1}),
    ):
        for peer in ("127.0.0.1", "::1"):
            answer = client.get(path, environ_base={"REMOTE_ADDR": peer})
            assert (answer.status_code, answer.get_json()) == (200, body)
        assert client.get(path, environ_base={"REMOTE_ADDR": "192.0.2.7"}).status_code == 401
        for name in ("X-Forwarded-For", "Forwarded", "X-Real-IP", "X-Forwarded-Host"):
            assert client.get(path, headers={name: "192.0.2.7"}).status_code == 401
        key = {"Authorization": f"Bearer {world.key()}", "X-Forwarded-For": "192.0.2.7"}
        assert client.get(path, headers=key).status_code == 200


def test_not_ready_without_a_modem_that_can_send(world: World) -> None:
    del world.views[0]
    answer = world.app.test_client().get("/health/ready")
    assert (answer.status_code, answer.get_json()["status"], answer.get_json()["modems"]) == (503, "not_ready", 0)
    assert world.app.test_client().get("/health/live").status_code == 200


def test_the_document_describes_every_route(world: World) -> None:
    document = world.document
    assert document["openapi"] == "3.1.0"
    described = {
        (method.upper(), path.replace("{", "<").replace("}", ">"))
        for path, methods in document["paths"].items()
        for method in methods
    }
    served = {
        (method, rule.rule)
        for rule in world.app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert served - described == {("GET", "/openapi.json"), ("GET", "/docs")}
    assert described <= served
    names = [call["operationId"] for methods in document["paths"].values() for call in methods.values()]
    assert len(names) == len(set(names))


def test_every_reference_in_the_document_leads_somewhere(world: World) -> None:
    schemas = world.document["components"]["schemas"]
    found = {part.split('"')[0] for part in json.dumps(world.document).split("#/components/schemas/")[1:]}
    assert found <= set(schemas)
    assert {"SendRequest", "OtpRequest", "MessageWithTimeline", "ProblemShape"} <= found


def test_the_docs_need_nothing_from_elsewhere(world: World) -> None:
    answer = world.app.test_client().get("/docs")
    assert (answer.status_code, answer.mimetype) == (200, "text/html")
    assert "http://" not in answer.text
    assert "https://" not in answer.text
    assert "<script" not in answer.text
    for path in world.document["paths"]:
        assert path in answer.text


# -- a real server ----------------------------------------------------------------------------------------------------


@contextmanager
def served(world: World) -> Iterator[int]:
    server = create_server(
        world.app, host="127.0.0.1", port=0, threads=8, asyncore_use_poll=True, max_request_body_size=1024 * 1024
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield int(server.effective_port)
    finally:
        world.app.extensions["simwire.waiting"].close()
        with suppress(OSError):  # its loop, awake already, may have closed it before it is woken for that
            server.trigger.pull_trigger(server.close)
        thread.join(30)
        server.task_dispatcher.shutdown()
        wasyncore.close_all(server._map, ignore_all=True)  # what is left of connections that clients gave up


def ask(port: int, world: World, method: str, path: str, body: object = None) -> tuple[int, dict[str, object]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Authorization": f"Bearer {world.key()}", "Content-Type": "application/json"}
    connection.request(method, path, None if body is None else json.dumps(body), headers)
    answer = connection.getresponse()
    found = answer.status, json.loads(answer.read())
    connection.close()
    return found


def test_a_code_over_a_real_server(world: World) -> None:
    with served(world) as port:
        status, otp = ask(port, world, "POST", "/v1/otp", {"to": NUMBER, "purpose": "login"})
        assert status == 202
        code = world.code(str(otp["message_id"]))
        results: list[tuple[int, dict[str, object]]] = []
        path = f"/v1/otp/{otp['id']}/check"
        threads = [
            threading.Thread(target=lambda: results.append(ask(port, world, "POST", path, {"code": code})))
            for _ in range(6)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(str(body["result"]) for _, body in results) == ["approved", *["used"] * 5]
        assert ask(port, world, "GET", "/health/ready")[0] == 200
        assert ask(port, world, "POST", "/v1/messages", {**HELLO, "client_ref": "x" * 300_000})[0] == 413


def test_accepting_goes_on_while_clients_wait(world: World) -> None:
    with served(world) as port:
        _, message = ask(port, world, "POST", "/v1/messages", HELLO)
        path = f"/v1/messages/{message['id']}?wait=60"
        answers: list[tuple[int, dict[str, object]]] = []
        threads = [threading.Thread(target=lambda: answers.append(ask(port, world, "GET", path))) for _ in range(4)]
        for thread in threads:
            thread.start()
        assert ask(port, world, "POST", "/v1/otp", {"to": NUMBER, "purpose": "login"})[0] == 202
        assert ask(port, world, "DELETE", f"/v1/messages/{message['id']}")[0] == 200
        for thread in threads:
            thread.join(30)
        assert [body["state"] for _, body in answers] == ["cancelled"] * 4
