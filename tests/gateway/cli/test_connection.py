"""How commands find a gateway and a key, and what they say where they do not."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.cli.options import url_of
from gateway.config import ApiConfig
from gateway.directory import RecoveryView
from tests.gateway.cli.conftest import Shell
from tests.gateway.world import BASE, World


def test_modems_are_listed(shell: Shell) -> None:
    found = shell.run("modems", "list")

    assert found.exit_code == 0
    assert [line.split()[:2] for line in found.stdout.splitlines()[1:3]] == [["sim1", "ready"], ["sim2", "absent"]]
    assert shell.json("modems", "info", "sim1")["model"] == "E1750"
    assert "E1750" in shell.run("modems", "info", "sim1").stdout


def test_what_is_done_about_a_modem_is_shown(shell: Shell, world: World) -> None:
    trouble = RecoveryView("quarantine", ("reopen", "radio"), world.clock.now().wall + 60)
    world.views[0] = replace(world.views[0], state="failed", recovery=trouble)
    assert shell.json("modems", "info", "sim1")["recovery"]["tried"] == ["reopen", "radio"]
    assert "tried: reopen, radio; quarantine at 20" in shell.run("modems", "info", "sim1").stdout
    world.views[0] = replace(world.views[0], recovery=RecoveryView(None, ("radio",), None))
    assert "tried: radio; it is seen whether that helped" in shell.run("modems", "info", "sim1").stdout


def test_ussd_prints_the_answer(shell: Shell) -> None:
    assert shell.run("modems", "ussd", "sim1", "*100#").stdout == "credit 5.00\n"
    assert shell.run("modems", "ussd", "sim2", "*100#").exit_code == 1
    assert shell.run("modems", "ussd", "sim3", "*100#").exit_code == 1


def test_a_key_may_come_from_a_file(shell: Shell, tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text(shell.environment["SIMWIRE_KEY"] + "\n", encoding="ascii")

    assert shell.run("modems", "list", "--key-file", str(path), SIMWIRE_KEY="").exit_code == 0


def test_without_a_key_it_says_how_to_get_one(shell: Shell) -> None:
    result = shell.run("modems", "list", SIMWIRE_KEY="")

    assert result.exit_code == 1
    assert "simwire keys create" in result.stderr


def test_an_unknown_key_is_refused_and_not_repeated(shell: Shell) -> None:
    result = shell.run("modems", "list", SIMWIRE_KEY="sw_notakey")

    assert result.exit_code == 1
    assert "sw_notakey" not in result.output


def test_a_gateway_that_is_not_there(shell: Shell) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        result = shell.run("messages", "list", "--url", url)

    assert result.exit_code == 1
    assert f"no gateway at {url}" in result.stderr


@pytest.mark.parametrize("url", ["ftp://example.com", "127.0.0.1:8080", "http://", "http://host:port"])
def test_what_is_no_url(shell: Shell, url: str) -> None:
    result = shell.run("messages", "list", "--url", url)

    assert result.exit_code == 1
    assert url in result.stderr


def test_the_configuration_says_where_the_gateway_is(shell: Shell, tmp_path: Path) -> None:
    path = tmp_path / "gateway.toml"
    port = shell.environment["SIMWIRE_URL"].rpartition(":")[2]
    path.write_text(f"{BASE}\n[api]\nport = {port}\n", encoding="utf-8")
    elsewhere = Shell({"SIMWIRE_KEY": shell.environment["SIMWIRE_KEY"], "SIMWIRE_CONFIG": str(path)})

    assert elsewhere.run("modems", "list").exit_code == 0


@pytest.mark.parametrize(
    ("host", "url"),
    [("127.0.0.1", "http://127.0.0.1:8080"), ("0.0.0.0", "http://127.0.0.1:8080"), ("::", "http://[::1]:8080")],
)
def test_a_server_on_every_address_is_asked_on_this_machine(host: str, url: str) -> None:
    assert url_of(ApiConfig(host=host, insecure_http=True)) == url


def test_any_free_port_cannot_be_guessed(shell: Shell, tmp_path: Path) -> None:
    path = tmp_path / "gateway.toml"
    path.write_text(f"{BASE}\n[api]\nport = 0\n", encoding="utf-8")
    result = Shell({"SIMWIRE_KEY": "x"}).run("modems", "list", "--config", str(path))

    assert result.exit_code == 1
    assert "--url" in result.stderr


@pytest.mark.parametrize("words", [["nonsense"], ["messages", "list", "--state", "lost"], ["otp"], ["send"]])
def test_wrong_usage_ends_with_2(shell: Shell, words: list[str]) -> None:
    assert shell.run(*words).exit_code == 2


def test_a_configuration_that_is_named_wins_over_the_environment(shell: Shell, tmp_path: Path) -> None:
    port = shell.environment["SIMWIRE_URL"].rpartition(":")[2]
    path = tmp_path / "named.toml"
    path.write_text(f"{BASE}[api]\nport = {port}\n", encoding="utf-8")
    elsewhere = "http://127.0.0.1:1"
    assert shell.run("modems", "list", "--config", str(path), SIMWIRE_URL=elsewhere).exit_code == 0
    refused = shell.run("modems", "list", "--config", str(path), "--url", elsewhere)
    assert (refused.exit_code, elsewhere in refused.stderr) == (1, True)


def test_one_problem_is_told_once(shell: Shell) -> None:
    assert shell.run("send", "12", "hello").stderr.count("too short to be a phone number") == 1


def test_a_code_that_the_network_does_not_know_is_a_failure(shell: Shell, world: World) -> None:
    world.ussd = {"mode": 4, "text": None}
    refused = shell.run("modems", "ussd", "sim1", "*999#")
    assert (refused.exit_code, "does not support *999#" in refused.stderr) == (1, True)
