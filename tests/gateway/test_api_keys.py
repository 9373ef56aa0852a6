"""Keys over HTTP: made, changed, rotated, ended, and what each limit refuses."""

from __future__ import annotations

import json
from typing import Any

import pytest
from werkzeug.test import TestResponse

from gateway.messages import Json
from gateway.store.keys import CACHE_SECONDS
from tests.gateway.world import NUMBER, World

ADMIN = ("admin",)
OTP = {"to": NUMBER, "purpose": "login"}
TEXT = {"to": NUMBER, "text": "hello"}
ALLOWED = '[limits]\nallowed_countries = ["GB", "FR"]\n'


def make(world: World, **fields: Any) -> Json:
    answer = world.post("/v1/keys", {"name": "app", **fields}, client="boss", scopes=ADMIN)
    assert answer.status_code == 201, answer.text
    made: Json = answer.get_json()
    return made


def use(world: World, key: Json, method: str, path: str, body: object = None, **options: Any) -> TestResponse:
    """A request with that very key."""
    headers = {"Authorization": f"Bearer {key['key']}", **options.pop("headers", {})}
    answer = world.app.test_client().open(path, method=method, json=body, headers=headers, **options)
    world.hold_to_document(method, path, answer)
    return answer


def admin(world: World, method: str, path: str, body: object = None) -> TestResponse:
    return world.ask(method, path, body, client="boss", scopes=ADMIN)


def code_of(answer: TestResponse) -> tuple[int, str]:
    return answer.status_code, answer.get_json()["code"]


# -- the life of a key ------------------------------------------------------------------------------------------------


def test_a_key_is_made_and_shown_once(world: World) -> None:
    answer = world.post("/v1/keys", {"name": "app", "client": "shop"}, client="boss", scopes=ADMIN)
    made = answer.get_json()
    assert answer.headers["Cache-Control"] == "no-store"
    assert (made["client"], made["name"], made["state"]) == ("shop", "app", "in_force")
    assert made["scopes"] == ["messages:read", "messages:send", "otp:check", "otp:send"]
    assert use(world, made, "POST", "/v1/messages", TEXT).status_code == 202
    shown = admin(world, "GET", f"/v1/keys/{made['id']}")
    assert "key" not in shown.get_json()
    listed = admin(world, "GET", "/v1/keys").get_json()["items"]
    assert {one["name"] for one in listed} == {"boss", "app"}
    assert made["key"] not in json.dumps(listed)


def test_an_idempotency_key_does_not_keep_a_key(world: World) -> None:
    headers = {"Idempotency-Key": "once"}
    body = {"name": "app"}
    first = world.post("/v1/keys", body, client="boss", scopes=ADMIN, headers=headers).get_json()
    again = world.post("/v1/keys", body, client="boss", scopes=ADMIN, headers=headers).get_json()
    assert first["key"] != again["key"]
    with world.store.database.read() as cx:
        assert cx.execute("SELECT count(*) FROM idempotency").fetchone()[0] == 0


