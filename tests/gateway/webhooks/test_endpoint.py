"""One endpoint on a fake clock and a real server: order, back-off, pauses, dead letters, restarts."""

from __future__ import annotations

import logging
import threading
from unittest.mock import Mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.store import StoreFull, Waiting
from gateway.webhooks.rules import PAUSES

from .conftest import SECRET, MakeHook, Scene
from .receiver import Receiver, Reply, Sent


def fail(times: int, status: int = 500) -> object:
    """Answer the first so many requests with that status."""
    left = [times]

    def answer(_: Sent) -> Reply:
        left[0] -= 1
        return Reply(status if left[0] >= 0 else 200)

    return answer


def attempts(receiver: Receiver, subject: str) -> list[int]:
    return [int(sent.headers["X-Attempt"]) for sent in receiver.sent if sent.subject == subject]


def test_an_event_arrives_with_its_headers_and_body(scene: Scene, receiver: Receiver, make_hook: MakeHook) -> None:
    scene.add(make_hook(receiver.port))
    scene.emit("m1", "message.delivered")
    scene.run()
    (sent,) = receiver.sent
    assert sent.document == {
        "id": "1",
        "type": "message.delivered",
        "time": "2026-01-01T00:00:00.000Z",
        "client": "shop",
        "data": {"id": "m1"},
    }
    assert {name: sent.headers[name] for name in ("X-Event-Id", "X-Event", "X-Attempt", "Content-Type")} == {
        "X-Event-Id": "1",
        "X-Event": "message.delivered",
        "X-Attempt": "1",
        "Content-Type": "application/json",
    }
    assert sent.headers["User-Agent"].startswith("Simwire/")
    assert sent.headers["X-Signature"].startswith("t=1767225600,v1=")
    assert scene.store.deliveries.counts() == {}
    scene.run(100)
    assert len(receiver.sent) == 1


def test_a_failure_is_tried_again_with_the_same_body_and_a_new_signature(
    scene: Scene, receiver: Receiver, make_hook: MakeHook
) -> None:
    scene.add(make_hook(receiver.port))
    receiver.answer = fail(2)  # type: ignore[assignment]
    scene.emit("m1")
    scene.run()
    assert len(receiver.sent) == 1
    scene.run(1)
    assert len(receiver.sent) == 2
    scene.run(4.9)
    assert len(receiver.sent) == 2
    scene.run(0.2)
    assert attempts(receiver, "m1") == [1, 2, 3]
    assert len({sent.body for sent in receiver.sent}) == 1
    assert len({sent.headers["X-Signature"] for sent in receiver.sent}) == 3
    scene.run(10_000)
    assert len(receiver.sent) == 3


def test_the_next_event_of_a_message_waits_for_the_one_before(
    scene: Scene, receiver: Receiver, make_hook: MakeHook
) -> None:
    scene.add(make_hook(receiver.port))
    refused = [2]

    def answer(sent: Sent) -> Reply:
        if sent.subject == "m1" and refused[0]:
            refused[0] -= 1
            return Reply(500)
        return Reply()

    receiver.answer = answer
    for kind in ("message.sending", "message.sent", "message.delivered"):
        scene.emit("m1", kind)
        scene.emit("m2", kind)
    scene.run()
    assert receiver.kinds("m1") == ["message.sending"]
    assert receiver.kinds("m2") == ["message.sending", "message.sent", "message.delivered"]
    scene.run(10)
    assert receiver.kinds("m1") == ["message.sending"] * 3 + ["message.sent", "message.delivered"]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    answers=st.lists(st.sampled_from([200, 200, 500, 404, 503, 302, 410]), max_size=25),
    restarts=st.sets(st.integers(0, 9), max_size=3),
)
def test_events_of_one_message_arrive_in_order_over_failures_and_restarts(
    scene: Scene, receiver: Receiver, make_hook: MakeHook, answers: list[int], restarts: set[int]
) -> None:
    hook = make_hook(receiver.port)
    scene.restart(hook)
    scripted, taken = iter(answers), []

    def answer(sent: Sent) -> Reply:
        status = next(scripted, 200)
        if status in (200, 410):  # what ends an event
            taken.append(int(sent.headers["X-Event-Id"]))
        return Reply(status)

    receiver.answer = answer
    newest = scene.store.events.span()[1]
    for step in range(10):
        scene.emit(f"m{step % 3}")
        scene.run(step)
        if step in restarts:
            scene.restart(hook)
    scene.run(86_400)
    for subject in range(3):
        mine = [event for event in taken if (event - newest - 1) % 3 == subject]
        assert mine == sorted(set(mine))
    assert sorted(taken) == list(range(newest + 1, newest + 11))


