"""The event stream: what it shows to whom, where it begins, and over a real server that it is live."""

from __future__ import annotations

import http.client
import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from gateway.messages import Json
from gateway.policy import KeyPolicy
from tests.gateway.test_api_http import served
from tests.gateway.test_api_inbox import receive
from tests.gateway.world import EVERYTHING, NUMBER, OTHER, World

HELLO = {"to": NUMBER, "text": "a text that is nobody's business"}


@dataclass
class Block:
    """What stands between two empty lines of a stream."""

    id: str | None = None
    event: str | None = None
    data: str | None = None
    retry: str | None = None
    comment: str | None = None

    @classmethod
    def of(cls, text: str) -> Block:
        block = cls()
        for line in text.splitlines():
            name, _, value = line.partition(":")
            setattr(block, name or "comment", value.removeprefix(" "))
        return block

    @property
    def document(self) -> Json:
        assert self.data is not None
        found: Json = json.loads(self.data)
        return found


def known(world: World, query: str = "?after=0", **options: Any) -> list[Block]:
    """A stream for which there is no place to wait: what is there already."""
    with ExitStack() as taken:
        others = (f"waiter{number}" for number in itertools.count())
        while taken.enter_context(world.app.extensions["simwire.waiting"].place(next(others))):
            pass
        answer = world.get(f"/v1/events{query}", **options)
        assert answer.status_code == 200, answer.text
        return [Block.of(text) for text in answer.text.split("\n\n") if text]


def kinds(world: World, query: str = "?after=0", **options: Any) -> list[str]:
    return [block.event for block in known(world, query, **options) if block.event]


def cancelled(world: World, client: str = "shop") -> str:
    """A message that was sent and cancelled: one event."""
    message_id = str(world.post("/v1/messages", HELLO, client=client).get_json()["id"])
    assert world.delete(f"/v1/messages/{message_id}", client=client).status_code == 200
    return message_id


def modem_event(world: World, state: str = "ready") -> None:
    with world.store.database.mark() as cx:
        world.store.events.emit(cx, f"modem.{state}", None, "sim1", {"name": "sim1", "state": state}, world.clock.now())


def test_an_event_on_the_wire(world: World) -> None:
    message_id = cancelled(world)
    opening, event = known(world)
    assert (opening.retry, opening.id, opening.event) == ("3000", "0", None)
    assert (event.id, event.event) == ("1", "message.cancelled")
    document = event.document
    assert document.keys() == {"id", "type", "time", "client", "data"}
    assert (document["id"], document["type"], document["client"]) == ("1", "message.cancelled", "shop")
    assert document["time"] == "2026-01-01T00:00:00.000Z"
    assert (document["data"]["id"], document["data"]["to"]) == (message_id, NUMBER)


def test_headers_that_keep_proxies_from_holding_it_back(world: World) -> None:
    answer = world.app.test_client().get("/v1/events", headers={"Authorization": f"Bearer {world.key()}"})
    assert answer.content_type == "text/event-stream"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Accel-Buffering"] == "no"
    assert "Content-Length" not in answer.headers
    answer.close()


def test_neither_codes_nor_texts_are_in_it(world: World) -> None:
    otp = world.post("/v1/otp", {"to": NUMBER, "purpose": "login"}).get_json()
    code = world.code(otp["message_id"])
    assert world.post(f"/v1/otp/{otp['id']}/check", {"code": code}).get_json()["result"] == "approved"
    cancelled(world)
    blocks = known(world)
    assert [block.event for block in blocks if block.event] == [
        "message.cancelled",
        "otp.approved",
        "message.cancelled",
    ]
    for block in blocks:
        assert code not in (block.data or "").replace(otp["id"], "").replace(otp["message_id"], "")
        assert HELLO["text"] not in (block.data or "")


def test_each_client_sees_its_own(world: World) -> None:
    mine, theirs = cancelled(world), cancelled(world, "bank")
    assert [block.document["data"]["id"] for block in known(world) if block.data] == [mine]
    every = known(world, client="office", scopes=("events:read", "messages:all"))
    assert [block.document["data"]["id"] for block in every if block.data] == [mine, theirs]
    assert len(kinds(world, client="root", scopes=("admin",))) == 2
    assert kinds(world, client="office", scopes=("events:read",)) == []


@pytest.mark.parametrize(
    ("scopes", "seen"),
    [
        (("events:read",), []),
        (("events:read", "messages:all"), []),
        (("events:read", "inbox:read"), ["inbox.received"]),
        (("events:read", "modems:read"), ["modem.ready"]),
        (("admin",), ["inbox.received", "modem.ready"]),
    ],
)
def test_the_inbox_and_modems_need_their_own_scopes(world: World, scopes: tuple[str, ...], seen: list[str]) -> None:
    receive(world, OTHER, "yes please")
    modem_event(world)
    assert kinds(world, scopes=scopes) == seen