def test_every_limit_is_given_back_as_it_was_asked_for(world: World) -> None:
    limits = {
        "networks": ["10.0.0.0/8", "2001:db8::/32"],
        "countries": ["GB", "FR"],
        "templates": ["login"],
        "longest_lifetime": 120.0,
        "rates": ["100/1h", "10/1m"],
        "short_codes": True,
        "delivery": "redirect",
        "redirect_to": "+447700900199",
    }
    made = make(world, **limits, scopes=["admin", "otp:send"], expires_in="1d")
    assert {name: made[name] for name in limits} == limits
    assert made["expires_at"] == "2026-01-02T00:00:00.000Z"
    assert make(world, networks=["10.1.2.3/8"], longest_lifetime="2m")["networks"] == ["10.0.0.0/8"]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": ""}, "name"),
        ({"scopes": ["everything"]}, "scopes[0]"),
        ({"scopes": []}, "scopes"),
        ({"networks": ["here"]}, "networks[0]"),
        ({"countries": ["England"]}, "countries[0]"),
        ({"longest_lifetime": 5}, "longest_lifetime"),
        ({"rates": ["many"]}, "rates[0]"),
        ({"short_codes": "yes"}, "short_codes"),
        ({"delivery": "nowhere"}, "delivery"),
        ({"delivery": "redirect"}, "redirect_to"),
        ({"delivery": "catch", "redirect_to": "+447700900199"}, "redirect_to"),
        ({"delivery": "redirect", "redirect_to": "07700900199"}, "redirect_to"),
        ({"delivery": "redirect", "redirect_to": "+4477009001"}, "redirect_to"),
        ({"delivery": "redirect", "redirect_to": "+449098790000"}, "redirect_to"),  # premium rate
        ({"delivery": "redirect", "redirect_to": "+33600000001"}, "redirect_to"),  # a country that is not allowed
        ({"expires_at": "2025-12-31T00:00:00Z"}, "expires_at"),
        ({"expires_at": "2026-12-31T00:00:00"}, "expires_at"),
        ({"expires_at": "2126-01-01T00:00:00Z"}, "expires_at"),
        ({"expires_at": "9999-12-31T23:59:59-12:00"}, "expires_at"),
        ({"expires_at": "9999-12-31T23:59:59.9999Z"}, "expires_at"),
        ({"expires_at": "0001-01-01T00:00:00+12:00"}, "expires_at"),
        ({"expires_in": 0}, "expires_in"),
        ({"expires_in": "1d", "expires_at": "2026-12-31T00:00:00Z"}, "expires_in"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_cannot_be_is_named(world: World, fields: Json, field: str) -> None:
    answer = world.post("/v1/keys", {"name": "app", **fields}, client="boss", scopes=ADMIN)
    assert answer.status_code == 422, answer.text
    assert [error["field"] for error in answer.get_json()["errors"]] == [field]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/keys"),
        ("GET", "/v1/keys"),
        ("GET", "/v1/keys/x"),
        ("PATCH", "/v1/keys/x"),
        ("POST", "/v1/keys/x/rotate"),
        ("DELETE", "/v1/keys/x"),
    ],
)
def test_only_admins_may(world: World, method: str, path: str) -> None:
    assert code_of(world.ask(method, path, {"name": "x"} if method != "GET" else None)) == (403, "scope_missing")
    if path.endswith(("/x", "/rotate")):
        body = {} if method in ("PATCH", "POST") else None
        assert code_of(admin(world, method, path, body)) == (404, "not_found")


def test_an_expired_key_opens_nothing_and_can_be_prolonged(world: World) -> None:
    made = make(world, expires_in=60)
    assert use(world, made, "GET", "/v1/messages").status_code == 200
    world.clock.advance(60)
    assert use(world, made, "GET", "/v1/messages").status_code == 401
    assert admin(world, "GET", f"/v1/keys/{made['id']}").get_json()["state"] == "expired"
    assert admin(world, "POST", f"/v1/keys/{made['id']}/rotate", {}).status_code == 409
    assert admin(world, "PATCH", f"/v1/keys/{made['id']}", {"expires_at": None}).get_json()["expires_at"] is None
    assert use(world, made, "GET", "/v1/messages").status_code == 200


def test_no_end_of_a_key_makes_the_list_of_keys_unreadable(world: World) -> None:
    made = make(world)
    path = f"/v1/keys/{made['id']}"
    for far in ("9999-12-31T23:59:59-12:00", "9999-12-31T23:59:59.9999Z"):
        assert code_of(admin(world, "PATCH", path, {"expires_at": far})) == (422, "invalid_input")
    last = admin(world, "PATCH", path, {"expires_at": "2125-12-08T00:00:00Z"})  # 36,500 days
    assert last.get_json()["expires_at"] == "2125-12-08T00:00:00.000Z"
    for stored, shown in ((2**63 - 1, "9999-12-30T23:59:59.999Z"), (-(2**63), "0001-01-02T00:00:00.000Z")):
        with world.store.database.mark() as cx:  # as a release before this one stored it
            cx.execute("UPDATE keys SET expires_at = ? WHERE id = ?", (stored, made["id"]))
        listed = {one["id"]: one["expires_at"] for one in admin(world, "GET", "/v1/keys").get_json()["items"]}
        assert listed[made["id"]] == shown


