"""Many at once, over real HTTP: what may happen once happens once, and what may happen n times happens n times."""

from __future__ import annotations

import http.client
import json
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.harness import Gateway, World, until

THREADS = 32
POLLS = 64
WAITING = 24  # of 64 threads at most half wait, and of those one client gets three quarters
RECIPIENTS = 1000
NUMBER_TOO_MANY = "+447700900213"
CODE, WRONG = "135790", "097531"
PATIENCE = 60  # seconds that one answer may take: a bound, not a measure
SCOPES = ("messages:send", "messages:read", "otp:send", "otp:check", "admin")

Request = tuple[str, str, Any, dict[str, str]]
Reply = tuple[int, Any, dict[str, str]]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """One gateway for all: every test has numbers of its own."""
    world = World(tmp_path_factory.mktemp("concurrency"))
    gateway = Gateway(world.write_config())
    try:
        gateway.start()
        gateway.make_key(*SCOPES)
        yield gateway
    finally:
        gateway.stop()
        world.stop()


def request(gateway: Gateway, one: Request, go: threading.Barrier | None = None) -> Reply:
    """One request on a connection of its own, made when everybody stands ready."""
    method, path, body, headers = one
    connection = http.client.HTTPConnection(gateway.url.removeprefix("http://"), timeout=PATIENCE)
    try:
        connection.connect()
        if go is not None:
            go.wait(PATIENCE)
        given = {"Authorization": f"Bearer {gateway.key}", "Content-Type": "application/json"} | headers
        connection.request(method, path, None if body is None else json.dumps(body), given)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read()), dict(answer.headers)
    finally:
        connection.close()


def at_once(gateway: Gateway, requests: Sequence[Request]) -> list[Reply]:
    """All of them at the same moment, each from a thread of its own; the answers in the order of the requests."""
    go = threading.Barrier(len(requests))
    with ThreadPoolExecutor(len(requests)) as pool:
        return list(pool.map(lambda one: request(gateway, one, go), requests))


def later() -> str:
    """Tomorrow: what is not to be sent before stays queued."""
    return (datetime.now(UTC) + timedelta(days=1)).isoformat()


def post(path: str, body: Any = None, **headers: str) -> Request:
    return "POST", path, body, headers


def start(gateway: Gateway, number: str, purpose: str = "login", code: str = CODE) -> Any:
    status, challenge = gateway.call("POST", "/v1/otp", {"to": number, "purpose": purpose, "code": code})
    assert status == 202, challenge
    return challenge


def check(challenge: Any, code: str) -> Request:
    return post(f"/v1/otp/{challenge['id']}/check", {"code": code})


def results(replies: Sequence[Reply]) -> Counter[str]:
    assert {status for status, _, _ in replies} == {200}
    return Counter(body["result"] for _, body, _ in replies)


def codes(replies: Sequence[Reply]) -> Counter[object]:
    """Refusals by their code, the rest by their status; every 429 says when to try again."""
    assert all(int(headers["Retry-After"]) >= 1 for status, _, headers in replies if status == 429)
    return Counter(body["code"] if status >= 400 else status for status, body, _ in replies)


def test_a_right_code_approves_once(gateway: Gateway) -> None:
    challenge = start(gateway, "+447700900201")
    replies = at_once(gateway, [check(challenge, CODE)] * THREADS)
    assert results(replies) == {"approved": 1, "used": THREADS - 1}
    assert gateway.call("GET", f"/v1/otp/{challenge['id']}")[1]["state"] == "approved"


def test_a_right_code_among_wrong_ones_approves_at_most_once(gateway: Gateway) -> None:
    challenge = start(gateway, "+447700900202")
    found = results(at_once(gateway, [check(challenge, CODE), *[check(challenge, WRONG)] * (THREADS - 1)]))
    state = gateway.call("GET", f"/v1/otp/{challenge['id']}")[1]["state"]
    if found["approved"]:
        assert (found["approved"], state) == (1, "approved")
        assert found["wrong_code"] + found["used"] == THREADS - 1
        assert found["wrong_code"] < 5
    else:
        assert (found, state) == ({"wrong_code": 5, "too_many_attempts": THREADS - 5}, "locked")


