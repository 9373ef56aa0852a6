"""A key that is made safe while the gateway serves, by the command line in another process than the gateway's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hardware.clock import SystemClock
from tests.acceptance.harness import Gateway, World, until

SOMEONE, ANOTHER = "+447700900001", "+447700900002"
SCOPES = ("messages:send", "messages:read", "otp:send", "otp:check", "caught:read", "modems:read", "modems:manage")


def make_key(gateway: Gateway, *words: str) -> str:
    """A key that every later call uses; its id."""
    made = gateway.simwire("keys", "create", "shop", *(word for scope in SCOPES for word in ("--scope", scope)), *words)
    gateway.key = made["key"]
    return str(made["id"])


def test_what_is_queued_is_caught_by_the_key_that_was_changed(world: World, gateway: Gateway) -> None:
    key_id = make_key(gateway)
    gateway.until_ready(2)
    for name in world.modems:
        assert gateway.call("POST", f"/v1/modems/{name}/pause")[0] == 200
    _, challenge = gateway.call("POST", "/v1/otp", {"to": SOMEONE, "purpose": "login"})
    _, long = gateway.call("POST", "/v1/messages", {"to": ANOTHER, "text": "long " * 100})

    gateway.simwire("keys", "set", key_id, "--delivery", "catch")
    for name in world.modems:
        assert gateway.call("POST", f"/v1/modems/{name}/resume")[0] == 200

    for message_id in (challenge["message_id"], long["id"]):
        message = gateway.message(message_id)
        assert (message["state"], message["modem"]) == ("delivered", "catch")
    assert world.submits() == []
    _, page = gateway.call("GET", f"/v1/caught?message_id={challenge['message_id']}&wait=20")
    code = page["items"][0]["code"]
    assert gateway.call("POST", f"/v1/otp/{challenge['id']}/check", {"code": code})[1]["result"] == "approved"


def test_what_is_queued_goes_to_the_handset_that_it_is_redirected_to(world: World, gateway: Gateway) -> None:
    key_id = make_key(gateway)
    gateway.until_ready(2)
    for name in world.modems:
        gateway.call("POST", f"/v1/modems/{name}/pause")
    _, accepted = gateway.call("POST", "/v1/messages", {"to": SOMEONE, "text": "hello"})
    gateway.simwire("keys", "set", key_id, "--delivery", "redirect", "--redirect-to", ANOTHER)
    for name in world.modems:
        gateway.call("POST", f"/v1/modems/{name}/resume")
    message = gateway.message(accepted["id"])
    assert (message["state"], message["to"]) == ("delivered", SOMEONE)
    assert world.received(SOMEONE) == []
    assert [shown.text for shown in world.received(ANOTHER)] == [f"[{SOMEONE}] hello"]


def test_the_clockwork_catches_a_scheduled_message_at_its_time(world: World, gateway: Gateway) -> None:
    make_key(gateway, "--delivery", "catch")
    start = datetime.fromtimestamp(SystemClock().now().wall, UTC) + timedelta(seconds=2)
    body = {"to": SOMEONE, "text": "later", "not_before": start.isoformat()}
    status, accepted = gateway.call("POST", "/v1/messages", body)
    assert (status, accepted["state"]) == (202, "queued")
    _, page = gateway.call("GET", f"/v1/caught?message_id={accepted['id']}&wait=30")
    (item,) = page["items"]
    assert item["text"] == "later"
    assert datetime.fromisoformat(item["caught_at"]) >= start - timedelta(milliseconds=1)
    assert world.submits() == []


def test_a_key_that_ends_is_refused_within_seconds(gateway: Gateway) -> None:
    key_id = make_key(gateway)
    assert gateway.call("GET", "/v1/messages")[0] == 200
    gateway.simwire("keys", "revoke", key_id)
    until(lambda: gateway.call("GET", "/v1/messages")[0] == 401, 30, "the revoked key is refused")
