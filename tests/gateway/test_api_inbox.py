"""Received messages over HTTP, against the real store; the PDUs are made by hand from 23.040 9.2.2.1."""

from __future__ import annotations

import threading

import pytest

from gateway.messages import Json
from hardware.pdu import DeliverPdu, gsm7
from tests.gateway.world import NUMBER, OTHER, World


def deliver(sender: str, text: str, header: bytes = b"") -> str:
    """SMS-DELIVER in hex: no service centre, GSM 7-bit, 1 January 2026 12:00:00 UTC."""
    digits = sender.lstrip("+") + ("F" if len(sender.lstrip("+")) % 2 else "")
    number = bytes([len(sender.lstrip("+")), 0x91]) + bytes.fromhex(
        "".join(digits[place + 1] + digits[place] for place in range(0, len(digits), 2))
    )
    septets = gsm7.encode(text)
    skip = (8 * len(header) + 6) // 7
    data = header + gsm7.pack(septets, 7 * skip - 8 * len(header))
    first = b"\x44" if header else b"\x04"
    pdu = b"\x00" + first + number + b"\x00\x00" + bytes.fromhex("62101021000000") + bytes([skip + len(septets)]) + data
    return pdu.hex().upper()


def receive(world: World, sender: str, text: str, header: bytes = b"") -> str | None:
    raw = deliver(sender, text, header)
    return world.store.inbox.receive(raw, DeliverPdu.decode(raw), "sim1", "001010000000001", world.clock.now())


def items(world: World, query: str = "") -> list[Json]:
    answer = world.get(f"/v1/inbox{query}")
    assert answer.status_code == 200, answer.text
    found: list[Json] = answer.get_json()["items"]
    return found


def test_a_received_message(world: World) -> None:
    message_id = receive(world, NUMBER, "yes please")
    (item,) = items(world)
    assert item == {
        "id": message_id,
        "from": NUMBER,
        "text": "yes please",
        "data": None,
        "port": None,
        "parts": 1,
        "missing": 0,
        "readable": True,
        "modem": "sim1",
        "sent_at": "2026-01-01T12:00:00.000Z",
        "received_at": "2026-01-01T00:00:00.000Z",
    }
    assert world.get(f"/v1/inbox/{message_id}").get_json() == item
    assert world.get("/v1/inbox/none").status_code == 404
    assert world.get("/v1/inbox", scopes=("messages:read",)).status_code == 403


def test_long_messages_are_joined(world: World) -> None:
    assert receive(world, NUMBER, "two", b"\x05\x00\x03\x07\x02\x02") is None
    assert items(world) == []
    receive(world, NUMBER, "one ", b"\x05\x00\x03\x07\x02\x01")
    (item,) = items(world)
    assert (item["text"], item["parts"], item["missing"]) == ("one two", 2, 0)


def test_lists_page_and_are_narrowed(world: World) -> None:
    for place in range(3):
        receive(world, NUMBER if place else OTHER, f"text {place}")
        world.clock.advance(60)
    assert [item["text"] for item in items(world)] == ["text 2", "text 1", "text 0"]
    assert [item["text"] for item in items(world, "?from=07700900124")] == ["text 0"]
    assert [item["text"] for item in items(world, "?from=+447700900124")] == ["text 0"]
    assert [item["text"] for item in items(world, "?since=2026-01-01T00:01:00Z&until=2026-01-01T00:02:00Z")] == [
        "text 1"
    ]
    first = world.get("/v1/inbox?limit=2").get_json()
    rest = world.get(f"/v1/inbox?limit=2&cursor={first['next_cursor']}").get_json()
    assert [item["text"] for item in rest["items"]] == ["text 0"]
    assert rest["next_cursor"] is None


def test_something_that_cannot_be_read_is_shown_raw(world: World) -> None:
    world.store.inbox.receive("0102FF", None, "sim1", "1", world.clock.now())
    (item,) = items(world)
    assert (item["readable"], item["text"], item["data"]) == (False, None, "0102FF")


def test_waiting_for_the_next_one(world: World) -> None:
    receive(world, NUMBER, "before")
    world.key()
    answers: list[list[Json]] = []
    waiter = threading.Thread(target=lambda: answers.append(items(world, f"?wait=30&from={OTHER}")))
    waiter.start()
    for place in range(200):  # whenever the wait begins, some of these come after it
        receive(world, NUMBER, f"not you {place}")
        receive(world, OTHER, f"you {place}")
        waiter.join(0.02)
        if answers:
            break
    waiter.join(30)
    assert len(answers[0]) == 1
    assert answers[0][0]["text"].startswith("you ")


def test_a_wait_that_names_where_it_was_misses_nothing(world: World) -> None:
    first = receive(world, NUMBER, "one")
    world.clock.advance(1)
    receive(world, NUMBER, "two")
    assert [item["text"] for item in items(world, f"?wait=30&after={first}")] == ["two"]
    assert [item["text"] for item in items(world, "?wait=30&since=2026-01-01T00:00:01Z")] == ["two"]
    assert items(world, "?wait=0.05") == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("?wait=61", "wait"),
        ("?after=none&wait=1", "after"),
        ("?cursor=x", "cursor"),
        ("?since=x", "since"),
        ("?x=1", "x"),
    ],
)
def test_query_errors_name_the_parameter(world: World, query: str, field: str) -> None:
    answer = world.get(f"/v1/inbox{query}")
    assert answer.status_code == 422
    assert [error["field"] for error in answer.get_json()["errors"]] == [field]