def test_an_event_is_given_up_after_a_day_and_can_be_replayed(
    scene: Scene, receiver: Receiver, make_hook: MakeHook
) -> None:
    scene.add(make_hook(receiver.port))
    receiver.answer = lambda _: Reply(500)
    scene.emit("m1")
    scene.run(90_000)
    tries = len(receiver.sent)
    assert 20 < tries < 40
    (dead,), more = scene.store.deliveries.dead()
    assert more is None
    assert (dead.subject, dead.attempts, dead.status, dead.error) == (
        "m1",
        tries,
        500,
        "answered 500 (Internal Server Error)",
    )
    scene.run(90_000)
    assert len(receiver.sent) == tries
    receiver.answer = lambda _: Reply()
    assert scene.store.deliveries.replay([str(dead.id)], ["hook1"], scene.clock.now()) == []
    scene.endpoints["hook1"].retry_now()
    scene.run()
    assert len(receiver.sent) == tries + 1
    assert receiver.sent[-1].headers["X-Attempt"] == "1"
    assert receiver.sent[-1].body == receiver.sent[0].body
    assert scene.store.deliveries.counts() == {}


def test_an_endpoint_that_is_gone_for_days_leaves_dead_letters_and_takes_what_is_younger(
    scene: Scene, receiver: Receiver, make_hook: MakeHook
) -> None:
    scene.add(make_hook(receiver.port))
    receiver.answer = lambda _: Reply(502)
    for day in range(3):
        for message in range(50):
            scene.emit(f"d{day}m{message}")
        scene.run(86_400 - 3600)
    counts = scene.store.deliveries.counts()["hook1"]
    assert (counts.dead, counts.waiting) == (100, 50)
    assert len(receiver.sent) < 3 * (86_400 / PAUSES[-1] * 1.2), "a paused endpoint is asked every few minutes only"
    receiver.answer = lambda _: Reply()
    scene.run(4000)
    assert scene.store.deliveries.counts() == {"hook1": Waiting(dead=100)}


def test_an_event_that_is_refused_for_what_it_says_holds_up_nothing_else(
    scene: Scene, receiver: Receiver, make_hook: MakeHook
) -> None:
    scene.add(make_hook(receiver.port))
    receiver.answer = lambda sent: Reply(422 if sent.subject == "bad" else 200)
    scene.emit("bad")
    for number in range(5):
        scene.emit(f"m{number}")
    scene.run()
    assert {f"m{number}" for number in range(5)} <= {sent.subject for sent in receiver.sent}
    assert scene.endpoints["hook1"].state.paused_until is None


def test_one_event_that_always_fails_never_pauses_the_endpoint(
    scene: Scene, receiver: Receiver, make_hook: MakeHook
) -> None:
    endpoint = scene.add(make_hook(receiver.port))
    receiver.answer = lambda sent: Reply(500 if sent.subject == "bad" else 200)
    scene.emit("bad")
    scene.run(6000)
    assert (len(receiver.sent), endpoint.state.failures, endpoint.state.paused_until) == (7, 7, None)
    scene.emit("good")
    scene.run()
    assert receiver.sent[-1].subject == "good"


