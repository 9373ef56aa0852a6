"""API keys, PIN attempts, remembered answers, lists and counts."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from gateway.messages import Lane, MessageState
from gateway.store import Conflict, MessageFilter

from .bench import ANY, Bench

# -- keys -------------------------------------------------------------------------------------------------------------


def test_a_key_is_shown_once_and_known_afterwards(bench: Bench) -> None:
    info, key = bench.store.keys.create("shop", ["messages:send", "otp:send"], bench.now)
    assert repr(key) == "Secret(***)"
    found = bench.store.keys.authenticate(key, bench.now)
    assert found is not None
    assert (found.id, found.client, found.scopes) == (info.id, "shop", {"messages:send", "otp:send"})
    for wrong in ("", "sw_nothing", key.reveal()[:-1], "\ud800"):
        assert bench.store.keys.authenticate(wrong, bench.now) is None
    bench.close()
    assert all(key.reveal().encode() not in file.read_bytes() for file in bench.folder.iterdir())


def test_a_revoked_key_ends_also_one_revoked_by_another_process(bench: Bench) -> None:
    info, key = bench.store.keys.create("shop", [], bench.now)
    assert bench.store.keys.authenticate(key, bench.now)
    with bench.store.database.mark() as cx:  # as `simwire keys revoke` does beside a running gateway
        cx.execute("UPDATE keys SET revoked_at = 1 WHERE id = ?", (info.id,))
    bench.clock.advance(5)
    assert bench.store.keys.authenticate(key, bench.now) is None
    other, key = bench.store.keys.create("shop", [], bench.now)
    assert bench.store.keys.authenticate(key, bench.now)
    assert bench.store.keys.revoke(other.id, bench.now)
    assert bench.store.keys.authenticate(key, bench.now) is None
    assert not bench.store.keys.revoke(other.id, bench.now)


def test_a_key_that_is_revoked_while_it_is_looked_up_is_not_believed_afterwards(bench: Bench) -> None:
    info, key = bench.store.keys.create("shop", [], bench.now)
    database, read = bench.store.database, bench.store.database.read

    @contextmanager
    def looked_up() -> Iterator[sqlite3.Connection]:
        with read() as cx:
            yield cx
        database.read = read  # type: ignore[method-assign]
        assert bench.store.keys.revoke(info.id, bench.now)

    database.read = looked_up  # type: ignore[method-assign, assignment]
    bench.store.keys.authenticate(key, bench.now)
    assert bench.store.keys.authenticate(key, bench.now) is None


def test_a_rotated_key_keeps_its_client(bench: Bench) -> None:
    info, old = bench.store.keys.create("app", ["otp:send"], bench.now, client="shop")
    fresh, new = bench.store.keys.rotate(info.id, bench.now)
    assert bench.store.keys.authenticate(old, bench.now) is None
    found = bench.store.keys.authenticate(new, bench.now)
    assert (found.client, found.name, found.scopes) == ("shop", "app", {"otp:send"})
    assert [key.id for key in bench.store.keys.list() if key.revoked_at is None] == [fresh.id]
    with pytest.raises(Conflict):
        bench.store.keys.rotate(info.id, bench.now)
    with pytest.raises(KeyError):
        bench.store.keys.rotate("none", bench.now)


def test_use_is_noted_now_and_then(bench: Bench) -> None:
    _, key = bench.store.keys.create("shop", [], bench.now)
    used = []
    for wait in (0, 10, 3600):
        bench.clock.advance(wait)
        bench.store.keys.authenticate(key, bench.now)
        used.append(bench.store.keys.list()[0].last_used_at)
    assert used[0] == used[1]
    assert used[2] == used[0] + 3_610_000


# -- PINs -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("end", "burnt"), [(None, True), (False, True), (True, False)])
def test_a_pin_is_never_tried_again_after_a_refusal_or_no_answer(bench: Bench, end: bool | None, burnt: bool) -> None:
    pins = bench.store.pins
    assert not pins.attempted("8944-1", b"digest")
    pins.begin("8944-1", b"digest")
    if end is not None:
        pins.settle("8944-1", b"digest", end)
    bench.crash()
    assert bench.store.pins.attempted("8944-1", b"digest") is burnt
    assert not bench.store.pins.attempted("8944-2", b"digest")
    assert not bench.store.pins.attempted("8944-1", b"other")


# -- idempotency ------------------------------------------------------------------------------------------------------


def test_an_answer_is_remembered_for_a_day(bench: Bench) -> None:
    memory = bench.store.idempotency

    def find(request: bytes, client: str = "shop", key: str = "k") -> object:
        return bench.store.database.accept(lambda cx: memory.find(cx, client, key, request, bench.now))

    assert find(b"/v1/otp {}") is None
    bench.store.database.accept(lambda cx: memory.save(cx, "shop", "k", b"/v1/otp {}", 202, b'{"id": "1"}', bench.now))
    found = find(b"/v1/otp {}")
    assert (found.same_request, found.status, found.answer) == (True, 202, b'{"id": "1"}')
    assert not find(b"/v1/otp {other}").same_request
    assert find(b"/v1/otp {}", client="other") is None
    assert find(b"/v1/otp {}", key="l") is None
    bench.clock.advance(86_400)
    assert find(b"/v1/otp {}") is None
    assert (memory.purge(bench.now), memory.purge(bench.now)) == (1, 0)


def test_an_idle_round_takes_no_lock_to_forget_nothing(bench: Bench) -> None:
    answers: list[int] = []
    round_of_another_thread = threading.Thread(target=lambda: answers.append(bench.store.idempotency.purge(bench.now)))
    with bench.store.database.mark():
        round_of_another_thread.start()
        round_of_another_thread.join(30)
        assert answers == [0]


# -- lists ------------------------------------------------------------------------------------------------------------


def test_lists_are_newest_first_and_go_on_where_they_ended(bench: Bench) -> None:
    made = [bench.add().id for _ in range(5)]
    outbox = bench.store.outbox
    first, cursor = outbox.list(MessageFilter(), 2)
    second, cursor = outbox.list(MessageFilter(), 2, cursor)
    third, end = outbox.list(MessageFilter(), 2, cursor)
    assert [message.id for message in (*first, *second, *third)] == made[::-1]
    assert end is None
    for foreign in ("x", "-1", "9" * 30, "١"):
        with pytest.raises(ValueError, match="cursor"):
            outbox.list(MessageFilter(), 2, foreign)


def test_lists_are_narrowed(bench: Bench) -> None:
    plain = bench.add()
    bench.clock.advance(10)
    tagged = bench.add(replace(ANY, tags=("a", "b", "a"), client="other", to="+447700900102"))
    bench.send(1)

    def found(**filters: object) -> list[str]:
        return [message.id for message in bench.store.outbox.list(MessageFilter(**filters))[0]]

    assert found(client="shop") == found(to=ANY.to) == found(state=MessageState.SENT) == [plain.id]
    assert found(tag="a") == found(client="other") == found(since=tagged.created_at) == [tagged.id]
    assert found(until=tagged.created_at) == [plain.id]
    assert found(client="shop", tag="a") == found(challenge_id="none") == []
    assert bench.message(tagged).tags == ("a", "b", "a")


def test_what_belongs_to_another_client_is_not_there(bench: Bench) -> None:
    message = bench.add()
    assert bench.store.outbox.get(message.id, "other") is None
    assert bench.store.outbox.get(message.id, "shop") == message


def test_counts(bench: Bench) -> None:
    bench.add(replace(ANY, lane=Lane.BULK))
    bench.add(replace(ANY, client="other"))
    bench.send(1)
    bench.report(1)
    counts = bench.store.outbox.counts_by_state()
    assert (counts[MessageState.QUEUED], counts[MessageState.DELIVERED], counts[MessageState.FAILED]) == (1, 1, 0)
    assert sum(bench.store.outbox.counts_by_state("shop").values()) == 1
    assert bench.store.outbox.queue_depth() == 1
