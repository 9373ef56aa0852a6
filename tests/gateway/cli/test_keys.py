"""`simwire keys` and `simwire config`, which need no running gateway."""

from __future__ import annotations

import json
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


def test_a_key_may_do_what_an_application_needs(config: str) -> None:
    made = LOCAL.json("keys", "create", "shop", "--config", config)

    assert set(made) == {"id", "client", "name", "key", "scopes"}
    assert (made["client"], made["name"]) == ("shop", "shop")
    assert set(made["scopes"]) == {"messages:send", "messages:read", "otp:send", "otp:check"}


def test_scopes_and_client_can_be_chosen(config: str) -> None:
    scopes = ("--scope", "modems:read", "--scope", "inbox:read")
    made = LOCAL.json("keys", "create", "phone", "--client", "shop", "--config", config, *scopes)

    assert (made["client"], set(made["scopes"])) == ("shop", {"modems:read", "inbox:read"})


def test_only_the_key_is_on_standard_output(config: str) -> None:
    result = LOCAL.run("keys", "create", "shop", "--config", config)

    assert len(result.stdout.split()) == 1
    assert result.stdout.strip() not in result.stderr


def test_a_key_made_while_the_gateway_runs_works_at_once(shell: Shell, world: World, tmp_path: Path) -> None:
    made = LOCAL.json("keys", "create", "later", "--config", str(tmp_path / "simwire.toml"))

    assert shell.run("messages", "list", SIMWIRE_KEY=made["key"]).exit_code == 0
    assert {info.name for info in world.store.keys.list()} >= {"later"}


def test_rotating_keeps_client_and_scopes(config: str) -> None:
    old = LOCAL.json("keys", "create", "shop", "--config", config)
    new = LOCAL.json("keys", "rotate", old["id"], "--config", config)

    assert (new["client"], new["scopes"]) == (old["client"], old["scopes"])
    assert new["key"] != old["key"]
    assert LOCAL.run("keys", "rotate", old["id"], "--config", config).exit_code == 1


def test_a_revoked_key_stays_in_the_list(config: str) -> None:
    made = LOCAL.json("keys", "create", "shop", "--config", config)

    assert LOCAL.run("keys", "revoke", made["id"], "--config", config).exit_code == 0
    (listed,) = LOCAL.json("keys", "list", "--config", config)["items"]
    assert listed["revoked_at"] is not None
    assert made["key"] not in json.dumps(listed)
    assert "revoked" in LOCAL.run("keys", "list", "--config", config).stdout
    assert LOCAL.run("keys", "revoke", made["id"], "--config", config).exit_code == 1


def test_an_unknown_scope_is_wrong_usage(config: str) -> None:
    assert LOCAL.run("keys", "create", "shop", "--config", config, "--scope", "everything").exit_code == 2


def test_without_a_configuration_is_wrong_usage() -> None:
    assert LOCAL.run("keys", "list").exit_code == 2


def test_a_lost_key_file_is_named(config: str, tmp_path: Path) -> None:
    LOCAL.json("keys", "create", "shop", "--config", config)
    (tmp_path / "simwire.key").unlink()

    result = LOCAL.run("keys", "list", "--config", config)
    assert result.exit_code == 1
    assert "simwire.key" in result.stderr
    assert "simwire.db" in result.stderr


def test_a_good_configuration_is_good(config: str) -> None:
    result = LOCAL.run("config", "check", config)

    assert (result.exit_code, result.stdout) == (0, f"{config}: good, with 2 modems (sim1, sim2)\n")
    assert LOCAL.json("config", "check", config)["ok"] is True


def test_warnings_leave_a_configuration_good(config: str, tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    text = "{code}: hasło, {organisation}. {time}, {until}. Nie podawaj nikomu."
    (tmp_path / "templates" / "pl.toml").write_text(f'[login]\ntexts = ["{text}"]\n', encoding="utf-8")
    with Path(config).open("a", encoding="utf-8") as file:
        file.write('[otp]\ntemplates = "templates"\n')
    expected = 'otp.templates: pl.login[0]: "ł" (U+0142) forces UCS-2: 70 characters a part'

    result = LOCAL.run("config", "check", config)
    assert (result.exit_code, result.stdout) == (0, f"{config}: good, with 2 modems (sim1, sim2)\n")
    assert f"warning: {expected}\n" in result.stderr
    assert expected in LOCAL.json("config", "check", config)["warnings"]


def test_problems_of_templates_are_told(config: str, tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "en.toml").write_text('[login]\ntexts = ["{code} {nme}"]\n', encoding="utf-8")
    with Path(config).open("a", encoding="utf-8") as file:
        file.write('[otp]\ntemplates = "templates"\n')

    result = LOCAL.run("config", "check", config)
    assert result.exit_code == 1
    assert "otp.templates: en.login[0]: there is no field {nme}" in result.stderr


def test_every_problem_of_a_configuration_is_told(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text('[gateway]\ncountry = "England"\n[otp]\nlenght = 6\n', encoding="utf-8")

    result = LOCAL.run("config", "check", str(path), "--json")
    problems = json.loads(result.stdout)["problems"]
    assert result.exit_code == 1
    assert len(problems) == 4
    for key in ("gateway.organisation", "gateway.country", "otp.lenght", "modem"):
        assert any(problem.startswith(key) for problem in problems)
    assert result.stderr.count("\n") == 5


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert LOCAL.run("config", "check", str(tmp_path / "none.toml")).exit_code == 1
    assert LOCAL.run("config", "check").exit_code == 2