def test_a_change_leaves_what_it_does_not_name(world: World) -> None:
    made = make(world, countries=["GB"], rates=["5/1h"], expires_in="1d")
    path = f"/v1/keys/{made['id']}"
    after = admin(world, "PATCH", path, {"rates": [], "name": "other"}).get_json()
    assert (after["name"], after["rates"], after["countries"]) == ("other", [], ["GB"])
    assert (after["expires_at"], after["scopes"]) == (made["expires_at"], made["scopes"])
    redirecting = {"delivery": "redirect", "redirect_to": "+447700900199"}
    assert admin(world, "PATCH", path, redirecting).get_json()["redirect_to"] == "+447700900199"
    other = admin(world, "PATCH", path, {"redirect_to": "+447700900198"}).get_json()
    assert (other["delivery"], other["redirect_to"]) == ("redirect", "+447700900198")
    caught = admin(world, "PATCH", path, {"delivery": "catch"}).get_json()
    assert (caught["delivery"], caught["redirect_to"]) == ("catch", None)
    assert admin(world, "PATCH", path, {"delivery": "redirect"}).status_code == 422
    premium = admin(world, "PATCH", path, {"delivery": "redirect", "redirect_to": "+449098790000"})
    assert [error["field"] for error in premium.get_json()["errors"]] == ["redirect_to"]


LIMITS: Json = {
    "networks": ["127.0.0.0/8"],
    "countries": ["GB"],
    "templates": ["login"],
    "longest_lifetime": 120.0,
    "rates": ["5/1h"],
    "short_codes": True,
    "delivery": "catch",
}
FREE: Json = {
    **{name: [] for name in ("networks", "countries", "templates", "rates")},
    "longest_lifetime": None,
    "short_codes": False,
    "delivery": "live",
    "redirect_to": None,
}


@pytest.mark.parametrize("name", [*LIMITS, "expires_at", "expires_in"])
def test_null_takes_one_limit_away_and_leaves_the_rest(world: World, name: str) -> None:
    made = make(world, **LIMITS, expires_in="1d")
    after = admin(world, "PATCH", f"/v1/keys/{made['id']}", {name: None})
    assert after.status_code == 200, after.text
    shown = "expires_at" if name == "expires_in" else name
    same = {key: value for key, value in made.items() if key != "key"}
    assert after.get_json() == {**same, shown: FREE.get(shown)}


def test_null_takes_all_limits_away_a_redirection_too(world: World) -> None:
    made = make(world, **{**LIMITS, "delivery": "redirect", "redirect_to": "+447700900199"})
    path = f"/v1/keys/{made['id']}"
    assert code_of(admin(world, "PATCH", path, {"redirect_to": None})) == (422, "invalid_input")
    after = admin(world, "PATCH", path, dict.fromkeys(LIMITS)).get_json()
    assert {name: after[name] for name in FREE} == FREE


@pytest.mark.parametrize("name", ["name", "scopes"])
def test_what_is_no_limit_cannot_be_taken_away(world: World, name: str) -> None:
    answer = admin(world, "PATCH", f"/v1/keys/{make(world)['id']}", {name: None})
    assert answer.status_code == 422
    assert [error["field"] for error in answer.get_json()["errors"]] == [name]


def test_the_document_says_what_can_be_null(world: World) -> None:
    properties = world.document["components"]["schemas"]["KeyChange"]["properties"]
    nullable = {name for name, one in properties.items() if {"type": "null"} in one.get("anyOf", ())}
    assert set(properties) - nullable == {"name", "scopes"}
    assert not [name for name, one in properties.items() if "default" in one]


def test_a_change_holds_at_once(world: World) -> None:
    made = make(world)
    assert use(world, made, "POST", "/v1/messages", TEXT).status_code == 202
    admin(world, "PATCH", f"/v1/keys/{made['id']}", {"scopes": ["otp:check"]})
    assert code_of(use(world, made, "POST", "/v1/messages", TEXT)) == (403, "scope_missing")


