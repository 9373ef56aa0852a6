"""`simwire numbers export` and `erase`, against a gateway on a real port."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from gateway.messages import Lane, NewMessage, Secret
from gateway.policy import Delivery, KeyPolicy
from gateway.store import PAGE
from tests.gateway.cli.conftest import Port, Shell
from tests.gateway.test_api_privacy import claim
from tests.gateway.world import NUMBER, World


@pytest.fixture
def boss(world: World, port: Port) -> Shell:
    port.app = world.app
    return Shell({"SIMWIRE_URL": port.url, "SIMWIRE_KEY": world.key("boss", ("admin",))})


def test_what_is_kept_is_printed_and_then_erased(boss: Shell, world: World) -> None:
    world.post("/v1/messages", {"to": NUMBER, "text": "hello"})

    document = json.loads(boss.run("numbers", "export", NUMBER).stdout)
    assert [one["text"] for one in document["messages"]] == ["hello"]
    result = boss.run("numbers", "erase", "07700 900123", "--yes")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "messages" in result.stdout
    assert json.loads(boss.run("numbers", "export", NUMBER).stdout)["messages"] == []


def test_an_export_of_many_pages_is_one_document(boss: Shell, world: World) -> None:
    one = NewMessage(
        client="shop", to=NUMBER, country="GB", lane=Lane.BULK, lifetime=60.0, text=Secret("x"), segments=(b"x",),
        encoding="gsm7", concat_reference=1, route="route:",
    )  # fmt: skip
    count = PAGE + 5

    def work(cx: object) -> None:
        for number in range(count):
            world.store.outbox.enqueue(cx, replace(one, client_ref=str(number)), world.clock.now())

    world.store.database.accept(work)
    document = boss.json("numbers", "export", NUMBER)
    assert [message["client_ref"] for message in document["messages"]] == [str(number) for number in range(count)]
    assert "next_cursor" not in document


def test_erasing_needs_a_yes(boss: Shell, world: World) -> None:
    world.post("/v1/messages", {"to": NUMBER, "text": "hello"})
    result = boss.run("numbers", "erase", NUMBER)
    assert (result.exit_code, "--yes" in result.stderr) == (2, True)
    assert len(boss.json("numbers", "export", NUMBER)["messages"]) == 1


def test_what_has_to_stay_is_said_and_ends_with_status_1(boss: Shell, world: World) -> None:
    world.post("/v1/messages", {"to": NUMBER, "text": "hello"})
    assert world.store.outbox.begin(claim(world), world.clock.now())
    with world.store.database.mark() as cx:
        cx.execute("INSERT INTO blocked_numbers (recipient, reason, at) VALUES (?, 'opted_out', 1000)", (NUMBER,))
    result = boss.run("numbers", "erase", NUMBER, "--yes")
    assert result.exit_code == 1
    assert "1 messages are on the air" in result.stderr
    assert "--forget-block" in result.stderr
    assert boss.run("numbers", "erase", NUMBER, "--yes", "--forget-block", "--json").exit_code == 1
    with world.store.database.read() as cx:
        assert cx.execute("SELECT count(*) FROM blocked_numbers").fetchone()[0] == 0


def test_of_a_key_that_redirects_to_the_number_it_is_said_what_to_do(boss: Shell, world: World) -> None:
    policy = KeyPolicy(delivery=Delivery.REDIRECT, redirect_to=NUMBER)
    key = world.store.keys.create("tests", [], policy=policy)[0].id
    result = boss.run("numbers", "erase", NUMBER, "--yes")
    assert (result.exit_code, "keys" in result.stdout) == (0, False)
    assert f"simwire keys set {key} --redirect-to" in result.stderr
    assert f"simwire keys revoke {key}" in result.stderr
    assert boss.json("numbers", "erase", NUMBER, "--yes")["keys"] == [key]


def test_a_key_that_may_not_is_told(shell: Shell) -> None:
    result = shell.run("numbers", "export", NUMBER)
    assert (result.exit_code, "admin" in result.stderr) == (1, True)