def test_the_cap_of_wrong_codes_is_exact(gateway: Gateway) -> None:
    challenge = start(gateway, "+447700900203")
    replies = at_once(gateway, [check(challenge, WRONG)] * 50)
    assert results(replies) == {"wrong_code": 5, "too_many_attempts": 45}
    left = sorted(body["attempts_left"] for _, body, _ in replies if body["result"] == "wrong_code")
    assert left == [0, 1, 2, 3, 4]
    assert results([request(gateway, check(challenge, CODE))]) == {"too_many_attempts": 1}


def test_wrong_codes_of_a_number_are_counted_exactly_over_challenges(gateway: Gateway) -> None:
    number = "+447700900204"
    challenges = [start(gateway, number, purpose) for purpose in ("login", "signup", "password_change")]
    replies = at_once(gateway, [check(challenge, WRONG) for challenge in challenges for _ in range(16)])
    assert results(replies) == {"wrong_code": 10, "too_many_attempts": 38}
    (lock,) = [one for one in gateway.call("GET", "/v1/locks")[1]["items"] if one["number"] == number]
    assert lock["failures"] == 10
    after = at_once(gateway, [check(challenge, CODE) for challenge in challenges])
    assert results(after) == {"too_many_attempts": 3}
    status, refused = gateway.call("POST", "/v1/otp", {"to": number, "purpose": "custom", "code": CODE})
    assert (status, refused["code"]) == (429, "number_locked")


def test_resends_stop_exactly_at_the_cap(gateway: Gateway) -> None:
    challenge = start(gateway, "+447700900205")
    replies = at_once(gateway, [post(f"/v1/otp/{challenge['id']}/resend")] * THREADS)
    assert codes(replies) == {202: 4, "too_many_sends": THREADS - 4}
    assert gateway.call("GET", f"/v1/otp/{challenge['id']}")[1]["sends"] == 5
    assert len({body["message_id"] for status, body, _ in replies if status == 202}) == 4


def test_challenges_begun_at_once_leave_one_open(gateway: Gateway) -> None:
    number = "+447700900206"
    own = [f"{n:06}" for n in range(THREADS)]
    replies = at_once(gateway, [post("/v1/otp", {"to": number, "purpose": "login", "code": code}) for code in own])
    assert codes(replies) == {202: 5, "too_many_sends": THREADS - 5}
    begun = [(body, code) for (status, body, _), code in zip(replies, own, strict=True) if status == 202]
    states = [gateway.call("GET", f"/v1/otp/{body['id']}")[1]["state"] for body, _ in begun]
    assert sorted(states) == ["cancelled"] * 4 + ["pending"]
    replies = at_once(gateway, [check(body, code) for body, code in begun])
    assert [body["result"] == "approved" for _, body, _ in replies] == [state == "pending" for state in states]
    assert results(replies) == {"approved": 1, "cancelled": 4}


def test_the_cooldown_lets_one_of_many_pass(tmp_path: Path) -> None:
    world = World(tmp_path)
    path = world.write_config()
    path.write_text(path.read_text(encoding="utf-8").replace('["0s"]', '["1s", "1h"]'), encoding="utf-8")
    gateway = Gateway(path)
    try:
        gateway.start()
        gateway.make_key(*SCOPES)
        challenge = start(gateway, "+447700900207")
        look = f"/v1/otp/{challenge['id']}"
        until(lambda: gateway.call("GET", look)[1]["resend_after"] == 0, 30, "the cooldown is over")
        replies = at_once(gateway, [post(f"{look}/resend")] * THREADS)
        assert codes(replies) == {202: 1, "resend_too_soon": THREADS - 1}
        assert gateway.call("GET", look)[1]["sends"] == 2
    finally:
        gateway.stop()
        world.stop()


def test_one_idempotency_key_makes_one_message(gateway: Gateway) -> None:
    body = {"to": "+447700900208", "text": "once", "tags": ["once"]}
    key = {"Idempotency-Key": "the same"}
    replies = at_once(gateway, [("POST", "/v1/messages", body, key)] * 16)
    assert codes(replies) == {202: 16}
    assert all(answer == replies[0][1] for _, answer, _ in replies)
    assert len(gateway.call("GET", "/v1/messages?tag=once")[1]["items"]) == 1
    other = request(gateway, ("POST", "/v1/messages", body | {"text": "another"}, key))
    assert codes([other]) == {"idempotency_key_reused": 1}