def test_a_key_needs_the_scope(world: World) -> None:
    assert world.get("/v1/events", scopes=tuple(set(EVERYTHING) - {"events:read"})).status_code == 403
    assert world.app.test_client().get("/v1/events").status_code == 401


def test_what_somebody_texted_stays_on_one_line(world: World) -> None:
    receive(world, OTHER, "one\ntwo\r\nevent: message.delivered")
    (event,) = [block for block in known(world) if block.data]
    assert event.event == "inbox.received"
    assert event.document["data"]["text"] == "one\ntwo\r\nevent: message.delivered"


@pytest.mark.parametrize(
    ("types", "seen"),
    [
        ("message.*", ["message.cancelled"]),
        ("message.delivered", []),
        ("inbox.received,modem.*", ["inbox.received", "modem.ready"]),
        ("message.cancelled, modem.ready", ["message.cancelled", "modem.ready"]),
        ("*", ["message.cancelled", "inbox.received", "modem.ready"]),
    ],
)
def test_types(world: World, types: str, seen: list[str]) -> None:
    cancelled(world)
    receive(world, OTHER, "yes please")
    modem_event(world)
    assert kinds(world, f"?after=0&types={types}") == seen


UNUSABLE = (
    *("after=-1", "after=x", "after=1e3", f"after={'9' * 19}", "since=1"),
    *("types=message", "types=[a].*", "types=message.*,,", f"types={','.join(['otp.*'] * 21)}"),
)


@pytest.mark.parametrize("query", UNUSABLE)
def test_queries_that_cannot_be_used(world: World, query: str) -> None:
    assert world.get(f"/v1/events?{query}").status_code == 422


def test_it_goes_on_behind_the_last_event_that_was_seen(world: World) -> None:
    first, second = cancelled(world), cancelled(world)
    assert kinds(world, "") == []
    for query, headers in (("?after=1", {}), ("", {"Last-Event-ID": "1"}), ("?after=0", {"Last-Event-ID": "1"})):
        (event,) = [block for block in known(world, query, headers=headers) if block.data]
        assert event.document["data"]["id"] == second != first
    assert world.get("/v1/events", headers={"Last-Event-ID": "x"}).status_code == 422


def test_more_events_than_one_page(world: World) -> None:
    for _ in range(250):
        modem_event(world)
    assert [block.id for block in known(world, "?after=3") if block.data] == [str(number) for number in range(4, 251)]


def test_a_gap_is_told(world: World) -> None:
    for _ in range(5):
        cancelled(world)
    with world.store.database.mark() as cx:
        cx.execute("DELETE FROM events WHERE id <= 3")
    opening, gap, *rest = known(world, "?after=1")
    assert (gap.event, gap.id, opening.id) == ("gap", "3", "3")
    assert gap.document["data"] == {"after": "1", "oldest": "4"}
    assert [block.id for block in rest] == ["4", "5"]
    assert kinds(world, "?after=3") == kinds(world, "?after=0") == ["message.cancelled"] * 2


def test_ids_are_never_given_again(world: World) -> None:
    for _ in range(3):
        cancelled(world)
    with world.store.database.mark() as cx:
        cx.execute("DELETE FROM events")
    assert [block.event for block in known(world, "?after=3")] == [None]
    _, gap = known(world, "?after=2")
    assert gap.document["data"] == {"after": "2", "oldest": "4"}
    cancelled(world)
    assert [block.id for block in known(world, "?after=3") if block.data] == ["4"]


def test_an_id_of_another_database_is_a_gap(world: World) -> None:
    cancelled(world)
    _, gap, event = known(world, "", headers={"Last-Event-ID": "4711"})
    assert gap.document["data"] == {"after": "4711", "oldest": "1"}
    assert event.id == "1"


# -- over a real server -----------------------------------------------------------------------------------------------


