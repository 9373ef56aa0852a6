"""`simwire otp` against the real API."""

from __future__ import annotations

from pathlib import Path

from tests.gateway.cli.conftest import Shell
from tests.gateway.world import NUMBER, World

PURCHASE = ("--payee", "Riverside Books", "--amount", "49.90", "--currency", "GBP")


def test_a_code_is_sent_and_never_shown(shell: Shell, world: World) -> None:
    result = shell.run("otp", "create", NUMBER)

    (message,) = shell.json("messages", "list")["items"]
    assert result.exit_code == 0
    assert world.code(message["id"]) not in result.output


def test_a_right_code_is_approved(shell: Shell, world: World) -> None:
    challenge = shell.json("otp", "create", NUMBER)
    code = world.code(challenge["message_id"])

    assert shell.json("otp", "check", challenge["id"], stdin=f"{code}\n")["result"] == "approved"
    assert shell.json("otp", "show", challenge["id"])["state"] == "approved"


def test_a_wrong_code_ends_with_1(shell: Shell, world: World) -> None:
    challenge = shell.json("otp", "create", NUMBER)
    wrong = "000001" if world.code(challenge["message_id"]) == "000000" else "000000"

    result = shell.run("otp", "check", challenge["id"], stdin=wrong)
    assert result.exit_code == 1
    assert "wrong_code" in result.stdout
    assert wrong not in result.output


def test_a_transaction_is_bound_to_its_context(shell: Shell, world: World, tmp_path: Path) -> None:
    challenge = shell.json("otp", "create", NUMBER, "--purpose", "transaction", *PURCHASE)
    path = tmp_path / "code"
    path.write_text(world.code(challenge["message_id"]), encoding="ascii")
    check = ("otp", "check", challenge["id"], "--code-file", str(path))

    assert shell.run(*check, "--payee", "Riverside Books", "--amount", "4990", "--currency", "GBP").exit_code == 1
    assert shell.run(*check, *PURCHASE).exit_code == 0


def test_binding_and_own_code_come_from_files(shell: Shell, tmp_path: Path) -> None:
    session, code = tmp_path / "session", tmp_path / "code"
    session.write_text("s-1\n", encoding="utf-8")
    code.write_text("246810\n", encoding="utf-8")
    challenge = shell.json("otp", "create", NUMBER, "--binding-file", str(session), "--code-file", str(code))

    assert shell.run("otp", "check", challenge["id"], stdin="246810").exit_code == 1
    bound = shell.json("otp", "check", challenge["id"], "--binding-file", str(session), stdin="246810")
    assert bound["result"] == "approved"


def test_resend_keeps_to_the_cooldown(shell: Shell, world: World) -> None:
    challenge = shell.json("otp", "create", NUMBER)

    refused = shell.run("otp", "resend", challenge["id"])
    assert refused.exit_code == 1
    assert "try again in 30 s" in refused.stderr
    world.clock.advance(31)
    assert shell.json("otp", "resend", challenge["id"])["message_id"] != challenge["message_id"]


def test_cancel_ends_the_challenge(shell: Shell) -> None:
    challenge = shell.json("otp", "create", NUMBER)

    assert shell.json("otp", "cancel", challenge["id"])["state"] == "cancelled"
    assert "cancelled" in shell.run("otp", "show", challenge["id"]).stdout


def test_no_code_on_standard_input_is_a_failure(shell: Shell) -> None:
    challenge = shell.json("otp", "create", NUMBER)

    assert shell.run("otp", "check", challenge["id"], stdin="").exit_code == 1
    assert shell.json("otp", "show", challenge["id"])["attempts_left"] == 5