def test_two_bodies_under_one_key_are_one_message_and_conflicts(gateway: Gateway) -> None:
    key = {"Idempotency-Key": "two bodies"}
    bodies = [{"to": "+447700900209", "text": text, "tags": ["two"]} for text in ("one", "other")]
    replies = at_once(gateway, [("POST", "/v1/messages", bodies[n % 2], key) for n in range(THREADS)])
    assert codes(replies) == {202: THREADS // 2, "idempotency_key_reused": THREADS // 2}
    assert len({place % 2 for place, (status, _, _) in enumerate(replies) if status == 202}) == 1
    assert len(gateway.call("GET", "/v1/messages?tag=two")[1]["items"]) == 1


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/otp"])
def test_a_key_outlives_kill_minus_nine(gateway: Gateway, path: str) -> None:
    """Requests are cut off at any point; repeated after the restart, each of them has been done once."""
    keys = [f"cut {path} {n}" for n in range(THREADS)]
    numbers = [f"+4477009{len(path)}3{n:02}" for n in range(THREADS)]
    wanted = {"text": "cut"} if path == "/v1/messages" else {"purpose": "login"}
    sent: list[Request] = [
        ("POST", path, {"to": number} | wanted, {"Idempotency-Key": key})
        for number, key in zip(numbers, keys, strict=True)
    ]
    first: dict[str, Any] = {}
    answered = threading.Event()

    def attempt(one: Request) -> None:
        try:
            status, body, _ = request(gateway, one)
        except (OSError, http.client.HTTPException, json.JSONDecodeError):
            return  # cut off: whether it was done is not known
        assert status == 202
        first[one[3]["Idempotency-Key"]] = body
        answered.set()

    with ThreadPoolExecutor(8) as pool:
        done = [pool.submit(attempt, one) for one in sent]
        assert answered.wait(PATIENCE)
        gateway.kill()
    for one in done:
        one.result()
    gateway.start()
    again = at_once(gateway, [*sent, *sent])
    assert codes(again) == {202: 2 * THREADS}
    for place, key in enumerate(keys):
        once, twice = again[place][1], again[place + THREADS][1]
        assert once == twice
        assert first.get(key, once) == once
    listed = [gateway.call("GET", f"/v1/messages?to=%2B{number[1:]}")[1]["items"] for number in numbers]
    assert [len(items) for items in listed] == [1] * THREADS


def test_waiting_clients_do_not_stop_an_accept(gateway: Gateway) -> None:
    """Some of the server's 64 threads wait; the other polls are answered at once, and requests find a thread."""
    _, message = gateway.call("POST", "/v1/messages", {"to": "+447700900210", "text": "later", "not_before": later()})
    path = f"/v1/messages/{message['id']}"
    answered: list[Reply] = []
    poll: Request = ("GET", f"{path}?wait=60", None, {})
    with ThreadPoolExecutor(POLLS) as pool:
        polls = [pool.submit(lambda: answered.append(request(gateway, poll))) for _ in range(POLLS)]
        until(lambda: len(answered) == POLLS - WAITING, 30, "those without a place are answered")
        assert start(gateway, "+447700900211")["state"] == "pending"
        assert gateway.call("POST", "/v1/messages", {"to": "+447700900212", "text": "now"})[0] == 202
        assert len(answered) == POLLS - WAITING
        assert gateway.call("DELETE", path)[0] == 200
    for one in polls:
        one.result()
    states = Counter((status, body["state"]) for status, body, _ in answered)
    assert states == {(200, "queued"): POLLS - WAITING, (200, "cancelled"): WAITING}


def test_a_thousand_recipients_are_taken_together_or_not_at_all(gateway: Gateway) -> None:
    numbers = [f"+44770091{n:04}" for n in range(RECIPIENTS)]
    body = {"to": numbers, "text": "all or none", "tags": ["thousand"], "not_before": later()}
    for place in (0, 617, RECIPIENTS - 1):
        wrong = [*numbers[:place], "12", *numbers[place + 1 :]]
        status, refused = gateway.call("POST", "/v1/messages", body | {"to": wrong})
        assert (status, [error["field"] for error in refused["errors"]]) == (422, [f"to[{place}]"])
    listing = f"/v1/messages?tag=thousand&limit={RECIPIENTS}"
    assert gateway.call("GET", listing)[1]["items"] == []
    assert gateway.call("POST", "/v1/messages", body | {"to": [*numbers, NUMBER_TOO_MANY]})[0] == 422
    status, accepted = gateway.call("POST", "/v1/messages", body)
    assert status == 202
    assert [message["to"] for message in accepted["items"]] == numbers
    stored = gateway.call("GET", listing)[1]["items"]
    assert {message["id"] for message in stored} == {message["id"] for message in accepted["items"]}