def test_what_waits_is_sent_as_soon_as_an_endpoint_takes_something_again(
    scene: Scene, receiver: Receiver, make_hook: MakeHook
) -> None:
    scene.add(make_hook(receiver.port))
    receiver.answer = lambda _: Reply(500)
    for number in range(4):
        scene.emit(f"m{number}")
    scene.run(20_000)  # each of them waits for an hour after its next attempt
    receiver.answer = lambda _: Reply()
    scene.emit("new")
    scene.run(PAUSES[-1])
    assert {sent.subject for sent in receiver.sent[-5:]} == {"m0", "m1", "m2", "m3", "new"}
    assert scene.store.deliveries.counts() == {}


def test_gone_ends_an_event_at_once_and_the_next_one_of_its_message_goes_on(
    scene: Scene, receiver: Receiver, make_hook: MakeHook
) -> None:
    scene.add(make_hook(receiver.port))
    receiver.answer = fail(1, 410)  # type: ignore[assignment]
    scene.emit("m1", "message.sent")
    scene.emit("m1", "message.delivered")
    scene.run()
    assert receiver.kinds("m1") == ["message.sent", "message.delivered"]
    (dead,), _ = scene.store.deliveries.dead()
    assert (dead.kind, dead.status) == ("message.sent", 410)


def test_a_wait_until_a_year_that_no_clock_knows_is_a_plain_failure(
    scene: Scene, receiver: Receiver, make_hook: MakeHook
) -> None:
    scene.add(make_hook(receiver.port))
    late = {"Retry-After": "Mon, 01 Jan 99999999999 00:00:00 GMT"}
    receiver.answer = lambda sent: Reply() if sent.subject == "good" else Reply(503, late)
    scene.emit("good")
    scene.emit("bad")
    scene.run()
    assert (attempts(receiver, "good"), attempts(receiver, "bad")) == ([1], [1])
    scene.run(7)
    assert (attempts(receiver, "good"), attempts(receiver, "bad")) == ([1], [1, 2, 3])


def test_an_event_that_trips_the_program_is_tried_like_one_that_fails(
    scene: Scene, receiver: Receiver, make_hook: MakeHook
) -> None:
    """The outcomes of those before it in the same round are kept."""
    endpoint = scene.add(make_hook(receiver.port))
    scene.emit("before")
    scene.emit("bad", "message.no\nheader")
    scene.emit("after")
    scene.run(86_400 + 3600)
    assert [sent.subject for sent in receiver.sent] == ["before", "after"]
    (dead,), _ = scene.store.deliveries.dead()
    assert (dead.subject, dead.error) == ("bad", "a defect of the program: ValueError")
    assert endpoint.state.paused_until is None


