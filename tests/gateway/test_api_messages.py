"""Messages, previews, modems over HTTP, against the real store."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from gateway.messages import Lane
from gateway.store import Slot
from hardware.pdu import Alphabet, Segment
from tests.gateway.world import EVERYTHING, NUMBER, OTHER, World

HELLO = {"to": NUMBER, "text": "hello"}
FIELDS = {
    *("id", "to", "state", "reason", "parts", "encoding", "priority", "modem", "attempts", "created_at", "expires_at"),
    *("next_attempt_at", "sent_at", "delivered_at", "client_ref", "tags", "warnings", "timeline"),
}


def send(world: World, **body: object) -> dict[str, object]:
    answer = world.post("/v1/messages", {**HELLO, **body})
    assert answer.status_code == 202, answer.text
    return answer.get_json()


def segments(world: World, message_id: object) -> list[Segment]:
    return [Segment.from_bytes(one) for one in world.store.outbox.content(str(message_id))[1]]


def test_a_message_is_queued(world: World) -> None:
    body = send(world, client_ref=7, tags=["a", 5])
    assert set(body) == FIELDS
    assert (body["to"], body["state"], body["parts"], body["encoding"]) == (NUMBER, "queued", 1, "gsm7")
    assert (body["priority"], body["client_ref"], body["tags"]) == ("normal", "7", ["a", "5"])
    assert body["created_at"] == "2026-01-01T00:00:00.000Z"
    assert body["expires_at"] == "2026-01-02T00:00:00.000Z"
    assert [row["state"] for row in body["timeline"]] == ["queued"]  # type: ignore[attr-defined]
    assert world.get(f"/v1/messages/{body['id']}", scopes=("messages:read",)).get_json() == body
    assert world.woken == [("route:", Lane.NORMAL)]


def test_the_text_is_shown_only_with_its_scope(world: World) -> None:
    plain, code = send(world), send(world, priority="otp", text="123456")
    assert world.get(f"/v1/messages/{plain['id']}").get_json()["text"] == "hello"
    assert "text" not in world.get(f"/v1/messages/{plain['id']}", scopes=("messages:read",)).get_json()
    assert "text" not in world.get(f"/v1/messages/{code['id']}").get_json()
    listed = world.get("/v1/messages").get_json()["items"]
    assert all("text" not in item for item in listed)


@pytest.mark.parametrize("to", ["07700900123", "+44 7700 900123", 447700900123, "00447700900123"])
def test_numbers_in_many_forms(world: World, to: object) -> None:
    assert send(world, to=to)["to"] == NUMBER


def test_a_number_is_taken_as_text(world: World) -> None:
    body = send(world, text=123456)
    assert world.sent_text(str(body["id"])) == "123456"


def test_many_recipients_are_one_transaction(world: World) -> None:
    numbers = [f"+4477009{place:05d}" for place in range(1000)]
    answer = world.post("/v1/messages", {"to": numbers, "text": "hello"})
    assert answer.status_code == 202
    assert [item["to"] for item in answer.get_json()["items"]] == numbers
    assert len({item["id"] for item in answer.get_json()["items"]}) == 1000
    assert world.woken == [("route:", Lane.NORMAL)] * 1000
    (single,) = world.post("/v1/messages", {"to": [NUMBER], "text": "x"}).get_json()["items"]
    assert single["to"] == NUMBER


def test_many_recipients_are_all_or_none_and_each_bad_one_is_named(world: World) -> None:
    answer = world.post("/v1/messages", {"to": [NUMBER, "12", OTHER, "x"], "text": "hello"})
    assert answer.status_code == 422
    assert [error["field"] for error in answer.get_json()["errors"]] == ["to[1]", "to[3]"]
    answer = world.post("/v1/messages", {"to": [NUMBER, True], "text": "hello"})
    assert [error["field"] for error in answer.get_json()["errors"]] == ["to[1]"]
    answer = world.post("/v1/messages", {"to": [NUMBER, "+33612345678"], "text": "hello"})
    assert (answer.status_code, answer.get_json()["code"]) == (403, "country_not_allowed")
    assert [error["field"] for error in answer.get_json()["errors"]] == ["to[1]"]
    assert world.get("/v1/messages").get_json() == {"items": [], "next_cursor": None}


@pytest.mark.parametrize("numbers", [[], [NUMBER] * 1001])
def test_how_many_recipients(world: World, numbers: list[str]) -> None:
    answer = world.post("/v1/messages", {"to": numbers, "text": "hello"})
    assert answer.status_code == 422
    assert [error["field"] for error in answer.get_json()["errors"]] == ["to"]


@pytest.mark.parametrize(
    ("to", "code"),
    [
        ("+33612345678", "country_not_allowed"),
        ("+881612345678", "country_not_allowed"),
        ("+449098790000", "premium_rate_not_allowed"),
        ("85500", "short_code_not_allowed"),
        (999, "short_code_not_allowed"),
    ],
)
def test_destinations_that_are_denied(world: World, to: object, code: str) -> None:
    for path, body in (("/v1/messages", HELLO), ("/v1/otp", {"purpose": "login"}), ("/v1/preview", {"text": "x"})):
        answer = world.post(path, {**body, "to": to})
        assert (answer.status_code, answer.get_json()["code"]) == (403, code)


def test_a_possible_number_that_is_not_valid_is_taken_with_a_warning(make_world: Callable[..., World]) -> None:
    world = make_world('[limits]\nallowed_countries = ["US"]\n')
    warnings = send(world, to="+15555550123")["warnings"]
    assert isinstance(warnings, list)
    assert "not a valid number" in warnings[0]


def test_routes_by_prefix_and_by_modem(make_world: Callable[..., World]) -> None:
    world = make_world('[limits]\nallowed_countries = ["GB", "FR"]\n')
    send(world)
    send(world, to="+33612345678", priority="bulk")
    send(world, modem="sim1")
    assert world.woken == [("route:", Lane.NORMAL), ("route:+33", Lane.BULK), ("modem:sim1", Lane.NORMAL)]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"text": ""}, "text"),
        ({"text": None}, "text"),
        ({"text": True}, "text"),
        ({"text": ["x"]}, "text"),
        ({"text": "x" * 1531}, "text"),
        ({"text": "é" * 100 + "ŝ" * 571}, "text"),
        ({"text": "x" * 40_001}, "text"),
        ({"text": "ŝ", "encoding": "gsm7"}, "text"),
        ({"encoding": "latin1"}, "encoding"),
        ({"lifetime": 9}, "lifetime"),
        ({"lifetime": "64d"}, "lifetime"),
        ({"lifetime": "soon"}, "lifetime"),
        ({"lifetime": 10**400}, "lifetime"),
        ({"lifetime": "9" * 400 + "d"}, "lifetime"),
        ({"lifetime": "11m", "priority": "otp"}, "lifetime"),
        ({"priority": "urgent"}, "priority"),
        ({"replace": 0}, "replace"),
        ({"replace": 8}, "replace"),
        ({"replace": "1"}, "replace"),
        ({"flash": "yes"}, "flash"),
        ({"flash": True, "priority": "otp", "lifetime": 300}, "flash"),
        ({"modem": "sim9"}, "modem"),
        ({"port": 5}, "port"),
        ({"data": "0102", "port": 5}, "text"),
        ({"text": None, "data": "0102"}, "port"),
        ({"text": None, "data": "01f", "port": 5}, "data"),
        ({"text": None, "data": "", "port": 5}, "data"),
        ({"text": None, "data": "00" * 2000, "port": 5}, "data"),
        ({"text": None, "data": "00", "port": 70_000}, "port"),
        ({"not_before": "2026-01-01"}, "not_before"),
        ({"not_before": "2026-01-01T00:00:00"}, "not_before"),
        ({"not_before": "2028-01-01T00:00:00Z"}, "not_before"),
        ({"tags": ["x"] * 21}, "tags"),
        ({"tags": [""]}, "tags[0]"),
        ({"tags": "x"}, "tags"),
        ({"client_ref": "x" * 256}, "client_ref"),
        ({"Text": "x"}, "Text"),
    ],
)
def test_field_errors_name_the_field(world: World, body: dict[str, object], field: str) -> None:
    answer = world.post("/v1/messages", {**HELLO, **body})
    assert answer.status_code == 422, answer.text
    assert [error["field"] for error in answer.get_json()["errors"]] == [field]
    assert answer.get_json()["code"] == "invalid_input"


def test_everything_wrong_is_named_at_once(world: World) -> None:
    answer = world.post("/v1/messages", {"to": ["12", NUMBER], "text": "", "lifetime": 1, "modem": "sim9"})
    assert [error["field"] for error in answer.get_json()["errors"]] == ["to[0]", "lifetime", "modem", "text"]


def test_the_character_that_gsm7_lacks_is_named(world: World) -> None:
    answer = world.post("/v1/messages", {**HELLO, "text": "a\u015db", "encoding": "gsm7"})
    assert "U+015D" in answer.get_json()["errors"][0]["message"]


def test_long_texts(world: World) -> None:
    assert send(world, text="x" * 161)["parts"] == 2
    assert send(world, text="x" * 1530)["parts"] == 10
    body = send(world, text="ŝ" * 71)
    assert (body["parts"], body["encoding"]) == (2, "ucs2")
    assert any("U+015D" in warning for warning in body["warnings"])  # type: ignore[attr-defined]
    assert send(world, text="ŝ")["warnings"] == send(world)["warnings"]
    assert send(world, text="hello", encoding="ucs2")["encoding"] == "ucs2"
    assert send(world, text="\U0001f600" * 35)["parts"] == 1


def test_data_goes_to_a_port(world: World) -> None:
    body = world.post("/v1/messages", {"to": NUMBER, "data": "00ff10", "port": 2948}).get_json()
    (segment,) = segments(world, body["id"])
    assert (body["encoding"], segment.alphabet, segment.content) == ("data", Alphabet.OCTETS, b"\x00\xff\x10")
    assert segment.header is not None
    assert segment.header.ports is not None
    assert segment.header.ports.destination == 2948


def test_options_reach_the_attempt(world: World) -> None:
    send(world, flash=True, replace=3, report=False)
    attempt = world.store.outbox.claim(Slot("sim1", "1", ("route:",)), world.clock.now())
    assert attempt is not None
    assert (attempt.message_class, attempt.replace, attempt.report, attempt.silent) == (0, 3, False, False)
    assert attempt.home == "route:"
    world.post("/v1/messages", {"to": NUMBER, "silent": True})
    attempt = world.store.outbox.claim(Slot("sim1", "1", ("route:",)), world.clock.now())
    assert attempt is not None
    assert attempt.silent


def test_some_options_need_a_scope_of_their_own(world: World) -> None:
    few = ("messages:send",)
    for body in ({"priority": "otp"}, {"silent": True}, {"text": None, "data": "00", "port": 1}):
        answer = world.post("/v1/messages", {**HELLO, **body}, scopes=few)
        assert (answer.status_code, answer.get_json()["code"]) == (403, "scope_missing")
    assert world.post("/v1/messages", HELLO, scopes=few).status_code == 202


def test_a_later_start(world: World) -> None:
    body = send(world, not_before="2026-01-01T03:00:00+02:00", lifetime="1h")
    assert body["next_attempt_at"] == "2026-01-01T01:00:00.000Z"
    assert body["expires_at"] == "2026-01-01T02:00:00.000Z"
    past = send(world, not_before="2025-12-31T00:00:00Z", lifetime="1h")
    assert past["expires_at"] == "2026-01-01T01:00:00.000Z"


def test_priority_otp_takes_the_policies_of_codes(world: World) -> None:
    body = send(world, priority="otp", text="123456")
    assert body["expires_at"] == "2026-01-01T00:05:00.000Z"


def test_cancelling(world: World) -> None:
    body = send(world)
    answer = world.delete(f"/v1/messages/{body['id']}")
    assert answer.status_code == 200
    assert (answer.get_json()["state"], answer.get_json()["reason"]) == ("cancelled", "by_client")
    gone = send(world)
    attempt = world.store.outbox.claim(Slot("sim1", "1", ("route:",)), world.clock.now())
    assert attempt is not None
    assert world.store.outbox.begin(attempt.id, world.clock.now())
    answer = world.delete(f"/v1/messages/{gone['id']}")
    assert (answer.status_code, answer.get_json()["code"]) == (409, "conflict")


def test_messages_of_other_clients_are_not_there(world: World) -> None:
    body = send(world)
    for answer in (
        world.get(f"/v1/messages/{body['id']}", client="other"),
        world.delete(f"/v1/messages/{body['id']}", client="other"),
        world.get("/v1/messages/unknown"),
    ):
        assert (answer.status_code, answer.get_json()["code"]) == (404, "not_found")
    assert world.get("/v1/messages", client="other").get_json()["items"] == []
    for scope in ("messages:all", "admin"):
        assert world.get(f"/v1/messages/{body['id']}", client="boss", scopes=(scope,)).status_code == 200
        assert len(world.get("/v1/messages", client="boss", scopes=(scope,)).get_json()["items"]) == 1


def test_lists_page_from_the_newest(world: World) -> None:
    ids = []
    for place in range(5):
        ids.append(send(world, text=str(place))["id"])
        world.clock.advance(1)
    first = world.get("/v1/messages?limit=2").get_json()
    assert [item["id"] for item in first["items"]] == ids[:2:-1]
    assert "timeline" not in first["items"][0]
    second = world.get(f"/v1/messages?limit=2&cursor={first['next_cursor']}").get_json()
    third = world.get(f"/v1/messages?limit=2&cursor={second['next_cursor']}").get_json()
    assert [item["id"] for item in second["items"] + third["items"]] == ids[2::-1]
    assert third["next_cursor"] is None


def test_lists_are_narrowed(world: World) -> None:
    one = send(world, tags=["red"])
    world.clock.advance(60)
    two = send(world, to=OTHER)
    world.delete(f"/v1/messages/{one['id']}")

    def found(query: str) -> list[str]:
        answer = world.get(f"/v1/messages?{query}")
        assert answer.status_code == 200, answer.text
        return [item["id"] for item in answer.get_json()["items"]]

    assert found("state=queued") == [two["id"]]
    assert found("state=cancelled") == [one["id"]]
    assert found("to=07700900124") == found("to=%2B447700900124") == found("to=+447700900124") == [two["id"]]
    assert found("tag=red") == [one["id"]]
    assert found("since=2026-01-01T00:00:30Z") == [two["id"]]
    assert found("until=2026-01-01T00:00:30Z") == [one["id"]]
    assert found("since=2026-01-01T02:00:30%2B02:00") == found("since=2026-01-01T02:00:30+02:00") == [two["id"]]
    assert found("state=&to=&tag=") == [two["id"], one["id"]]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("state=gone", "state"),
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=x", "limit"),
        ("since=yesterday", "since"),
        ("until=2026-01-01T00:00:00", "until"),
        ("cursor=%3Bdrop", "cursor"),
        ("to=12", "to"),
        ("tags=red", "tags"),
    ],
)
def test_query_errors_name_the_parameter(world: World, query: str, field: str) -> None:
    answer = world.get(f"/v1/messages?{query}")
    assert answer.status_code == 422
    assert [error["field"] for error in answer.get_json()["errors"]] == [field]


@pytest.mark.parametrize("wait", ["61", "-1", "x", "nan", "inf"])
def test_waits_out_of_range(world: World, wait: str) -> None:
    body = send(world)
    answer = world.get(f"/v1/messages/{body['id']}?wait={wait}")
    assert (answer.status_code, answer.get_json()["errors"][0]["field"]) == (422, "wait")


def test_a_long_poll_answers_when_the_state_is_terminal(world: World) -> None:
    body = send(world)
    answers = []
    world.key()
    waiter = threading.Thread(target=lambda: answers.append(world.get(f"/v1/messages/{body['id']}?wait=60")))
    waiter.start()
    world.delete(f"/v1/messages/{body['id']}")
    waiter.join(30)
    assert not waiter.is_alive()
    assert (answers[0].status_code, answers[0].get_json()["state"]) == (200, "cancelled")


def test_a_long_poll_ends_with_its_time(world: World) -> None:
    body = send(world)
    assert world.get(f"/v1/messages/{body['id']}?wait=0.05").get_json()["state"] == "queued"


def test_past_half_of_the_threads_nobody_waits(make_world: Callable[..., World]) -> None:
    world = make_world("[api]\nthreads = 2\n")
    body = send(world)
    world.key()
    answers = []
    waiter = threading.Thread(target=lambda: answers.append(world.get(f"/v1/messages/{body['id']}?wait=60")))
    room = world.app.extensions["simwire.waiting"]
    with room.place("shop") as may_wait:
        assert may_wait
        second = world.get(f"/v1/messages/{body['id']}?wait=60")  # answers at once: the only place is taken
        assert second.get_json()["state"] == "queued"
    waiter.start()
    room.close()
    waiter.join(30)
    assert not waiter.is_alive()
    assert answers[0].status_code == 200


def test_nothing_is_accepted_while_the_disk_is_nearly_full(make_world: Callable[..., World]) -> None:
    world = make_world()
    world.store.database.reserve = 1 << 62
    for path, body in (("/v1/messages", HELLO), ("/v1/otp", {"to": NUMBER, "purpose": "login"})):
        answer = world.post(path, body)
        assert (answer.status_code, answer.get_json()["code"]) == (503, "disk_full")
        assert int(answer.headers["Retry-After"]) > 0
    assert world.get("/health/ready").status_code == 503


def test_nothing_is_accepted_over_the_bound_of_the_queue(make_world: Callable[..., World]) -> None:
    bound = "[limits]\nmax_queued = 3\n"
    before = make_world(bound)
    assert before.post("/v1/messages", {"to": [NUMBER] * 3, "text": "x"}).status_code == 202
    before.close()
    after = make_world(bound)
    answer = after.post("/v1/messages", HELLO)
    assert (answer.status_code, answer.get_json()["code"]) == (503, "queue_full")
    assert "Retry-After" in answer.headers


def test_previews_store_nothing(world: World) -> None:
    plain = world.post("/v1/preview", {"text": "x" * 161, "to": NUMBER}).get_json()
    assert (plain["parts"], plain["cost"], plain["encoding"], plain["country"]) == (2, 2, "gsm7", "GB")
    forced = world.post("/v1/preview", {"text": "ŝ" * 71}).get_json()
    assert (forced["encoding"], forced["parts"], forced["forcing"]) == ("ucs2", 2, ["ŝ"])
    code = world.post("/v1/preview", {"purpose": "login", "locale": "fr", "length": 8}).get_json()
    assert code["text"].startswith("00000000 est votre code de connexion Example Bank")
    assert code["parts"] == 1
    assert world.get("/v1/messages").get_json()["items"] == []
    for body, field in (
        ({}, "body"),
        ({"text": "x", "purpose": "login"}, "body"),
        ({"text": "x", "to": "12"}, "to"),
        ({"text": "ŝ", "encoding": "gsm7"}, "text"),
        ({"text": "x" * 2000}, "text"),
        ({"purpose": "login", "template": "nothing"}, "template"),
        ({"purpose": "transaction"}, "context.payee"),
        ({"purpose": "login", "template": "transaction"}, "context.payee"),
        ({"purpose": "login", "lifetime": 5}, "lifetime"),
    ):
        answer = world.post("/v1/preview", body)
        assert (answer.status_code, answer.get_json()["errors"][0]["field"]) == (422, field)


def test_modems(world: World) -> None:
    listed = world.get("/v1/modems").get_json()["items"]
    assert [(item["name"], item["state"]) for item in listed] == [("sim1", "ready"), ("sim2", "absent")]
    assert world.get("/v1/modems/sim1").get_json() == listed[0]
    assert world.get("/v1/modems/sim9").status_code == 404
    assert world.get("/v1/modems", scopes=("messages:send",)).status_code == 403


def test_what_operators_ask_of_modems(world: World) -> None:
    for action in ("pause", "resume", "restart"):
        answer = world.post(f"/v1/modems/sim1/{action}")
        assert (answer.status_code, answer.get_json()["name"]) == (200, "sim1")
    answer = world.post("/v1/modems/sim1/ussd", {"code": "*100#"})
    assert answer.get_json() == {"mode": 0, "text": "credit 5.00"}
    assert world.actions == [
        ("sim1", "pause", None),
        ("sim1", "resume", None),
        ("sim1", "restart", None),
        ("sim1", "ussd", "*100#"),
    ]
    assert world.post("/v1/modems/sim2/ussd", {"code": "*100#"}).status_code == 503
    assert world.post("/v1/modems/sim9/pause").status_code == 404
    assert world.post("/v1/modems/sim1/ussd", {"code": "hello"}).status_code == 422
    assert world.post("/v1/modems/sim1/pause", scopes=("modems:read",)).status_code == 403
    assert world.post("/v1/modems/sim1/pause", scopes=("admin",)).status_code == 200
    assert "modems:manage" in EVERYTHING


def test_a_network_that_answers_a_ussd_code_without_a_text(world: World) -> None:
    world.modem_action = lambda *_: {"mode": 4, "text": None}  # type: ignore[method-assign]
    answer = world.post("/v1/modems/sim1/ussd", {"code": "*100#"})
    assert (answer.status_code, answer.get_json()) == (200, {"mode": 4, "text": None})
