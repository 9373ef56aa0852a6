"""Integers where strings are expected: taken as their decimal digits, in every field of which the document says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.gateway.world import NUMBER, World

HELLO = {"to": NUMBER, "text": "hello"}
LOGIN = {"to": NUMBER, "purpose": "login"}
PURCHASE = {"payee": "Garden Shop", "amount": "49.90", "currency": "EUR"}


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    return make_world('[[modem]]\nname = "7"\nport = "simulator"\n')


@pytest.mark.parametrize(
    ("field", "given", "shown"),
    [
        ("to", 447700900123, NUMBER),
        ("to", 7700900123, NUMBER),
        ("client_ref", 17, "17"),
        ("client_ref", 0, "0"),
        ("tags", [1, "two", 3], ["1", "two", "3"]),
    ],
)
def test_a_message(world: World, field: str, given: Any, shown: Any) -> None:
    answer = world.post("/v1/messages", HELLO | {field: given})
    assert (answer.status_code, answer.get_json()[field]) == (202, shown)


def test_numbers_in_a_list(world: World) -> None:
    answer = world.post("/v1/messages", HELLO | {"to": [447700900123, "+447700900124"]})
    assert [item["to"] for item in answer.get_json()["items"]] == [NUMBER, "+447700900124"]


def test_a_text_and_a_modem(world: World) -> None:
    answer = world.post("/v1/messages", HELLO | {"text": 1234567890123, "modem": 7})
    assert answer.status_code == 202
    assert world.sent_text(answer.get_json()["id"]) == "1234567890123"
    assert world.woken[-1][0] == "modem:7"


@pytest.mark.parametrize(("field", "given", "shown"), [("to", 447700900123, NUMBER), ("client_ref", 17, "17")])
def test_a_challenge(world: World, field: str, given: Any, shown: Any) -> None:
    challenge = world.post("/v1/otp", LOGIN | {field: given}).get_json()
    assert world.get(f"/v1/otp/{challenge['id']}").get_json()[field] == shown


@pytest.mark.parametrize(("given", "repeated"), [(4711, "4711"), ("4711", 4711), (4711, 4711)])
def test_a_binding(world: World, given: Any, repeated: Any) -> None:
    challenge = world.post("/v1/otp", LOGIN | {"binding": given, "code": "135790"}).get_json()
    answer = world.post(f"/v1/otp/{challenge['id']}/check", {"code": "135790", "binding": repeated})
    assert answer.get_json()["result"] == "approved"


@pytest.mark.parametrize(("given", "typed"), [(135790, "135790"), ("135790", 135790), (42, "000042"), ("000042", 42)])
def test_a_code(world: World, given: Any, typed: Any) -> None:
    challenge = world.post("/v1/otp", LOGIN | {"code": given}).get_json()
    answer = world.post(f"/v1/otp/{challenge['id']}/check", {"code": typed})
    assert answer.get_json()["result"] == "approved"


@pytest.mark.parametrize("field", ["payee", "operation", "reference"])
def test_a_context(world: World, field: str) -> None:
    body = {"to": NUMBER, "purpose": "transaction", "code": "135790", "context": PURCHASE | {field: 4711}}
    challenge = world.post("/v1/otp", body).get_json()
    assert "4711" in world.sent_text(challenge["message_id"])
    check = {"code": "135790", "context": PURCHASE | {field: "4711"}}
    assert world.post(f"/v1/otp/{challenge['id']}/check", check).get_json()["result"] == "approved"


def test_a_template_is_looked_for_by_its_name(world: World) -> None:
    for path in ("/v1/otp", "/v1/preview"):
        answer = world.post(path, LOGIN | {"template": 7})
        (error,) = answer.get_json()["errors"]
        assert (answer.status_code, error["field"]) == (422, "template")
        assert error["message"].startswith("no such template")


def test_a_preview(world: World) -> None:
    answer = world.post("/v1/preview", {"to": 447700900123, "text": 42}).get_json()
    assert (answer["to"], answer["text"]) == (NUMBER, "42")


def test_a_ussd_code(world: World) -> None:
    assert world.post("/v1/modems/sim1/ussd", {"code": 100}).status_code == 200
    assert world.actions == [("sim1", "ussd", "100")]
    assert world.post("/v1/modems/sim1/ussd", {"code": -100}).status_code == 422


@pytest.mark.parametrize("given", [True, 1.0, 1.5, [7], {"7": 7}])
def test_nothing_else_is_taken_for_a_string(world: World, given: Any) -> None:
    for path, body in (("/v1/messages", HELLO), ("/v1/otp", LOGIN)):
        answer = world.post(path, body | {"client_ref": given})
        assert answer.status_code == 422
        assert [error["field"].partition(".")[0] for error in answer.get_json()["errors"]] == ["client_ref"]


def test_the_tests_above_cover_what_the_document_says_of_these_requests(world: World) -> None:
    schemas = world.document["components"]["schemas"]
    named = {
        "SendRequest": {"to", "text", "modem", "client_ref", "tags"},
        "OtpRequest": {"to", "binding", "code", "client_ref", "template"},
        "CheckRequest": {"code", "binding"},
        "Context": {"payee", "operation", "reference"},
        "PreviewRequest": {"to", "text", "template"},
        "UssdRequest": {"code"},
    }
    for model, fields in named.items():
        assert {name for name, one in schemas[model]["properties"].items() if _takes_both(one)} == fields, model


def _takes_both(schema: dict[str, Any]) -> bool:
    return any({"string", "integer"} <= set(one["type"]) for one in _parts(schema) if isinstance(one.get("type"), list))


def _parts(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield schema
    for key in ("anyOf", "oneOf"):
        for one in schema.get(key, ()):
            yield from _parts(one)
    if "items" in schema:
        yield from _parts(schema["items"])