def test_rotation_keeps_everything_and_may_leave_the_old_key_for_a_while(world: World) -> None:
    old = make(world, client="shop", countries=["GB"], delivery="catch")
    answer = admin(world, "POST", f"/v1/keys/{old['id']}/rotate", {"grace": "10m"})
    new = answer.get_json()
    assert (answer.status_code, answer.headers["Cache-Control"]) == (201, "no-store")
    same = ("client", "name", "scopes", "countries", "delivery", "expires_at")
    assert [new[name] for name in same] == [old[name] for name in same]
    for key in (old, new):
        assert use(world, key, "GET", "/v1/messages").status_code == 200
    world.clock.advance(600)
    assert use(world, old, "GET", "/v1/messages").status_code == 401
    assert use(world, new, "GET", "/v1/messages").status_code == 200
    newest = admin(world, "POST", f"/v1/keys/{new['id']}/rotate").get_json()
    assert use(world, new, "GET", "/v1/messages").status_code == 401
    assert use(world, newest, "GET", "/v1/messages").status_code == 200


def test_a_revoked_key_ends_at_once_and_stays_so(world: World) -> None:
    made = make(world)
    assert use(world, made, "GET", "/v1/messages").status_code == 200
    path = f"/v1/keys/{made['id']}"
    assert admin(world, "DELETE", path).get_json()["state"] == "revoked"
    assert admin(world, "DELETE", path).status_code == 200
    assert use(world, made, "GET", "/v1/messages").status_code == 401
    assert admin(world, "PATCH", path, {"name": "x"}).status_code == 409
    assert admin(world, "POST", f"{path}/rotate").status_code == 409


def test_the_last_key_that_administers_cannot_end_itself(world: World) -> None:
    admin(world, "GET", "/v1/keys")
    (boss,) = [info.id for info in world.store.keys.list()]
    assert code_of(admin(world, "DELETE", f"/v1/keys/{boss}")) == (409, "conflict")
    assert code_of(admin(world, "PATCH", f"/v1/keys/{boss}", {"scopes": ["otp:send"]})) == (409, "conflict")
    assert code_of(admin(world, "PATCH", f"/v1/keys/{boss}", {"networks": ["192.0.2.0/24"]})) == (409, "conflict")
    assert admin(world, "PATCH", f"/v1/keys/{boss}", {"networks": ["127.0.0.0/8"]}).status_code == 200
    second = make(world, scopes=["admin"], expires_in=60)
    world.clock.advance(60)
    assert admin(world, "DELETE", f"/v1/keys/{boss}").status_code == 409  # the other one has ended
    admin(world, "PATCH", f"/v1/keys/{second['id']}", {"expires_at": None})
    assert admin(world, "DELETE", f"/v1/keys/{boss}").status_code == 200
    assert use(world, second, "GET", "/v1/keys").status_code == 200


# -- what a key is bound to -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("10.9.8.7", True),
        ("::ffff:10.9.8.7", True),
        ("2001:db8::5", True),
        ("11.0.0.1", False),
        ("2001:db9::5", False),
    ],
)
def test_a_key_works_from_its_networks_only(world: World, address: str, allowed: bool) -> None:
    made = make(world, networks=["10.0.0.0/8", "2001:db8::/32"])
    answer = use(world, made, "POST", "/v1/messages", TEXT, environ_overrides={"REMOTE_ADDR": address})
    if allowed:
        assert answer.status_code == 202
    else:
        assert code_of(answer) == (403, "source_not_allowed")
        assert address in answer.get_json()["detail"]


def test_a_forged_header_is_no_address(world: World) -> None:
    made = make(world, networks=["10.0.0.0/8"])
    headers = {"X-Forwarded-For": "10.0.0.1"}
    answer = use(world, made, "GET", "/v1/messages", headers=headers, environ_overrides={"REMOTE_ADDR": "192.0.2.1"})
    assert code_of(answer) == (403, "source_not_allowed")


