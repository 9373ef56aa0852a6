"""STOP and START by text message, and numbers that an operator blocks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from gateway.messages import Lane
from gateway.optout import Words
from gateway.store import Slot
from hardware.pdu import DeliverPdu
from tests.gateway.store.test_inbox import deliver
from tests.gateway.world import NUMBER, OTHER, World

MakeWorld = Callable[..., World]
ADMIN = ("admin",)
CODES = ("messages:send", "messages:otp")
SLOT = Slot("sim1", "00101one", ("route:",))


def hear(world: World, text: str, sender: str = NUMBER, second: int = 0) -> None:
    """The modem received a text."""
    raw = deliver(text, sender=sender, seconds=second)
    world.store.inbox.receive(raw, DeliverPdu.decode(raw), "sim1", "00101one", world.clock.now())


def send(world: World, to: object = NUMBER, **options: Any) -> TestResponse:
    return world.post("/v1/messages", {"to": to, "text": "hello", **options.pop("body", {})}, **options)


def refusal(answer: TestResponse) -> tuple[str, list[str]]:
    assert answer.status_code == 403, answer.text
    problem = answer.get_json()
    return problem["code"], [error["field"] for error in problem["errors"]]


def told(world: World, kind: str) -> list[dict[str, Any]]:
    return [event.body for event in world.store.events.after(0, 1000) if event.kind == kind]


def block(world: World, number: str, **body: Any) -> TestResponse:
    return world.ask("PUT", f"/v1/blocked/{number}", body, client="boss", scopes=ADMIN)


def unblock(world: World, number: str) -> TestResponse:
    return world.delete(f"/v1/blocked/{number}", client="boss", scopes=ADMIN)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "STOP",
            " stop. ",
            "«Stop!»",
            "Stop\nall",
            "UNSUBSCRIBE",
            "Arrêt",
            "ARRET",
            "désabonner",
            "Abmelden",
            "Stopp",
        ),
        *("Baja", "Annulla", "SAIR", "afmelden", "Rezygnuję", "rezygnuje", "İPTAL", "iptal", "ÇIKIŞ", "cikis"),
        *("توقف", "إلغاء", "الغاء", "ＳＴＯＰ"),
    ],
)
def test_words_of_many_languages(text: str) -> None:
    assert Words().wish(text) == "stop"


@pytest.mark.parametrize(
    "text", ["", "   ", "…", "please stop", "stop it", "don't stop", "stopover", "s t o p", "1", "stop" * 50]
)
def test_what_is_no_such_word_as_a_whole(text: str) -> None:
    assert Words().wish(text) is None


def test_start_words_and_those_of_an_operator() -> None:
    words = Words(["Genug!", "start"], ["weiter so"])
    assert [words.wish(text) for text in ("START", "genug", "Weiter  so.", "unstop")] == [
        *("stop", "stop", "start", "start"),  # a word for both is one for stopping
    ]


@given(st.text(max_size=200))
def test_no_text_is_too_strange_to_be_read(text: str) -> None:
    assert Words().wish(text) in (None, "stop", "start")


def test_after_a_stop_only_codes_are_sent_until_a_start(world: World) -> None:
    hear(world, "Stop.")
    assert refusal(send(world)) == ("recipient_opted_out", ["to"])
    assert send(world, OTHER).status_code == 202
    otp = world.post("/v1/otp", {"to": NUMBER, "purpose": "login"})
    assert otp.status_code == 202
    world.clock.advance(30)
    assert world.post(f"/v1/otp/{otp.get_json()['id']}/resend").status_code == 202
    own = send(world, client="bank", scopes=CODES, body={"priority": "otp"})
    assert own.status_code == 202
    hear(world, "START", second=1)
    assert send(world).status_code == 202
    assert [event["number"] for event in told(world, "number.opted_out")] == [NUMBER]
    assert [event["number"] for event in told(world, "number.opted_in")] == [NUMBER]


def test_in_bulk_each_is_named_and_none_is_sent(world: World) -> None:
    hear(world, "stop")
    assert block(world, OTHER).status_code == 200
    refused = send(world, ["+447700900101", OTHER, "+447700900102", NUMBER])
    assert refusal(refused) == ("recipient_blocked", ["to[1]", "to[3]"])
    assert refusal(send(world, [NUMBER])) == ("recipient_opted_out", ["to[0]"])
    assert world.get("/v1/messages").get_json()["items"] == []


def test_what_is_queued_is_withdrawn_but_for_codes(world: World) -> None:
    mine, later = (send(world, body=body).get_json()["id"] for body in ({}, {"not_before": "2026-01-01T01:00:00Z"}))
    others = send(world, client="bank").get_json()["id"]
    else_where = send(world, OTHER).get_json()["id"]
    otp = world.post("/v1/otp", {"to": NUMBER, "purpose": "login"}).get_json()
    hear(world, "STOP")
    for identity, client in ((mine, "shop"), (later, "shop"), (others, "bank")):
        found = world.get(f"/v1/messages/{identity}", client=client).get_json()
        assert (found["state"], found["reason"]) == ("cancelled", "opted_out")
        assert found["timeline"][-1]["reason"] == "opted_out"
    assert world.get(f"/v1/messages/{else_where}").get_json()["state"] == "queued"
    assert world.get(f"/v1/otp/{otp['id']}").get_json()["message_state"] == "queued"
    assert told(world, "number.opted_out") == [{"number": NUMBER, "withdrawn": 3}]


def test_what_has_left_in_part_goes_its_way(world: World) -> None:
    sent = send(world, body={"text": "x" * 200}).get_json()["id"]
    attempt = world.store.outbox.claim(SLOT, world.clock.now())
    assert attempt is not None
    assert world.store.outbox.begin(attempt.id, world.clock.now())
    hear(world, "STOP")
    assert world.get(f"/v1/messages/{sent}").get_json()["state"] == "sending"
    assert told(world, "number.opted_out") == [{"number": NUMBER, "withdrawn": 0}]


def test_what_is_only_claimed_is_withdrawn(world: World) -> None:
    identity = send(world).get_json()["id"]
    attempt = world.store.outbox.claim(SLOT, world.clock.now())
    assert attempt is not None
    assert attempt.lane is Lane.NORMAL
    hear(world, "STOP")
    assert world.get(f"/v1/messages/{identity}").get_json()["state"] == "cancelled"
    assert not world.store.outbox.begin(attempt.id, world.clock.now())


def test_a_stop_that_comes_again_is_one(world: World) -> None:
    for _ in range(2):  # the same PDU, as after a crash before it was acknowledged
        hear(world, "STOP")
    hear(world, "stop", second=5)
    assert len(told(world, "number.opted_out")) == 1
    assert len(told(world, "inbox.received")) == 2


def test_senders_in_the_form_of_the_country_are_known(world: World) -> None:
    hear(world, "STOP", sender="07700900123")
    assert refusal(send(world)) == ("recipient_opted_out", ["to"])


@pytest.mark.parametrize("sender", ["888", "60006"])
def test_senders_that_are_nobodys_number_change_nothing(world: World, sender: str) -> None:
    hear(world, "STOP", sender=sender)
    assert told(world, "number.opted_out") == []
    assert len(told(world, "inbox.received")) == 1


def test_it_can_be_turned_off_and_words_added(make_world: MakeWorld) -> None:
    off = make_world("[opt_out]\nenabled = false\n")
    hear(off, "STOP")
    assert send(off).status_code == 202


def test_words_of_the_configuration(make_world: MakeWorld) -> None:
    world = make_world('[opt_out]\nwords = ["genug"]\nstart_words = ["weiter"]\n')
    hear(world, "Genug!")
    assert refusal(send(world))[0] == "recipient_opted_out"
    hear(world, "weiter", second=1)
    assert send(world).status_code == 202


def test_a_message_is_kept_even_if_its_wish_cannot_be_heeded(world: World, caplog: pytest.LogCaptureFixture) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("a defect")

    world.store.inbox.listeners.insert(0, fails)
    hear(world, "STOP")
    assert len(told(world, "inbox.received")) == 1
    assert refusal(send(world))[0] == "recipient_opted_out"
    assert "not acted on: RuntimeError" in caplog.text


def test_an_operator_blocks_and_unblocks(world: World) -> None:
    answer = block(world, "07700 900123", reason="asked on the telephone").get_json()
    assert {**answer, "since": ""} == {
        "number": NUMBER, "why": "blocked", "reason": "asked on the telephone", "by": "boss", "since": "",
    }  # fmt: skip
    assert refusal(send(world)) == ("recipient_blocked", ["to"])
    assert world.post("/v1/otp", {"to": NUMBER, "purpose": "login"}).status_code == 202
    hear(world, "START")
    assert refusal(send(world))[0] == "recipient_blocked"
    assert unblock(world, NUMBER).get_json() == answer
    assert unblock(world, NUMBER).status_code == 404
    assert send(world).status_code == 202


def test_blocked_with_everything_codes_are_refused_too(world: World) -> None:
    otp = world.post("/v1/otp", {"to": NUMBER, "purpose": "login"}).get_json()
    assert block(world, NUMBER, everything=True).get_json()["why"] == "blocked_all"
    for answer in (
        send(world),
        world.post("/v1/otp", {"to": NUMBER, "purpose": "signup"}),
        send(world, client="bank", scopes=CODES, body={"priority": "otp"}),
    ):
        assert refusal(answer) == ("recipient_blocked", ["to"])
    world.clock.advance(60)
    assert refusal(world.post(f"/v1/otp/{otp['id']}/resend"))[0] == "recipient_blocked"


def test_a_stop_does_not_soften_an_operators_block(world: World) -> None:
    block(world, NUMBER, everything=True)
    hear(world, "STOP")
    assert world.get("/v1/blocked", client="boss", scopes=ADMIN).get_json()["items"][0]["why"] == "blocked_all"
    assert world.post("/v1/otp", {"to": NUMBER, "purpose": "login"}).status_code == 403


def test_the_list_goes_on_by_its_cursor(world: World) -> None:
    for place in range(5):
        block(world, f"+44770090010{place}")
    hear(world, "STOP")
    found, cursor = [], ""
    while cursor is not None:
        page = world.get(f"/v1/blocked?limit=2&cursor={cursor.replace('+', '%2B')}", client="boss", scopes=ADMIN)
        found += [(one["number"], one["why"]) for one in page.get_json()["items"]]
        cursor = page.get_json()["next_cursor"]
    assert found == [*((f"+44770090010{place}", "blocked") for place in range(5)), (NUMBER, "opted_out")]
    assert world.get("/v1/blocked?cursor=x", client="boss", scopes=ADMIN).status_code == 422


def test_only_an_administrator_blocks(world: World) -> None:
    for answer in (
        world.get("/v1/blocked"),
        world.ask("PUT", f"/v1/blocked/{NUMBER}", {}),
        world.delete(f"/v1/blocked/{NUMBER}"),
    ):
        assert (answer.status_code, answer.get_json()["code"]) == (403, "scope_missing")
    assert block(world, "12").status_code == 422


def test_what_an_operator_wrote_is_sealed(world: World) -> None:
    block(world, NUMBER, reason="a word about somebody")
    path = world.store.database.path
    octets = b"".join(file.read_bytes() for file in path.parent.glob(path.name + "*") if file.suffix != ".lock")
    assert b"a word about somebody" not in octets
    assert b"blocked_numbers" in octets


def test_a_thousand_recipients_are_looked_up_in_one_query(world: World) -> None:
    block(world, "+447700900999")
    seen: list[str] = []
    world.store.database._connection.set_trace_callback(seen.append)
    numbers = [f"+447700900{place:03}" for place in range(1000)]
    assert refusal(send(world, numbers)) == ("recipient_blocked", ["to[999]"])
    assert sum("blocked_numbers" in statement for statement in seen) == 1
