"""`simwire numbers blocked`, `block`, `unblock`, `locked` and `unlock` against a running gateway."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.gateway.cli.conftest import Port, Shell
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


def test_locked_numbers_are_shown_and_unlocked(admin: Shell, make_world: Callable[..., World], port: Port) -> None:
    world = make_world("[otp]\nlock_after = 1\nstop_after = 1\n")
    port.app = world.app
    admin.environment["SIMWIRE_KEY"] = world.key("boss", ("admin",))
    assert admin.run("numbers", "locked").stdout.strip() == "no numbers are locked"
    otp = world.post("/v1/otp", {"to": NUMBER, "purpose": "login"}).get_json()
    wrong = "000000" if world.code(otp["message_id"]) != "000000" else "000001"
    world.post(f"/v1/otp/{otp['id']}/check", {"code": wrong})
    shown = admin.run("numbers", "locked").stdout
    assert NUMBER in shown
    assert "stopped until you unlock it" in shown
    assert admin.json("numbers", "unlock", NUMBER, "--client", "somebody") == {"number": NUMBER, "cleared": 0}
    assert admin.run("numbers", "unlock", NUMBER).stdout.strip() == f"{NUMBER} is unlocked"
    assert admin.json("numbers", "locked") == {"items": []}
    assert "nothing was counted" in admin.run("numbers", "unlock", NUMBER).stdout
