"""`simwire audit`: the log as people see it, and exit status 1 when somebody meddled with it."""

from __future__ import annotations

import getpass
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.gateway.cli.conftest import Shell
from tests.gateway.world import BASE, World

LOCAL = Shell({})


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "new.toml"
    path.write_text(BASE, encoding="utf-8")
    return str(path)


def meddle(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "simwire.db", isolation_level=None)) as cx:
        cx.execute("DROP TRIGGER audit_no_update")
        cx.execute("UPDATE audit SET actor = 'cli:nobody' WHERE id = 2")


def test_what_the_command_line_does_is_there_under_the_users_name(config: str) -> None:
    made = LOCAL.json("keys", "create", "shop", "--config", config)
    LOCAL.json("keys", "revoke", made["id"], "--config", config)

    page = LOCAL.json("audit", "list", "--config", config)
    assert [(one["action"], one["subject"]) for one in page["items"]] == [
        ("keys.revoke", made["id"]),
        ("keys.create", made["id"]),
    ]
    assert {one["actor"] for one in page["items"]} == {f"cli:{getpass.getuser()}"}
    assert made["key"] not in str(page)
    first = LOCAL.json("audit", "list", "--config", config, "--limit", "1")
    second = LOCAL.json("audit", "list", "--config", config, "--limit", "1", "--cursor", first["next_cursor"])
    assert first["items"] + second["items"] == page["items"]


def test_a_table_for_people(config: str) -> None:
    LOCAL.json("keys", "create", "shop", "--config", config)

    shown = LOCAL.run("audit", "list", "--config", config)
    assert shown.exit_code == 0
    assert "keys.create" in shown.stdout
    assert "client=shop" in shown.stdout


def test_a_log_that_is_as_it_was_written_is_good_while_the_gateway_has_it_open(world: World, tmp_path: Path) -> None:
    world.key()
    world.post("/v1/modems/sim1/pause")

    result = LOCAL.run("audit", "verify", "--config", str(tmp_path / "simwire.toml"))
    rows, newest = world.store.audit.end()
    words = f"good: 2 rows, each as it was written; the newest has hash {newest}\n"
    assert (result.exit_code, result.stdout, rows) == (0, words, 2)
    assert LOCAL.json("audit", "list", "--config", str(tmp_path / "simwire.toml"))["items"][0]["hash"] == newest
    world.post("/v1/modems/sim1/resume")
    assert LOCAL.json("audit", "verify", "--config", str(tmp_path / "simwire.toml"))["rows"] == 3


def test_a_log_that_was_meddled_with_ends_with_status_1_and_names_the_row(config: str, tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        LOCAL.json("keys", "create", name, "--config", config)
    meddle(tmp_path)

    result = LOCAL.run("audit", "verify", "--config", config)
    assert result.exit_code == 1
    assert "row 2" in result.stderr
    told = LOCAL.run("audit", "verify", "--config", config, "--json")
    assert told.exit_code == 1
    assert '"broken": 2' in told.stdout


@pytest.mark.parametrize("command", ["list", "verify"])
def test_where_there_is_no_database_none_is_made(config: str, tmp_path: Path, command: str) -> None:
    result = LOCAL.run("audit", command, "--config", config)
    assert result.exit_code == 1
    assert "simwire.db" in result.stderr
    assert not (tmp_path / "simwire.db").exists()


def test_a_foreign_cursor_is_told(config: str) -> None:
    LOCAL.json("keys", "create", "a", "--config", config)
    result = LOCAL.run("audit", "list", "--config", config, "--cursor", "x")
    assert (result.exit_code, "cursor" in result.stderr) == (1, True)
