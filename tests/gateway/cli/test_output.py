"""What people see is safe for a terminal and plain where there is none."""

from __future__ import annotations

import pytest

from gateway.cli import output
from tests.gateway.cli.conftest import Shell
from tests.gateway.world import NUMBER


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]0;owned\x07", "\\x1b]0;owned\\x07"),
        ("left \u202eright", "left \\x202eright"),
        ("two\nlines", "two\nlines"),
        ("👩\u200d💻 £ ü", "👩\u200d💻 £ ü"),
        ("\ud800", "\\xd800"),
    ],
)
def test_control_characters_become_visible(text: str, shown: str) -> None:
    assert output.shown(text) == shown


def test_markup_of_strangers_is_only_text(shell: Shell) -> None:
    sent = shell.json("send", NUMBER, "x", "--client-ref", "[red]no[/red]")

    assert "[red]no[/red]" in shell.run("messages", "show", sent["id"]).stdout


def test_no_colours_without_a_terminal(shell: Shell) -> None:
    shell.json("send", NUMBER, "x")

    assert "\x1b" not in shell.run("messages", "list").output


def test_the_timeline_counts_from_its_first_row() -> None:
    rows = output.timeline_rows(
        [
            {"time": "2026-01-31T08:00:00.000Z", "state": "queued"},
            {"time": "2026-01-31T08:00:01.250Z", "state": "sent", "modem": "sim1", "result": "+CMGS: 17"},
            {"time": "2026-01-31T08:00:02.000Z", "state": "sending", "reason": "no_report", "possible_duplicate": True},
        ]
    )

    assert [(str(after).strip(), str(state), said) for after, state, said in rows] == [
        ("+0.000 s", "queued", ""),
        ("+1.250 s", "sent", "+CMGS: 17, by sim1"),
        ("+2.000 s", "sending", "no report, possible duplicate"),
    ]
