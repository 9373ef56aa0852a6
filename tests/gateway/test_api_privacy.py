"""Everything about a number, given out and erased: from the tables, from copies, and from the octets of the files."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.messages import Lane, NewMessage, Secret
from gateway.policy import Delivery, KeyPolicy
from gateway.store import Block, Slot
from gateway.store.dossier import Page
from gateway.store.erasure import IN_HAND
from gateway.store.events import Subscription
from hardware.pdu import DeliverPdu
from tests.gateway.store.bench import Bench
from tests.gateway.store.test_inbox import deliver
from tests.gateway.world import EVERYTHING, NUMBER, OTHER, World

CAUGHT = "a text that was caught"
TEXT = "a text that nobody else ever wrote"
WORDS = "words that came back"
SIM = Slot("sim1", "001010000000001", ("sim:001010000000001", "modem:sim1", "route:"))
FORMS = (NUMBER, NUMBER[1:], NUMBER[-8:], "0" + NUMBER[3:])


def admin(world: World, method: str, path: str, body: object = None) -> Any:
    answer = world.ask(method, path, body, client="boss", scopes=("admin",))
    assert answer.status_code == 200, answer.text
    return answer.get_json()


def erase(world: World, number: str = NUMBER, **body: bool) -> Any:
    return admin(world, "POST", f"/v1/numbers/{number}/erase", body or None)


def export(world: World, number: str = NUMBER) -> Any:
    return admin(world, "GET", f"/v1/numbers/{number}/export")


def send(world: World, to: str | list[str] = NUMBER, **fields: Any) -> Any:
    options = {"headers": {"Idempotency-Key": fields.pop("once")}} if "once" in fields else {}
    answer = world.post("/v1/messages", {"to": to, "text": TEXT, "tags": ["t"], **fields}, **options)
    assert answer.status_code == 202, answer.text
    return answer.get_json()


def claim(world: World) -> int:
    attempt = world.store.outbox.claim(SIM, world.clock.now())
    assert attempt is not None
    return attempt.id


def deliver_all(world: World) -> None:
    """Every message that waits is sent, and its report comes."""
    bench = _bench(world)
    for mr in range(1, 100):
        if bench.nothing_for(SIM):
            return
        bench.clock.advance(1.0)
        with world.store.database.read() as cx:
            row = cx.execute(
                "SELECT m.recipient FROM attempts AS a JOIN messages AS m ON m.seq = a.message"
                " WHERE a.state = 'claimed'"
            ).fetchone()
            held = cx.execute("SELECT id FROM attempts WHERE state = 'claimed'").fetchone()["id"]
        assert world.store.outbox.begin(held, world.clock.now())
        world.store.outbox.accepted(held, mr, world.clock.now(), f"+CMGS: {mr}")
        bench.report(mr, by=SIM, to=row["recipient"])


def _bench(world: World) -> Bench:
    bench = Bench.__new__(Bench)
    bench.store, bench.clock, bench._raw = world.store, world.clock, 0
    return bench


def receive(world: World, text: str, sender: str = NUMBER, part: tuple[int, int, int] | None = None) -> None:
    raw = deliver(text, sender=sender, part=part)
    world.store.inbox.receive(raw, DeliverPdu.decode(raw), "sim1", SIM.imsi, world.clock.now())


def sql(world: World, statement: str, *values: object) -> None:
    with world.store.database.mark() as cx:
        cx.execute(statement, values)


@pytest.fixture
def full(world: World) -> World:
    """A gateway that has something about the number in every table that can have it."""
    world.store.events.subscriptions = (Subscription("hook"),)
    world.store.events.on_queued = lambda _: None  # there is no such endpoint, so nobody takes them
    send(world, once="one")
    send(world, [OTHER, NUMBER], once="two")
    send(world, OTHER, once="three")
    challenge = world.post("/v1/otp", {"to": NUMBER, "purpose": "login", "binding": "session-4711"}).get_json()
    world.post(f"/v1/otp/{challenge['id']}/check", {"code": "000000"})
    deliver_all(world)
    receive(world, WORDS)
    receive(world, WORDS, "0" + NUMBER[3:])
    receive(world, WORDS, part=(9, 2, 1))
    receive(world, "from elsewhere", OTHER)
    _bench(world).report(200, by=SIM, to=NUMBER, raw=b"unmatched")
    sql(world, "INSERT OR REPLACE INTO guesses VALUES ('shop', ?, 3, 1000, 2000, NULL, 1, NULL, 0)", NUMBER)
    for imsi, period, number in (("1", 1, NUMBER), ("1", 2, NUMBER), ("2", 1, OTHER), ("3", 5, NUMBER)):
        sql(world, "INSERT INTO sim_recipients VALUES (?, ?, ?)", imsi, period, number)
    catching = world.store.keys.create("tester", EVERYTHING, policy=KeyPolicy(delivery=Delivery.CATCH))[1]
    for number in (NUMBER, OTHER):
        headers = {"Authorization": f"Bearer {catching.reveal()}"}
        assert world.post("/v1/messages", {"to": number, "text": CAUGHT}, headers=headers).status_code == 202
    world.store.blocked.add(NUMBER, Block.BLOCKED, "boss", world.clock.now(), Secret("asked for it by letter"))
    return world


def files(world: World) -> dict[str, bytes]:
    path = world.config.gateway.database
    return {file.name: file.read_bytes() for file in path.parent.iterdir() if file.name.startswith(path.name)}


def found_in_files(world: World, *needles: str) -> set[tuple[str, str]]:
    return {
        (name, needle)
        for name, octets in files(world).items()
        for needle in needles
        for form in (
            needle.encode(),
            needle.encode("utf-16-le"),
            needle.encode("utf-16-be"),
            needle.encode().hex().encode(),
        )
        if form in octets
    }


def test_an_export_has_everything_but_codes_bindings_and_hashes(full: World) -> None:
    document = export(full)
    assert document["number"] == NUMBER
    assert [one["text"] for one in document["messages"]] == [TEXT, TEXT, None, CAUGHT]
    assert {one["to"] for one in document["messages"]} == {NUMBER}
    assert all(one["timeline"][-1]["state"] == "delivered" for one in document["messages"])
    (challenge,) = document["challenges"]
    assert (challenge["purpose"], challenge["failures"]) == ("login", 1)
    assert document["messages"][2]["otp_id"] == challenge["id"]
    assert [one["text"] for one in document["received"]] == [WORDS, WORDS]
    assert [one["text"] for one in document["caught"]] == [CAUGHT]
    assert (document["blocked"]["why"], document["blocked"]["reason"]) == ("blocked", "asked for it by letter")
    assert document["wrong_codes"][0]["failures"] == 3
    assert [(one["imsi"]) for one in document["counted"]] == ["1", "1", "3"]
    assert document["next_cursor"] is None
    written = json.dumps(document)
    for secret in ("session-4711", "code_hash", full.code(document["messages"][2]["id"])):
        assert secret not in written


def test_of_a_number_that_is_not_known_an_export_is_empty(full: World) -> None:
    document = export(full, "+447700900888")
    assert not any(document[name] for name in ("messages", "challenges", "received", "caught", "counted", "blocked"))


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
def test_pages_of_any_size_make_the_same_whole(full: World, size: int) -> None:
    read: Callable[..., Page] = full.store.dossier.page
    whole = read(NUMBER, FORMS)
    pages = [read(NUMBER, FORMS, limit=size)]
    while pages[-1].cursor is not None:
        pages.append(read(NUMBER, FORMS, pages[-1].cursor, size))
    for name in ("messages", "challenges", "received", "caught"):
        assert [one for page in pages for one in getattr(page, name)] == getattr(whole, name), name
    assert all(sum(len(getattr(page, name)) for name in ("messages", "challenges", "received", "caught")) <= size
               for page in pages)  # fmt: skip


@pytest.mark.parametrize("cursor", ["x", "messages-", "messages-x", "users-1", "7"])
def test_a_foreign_cursor_is_refused(full: World, cursor: str) -> None:
    answer = full.get(f"/v1/numbers/{NUMBER}/export?cursor={cursor}", client="boss", scopes=("admin",))
    assert answer.status_code == 422
    assert answer.get_json()["errors"][0]["field"] == "cursor"


def test_after_erasing_the_files_do_not_have_the_number_in_any_form(full: World) -> None:
    full.clock.advance(IN_HAND + 1)
    assert found_in_files(full, NUMBER), "the search finds it while it is there"
    ids = [one["id"] for one in export(full)["messages"]]
    erased = erase(full, forget_block=True)
    assert {name: erased[name] for name in ("messages", "challenges", "received", "caught", "remaining")} == {
        "messages": 4, "challenges": 1, "received": 3, "caught": 1, "remaining": 0,
    }  # fmt: skip
    assert (erased["answers"], erased["reports"], erased["counters"]) == (2, 1, 4)
    assert erased["files_clean"]
    assert not erased["blocked"]
    assert found_in_files(full, *FORMS, *ids) == set()
    document = export(full)
    assert not any(document[name] for name in ("messages", "challenges", "received", "caught", "counted", "blocked"))
    with full.store.database.read() as cx:
        assert cx.execute("PRAGMA foreign_key_check").fetchall() == []


def test_sealed_copies_are_found_and_others_stay(full: World) -> None:
    full.clock.advance(IN_HAND + 1)
    kept_before = [event for event in full.store.events.after(0, 1000) if OTHER in json.dumps(event.body)]
    erased = erase(full)
    assert erased["events"] > 5
    after = full.store.events.after(0, 1000)
    assert not any(form in json.dumps(event.body) for event in after for form in FORMS)
    assert {event.id for event in kept_before} <= {event.id for event in after}
    assert len(export(full, OTHER)["messages"]) == 3
    assert [one["text"] for one in export(full, OTHER)["received"]] == ["from elsewhere"]
    with full.store.database.read() as cx:
        (known,) = cx.execute("SELECT count(*) FROM deliveries AS d WHERE NOT EXISTS"
                              " (SELECT 1 FROM events WHERE id = d.event)").fetchone()  # fmt: skip
        assert known == 0
        assert cx.execute("SELECT count(*) FROM idempotency").fetchone()[0] == 1


def newest_ids(world: World) -> tuple[int, int]:
    with world.store.database.read() as cx:
        query = "SELECT (SELECT max(id) FROM events), (SELECT max(id) FROM deliveries)"
        return tuple(cx.execute(query).fetchone())


@pytest.mark.parametrize("open_challenge", [True, False])
def test_ids_of_events_and_deliveries_are_never_given_again(full: World, open_challenge: bool) -> None:
    """Streams resume by the one; whoever delivers the other at this moment settles it by its id."""
    full.clock.advance(IN_HAND + 1)
    if not open_challenge:
        full.store.outbox.expire_due(full.clock.now())
    receive(full, WORDS, part=(7, 1, 1))
    before = newest_ids(full)
    erase(full)
    between = newest_ids(full)
    assert all(now >= then for now, then in zip(between, before, strict=True))
    assert (between == before) is not open_challenge, "cancelling it is an event too"
    with full.store.database.read() as cx:
        assert cx.execute("SELECT state FROM deliveries WHERE id = ?", (between[1],)).fetchone()[0] == "done"
    assert full.store.events.after(between[0] - 1)[0].body["erased"]
    send(full, OTHER)
    claim(full)
    assert all(now > then for now, then in zip(newest_ids(full), between, strict=True))


def test_a_reader_that_keeps_the_log_from_being_emptied_is_told(full: World) -> None:
    full.clock.advance(IN_HAND + 1)
    with closing(sqlite3.connect(full.config.gateway.database, isolation_level=None)) as other:
        other.execute("BEGIN")
        other.execute("SELECT count(*) FROM messages").fetchone()
        assert not erase(full)["files_clean"]
        assert found_in_files(full, NUMBER)
    assert erase(full, forget_block=True)["files_clean"]
    assert found_in_files(full, *FORMS) == set()


def test_a_block_stays_unless_it_is_to_be_forgotten(full: World) -> None:
    assert erase(full)["blocked"]
    assert export(full)["blocked"]["why"] == "blocked"
    assert not erase(full, forget_block=True)["blocked"]
    assert export(full)["blocked"] is None


def test_what_waits_is_cancelled_first_and_what_is_on_the_air_is_waited_for(world: World) -> None:
    send(world)
    on_air = claim(world)
    assert world.store.outbox.begin(on_air, world.clock.now())
    waiting = send(world)
    later = send(world, not_before="2026-06-01T00:00:00Z")
    otp = world.post("/v1/otp", {"to": NUMBER, "purpose": "login"}).get_json()
    erased = erase(world)
    assert (erased["cancelled"], erased["messages"], erased["challenges"], erased["remaining"]) == (3, 3, 1, 1)
    for gone in (waiting, later):
        assert world.get(f"/v1/messages/{gone['id']}").status_code == 404
    assert world.get(f"/v1/otp/{otp['id']}").status_code == 404
    assert world.store.outbox.claim(SIM, world.clock.now()) is None

    world.store.outbox.accepted(on_air, 9, world.clock.now(), "+CMGS: 9")
    assert erase(world)["remaining"] == 1, "its report is waited for"
    _bench(world).report(9, by=SIM, to=NUMBER)
    assert (erase(world)["messages"], erase(world)["remaining"]) == (1, 0)
    assert found_in_files(world, *FORMS) == set()


def test_a_part_that_a_modem_holds_is_not_taken_from_under_it(world: World) -> None:
    send(world)
    held = claim(world)
    assert erase(world)["remaining"] == 1
    assert not world.store.outbox.begin(held, world.clock.now()), "it was cancelled: nothing leaves"
    world.store.outbox.release(held, world.clock.now())
    world.clock.advance(IN_HAND + 1)
    assert erase(world)["remaining"] == 0


def test_a_redirected_message_belongs_to_the_handset_that_got_it_too(world: World) -> None:
    new = NewMessage(
        client="shop", to=OTHER, country="GB", lane=Lane.NORMAL, lifetime=60.0, text=Secret(TEXT), segments=(b"x",),
        encoding="gsm7", concat_reference=1, route="route:",
    )  # fmt: skip
    redirected = replace(new, delivery=int(Delivery.REDIRECT), sent_to=NUMBER)
    world.store.database.accept(lambda cx: world.store.outbox.enqueue(cx, redirected, world.clock.now()))
    (one,) = export(world)["messages"]
    assert (one["to"], one["sent_to"]) == (OTHER, NUMBER)
    assert erase(world)["messages"] == 1
    assert export(world, OTHER)["messages"] == []


def test_keys_that_redirect_to_the_number_are_named_and_keep_it_until_they_change(full: World) -> None:
    def make(to: str) -> str:
        return full.store.keys.create("tests", [], policy=KeyPolicy(delivery=Delivery.REDIRECT, redirect_to=to))[0].id

    full.clock.advance(IN_HAND + 1)
    changed, revoked, other = make(NUMBER), make(NUMBER), make(OTHER)
    assert sorted(erase(full, forget_block=True)["keys"]) == sorted([changed, revoked])
    assert found_in_files(full, NUMBER), "it stays where the keys have it, and the answer says so"
    full.store.keys.change(changed, lambda info: replace(info, policy=KeyPolicy(delivery=Delivery.CATCH)))
    assert full.store.keys.revoke(revoked)
    erased = erase(full)
    assert (erased["keys"], erased["remaining"], erased["files_clean"]) == ([], 0, True)
    assert found_in_files(full, *FORMS) == set()
    ended, kept = full.store.keys.get(revoked), full.store.keys.get(other)
    assert ended is not None
    assert kept is not None
    assert ended.policy == KeyPolicy(delivery=Delivery.CATCH)
    assert kept.policy.redirect_to == OTHER


def test_erasing_many_leaves_nothing_in_the_gaps_of_pages(world: World) -> None:
    """Rows that are moved when pages are split and joined leave copies behind, were it not for secure_delete."""
    for start in range(0, 600, 100):
        numbers = [f"+4477119{number:05}" for number in range(start, start + 100)]
        numbers[50:50] = [NUMBER] * 20
        for to in numbers:
            new = NewMessage(
                client="shop", to=to, country="GB", lane=Lane.BULK, lifetime=60.0, text=Secret(TEXT),
                segments=(b"x" * (start // 3),), encoding="gsm7", concat_reference=1, route="route:",
                client_ref="r" * (start // 5),
            )  # fmt: skip
            world.store.database.accept(lambda cx, one=new: world.store.outbox.enqueue(cx, one, world.clock.now()))
    for number in range(0, 600, 50):
        erase(world, f"+4477119{number:05}")
    assert erase(world)["messages"] == 120
    assert found_in_files(world, *FORMS) == set()


@pytest.mark.parametrize("path", ["export", "erase"])
def test_only_an_administrator_may(world: World, path: str) -> None:
    method = "GET" if path == "export" else "POST"
    assert world.ask(method, f"/v1/numbers/{NUMBER}/{path}").status_code == 403


@pytest.mark.parametrize("number", ["x", "12", "+44770", "%2B"])
def test_what_is_no_number_is_refused(world: World, number: str) -> None:
    answer = world.get(f"/v1/numbers/{number}/export", client="boss", scopes=("admin",))
    assert answer.status_code == 422
    assert answer.get_json()["errors"][0]["field"] == "number"


@pytest.mark.parametrize("written", ["%2B447700900123", "+447700900123", "07700900123", "07700%20900123"])
def test_a_number_may_be_written_in_any_form(full: World, written: str) -> None:
    assert export(full, written)["number"] == NUMBER


def test_the_audit_log_has_who_did_it_and_not_the_number(full: World) -> None:
    export(full)
    erase(full, forget_block=True)
    document = admin(full, "GET", "/v1/audit?limit=2")
    assert [(one["action"], one["subject"]) for one in document["items"]] == [
        ("numbers.erase", "+447…123"),
        ("numbers.export", "+447…123"),
    ]
    assert document["items"][0]["details"] == {"forget_block": True}
    assert document["items"][0]["actor"].startswith("key:")
    assert document["items"][0]["actor"].endswith(" (boss)")
    assert full.store.audit.verify().broken is None


@pytest.mark.parametrize("action", ["pause", "resume", "restart", "ussd"])
def test_what_is_done_to_a_modem_is_recorded_without_the_code(world: World, action: str) -> None:
    body = {"code": "*104*987654321#"} if action == "ussd" else None
    assert world.post(f"/v1/modems/sim1/{action}", body).status_code == 200
    document = admin(world, "GET", "/v1/audit")
    row = next(one for one in document["items"] if one["action"] != "keys.create")
    assert (row["action"], row["subject"], row["details"]) == (f"modems.{action}", "sim1", {"outcome": "done"})
    assert "987654321" not in json.dumps(document)


def test_the_audit_log_is_paged_and_for_administrators_only(world: World) -> None:
    for _ in range(5):
        world.post("/v1/modems/sim1/pause")
    assert world.get("/v1/audit").status_code == 403
    seen, query = [], "?limit=2"
    while query:
        page = admin(world, "GET", f"/v1/audit{query}")
        seen += [one["id"] for one in page["items"]]
        query = f"?limit=2&cursor={page['next_cursor']}" if page["next_cursor"] else ""
    assert seen == sorted(seen, reverse=True)
    assert len(seen) == 7, "two keys and five pauses"


def test_a_folder_of_the_database_has_only_what_it_should(full: World) -> None:
    names = set(files(full))
    assert names <= {"simwire.db", "simwire.db-wal", "simwire.db-shm", "simwire.db.lock"}
    assert Path(full.config.gateway.database).name in names
