"""One-time codes over HTTP, against the real store."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from gateway.messages import Lane
from tests.gateway.world import NUMBER, OTHER, World

LOGIN = {"to": NUMBER, "purpose": "login"}
PURCHASE = {"payee": "Garden Shop", "amount": "49.90", "currency": "EUR"}


def start(world: World, body: object = None, **options: object) -> dict[str, object]:
    answer = world.post("/v1/otp", body or LOGIN, **options)
    assert answer.status_code == 202, answer.text
    return answer.get_json()


def check(world: World, otp_id: object, code: object, **more: object) -> dict[str, object]:
    answer = world.post(f"/v1/otp/{otp_id}/check", {"code": code, **more})
    assert answer.status_code == 200, answer.text
    return answer.get_json()


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10 ** len(code):0{len(code)}d}"


def test_a_code_is_queued_and_stands_in_no_answer(world: World) -> None:
    answer = world.post("/v1/otp", LOGIN)
    assert answer.status_code == 202
    body = answer.get_json()
    assert set(body) == {
        *("id", "message_id", "to", "state", "message_state", "expires_at", "resend_after", "attempts_left"),
        "warnings",
    }
    assert (body["to"], body["state"], body["message_state"]) == (NUMBER, "pending", "queued")
    assert (body["attempts_left"], body["resend_after"]) == (5, 30)
    assert body["expires_at"] == "2026-01-01T00:05:00.000Z"
    code = world.code(body["message_id"])
    assert code not in answer.text
    assert code not in world.get(f"/v1/otp/{body['id']}").text
    assert code not in world.get(f"/v1/messages/{body['message_id']}").text
    assert world.woken == [("route:", Lane.OTP)]
    message = world.get(f"/v1/messages/{body['message_id']}").get_json()
    assert (message["priority"], message["parts"], message["encoding"]) == ("otp", 1, "gsm7")
    assert message["expires_at"] == body["expires_at"]
    assert "text" not in message


def test_a_right_code_approves_once(world: World) -> None:
    otp = start(world)
    code = world.code(str(otp["message_id"]))
    assert check(world, otp["id"], wrong(code)) == {"result": "wrong_code", "attempts_left": 4}
    assert check(world, otp["id"], code) == {"result": "approved", "attempts_left": 0}
    assert check(world, otp["id"], code) == {"result": "used", "attempts_left": 0}
    assert world.get(f"/v1/otp/{otp['id']}").get_json()["state"] == "approved"


def test_five_wrong_codes_lock(world: World) -> None:
    otp = start(world)
    code = world.code(str(otp["message_id"]))
    left = [check(world, otp["id"], wrong(code)) for _ in range(5)]
    assert [(one["result"], one["attempts_left"]) for one in left] == [("wrong_code", n) for n in (4, 3, 2, 1, 0)]
    assert check(world, otp["id"], code) == {"result": "too_many_attempts", "attempts_left": 0}
    assert world.get(f"/v1/otp/{otp['id']}").get_json()["state"] == "locked"
    world.clock.advance(301)
    assert check(world, otp["id"], code)["result"] == "expired"


def test_a_code_ends_with_its_lifetime(world: World) -> None:
    otp = start(world, {**LOGIN, "lifetime": "2m"})
    code = world.code(str(otp["message_id"]))
    world.clock.advance(120)
    assert check(world, otp["id"], code) == {"result": "expired", "attempts_left": 0}
    assert world.get(f"/v1/otp/{otp['id']}").get_json()["state"] == "expired"


def test_the_wall_clock_does_not_lengthen_a_code(world: World) -> None:
    otp = start(world)
    code = world.code(str(otp["message_id"]))
    world.clock.step_wall(-3600)
    world.clock.advance(300)
    assert check(world, otp["id"], code)["result"] == "expired"


def test_cancelling_withdraws_the_message(world: World) -> None:
    otp = start(world)
    code = world.code(str(otp["message_id"]))
    answer = world.delete(f"/v1/otp/{otp['id']}")
    assert answer.status_code == 200
    assert (answer.get_json()["state"], answer.get_json()["message_state"]) == ("cancelled", "cancelled")
    assert check(world, otp["id"], code)["result"] == "cancelled"
    assert world.delete(f"/v1/otp/{otp['id']}").status_code == 200
    assert world.post(f"/v1/otp/{otp['id']}/resend").status_code == 409


def test_an_approved_challenge_cannot_be_cancelled_or_sent_again(world: World) -> None:
    otp = start(world)
    check(world, otp["id"], world.code(str(otp["message_id"])))
    for answer in (world.delete(f"/v1/otp/{otp['id']}"), world.post(f"/v1/otp/{otp['id']}/resend", {})):
        assert answer.status_code == 409
        assert answer.get_json()["code"] == "challenge_closed"


def test_an_integer_code_is_padded(make_world: Callable[..., World]) -> None:
    world = make_world()
    otp = start(world, {**LOGIN, "code": "001234"})
    assert check(world, otp["id"], 1234)["result"] == "approved"
    world.clock.advance(400)
    otp = start(world, {**LOGIN, "code": 77})
    assert "000077" in world.sent_text(str(otp["message_id"]))
    assert check(world, otp["id"], " 000 077 ")["result"] == "approved"


@pytest.mark.parametrize("code", ["12345", "12345678901", "12 45", "äöüäöü", "12345;", True, 1.5, "", None, [1]])
def test_codes_of_the_callers_own_that_are_refused(world: World, code: object) -> None:
    answer = world.post("/v1/otp", {**LOGIN, "code": code, "length": 6})
    if code is None:
        assert answer.status_code == 202  # null is the same as not given
        return
    assert answer.status_code == 422
    assert answer.get_json()["errors"][0]["field"] == "code"


def test_the_binding_must_match(world: World) -> None:
    otp = start(world, {**LOGIN, "binding": "session-1"})
    code = world.code(str(otp["message_id"]))
    assert check(world, otp["id"], code)["result"] == "wrong_code"
    assert check(world, otp["id"], code, binding="session-2") == {"result": "wrong_code", "attempts_left": 3}
    assert check(world, otp["id"], code, binding="session-1")["result"] == "approved"


def test_a_binding_that_was_not_given_must_not_be_given_later(world: World) -> None:
    otp = start(world)
    assert check(world, otp["id"], world.code(str(otp["message_id"])), binding="x")["result"] == "wrong_code"


@pytest.mark.parametrize(
    "change",
    [
        {"payee": "Garden Shot"},
        {"amount": "49.91"},
        {"currency": "USD"},
        {"reference": "new"},
        {"payee": None},
        {"amount": None},
    ],
)
def test_any_difference_in_a_transaction_fails(world: World, change: dict[str, str | None]) -> None:
    otp = start(world, {"to": NUMBER, "purpose": "transaction", "context": PURCHASE})
    code = world.code(str(otp["message_id"]))
    changed = {name: value for name, value in {**PURCHASE, **change}.items() if value is not None}
    assert check(world, otp["id"], code, context=changed)["result"] == "wrong_code"
    assert check(world, otp["id"], code)["result"] == "wrong_code"
    same = {"currency": "eur", "amount": 49.9, "payee": " Garden  Shop "}
    assert check(world, otp["id"], code, context=same)["result"] == "approved"


def test_a_transactions_text_says_what_is_confirmed(world: World) -> None:
    otp = start(world, {"to": NUMBER, "purpose": "transaction", "locale": "fr", "context": PURCHASE})
    text = world.sent_text(str(otp["message_id"]))
    for words in ("Garden Shop", "49,90 €", "Example Bank", "00:00", "00:05", "paiement"):
        assert words in text


@pytest.mark.parametrize(
    ("context", "fields"),
    [
        (None, {"context.payee", "context.amount", "context.currency"}),
        ({"payee": "A", "amount": "1"}, {"context.currency"}),
        ({"payee": "A", "amount": "1.005", "currency": "EUR"}, {"context.amount"}),
        ({"payee": "A", "amount": "1.5", "currency": "JPY"}, {"context.amount"}),
        ({"payee": "A", "amount": "-1", "currency": "EUR"}, {"context.amount"}),
        ({"payee": "A", "amount": "1,50", "currency": "EUR"}, {"context.amount"}),
        ({"payee": "A", "amount": True, "currency": "EUR"}, {"context.amount"}),
        ({"payee": "A\x00", "amount": "1", "currency": "EUR"}, {"context.payee"}),
        ({"payee": "", "amount": "1", "currency": "EUR"}, {"context.payee"}),
        ({"payee": "A", "amount": "1", "currency": "ZZZ"}, {"context.currency"}),
        ({"payee": "A", "amount": "1", "currency": "EUR", "iban": "x"}, {"context.iban"}),
    ],
)
def test_transactions_that_are_refused(world: World, context: object, fields: set[str]) -> None:
    body = {"to": NUMBER, "purpose": "transaction"} | ({"context": context} if context else {})
    answer = world.post("/v1/otp", body)
    assert answer.status_code == 422
    assert {error["field"] for error in answer.get_json()["errors"]} == fields


def test_a_mismatch_is_explained_only_where_that_is_set(make_world: Callable[..., World]) -> None:
    world = make_world("[otp]\nexplain = true\n")
    otp = start(world, {"to": NUMBER, "purpose": "transaction", "context": PURCHASE, "binding": "b"})
    code = world.code(str(otp["message_id"]))
    assert check(world, otp["id"], code, context=PURCHASE)["mismatch"] == "binding"
    assert check(world, otp["id"], code, binding="b")["mismatch"] == "context"
    assert check(world, otp["id"], wrong(code), binding="b", context=PURCHASE)["mismatch"] == "code"
    assert "mismatch" not in check(world, otp["id"], code, binding="b", context=PURCHASE)


def test_a_resend_waits_for_its_cooldown_and_makes_a_new_code(world: World) -> None:
    otp = start(world)
    first = world.code(str(otp["message_id"]))
    early = world.post(f"/v1/otp/{otp['id']}/resend")
    assert early.status_code == 429
    assert (early.headers["Retry-After"], early.get_json()["code"]) == ("30", "resend_too_soon")
    check(world, otp["id"], wrong(first))
    world.clock.advance(30)
    again = world.post(f"/v1/otp/{otp['id']}/resend")
    assert again.status_code == 202
    body = again.get_json()
    assert (body["id"], body["attempts_left"], body["resend_after"]) == (otp["id"], 4, 60)
    assert body["message_id"] != otp["message_id"]
    assert body["expires_at"] == "2026-01-01T00:05:30.000Z"
    second = world.code(body["message_id"])
    if first != second:
        assert check(world, otp["id"], first)["result"] == "wrong_code"
    assert check(world, otp["id"], second)["result"] == "approved"
    assert world.get(f"/v1/messages/{otp['message_id']}").get_json()["state"] == "cancelled"


def test_the_same_code_again_keeps_its_end(world: World) -> None:
    otp = start(world)
    code = world.code(str(otp["message_id"]))
    world.clock.advance(40)
    body = world.post(f"/v1/otp/{otp['id']}/resend", {"same": True}).get_json()
    assert body["expires_at"] == otp["expires_at"]
    assert world.code(body["message_id"]) == code
    message = world.get(f"/v1/messages/{body['message_id']}").get_json()
    assert message["expires_at"] == otp["expires_at"]
    assert check(world, otp["id"], code)["result"] == "approved"


def test_the_same_code_is_not_sent_when_it_is_about_to_end(world: World) -> None:
    otp = start(world, {**LOGIN, "lifetime": 60})
    world.clock.advance(31)
    answer = world.post(f"/v1/otp/{otp['id']}/resend", {"same": True})
    assert (answer.status_code, answer.get_json()["code"]) == (409, "expires_too_soon")


def test_a_code_of_the_callers_own_is_sent_again_as_it_is(world: World) -> None:
    otp = start(world, {**LOGIN, "code": "ABC123"})
    world.clock.advance(40)
    body = world.post(f"/v1/otp/{otp['id']}/resend").get_json()
    assert "ABC123" in world.sent_text(body["message_id"])
    assert check(world, otp["id"], "ABC123")["result"] == "approved"


def test_five_sends_and_no_more(make_world: Callable[..., World]) -> None:
    world = make_world("[otp]\ncooldown = 0\n")
    otp = start(world)
    for sends in range(2, 6):
        answer = world.post(f"/v1/otp/{otp['id']}/resend")
        assert answer.status_code == 202, sends
    assert answer.get_json()["resend_after"] is None
    refused = world.post(f"/v1/otp/{otp['id']}/resend")
    assert (refused.status_code, refused.get_json()["code"]) == (429, "too_many_sends")
    assert refused.headers["Retry-After"] == "300"
    assert world.post("/v1/otp", LOGIN).status_code == 429
    world.clock.advance(300)
    assert world.post("/v1/otp", LOGIN).status_code == 202


def test_a_second_create_supersedes_and_counts_as_a_resend(world: World) -> None:
    first = start(world)
    code = world.code(str(first["message_id"]))
    check(world, first["id"], wrong(code))
    check(world, first["id"], wrong(code))
    assert world.post("/v1/otp", LOGIN).status_code == 429
    assert world.post("/v1/otp", {**LOGIN, "purpose": "signup"}).status_code == 202
    assert world.post("/v1/otp", {**LOGIN, "to": OTHER}).status_code == 202
    assert world.post("/v1/otp", LOGIN, client="another").status_code == 202
    world.clock.advance(30)
    second = start(world)
    assert second["id"] != first["id"]
    assert (second["attempts_left"], second["resend_after"]) == (3, 60)
    assert check(world, first["id"], code)["result"] == "cancelled"
    assert world.get(f"/v1/messages/{first['message_id']}").get_json()["state"] == "cancelled"
    assert check(world, second["id"], world.code(str(second["message_id"])))["result"] == "approved"


def test_a_cancelled_challenge_counts_on(world: World) -> None:
    first = start(world)
    for _ in range(3):
        check(world, first["id"], wrong(world.code(str(first["message_id"]))))
    world.delete(f"/v1/otp/{first['id']}")
    early = world.post("/v1/otp", LOGIN)
    assert (early.status_code, early.get_json()["code"], early.headers["Retry-After"]) == (429, "resend_too_soon", "30")
    assert world.post("/v1/otp", {**LOGIN, "purpose": "signup"}).status_code == 202
    world.clock.advance(30)
    second = start(world)
    assert (second["attempts_left"], second["resend_after"]) == (2, 60)
    assert world.get(f"/v1/otp/{first['id']}").get_json()["state"] == "cancelled"


def test_cancelling_gives_no_more_sends(make_world: Callable[..., World]) -> None:
    world = make_world("[otp]\ncooldown = 0\n")
    for _ in range(5):
        world.delete(f"/v1/otp/{start(world)['id']}")
    refused = world.post("/v1/otp", LOGIN)
    assert (refused.status_code, refused.get_json()["code"]) == (429, "too_many_sends")
    world.clock.advance(300)
    assert start(world)["attempts_left"] == 5


def test_after_a_locked_challenge_nothing_is_sent_until_its_lifetime_is_over(world: World) -> None:
    first = start(world)
    code = world.code(str(first["message_id"]))
    for _ in range(5):
        check(world, first["id"], wrong(code))
    world.clock.advance(100)
    refused = world.post("/v1/otp", LOGIN)
    assert (refused.status_code, refused.get_json()["code"]) == (429, "locked")
    assert refused.headers["Retry-After"] == "200"
    assert world.post("/v1/otp", {**LOGIN, "to": OTHER}).status_code == 202
    world.clock.advance(200)
    assert start(world)["attempts_left"] == 5


def test_after_an_approval_everything_starts_anew(world: World) -> None:
    first = start(world)
    code = world.code(str(first["message_id"]))
    check(world, first["id"], wrong(code))
    check(world, first["id"], code)
    second = start(world)
    assert (second["attempts_left"], second["resend_after"]) == (5, 30)


def test_many_checks_at_once_approve_once(world: World) -> None:
    otp = start(world)
    code = world.code(str(otp["message_id"]))
    world.key()
    barrier, results = threading.Barrier(8), []

    def one() -> None:
        barrier.wait()
        results.append(check(world, otp["id"], code)["result"])

    threads = [threading.Thread(target=one) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["approved", *["used"] * 7]


def test_many_wrong_checks_at_once_do_not_get_past_the_cap(world: World) -> None:
    otp = start(world)
    bad = wrong(world.code(str(otp["message_id"])))
    world.key()
    barrier, results = threading.Barrier(12), []

    def one() -> None:
        barrier.wait()
        results.append(check(world, otp["id"], bad)["result"])

    threads = [threading.Thread(target=one) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [*["too_many_attempts"] * 7, *["wrong_code"] * 5]


def test_two_creates_at_once_leave_one_open_challenge(world: World) -> None:
    world.key()
    barrier, statuses = threading.Barrier(6), []

    def one() -> None:
        barrier.wait()
        statuses.append(world.post("/v1/otp", LOGIN).status_code)

    threads = [threading.Thread(target=one) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [202, *[429] * 5]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"purpose": "login"}, "to"),
        ({"to": NUMBER}, "purpose"),
        ({**LOGIN, "purpose": "lunch"}, "purpose"),
        ({**LOGIN, "lifetime": 59}, "lifetime"),
        ({**LOGIN, "lifetime": "11m"}, "lifetime"),
        ({**LOGIN, "lifetime": True}, "lifetime"),
        ({**LOGIN, "code": 10**400}, "code"),
        ({**LOGIN, "length": 5}, "length"),
        ({**LOGIN, "length": 11}, "length"),
        ({**LOGIN, "webotp_domain": "https://example.com"}, "webotp_domain"),
        ({**LOGIN, "webotp_domain": "example.com:443"}, "webotp_domain"),
        ({**LOGIN, "app_hash": "short"}, "app_hash"),
        ({**LOGIN, "end_user_ip": "300.1.1.1"}, "end_user_ip"),
        ({**LOGIN, "template": "nothing"}, "template"),
        ({**LOGIN, "locale": "!"}, "locale"),
        ({**LOGIN, "binding": ""}, "binding"),
        ({**LOGIN, "surprise": 1}, "surprise"),
        ({**LOGIN, "to": "12"}, "to"),
        ({**LOGIN, "to": [NUMBER]}, "to"),
    ],
)
def test_field_errors_name_the_field(world: World, body: object, field: str) -> None:
    answer = world.post("/v1/otp", body)
    assert answer.status_code == 422
    assert answer.content_type == "application/problem+json"
    assert [error["field"] for error in answer.get_json()["errors"]] == [field]


def test_challenges_of_other_clients_are_not_there(world: World) -> None:
    otp = start(world)
    for answer in (
        world.get(f"/v1/otp/{otp['id']}", client="other"),
        world.delete(f"/v1/otp/{otp['id']}", client="other"),
        world.post(f"/v1/otp/{otp['id']}/check", {"code": "1"}, client="other"),
        world.post(f"/v1/otp/{otp['id']}/resend", client="other"),
        world.get("/v1/otp/nothing"),
    ):
        assert (answer.status_code, answer.get_json()["code"]) == (404, "not_found")
    assert world.get(f"/v1/otp/{otp['id']}", client="boss", scopes=("admin",)).status_code == 200


def test_look_shows_the_timeline(world: World) -> None:
    otp = start(world, {**LOGIN, "client_ref": 42})
    body = world.get(f"/v1/otp/{otp['id']}").get_json()
    assert [row["state"] for row in body["timeline"]] == ["queued"]
    assert (body["client_ref"], body["purpose"], body["sends"]) == ("42", "login", 1)


def test_origin_bound_and_retriever_lines_are_in_the_text(world: World) -> None:
    body = start(world, {**LOGIN, "webotp_domain": "Login.Example.com", "app_hash": "FA+9qCX9VSu"})
    lines = world.sent_text(str(body["message_id"])).split("\n")
    code = world.code(str(body["message_id"]))
    assert lines[-2:] == ["FA+9qCX9VSu", f"@login.example.com #{code}"]


def test_warnings_reach_the_client(world: World) -> None:
    context = {"payee": "東京商店", "amount": "10", "currency": "EUR"}
    body = start(world, {"to": NUMBER, "purpose": "transaction", "context": context})
    assert any("東" in str(warning) for warning in body["warnings"])  # type: ignore[attr-defined]


def test_codes_to_internet_telephony_are_warned_of(make_world: Callable[..., World]) -> None:
    voip = {**LOGIN, "to": "+445600123456"}
    assert any("internet telephony" in warning for warning in start(make_world(), voip)["warnings"])  # type: ignore[attr-defined]


def test_codes_to_internet_telephony_are_refused_where_that_is_set(make_world: Callable[..., World]) -> None:
    world = make_world("[otp]\nrefuse_voip = true\n")
    refused = world.post("/v1/otp", {**LOGIN, "to": "+445600123456"})
    assert (refused.status_code, refused.get_json()["code"]) == (403, "voip_not_allowed")
    start(world)
