"""Keys that catch and redirect, over HTTP: what a test system sees of what it sends."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from werkzeug.test import TestResponse

from gateway.admission import Admission
from gateway.messages import Json, Lane
from gateway.store import Block, Slot
from tests.gateway.test_api_keys import admin, code_of, make, use
from tests.gateway.test_opt_out import hear
from tests.gateway.world import NUMBER, OTHER, World

SCOPES = [
    *("messages:send", "messages:read", "messages:otp", "messages:raw", "messages:text"),
    *("otp:send", "otp:check", "caught:read"),
]
LOGIN = {"to": NUMBER, "purpose": "login"}
OURS = "+447700900199"


@pytest.fixture
def catching(world: World) -> Json:
    return make(world, client="shop", delivery="catch", scopes=SCOPES)


def caught(world: World, key: Json, query: str = "") -> list[Json]:
    answer = use(world, key, "GET", f"/v1/caught{query}")
    assert answer.status_code == 200, answer.text
    items: list[Json] = answer.get_json()["items"]
    return items


def sent(answer: TestResponse) -> Json:
    assert answer.status_code == 202, answer.text
    document: Json = answer.get_json()
    return document


def test_a_code_is_read_where_a_person_would_read_it(world: World, catching: Json) -> None:
    started = sent(use(world, catching, "POST", "/v1/otp", LOGIN))
    (item,) = caught(world, catching, f"?message_id={started['message_id']}&wait=10")
    assert (item["to"], item["parts"], item["encoding"]) == (NUMBER, 1, "gsm7")
    assert item["text"].startswith(f"{item['code']} is your Example Bank login code.")
    assert use(world, catching, "GET", f"/v1/caught/{item['id']}").get_json() == item
    state = use(world, catching, "GET", f"/v1/otp/{started['id']}").get_json()
    assert state["message_state"] == "delivered"
    assert [(row["state"], row["modem"]) for row in state["timeline"]] == [("queued", None), ("delivered", "catch")]
    check = use(world, catching, "POST", f"/v1/otp/{started['id']}/check", {"code": item["code"]})
    assert check.get_json()["result"] == "approved"
    assert world.store.outbox.text(started["message_id"]) is None
    assert caught(world, catching) == [item]
    assert all(queue == "catch" for queue, _ in world.woken)


def test_the_code_is_exact_however_it_looks(world: World, catching: Json) -> None:
    sent(use(world, catching, "POST", "/v1/otp", {**LOGIN, "code": "ABCDEFGH"}))
    world.clock.advance(30)
    assert [item["code"] for item in caught(world, catching)] == ["ABCDEFGH"]


def test_the_same_code_again_is_exact_too(world: World, catching: Json) -> None:
    started = sent(use(world, catching, "POST", "/v1/otp", {**LOGIN, "code": "ABCDEFGH"}))
    world.clock.advance(30)
    sent(use(world, catching, "POST", f"/v1/otp/{started['id']}/resend", {"same": True}))
    assert [item["code"] for item in caught(world, catching)] == ["ABCDEFGH", "ABCDEFGH"]


def test_other_texts_have_their_code_picked_out(world: World, catching: Json) -> None:
    for text in ("Your parcel is at the desk.", "Use 482913 to log in"):
        sent(use(world, catching, "POST", "/v1/messages", {"to": NUMBER, "text": text}))
    own = {"to": NUMBER, "text": "Code 771204", "priority": "otp"}
    own_id = sent(use(world, catching, "POST", "/v1/messages", own))["id"]
    assert [item["code"] for item in caught(world, catching)] == ["771204", "482913", None]
    assert world.store.outbox.text(own_id) is None  # the otp lane is erased as ever


def test_octets_are_caught_as_they_are(world: World, catching: Json) -> None:
    sent(use(world, catching, "POST", "/v1/messages", {"to": NUMBER, "data": "00FF" * 100, "port": 2948}))
    (item,) = caught(world, catching)
    assert (item["text"], item["data"], item["port"], item["code"]) == (None, "00FF" * 100, 2948, None)
    assert (item["parts"], item["encoding"]) == (2, "data")


def test_every_check_of_a_live_key_is_made(world: World, catching: Json) -> None:
    body = {"to": "+33612345678", "text": "x"}
    assert code_of(use(world, catching, "POST", "/v1/messages", body)) == (403, "country_not_allowed")
    assert use(world, catching, "POST", "/v1/messages", {"to": NUMBER, "text": "x" * 2000}).status_code == 422
    sent(use(world, catching, "POST", "/v1/otp", LOGIN))
    assert code_of(use(world, catching, "POST", "/v1/otp", LOGIN)) == (429, "resend_too_soon")
    assert len(caught(world, catching)) == 1


def test_the_answers_are_those_of_a_live_key(world: World, catching: Json) -> None:
    live = make(world, client="other", scopes=SCOPES)
    shown = [sent(use(world, key, "POST", "/v1/messages", {"to": NUMBER, "text": "hi"})) for key in (live, catching)]
    for document in shown:
        del document["id"]
    assert shown[0] == shown[1]
    headers = {"Idempotency-Key": "once"}
    many = {"to": [NUMBER, OTHER], "text": "both"}
    answers = [sent(use(world, catching, "POST", "/v1/messages", many, headers=headers)) for _ in range(2)]
    assert answers[0] == answers[1]
    assert len(caught(world, catching)) == 3


def test_lists_page_and_are_narrowed(world: World, catching: Json) -> None:
    for place in range(3):
        body = {"to": NUMBER if place else OTHER, "text": f"text {place}"}
        sent(use(world, catching, "POST", "/v1/messages", body))
        world.clock.advance(60)
    assert [item["text"] for item in caught(world, catching)] == ["text 2", "text 1", "text 0"]
    assert [item["text"] for item in caught(world, catching, "?to=07700900124")] == ["text 0"]
    assert [item["text"] for item in caught(world, catching, "?since=2026-01-01T00:02:00Z")] == ["text 2"]
    first = use(world, catching, "GET", "/v1/caught?limit=2").get_json()
    rest = use(world, catching, "GET", f"/v1/caught?limit=2&cursor={first['next_cursor']}").get_json()
    assert [item["text"] for item in first["items"]] == ["text 2", "text 1"]
    assert ([item["text"] for item in rest["items"]], rest["next_cursor"]) == (["text 0"], None)


def test_waiting_for_the_first_and_for_the_next(world: World, catching: Json) -> None:
    answers: list[list[Json]] = []
    waiter = threading.Thread(target=lambda: answers.append(caught(world, catching, f"?to={OTHER}&wait=30")))
    waiter.start()
    for text in ("not you", "you"):
        sent(use(world, catching, "POST", "/v1/messages", {"to": NUMBER if text == "not you" else OTHER, "text": text}))
    waiter.join(30)
    ((item,),) = answers
    assert item["text"] == "you"
    assert caught(world, catching, f"?to={OTHER}&wait=30") == [item]  # it is there already
    assert caught(world, catching, f"?after={item['id']}&wait=0.05") == []
    sent(use(world, catching, "POST", "/v1/messages", {"to": OTHER, "text": "and you"}))
    sent(use(world, catching, "POST", "/v1/messages", {"to": OTHER, "text": "and you too"}))
    assert [one["text"] for one in caught(world, catching, f"?after={item['id']}&wait=30")] == ["and you"]


def test_each_client_sees_its_own(world: World, catching: Json) -> None:
    other = make(world, client="other", delivery="catch", scopes=SCOPES)
    sent(use(world, catching, "POST", "/v1/messages", {"to": NUMBER, "text": "mine"}))
    sent(use(world, other, "POST", "/v1/messages", {"to": NUMBER, "text": "theirs"}))
    (mine,) = caught(world, catching)
    assert mine["text"] == "mine"
    assert use(world, other, "GET", f"/v1/caught/{mine['id']}").status_code == 404
    assert use(world, other, "GET", f"/v1/caught?after={mine['id']}&wait=1").status_code == 422
    assert len(admin(world, "GET", "/v1/caught").get_json()["items"]) == 2
    assert admin(world, "DELETE", "/v1/caught").get_json() == {"deleted": 0}
    assert use(world, other, "DELETE", "/v1/caught").get_json() == {"deleted": 1}
    assert caught(world, catching) == [mine]
    assert world.get("/v1/caught", scopes=("messages:read",)).status_code == 403


@pytest.mark.parametrize(
    ("query", "field"),
    [("?wait=61", "wait"), ("?after=x&wait=1", "after"), ("?cursor=x", "cursor"), ("?to=x", "to"), ("?x=1", "x")],
)
def test_query_errors_name_the_parameter(world: World, query: str, field: str) -> None:
    answer = world.get(f"/v1/caught{query}")
    assert answer.status_code == 422
    assert [error["field"] for error in answer.get_json()["errors"]] == [field]


def test_what_is_caught_is_sealed(world: World, catching: Json) -> None:
    sent(use(world, catching, "POST", "/v1/messages", {"to": NUMBER, "text": "a most secret text 482913"}))
    files = list(world.store.database.path.parent.iterdir())
    assert all(b"most secret" not in file.read_bytes() for file in files)
    assert len(files) > 2


# -- redirect ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def redirecting(world: World) -> Json:
    return make(world, client="shop", delivery="redirect", redirect_to=OURS, scopes=SCOPES)


def destination(world: World, message_id: str) -> tuple[Any, ...]:
    with world.store.database.read() as cx:
        row = cx.execute("SELECT sent_to, home, parts FROM messages WHERE id = ?", (message_id,)).fetchone()
    return tuple(row)


def test_a_redirected_text_says_whom_it_was_for(world: World, redirecting: Json) -> None:
    message = sent(use(world, redirecting, "POST", "/v1/messages", {"to": NUMBER, "text": "hello"}))
    assert message["to"] == NUMBER
    assert world.sent_text(message["id"]) == f"[{NUMBER}] hello"
    assert destination(world, message["id"]) == (OURS, "route:", 1)
    longer = sent(use(world, redirecting, "POST", "/v1/messages", {"to": NUMBER, "text": "x" * 155}))
    assert (longer["parts"], destination(world, longer["id"])[2]) == (2, 2)
    assert world.woken == [("route:", Lane.NORMAL)] * 2


def test_a_redirected_code_keeps_its_last_line_and_can_be_sent_again(world: World, redirecting: Json) -> None:
    body = {**LOGIN, "webotp_domain": "example.com"}
    started = sent(use(world, redirecting, "POST", "/v1/otp", body))
    text = world.sent_text(started["message_id"])
    code = text.rpartition("#")[2]
    assert text.startswith(f"[{NUMBER}] {code} is your")
    assert text.endswith(f"\n@example.com #{code}")
    world.clock.advance(30)
    again = sent(use(world, redirecting, "POST", f"/v1/otp/{started['id']}/resend", {"same": True}))
    assert world.sent_text(again["message_id"]) == text
    live = make(world, client="shop", scopes=SCOPES)
    world.clock.advance(60)
    direct = sent(use(world, live, "POST", f"/v1/otp/{started['id']}/resend", {"same": True}))
    assert world.sent_text(direct["message_id"]) == text.removeprefix(f"[{NUMBER}] ")
    assert destination(world, direct["message_id"])[0] is None


def test_a_preview_is_what_would_be_sent(world: World, redirecting: Json) -> None:
    shown = use(world, redirecting, "POST", "/v1/preview", {"to": NUMBER, "text": "x" * 155}).get_json()
    assert (shown["text"], shown["parts"]) == (f"[{NUMBER}] " + "x" * 155, 2)
    code = use(world, redirecting, "POST", "/v1/preview", LOGIN).get_json()
    assert code["text"].startswith(f"[{NUMBER}] 000000 is your")
    assert use(world, redirecting, "POST", "/v1/preview", {"text": "x"}).get_json()["text"] == "x"


def test_octets_and_silent_messages_are_redirected_as_they_are(world: World, redirecting: Json) -> None:
    octets = sent(use(world, redirecting, "POST", "/v1/messages", {"to": NUMBER, "data": "00FF", "port": 2948}))
    silent = sent(use(world, redirecting, "POST", "/v1/messages", {"to": NUMBER, "silent": True}))
    assert destination(world, octets["id"])[0] == destination(world, silent["id"])[0] == OURS
    assert world.sent_text(silent["id"]) == ""


def test_the_route_is_that_of_the_handset(make_world: Callable[..., World]) -> None:
    world = make_world('[limits]\nallowed_countries = ["GB", "FR"]\n')
    french = make(world, client="shop", delivery="redirect", redirect_to="+33612345678", scopes=SCOPES)
    message = sent(use(world, french, "POST", "/v1/messages", {"to": NUMBER, "text": "hello"}))
    assert destination(world, message["id"]) == ("+33612345678", "route:+33", 1)
    pinned = sent(use(world, french, "POST", "/v1/messages", {"to": NUMBER, "text": "hello", "modem": "sim1"}))
    assert destination(world, pinned["id"])[1] == "modem:sim1"


def test_a_text_that_is_too_long_with_the_number_is_refused(world: World, redirecting: Json) -> None:
    body = {"to": NUMBER, "text": "x" * (153 * 10)}
    answer = use(world, redirecting, "POST", "/v1/messages", body)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.get_json()["errors"]] == ["text"]


def test_a_block_holds_for_the_handset_too(world: World, redirecting: Json) -> None:
    now, text = world.clock.now(), {"to": NUMBER, "text": "hello"}
    world.store.blocked.add(OURS, Block.BLOCKED, "ops", now)
    refused = use(world, redirecting, "POST", "/v1/messages", {"to": [NUMBER, OTHER], "text": "hello"})
    assert code_of(refused) == (403, "recipient_blocked")
    assert [error["field"] for error in refused.get_json()["errors"]] == ["to[0]", "to[1]"]
    assert "the handset that this key redirects to" in refused.get_json()["detail"]
    sent(use(world, redirecting, "POST", "/v1/otp", LOGIN))
    world.store.blocked.add(OURS, Block.BLOCKED_ALL, "ops", now)
    assert code_of(use(world, redirecting, "POST", "/v1/otp", {**LOGIN, "to": OTHER})) == (403, "recipient_blocked")
    world.store.blocked.remove(OURS, now)
    world.store.blocked.add(NUMBER, Block.BLOCKED_ALL, "ops", now)  # as a live key would be answered
    assert code_of(use(world, redirecting, "POST", "/v1/messages", text)) == (403, "recipient_blocked")


def test_a_stop_from_the_handset_withdraws_what_is_queued_for_it(world: World, redirecting: Json) -> None:
    message = sent(use(world, redirecting, "POST", "/v1/messages", {"to": NUMBER, "text": "hello"}))
    live = sent(world.post("/v1/messages", {"to": NUMBER, "text": "hello"}))
    hear(world, "STOP", OURS)
    shown = world.get(f"/v1/messages/{message['id']}").get_json()
    assert (shown["state"], shown["reason"]) == ("cancelled", "opted_out")
    assert world.get(f"/v1/messages/{live['id']}").get_json()["state"] == "queued"
    again = use(world, redirecting, "POST", "/v1/messages", {"to": NUMBER, "text": "hello"})
    assert code_of(again) == (403, "recipient_opted_out")


# -- beside live traffic of the same numbers --------------------------------------------------------------------------


def test_a_test_neither_ends_a_live_code_nor_counts_against_its_owner(make_world: Callable[..., World]) -> None:
    world = make_world("[otp]\nlock_after = 3\n")
    testing = make(world, client="shop", delivery="catch", scopes=SCOPES)
    live = sent(world.post("/v1/otp", LOGIN))
    tried = sent(use(world, testing, "POST", "/v1/otp", LOGIN))  # no cooldown either
    for _ in range(3):
        use(world, testing, "POST", f"/v1/otp/{tried['id']}/check", {"code": "wrong"})
    refused = use(world, testing, "POST", "/v1/otp", {**LOGIN, "purpose": "signup"})
    assert refused.get_json()["code"] == "number_locked"
    assert world.get(f"/v1/otp/{live['id']}").get_json()["attempts_left"] == 3
    (lock,) = admin(world, "GET", "/v1/locks").get_json()["items"]
    assert (lock["number"], lock["client"], lock["delivery"], lock["failures"]) == (NUMBER, "shop", "catch", 3)
    code = world.code(live["message_id"])
    assert world.post(f"/v1/otp/{live['id']}/check", {"code": code}).get_json()["result"] == "approved"
    assert len(admin(world, "GET", "/v1/locks").get_json()["items"]) == 1  # a live success forgives no tests
    assert admin(world, "DELETE", f"/v1/locks/{NUMBER}").get_json()["cleared"] == 1
    assert use(world, testing, "POST", "/v1/otp", {**LOGIN, "purpose": "signup"}).status_code == 202


def test_locks_of_every_delivery_are_cleared_at_once(make_world: Callable[..., World]) -> None:
    world = make_world("[otp]\nlock_after = 1\n")
    testing = make(world, client="shop", delivery="catch", scopes=SCOPES)
    live, tried = sent(world.post("/v1/otp", LOGIN)), sent(use(world, testing, "POST", "/v1/otp", LOGIN))
    world.post(f"/v1/otp/{live['id']}/check", {"code": "wrong"})
    use(world, testing, "POST", f"/v1/otp/{tried['id']}/check", {"code": "wrong"})
    assert {lock["delivery"] for lock in admin(world, "GET", "/v1/locks").get_json()["items"]} == {"live", "catch"}
    assert admin(world, "DELETE", f"/v1/locks/{NUMBER}").get_json()["cleared"] == 2


def test_a_test_supersedes_what_the_test_before_it_began(world: World, catching: Json) -> None:
    first = sent(use(world, catching, "POST", "/v1/otp", LOGIN))
    assert use(world, catching, "POST", "/v1/otp", LOGIN).get_json()["code"] == "resend_too_soon"
    world.clock.advance(30)
    sent(use(world, catching, "POST", "/v1/otp", LOGIN))
    assert use(world, catching, "GET", f"/v1/otp/{first['id']}").get_json()["state"] == "cancelled"


@pytest.mark.parametrize("rule", ["number", "ip", "prefix", "conversion"])
@pytest.mark.parametrize("again", [False, True])
def test_tests_take_no_places_of_live_codes(make_world: Callable[..., World], rule: str, again: bool) -> None:
    asks = 'sends = 2\nmode = "enforce"' if rule == "conversion" else 'rates = ["2/24h"]\nmode = "enforce"'
    world = make_world(f'[otp]\ncooldown = ["0s"]\nmax_sends = 100\n[limits.{rule}]\n{asks}\n')
    testing = make(world, client="tests", delivery="catch", scopes=SCOPES)
    body = {**LOGIN, "end_user_ip": "192.0.2.7"}
    for _ in range(2):
        sent(use(world, testing, "POST", "/v1/otp", body))
    world.clock.advance(1500)  # older than a code lives, by as much as windows are coarse
    if again:
        world.intake.admission = Admission(world.store, world.config, world.clock, lambda: world.views)
    refused = use(world, testing, "POST", "/v1/otp", body).get_json()
    assert refused["code"] == ("conversion_low" if rule == "conversion" else f"{rule}_rate")
    live = sent(world.post("/v1/otp", body))
    code = world.code(live["message_id"])
    assert world.post(f"/v1/otp/{live['id']}/check", {"code": code}).get_json()["result"] == "approved"
    refused = use(world, testing, "POST", "/v1/otp", body)  # what is live does nothing for tests either
    assert refused.status_code == 429


def test_tests_take_none_of_the_few_replace_types(make_world: Callable[..., World]) -> None:
    world = make_world('[otp]\nreplace = true\ncooldown = ["0s"]\n')
    for number in range(7):
        key = make(world, client=f"tests{number}", delivery="catch", scopes=SCOPES)
        sent(use(world, key, "POST", "/v1/otp", LOGIN))
    sent(world.post("/v1/otp", LOGIN))
    slot = Slot("sim1", "00101one", ("route:",))
    attempt = world.store.outbox.claim(slot, world.clock.now())
    assert attempt is not None
    assert attempt.replace == 1
    assert world.store.outbox.begin(attempt.id, world.clock.now())
    world.store.outbox.accepted(attempt.id, 1, world.clock.now(), "+CMGS: 1")
    world.woken.clear()
    testing = make(world, client="shop", delivery="catch", scopes=SCOPES)
    tried = sent(use(world, testing, "POST", "/v1/otp", LOGIN))
    assert [queue for queue, _ in world.woken] == ["catch"]  # not that of the SIM which sent the live one
    with world.store.database.read() as cx:
        row = cx.execute("SELECT replace_type FROM messages WHERE id = ?", (tried["message_id"],)).fetchone()
    assert row["replace_type"] is None