def test_what_the_store_cannot_note_is_not_sent_again_and_again(
    scene: Scene, receiver: Receiver, make_hook: MakeHook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a disk is full nothing can be noted; what came of the last events is noted first when it has room again."""
    endpoint = scene.add(make_hook(receiver.port))
    for subject in ("m1", "m2"):
        scene.emit(subject)
    with monkeypatch.context() as broken:
        full = StoreFull("the disk is full")
        broken.setattr(scene.store.database._writer, "_begin", Mock(side_effect=full))
        for _ in range(5):
            with pytest.raises(StoreFull):
                endpoint.turn()
    assert [sent.subject for sent in receiver.sent] == ["m1", "m2"]
    scene.run(10)
    assert len(receiver.sent) == 2
    assert scene.store.deliveries.counts() == {}


def test_what_is_erased_while_another_exchange_lasts_is_not_sent(
    scene: Scene, receiver: Receiver, make_hook: MakeHook
) -> None:
    endpoint = scene.add(make_hook(receiver.port))
    receiver.hold()
    number = "+447700900123"
    for subject in ("other", number, "+447700900124"):
        scene.emit(subject)
    sending = threading.Thread(target=endpoint.turn)
    sending.start()
    receiver.wait_for(1)
    assert scene.store.erasure.erase(number, [number], scene.clock.now()).events == 1
    receiver.release()
    sending.join(30)
    scene.run()
    assert [sent.subject for sent in receiver.sent] == ["other", "+447700900124"]


def test_a_pause_that_is_asked_for_is_kept(scene: Scene, receiver: Receiver, make_hook: MakeHook) -> None:
    endpoint = scene.add(make_hook(receiver.port))
    receiver.answer = lambda _: Reply(429, {"Retry-After": "120"})
    scene.emit("m1")
    scene.emit("m2")
    scene.run(119)
    assert len(receiver.sent) == 1
    assert endpoint.state.paused_until == pytest.approx(scene.clock.now().wall + 1)
    receiver.answer = lambda _: Reply()
    scene.run(2)
    assert [sent.subject for sent in receiver.sent[1:]] == ["m2", "m1"]


def test_events_that_fail_one_after_the_other_pause_the_endpoint_and_success_ends_that(
    scene: Scene, receiver: Receiver, make_hook: MakeHook, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    endpoint = scene.add(make_hook(receiver.port))
    receiver.answer = lambda _: Reply(500)
    for number in range(20):
        scene.emit(f"m{number}")
    scene.run()
    assert len(receiver.sent) == 3
    assert endpoint.state.failures == 3
    assert endpoint.state.paused_until == scene.clock.now().wall + PAUSES[0]
    scene.run(PAUSES[0])
    assert len(receiver.sent) == 4
    receiver.answer = lambda _: Reply()
    scene.run(PAUSES[1] + 20)
    assert {sent.subject for sent in receiver.sent} == {f"m{number}" for number in range(20)}
    assert endpoint.state.failures == 0
    assert "answered 500" in (endpoint.state.last_error or "")
    assert "webhook hook1 takes events again" in caplog.text


def test_each_endpoint_gets_what_it_asked_for(scene: Scene, receiver: Receiver, make_hook: MakeHook) -> None:
    other = Receiver()
    scene.add(make_hook(receiver.port, name="all"))
    scene.add(make_hook(other.port, name="some", events=["otp.*", "message.delivered"], clients=["bank"]))
    for client in ("shop", "bank"):
        for kind in ("message.sent", "message.delivered", "otp.approved"):
            scene.emit(f"{client}-{kind}", kind, client)
    scene.emit("i1", "inbox.received", None)
    scene.run()
    assert len(receiver.sent) == 7
    assert {sent.subject for sent in other.sent} == {"bank-message.delivered", "bank-otp.approved"}
    other.close()


def test_two_secrets_sign_while_one_replaces_the_other(scene: Scene, receiver: Receiver, make_hook: MakeHook) -> None:
    hook = make_hook(receiver.port)
    hook.secret_file.write_text(f"another secret that is new\n{SECRET}\n", encoding="ascii")
    scene.add(hook)
    scene.emit("m1")
    scene.run()
    assert receiver.sent[0].headers["X-Signature"].count("v1=") == 2


def test_no_secret_and_no_path_of_a_url_is_printed(
    scene: Scene, receiver: Receiver, make_hook: MakeHook, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    hook = make_hook(receiver.port, url=f"http://127.0.0.1:{receiver.port}/services/T0KEN?key=T0KEN")
    endpoint = scene.add(hook)
    receiver.answer = lambda _: Reply(500, {"Connection": "close"}, b"you sent " + SECRET.encode())
    scene.emit("m1")
    scene.run(20)
    receiver.close()
    scene.run(200)
    assert "cannot be reached" in (endpoint.state.last_error or "")
    shown = caplog.text + repr(endpoint.state) + endpoint.origin + repr(hook.read_secrets()) + repr(hook)
    assert SECRET not in shown
    assert "T0KEN" not in shown
    with scene.store.database.read() as cx:
        stored = [tuple(row) for row in cx.execute("SELECT status, error FROM deliveries")]
    assert stored
    assert SECRET not in repr(stored)