def test_a_key_sends_to_its_countries_only(make_world: Any) -> None:
    world: World = make_world(ALLOWED)
    french = make(world, client="shop", countries=["FR"])
    assert use(world, french, "POST", "/v1/messages", {"to": "+33612345678", "text": "x"}).status_code == 202
    for path, body in (("/v1/messages", TEXT), ("/v1/otp", OTP), ("/v1/preview", {**OTP})):
        assert code_of(use(world, french, "POST", path, body)) == (403, "country_not_allowed")
    nowhere = make(world, countries=["US"])  # not one that the gateway allows
    assert code_of(use(world, nowhere, "POST", "/v1/messages", {"to": "+12025550123", "text": "x"}))[0] == 403


def test_a_code_that_another_key_began_is_sent_again_within_the_limits_of_this_one(make_world: Any) -> None:
    world: World = make_world(ALLOWED)
    begun = use(world, make(world, client="shop"), "POST", "/v1/otp", {**OTP, "lifetime": 600}).get_json()
    world.clock.advance(30)
    again = f"/v1/otp/{begun['id']}/resend"
    french, signup = make(world, client="shop", countries=["FR"]), make(world, client="shop", templates=["signup"])
    assert code_of(use(world, french, "POST", again)) == (403, "country_not_allowed")
    assert code_of(use(world, signup, "POST", again)) == (403, "template_not_allowed")
    short = make(world, client="shop", longest_lifetime=60, templates=["login"], countries=["GB"])
    answer = use(world, short, "POST", again)
    assert answer.status_code == 202
    assert answer.get_json()["expires_at"] == "2026-01-01T00:01:30.000Z"


def test_the_same_code_lives_no_longer_in_a_message_of_a_key_than_that_key_may(make_world: Any) -> None:
    world: World = make_world("[otp]\ncooldown = 0\n")
    begun = use(world, make(world, client="shop"), "POST", "/v1/otp", OTP).get_json()
    short = make(world, client="shop", longest_lifetime=60)
    for age, ends in ((0, "2026-01-01T00:01:00.000Z"), (250, "2026-01-01T00:05:00.000Z")):
        world.clock.advance(age)
        again = use(world, short, "POST", f"/v1/otp/{begun['id']}/resend", {"same": True}).get_json()
        assert again["expires_at"] == begun["expires_at"]
        assert world.get(f"/v1/messages/{again['message_id']}").get_json()["expires_at"] == ends


def test_a_key_uses_its_templates_only(world: World) -> None:
    made = make(world, templates=["signup"])
    assert use(world, made, "POST", "/v1/otp", {**OTP, "purpose": "signup"}).status_code == 202
    for body in (OTP, {**OTP, "purpose": "signup", "template": "login"}):
        answer = use(world, made, "POST", "/v1/otp", body)
        assert [error["field"] for error in answer.get_json()["errors"]] == ["template"]


def test_a_key_asks_for_no_longer_a_lifetime_than_its_own(world: World) -> None:
    made = make(world, longest_lifetime="2m")
    assert use(world, made, "POST", "/v1/messages", {**TEXT, "lifetime": 121}).status_code == 422
    assert use(world, made, "POST", "/v1/otp", {**OTP, "lifetime": 121}).status_code == 422
    for path, body in (("/v1/messages", TEXT), ("/v1/otp", OTP)):
        assert use(world, made, "POST", path, body).get_json()["expires_at"] == "2026-01-01T00:02:00.000Z"


def test_short_codes_are_for_keys_that_may(world: World) -> None:
    body = {"to": "60075", "text": "x"}
    assert code_of(use(world, make(world), "POST", "/v1/messages", body)) == (403, "short_code_not_allowed")
    assert use(world, make(world, short_codes=True), "POST", "/v1/messages", body).status_code == 202


def test_a_change_by_another_process_is_seen_within_seconds(world: World) -> None:
    made = make(world)
    assert use(world, made, "GET", "/v1/messages").status_code == 200
    with world.store.database.mark() as cx:
        policy = '{"networks": ["192.0.2.0/24"]}'
        cx.execute("UPDATE keys SET policy = ? WHERE id = ?", (policy, made["id"]))
    world.clock.advance(CACHE_SECONDS)
    assert code_of(use(world, made, "GET", "/v1/messages")) == (403, "source_not_allowed")
