"""States, moves and values."""

from __future__ import annotations

import pytest

from gateway.messages import MOVES, TERMINAL, AttemptKind, Lane, MessageState, Secret, masked


def test_every_state_has_its_moves_and_every_move_leads_to_a_state() -> None:
    assert set(MOVES) == set(MessageState)
    assert all(after in MessageState and after is not before for before in MOVES for after in MOVES[before])


def test_every_state_can_be_reached_and_what_was_delivered_stays_so() -> None:
    reached, new = set(), {MessageState.QUEUED}
    while new:
        reached |= new
        new = {after for before in new for after in MOVES[before]} - reached
    assert reached == set(MessageState)
    assert MOVES[MessageState.DELIVERED] == frozenset()


def test_only_what_the_network_says_ends_an_end() -> None:
    said = {MessageState.SENT, MessageState.DELIVERED, MessageState.UNDELIVERED, MessageState.EXPIRED}
    for state in TERMINAL - {MessageState.UNKNOWN}:
        assert MOVES[state] <= said
    assert MOVES[MessageState.UNKNOWN] <= said | {MessageState.FAILED}


def test_a_secret_prints_nothing_and_compares_as_its_value() -> None:
    secret = Secret("482913")
    for shown in (repr(secret), str(secret), f"{secret}", f"{secret:>10}", "%s" % secret, repr([secret])):  # noqa: UP031
        assert "482913" not in shown
    assert secret == "482913"
    assert secret.reveal() == "482913"
    assert secret.encode() == b"482913"


@pytest.mark.parametrize(
    ("number", "shown"), [("+447700900123", "+447…123"), ("5588", "5…"), ("", "…"), ("+15555550", "+155…550")]
)
def test_numbers_are_masked(number: str, shown: str) -> None:
    assert masked(number) == shown


def test_codes_go_first() -> None:
    assert sorted(Lane) == [Lane.OTP, Lane.HIGH, Lane.NORMAL, Lane.BULK]
    assert AttemptKind("hedge") is AttemptKind.HEDGE
