"""`simwire send`, `messages` and `inbox` against the real API."""

from __future__ import annotations

import json

import pytest

from hardware.pdu import DeliverPdu
from tests.gateway.cli.conftest import Shell
from tests.gateway.store.test_inbox import deliver
from tests.gateway.world import NUMBER, OTHER, World


def test_send_queues_the_text(shell: Shell, world: World) -> None:
    sent = shell.json("send", NUMBER, "Your parcel is here", "--tag", "parcel", "--client-ref", "4711")

    assert (sent["state"], sent["to"], sent["tags"], sent["client_ref"]) == ("queued", NUMBER, ["parcel"], "4711")
    assert world.sent_text(sent["id"]) == "Your parcel is here"


@pytest.mark.parametrize("argument", [(), ("-",)])
def test_text_comes_from_standard_input(shell: Shell, world: World, argument: tuple[str, ...]) -> None:
    sent = shell.json("send", NUMBER, *argument, stdin="line one\nline two\n")

    assert world.sent_text(sent["id"]) == "line one\nline two"


def test_options_reach_the_gateway(shell: Shell) -> None:
    sent = shell.json("send", NUMBER, "x", "--priority", "bulk", "--encoding", "ucs2", "--modem", "sim1")

    assert (sent["priority"], sent["encoding"]) == ("bulk", "ucs2")


def test_the_text_of_a_code_is_no_argument(shell: Shell) -> None:
    result = shell.run("send", NUMBER, "Your code is 123456", "--priority", "otp")

    assert result.exit_code == 2
    assert "standard input" in result.stderr


def test_a_refusal_names_the_field_and_ends_with_1(shell: Shell) -> None:
    result = shell.run("send", "12", "x")

    assert result.exit_code == 1
    assert "to:" in result.stderr
    assert not result.stdout


def test_with_json_a_refusal_is_one_document(shell: Shell) -> None:
    result = shell.run("send", "12", "x", "--json")

    assert result.exit_code == 1
    assert json.loads(result.stdout)["errors"][0]["field"] == "to"


def test_the_same_idempotency_key_sends_once(shell: Shell) -> None:
    first = shell.json("send", NUMBER, "once", "--idempotency-key", "k1")
    again = shell.json("send", NUMBER, "once", "--idempotency-key", "k1")

    assert first["id"] == again["id"]


def test_list_shows_the_newest_first(shell: Shell) -> None:
    shell.json("send", NUMBER, "one")
    newest = shell.json("send", OTHER, "two")

    rows = shell.run("messages", "list").stdout.splitlines()
    assert [row.split()[0] for row in rows[:2]] == ["id", newest["id"]]
    assert len(shell.json("messages", "list", "--to", NUMBER)["items"]) == 1


def test_an_empty_list_says_so(shell: Shell) -> None:
    assert shell.run("messages", "list").stdout == "no messages\n"


def test_the_next_page_can_be_asked_for(shell: Shell) -> None:
    oldest = shell.json("send", NUMBER, "one")
    shell.json("send", NUMBER, "two")

    result = shell.run("messages", "list", "--limit", "1")
    cursor = result.stderr.split("--cursor ")[1].strip()
    assert [one["id"] for one in shell.json("messages", "list", "--cursor", cursor)["items"]] == [oldest["id"]]


def test_show_prints_the_timeline(shell: Shell) -> None:
    sent = shell.json("send", NUMBER, "one")

    shown = shell.run("messages", "show", sent["id"])
    assert shown.exit_code == 0
    assert "+0.000 s" in shown.stdout
    assert "queued" in shown.stdout


def test_cancel_withdraws(shell: Shell) -> None:
    sent = shell.json("send", NUMBER, "one")

    assert shell.json("messages", "cancel", sent["id"])["state"] == "cancelled"
    assert shell.json("messages", "list", "--state", "cancelled")["items"][0]["id"] == sent["id"]


def test_waiting_ends_with_what_is_known_and_fails_while_nothing_was_sent(shell: Shell) -> None:
    result = shell.run("send", NUMBER, "one", "--wait", "0.05")

    assert result.exit_code == 1
    assert "queued" in result.stderr


@pytest.mark.parametrize("identity", ["../otp", "a/b", "", "ü"])
def test_what_can_be_no_id_is_wrong_usage(shell: Shell, identity: str) -> None:
    assert shell.run("messages", "show", identity).exit_code == 2


def test_an_unknown_message_is_a_failure(shell: Shell) -> None:
    assert shell.run("messages", "show", "0192f3a4-0000-7000-8000-000000000000").exit_code == 1


def test_inbox_is_empty_at_first(shell: Shell) -> None:
    assert shell.run("inbox").stdout == "nothing was received\n"
    assert shell.json("inbox")["items"] == []


def test_inbox_shows_who_wrote_what(shell: Shell, world: World) -> None:
    raw = deliver("Are you open?", sender="+447700900199")
    world.store.inbox.receive(raw, DeliverPdu.decode(raw), "sim1", "001010000000001", world.clock.now())
    shown = shell.run("inbox")
    assert shown.exit_code == 0, shown.output
    assert "from +447700900199  by sim1" in shown.stdout
    assert "Are you open?" in shown.stdout