@contextmanager
def stream(port: int, key: str, query: str = "", **headers: str) -> Iterator[Callable[[], Block | None]]:
    """A function that reads the next block; None at the stream's end."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request("GET", f"/v1/events{query}", headers={"Authorization": f"Bearer {key}", **headers})
        answer = connection.getresponse()
        assert (answer.status, answer.headers["Content-Type"]) == (200, "text/event-stream")
        assert answer.headers["Content-Length"] is None

        def block() -> Block | None:
            text = ""
            while line := answer.readline().decode():
                if line == "\n":
                    return Block.of(text)
                text += line
            return None

        with closing(answer):
            yield block


def test_events_arrive_while_the_stream_is_open(world: World) -> None:
    cancelled(world)
    with served(world) as port, stream(port, world.key()) as block:
        opening = block()
        assert opening is not None
        assert (opening.id, opening.retry) == ("1", "3000")
        for number in (2, 3):
            message_id = cancelled(world)
            event = block()  # would wait for ever if the server kept it until more comes
            assert event is not None
            assert (event.id, event.document["data"]["id"]) == (str(number), message_id)


def test_a_sign_of_life_carries_the_newest_id(world: World) -> None:
    with served(world) as port, stream(port, world.key(scopes=("events:read",))) as block:
        assert block() is not None
        modem_event(world)  # not for this key
        world.clock.advance(15)
        beat = block()
        assert beat is not None
        assert beat.comment
        while beat.id == "0":  # it looked before the event was there
            world.clock.advance(15)
            beat = block()
            assert beat is not None
        assert (beat.id, beat.data) == ("1", None)


def test_a_stream_ends_with_its_key(world: World) -> None:
    info, key = world.store.keys.create("shop", ("events:read",))
    with served(world) as port, stream(port, key.reveal()) as block:
        assert block() is not None
        world.store.keys.revoke(info.id)
        world.clock.advance(15)
        assert block() is None


@pytest.mark.parametrize(
    "change", [{"scopes": frozenset({"stats:read"})}, {"policy": KeyPolicy(networks=("10.0.0.0/8",))}]
)
def test_a_stream_ends_when_its_key_may_not_listen_any_more(world: World, change: dict[str, Any]) -> None:
    info, key = world.store.keys.create("shop", ("events:read",))
    with served(world) as port, stream(port, key.reveal()) as block:
        assert block() is not None
        world.store.keys.change(info.id, lambda before: replace(before, **change))
        world.clock.advance(15)
        assert block() is None


def test_a_stream_ends_when_the_service_stops(world: World) -> None:
    with served(world) as port, stream(port, world.key()) as block:
        assert block() is not None
        world.app.extensions["simwire.waiting"].close()
        assert block() is None


def test_streams_leave_half_of_the_threads_and_give_their_place_back(make_world: Callable[..., World]) -> None:
    world = make_world("[api]\nthreads = 2\n")
    cancelled(world)
    with served(world) as port:
        with stream(port, world.key(), "?after=0") as first:
            assert [first(), first()] != [None, None]
            with stream(port, world.key(), "?after=0") as second:
                assert [block and block.id for block in (second(), second(), second())] == ["0", "1", None]
        free = False
        while not free:  # until the server has noticed that the first one left
            world.clock.advance(15)
            with world.app.extensions["simwire.waiting"].place("shop") as free:
                pass


def test_the_python_of_the_page_follows_events(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
    snippet = page.split("## Events")[1].split("```python\n")[1].split("```")[0]
    monkeypatch.setenv("SIMWIRE_KEY", world.key())
    first, second = cancelled(world), cancelled(world)
    with served(world) as port:
        names: dict[str, Any] = {}
        exec(snippet.replace(":8080", f":{port}"), names)
        with closing(names["events"]("0")) as found:
            assert [next(found)["data"]["id"] for _ in range(2)] == [first, second]
            third = cancelled(world)
            assert next(found)["data"]["id"] == third


def test_the_document_tells_of_the_stream(world: World) -> None:
    described = world.document["paths"]["/v1/events"]["get"]
    assert set(described["responses"]["200"]["content"]) == {"text/event-stream"}
    assert {"after", "types", "Last-Event-ID"} == {one["name"] for one in described["parameters"]}
    assert "/v1/events" in world.app.test_client().get("/docs").text


def test_a_stream_ends_before_a_client_that_does_not_read_can_hold_its_thread(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [cancelled(world) for _ in range(40)]
    monkeypatch.setattr("gateway.api.events.MOST_OCTETS", 3000)
    monkeypatch.setattr("gateway.api.events.PAGE", 3)
    seen: list[str] = []
    after, streams = "0", 0
    while len(seen) < 20:  # the rest would fit into one stream, which then waits for more
        answer = world.get(f"/v1/events?after={after}")  # it ends by itself, though it had a place to wait
        blocks = [Block.of(text) for text in answer.text.split("\n\n") if text]
        seen += [block.document["data"]["id"] for block in blocks if block.data]
        after = [block.id for block in blocks if block.id][-1]
        streams += 1
    assert seen == ids[: len(seen)]
    assert streams > 2


def test_a_client_takes_three_quarters_of_the_places_at_most(make_world: Callable[..., World]) -> None:
    room = make_world("[api]\nthreads = 8\n").app.extensions["simwire.waiting"]
    with ExitStack() as taken:
        assert [taken.enter_context(room.place("shop")) for _ in range(4)] == [True, True, True, False]
        assert [taken.enter_context(room.place("bank")) for _ in range(2)] == [True, False]
        assert not taken.enter_context(room.place("clinic"))
    with room.place("clinic") as free:
        assert free


def test_types_that_there_are_not_are_refused(world: World) -> None:
    refused = world.get("/v1/events?types=foo.*")
    assert refused.status_code == 422
    assert "limit.exceeded" in refused.text
