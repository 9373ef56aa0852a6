"""What the API puts into the audit log: what was done, where and when it was done, and nothing else."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

import pytest

from gateway.store import Block
from tests.gateway.test_api_privacy import admin, full, sql
from tests.gateway.world import NUMBER, OTHER, World

__all__ = ["full"]


def rows(world: World) -> list[tuple[str, str, Any]]:
    """What was recorded, oldest first, but that keys were made."""
    found = reversed(world.store.audit.list(1000)[0])
    return [(row.action, row.subject, row.details) for row in found if row.action != "keys.create"]


@pytest.mark.parametrize("cursor", [None, "messages-0", "received-0", "caught-0"])
def test_no_page_of_an_export_is_given_without_a_row_in_the_audit_log(full: World, cursor: str | None) -> None:
    query = "" if cursor is None else f"?cursor={cursor}"
    assert admin(full, "GET", f"/v1/numbers/{NUMBER}/export{query}")["caught"]
    row = full.store.audit.list(1)[0][0]
    assert (row.action, row.subject, row.details) == ("numbers.export", "+447…123", {"cursor": cursor})


def test_an_export_that_is_refused_is_not_recorded(full: World) -> None:
    assert full.get(f"/v1/numbers/{NUMBER}/export?cursor=x", client="boss", scopes=("admin",)).status_code == 422
    assert "numbers.export" not in {row.action for row in full.store.audit.list()[0]}


@pytest.mark.parametrize("action", ["pause", "resume", "restart", "ussd"])
def test_a_modem_that_did_not_do_it_is_recorded_as_such(world: World, action: str) -> None:
    body = {"code": "*104*987654321#"} if action == "ussd" else None
    assert world.post(f"/v1/modems/sim2/{action}", body).status_code == 503
    assert world.post(f"/v1/modems/sim9/{action}", body).status_code == 404
    assert rows(world) == [(f"modems.{action}", "sim2", {"outcome": "failed"})]


def test_blocks_and_unlocks_are_recorded_where_they_changed_something(world: World) -> None:
    def ask(method: str, path: str, body: object = None) -> int:
        return int(world.ask(method, path, body, client="boss", scopes=("admin",)).status_code)

    assert ask("DELETE", f"/v1/blocked/{NUMBER}") == 404
    assert ask("DELETE", f"/v1/locks/{NUMBER}") == 200
    assert rows(world) == []
    assert ask("PUT", f"/v1/blocked/{NUMBER}", {"everything": True, "reason": "a private matter"}) == 200
    assert ask("DELETE", f"/v1/blocked/{NUMBER}") == 200
    sql(world, "INSERT INTO guesses VALUES ('shop', ?, 30, 1000, NULL, NULL, 1, 1000, 0)", NUMBER)
    assert ask("DELETE", f"/v1/locks/{NUMBER}?client=bank") == 200
    assert ask("DELETE", f"/v1/locks/{NUMBER}?client=shop") == 200
    assert rows(world) == [
        ("numbers.block", "+447…123", {"everything": True}),
        ("numbers.unblock", "+447…123", {"was": "blocked_all"}),
        ("numbers.unlock", "+447…123", {"client": "shop", "cleared": 1}),
    ]
    assert {row.actor[-7:] for row in world.store.audit.list()[0] if row.action.startswith("numbers")} == {" (boss)"}


@pytest.mark.parametrize("deed", ["block", "unblock", "unlock", "clear"])
def test_what_cannot_be_recorded_is_not_done(full: World, deed: str) -> None:
    """Deed and row are one transaction: where the one cannot be, neither is the other."""
    store, now = full.store, full.clock.now()
    deeds: dict[str, Callable[[], object]] = {
        "block": lambda: store.blocked.add(OTHER, Block.BLOCKED, "boss", now, actor="key:1 (boss)"),
        "unblock": lambda: store.blocked.remove(NUMBER, now, actor="key:1 (boss)"),
        "unlock": lambda: store.challenges.guesses.clear(NUMBER, None, now, actor="key:1 (boss)"),
        "clear": lambda: store.caught.clear("tester", now, actor="key:1 (boss)"),
    }

    def state() -> list[list[tuple[object, ...]]]:
        with store.database.read() as cx:
            tables = ("blocked_numbers", "guesses", "caught")
            return [[tuple(row) for row in cx.execute(f"SELECT * FROM {table}")] for table in tables]

    before = state()
    sql(full, "CREATE TRIGGER no_more BEFORE INSERT ON audit BEGIN SELECT raise(ABORT, 'no more'); END")
    with pytest.raises(sqlite3.IntegrityError, match="no more"):
        deeds[deed]()
    assert state() == before
    sql(full, "DROP TRIGGER no_more")
    deeds[deed]()
    assert state() != before


def test_clearing_what_was_caught_is_recorded(full: World) -> None:
    document = full.ask("DELETE", "/v1/caught", client="tester", scopes=("caught:read",)).get_json()
    assert document == {"deleted": 2}
    assert rows(full)[-1] == ("caught.clear", "tester", {"deleted": 2})
    full.ask("DELETE", "/v1/caught", client="tester", scopes=("caught:read",))
    assert rows(full)[-1] == ("caught.clear", "tester", {"deleted": 2})
    assert [row[0] for row in rows(full)].count("caught.clear") == 1
