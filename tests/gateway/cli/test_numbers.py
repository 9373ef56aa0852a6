"""`simwire numbers` against a running gateway."""

from __future__ import annotations

import pytest

from tests.gateway.cli.conftest import Shell
from tests.gateway.world import NUMBER, World


@pytest.fixture
def admin(shell: Shell, world: World) -> Shell:
    shell.environment["SIMWIRE_KEY"] = world.key("boss", ("admin",))
    return shell


def test_block_list_and_unblock(admin: Shell, world: World) -> None:
    assert admin.run("numbers", "blocked").stdout.strip() == "no numbers are blocked"
    made = admin.json("numbers", "block", "07700 900123", "--reason", "asked for it")
    assert (made["number"], made["why"], made["reason"], made["by"]) == (NUMBER, "blocked", "asked for it", "boss")
    assert world.post("/v1/messages", {"to": NUMBER, "text": "hello"}).status_code == 403
    listed = admin.run("numbers", "blocked").stdout
    assert NUMBER in listed
    assert "asked for it" in listed
    assert admin.json("numbers", "blocked")["items"] == [made]
    assert admin.run("numbers", "unblock", NUMBER).stdout.strip() == f"{NUMBER} is not blocked any more"
    assert world.post("/v1/messages", {"to": NUMBER, "text": "hello"}).status_code == 202


def test_everything_and_pages(admin: Shell) -> None:
    assert "blocked, codes too" in admin.run("numbers", "block", NUMBER, "--everything").stdout
    admin.json("numbers", "block", "+447700900124")
    page = admin.run("numbers", "blocked", "--limit", "1")
    assert f"--cursor {NUMBER}" in page.stderr
    assert "+447700900124" in admin.run("numbers", "blocked", "--cursor", NUMBER).stdout


def test_what_cannot_be_done_says_why(admin: Shell, world: World) -> None:
    unknown = admin.run("numbers", "unblock", NUMBER)
    assert (unknown.exit_code, "not blocked" in unknown.stderr) == (1, True)
    assert admin.run("numbers", "block", "12").exit_code == 1
    refused = admin.run("numbers", "blocked", SIMWIRE_KEY=world.key())
    assert "lacks the scope admin" in refused.stderr
