"""Challenges: one approval, counted failures, and what happens to their messages when they end."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gateway.messages import Lane, MessageState
from gateway.store import Challenge, ChallengeState, CheckResult, Conflict, NewChallenge

from .bench import ANY, CODE, NUMBER, Bench, open_challenge

C, R, S = ChallengeState, CheckResult, MessageState
LOGIN = NewChallenge("shop", NUMBER, "login", b"hash", 300, 3)


def challenge_of(bench: Bench, message: object) -> Challenge:
    found = bench.store.challenges.get(message.challenge_id)
    assert found is not None
    return found


def check(bench: Bench, message: object, right: bool = False) -> tuple[CheckResult, int]:
    result, challenge = bench.store.challenges.check(message.challenge_id, "shop", lambda _: right, bench.now)
    return result, challenge.attempts_left


def before(bench: Bench, *new: NewChallenge) -> list[Challenge | None]:
    """What each of new challenges takes over from."""
    with bench.store.database.read() as cx:
        look = bench.store.challenges.guesses.look
        return bench.store.challenges.before(cx, [(one, look(cx, one.whose, bench.now), bench.now) for one in new])


def close(bench: Bench, message: object, state: ChallengeState) -> None:
    with bench.store.database.mark() as cx:
        bench.store.challenges.close(cx, message.challenge_id, state, bench.now, "test")


def test_a_right_code_is_approved_once(bench: Bench) -> None:
    message = bench.add_code()
    assert check(bench, message) == (R.WRONG_CODE, 2)
    assert check(bench, message, right=True) == (R.APPROVED, 0)
    assert check(bench, message, right=True) == (R.USED, 0)
    assert challenge_of(bench, message).state is C.APPROVED


def test_too_many_wrong_codes_lock_it(bench: Bench) -> None:
    message = bench.add_code()
    assert [check(bench, message)[1] for _ in range(3)] == [2, 1, 0]
    assert check(bench, message, right=True) == (R.TOO_MANY_ATTEMPTS, 0)
    assert challenge_of(bench, message).state is C.LOCKED


def test_after_its_lifetime_no_code_verifies_whatever_the_wall_clock_says(bench: Bench) -> None:
    message = bench.add_code()
    bench.clock.step_wall(-3600)
    bench.clock.advance(299.9)
    assert check(bench, message) == (R.WRONG_CODE, 2)
    bench.clock.advance(0.1)
    assert check(bench, message, right=True) == (R.EXPIRED, 0)


def test_a_cancelled_one_says_so_first(bench: Bench) -> None:
    message = bench.add_code()
    close(bench, message, C.CANCELLED)
    bench.clock.advance(1000)
    assert check(bench, message, right=True) == (R.CANCELLED, 0)
    close(bench, message, C.APPROVED)
    assert challenge_of(bench, message).state is C.CANCELLED


def test_it_belongs_to_its_client(bench: Bench) -> None:
    message = bench.add_code()
    assert bench.store.challenges.get(message.challenge_id, "other") is None
    assert bench.store.challenges.check(message.challenge_id, "other", lambda _: True, bench.now) is None
    assert bench.store.challenges.get(message.challenge_id, "shop") is not None


def test_the_open_one_for_a_number_and_purpose_is_found_and_another_is_not(bench: Bench) -> None:
    message = bench.add_code(purpose="login")

    def found(**other: Any) -> str | None:
        (challenge,) = before(bench, replace(LOGIN, **other))
        return challenge and challenge.id

    assert found() == message.challenge_id
    others = ({"client": "other"}, {"to": "+447700900102"}, {"purpose": "signup"}, {"delivery": 2})
    assert [found(**other) for other in others] == [None] * 4
    bench.clock.advance(300)
    assert found() is None


@pytest.mark.parametrize(("state", "counts"), [(C.APPROVED, False), (C.CANCELLED, True), (C.LOCKED, True)])
def test_what_was_closed_counts_on_within_its_lifetime(bench: Bench, state: ChallengeState, counts: bool) -> None:
    message = bench.add_code()
    close(bench, message, state)

    def found() -> bool:
        return before(bench, LOGIN) != [None]

    assert found() is counts
    bench.clock.reboot("boot-2", wall=bench.now.wall + 100)
    bench.crash()
    bench.clock.advance(199)
    assert found() is counts, "another boot has another clock"
    bench.clock.advance(1)
    assert not found()


def test_the_last_one_counts_also_after_the_wall_clock_was_set_back(bench: Bench) -> None:
    closed = bench.add_code()
    close(bench, closed, C.CANCELLED)
    bench.clock.step_wall(-60)
    last = bench.add_code()
    (found,) = before(bench, LOGIN)
    assert found is not None
    assert found.id == last.challenge_id


def test_many_find_theirs_in_one_look(bench: Bench) -> None:
    numbers = [f"+4477009001{place:02d}" for place in range(9)]
    made = [bench.add_code(replace(CODE, to=number)) for number in numbers]
    close(bench, made[4], C.APPROVED)
    new = [replace(LOGIN, to=number) for number in reversed(numbers)]
    found = [one and one.id for one in before(bench, replace(LOGIN, client="other"), *new)]
    expected = [message.challenge_id for message in reversed(made)]
    expected[4] = None
    assert found == [None, *expected]


@pytest.mark.parametrize("state", [C.APPROVED, C.CANCELLED, C.LOCKED])
def test_its_end_withdraws_what_has_not_left(bench: Bench, state: ChallengeState) -> None:
    message = bench.add_code()
    claimed = bench.claim()
    close(bench, message, state)
    assert not bench.store.outbox.begin(claimed.id, bench.now)
    assert bench.state(message) == (S.CANCELLED, "challenge_closed")
    assert bench.nothing_for()


def test_its_end_stops_retries_and_resends_of_what_is_on_the_air(bench: Bench) -> None:
    refused, lost, sent = bench.add_code(purpose="a"), bench.add_code(purpose="b"), bench.add_code(purpose="c")
    attempts = [bench.begin() for _ in range(3)]
    for message in (refused, lost, sent):
        close(bench, message, C.CANCELLED)
        assert bench.state(message) == (S.SENDING, None)
    bench.refuse(attempts[0])
    bench.lose(attempts[1])
    bench.store.outbox.accepted(attempts[2].id, 1, bench.now, "+CMGS: 1")
    assert bench.state(refused) == (S.CANCELLED, "challenge_closed")
    assert bench.state(lost) == (S.UNKNOWN, "unknown_outcome")
    assert bench.state(sent) == (S.SENT, None)
    bench.wake(5)
    assert bench.nothing_for()


def test_a_new_code_under_it_kills_the_old_one(bench: Bench) -> None:
    message = bench.add_code()
    check(bench, message)
    bench.clock.advance(200)
    with bench.store.database.mark() as cx:
        renewed = bench.store.challenges.renew(cx, message.challenge_id, b"new hash", 300, bench.now)
    assert (renewed.code_hash, renewed.sends, renewed.failures) == (b"new hash", 2, 1)
    assert renewed.expires_boot == bench.clock.boot() + 300
    assert renewed.sent_boot == bench.clock.boot()
    assert bench.state(message) == (S.CANCELLED, "challenge_closed")
    bench.clock.advance(250)
    assert check(bench, message, right=True)[0] is R.APPROVED


def test_the_same_code_again_counts_and_changes_no_expiry(bench: Bench) -> None:
    message = bench.add_code()
    before = challenge_of(bench, message)
    bench.clock.advance(60)
    with bench.store.database.mark() as cx:
        again = bench.store.challenges.resent(cx, message.challenge_id, bench.now)
    assert (again.sends, again.expires_at, again.sent_boot) == (2, before.expires_at, before.sent_boot + 60)


@pytest.mark.parametrize("end", ["closed", "over"])
def test_what_has_ended_is_not_sent_again(bench: Bench, end: str) -> None:
    message = bench.add_code()
    if end == "closed":
        close(bench, message, C.CANCELLED)
    else:
        bench.clock.advance(300)
    challenges = bench.store.challenges
    for again in (
        lambda cx: challenges.renew(cx, message.challenge_id, b"", 300, bench.now),
        lambda cx: challenges.resent(cx, message.challenge_id, bench.now),
    ):
        with pytest.raises(Conflict, match="start a new one"):
            bench.store.database.accept(again)


def test_a_code_is_erased_when_its_message_and_its_challenge_have_ended(bench: Bench) -> None:
    first, second = bench.add_code(purpose="a"), bench.add_code(purpose="b")
    text = bench.store.outbox.text
    bench.send(1)
    bench.send(2)
    bench.report(1)
    assert text(first.id), "delivered, but the same code may be asked for again"
    check(bench, first, right=True)
    assert text(first.id) is None
    assert text(second.id), "sent, and its challenge is open"
    check(bench, second, right=True)
    assert text(second.id) is None, "withdrawn: it can never go again, though its report has not come"
    bench.report(2)
    assert bench.state(second) == (S.DELIVERED, None)


def test_expiry_ends_it_and_erases_its_text(bench: Bench) -> None:
    message = bench.add_code()
    assert bench.store.outbox.next_due(0, 0) == bench.clock.boot() + 270
    bench.wake(270)
    assert bench.state(message) == (S.EXPIRED, "expired_in_queue")
    assert bench.store.outbox.text(message.id)
    bench.wake(30)
    assert challenge_of(bench, message).state is C.EXPIRED
    assert bench.store.outbox.text(message.id) is None


def test_other_texts_stay_and_client_made_codes_go_with_their_message(bench: Bench) -> None:
    plain, own = bench.add(), bench.add(replace(ANY, lane=Lane.OTP))
    for mr in (1, 2):
        bench.send(mr)
        bench.report(mr)
    assert bench.store.outbox.text(plain.id)
    assert bench.store.outbox.text(own.id) is None


def test_its_time_goes_on_over_another_boot(bench: Bench) -> None:
    message = bench.add_code()
    bench.clock.reboot("boot-2", wall=bench.now.wall + 100)
    bench.crash()
    bench.clock.advance(199)
    assert check(bench, message)[0] is R.WRONG_CODE
    bench.clock.advance(1)
    assert check(bench, message, right=True)[0] is R.EXPIRED


def test_what_the_engine_keeps_with_it_is_sealed_and_comes_back(bench: Bench) -> None:
    details = {"context": {"payee": "Squirrel Ltd"}, "locale": "fr"}
    new = NewChallenge("shop", NUMBER, "transaction", b"hash", 300, 3, failures=1, sends=2, details=details)
    made = bench.store.database.accept(lambda cx: open_challenge(bench.store, cx, new, bench.now))
    found = bench.store.challenges.get(made.id)
    assert found == made
    assert (found.details, found.failures, found.sends, found.attempts_left) == (details, 1, 2, 2)
    assert "Squirrel" not in repr(found)
    assert NUMBER not in repr(found) + str(found)
    bench.close()
    assert all(b"Squirrel" not in file.read_bytes() for file in bench.folder.iterdir())


def test_a_challenge_that_is_not_there(bench: Bench) -> None:
    assert bench.store.challenges.get("nothing") is None
    with pytest.raises(KeyError), bench.store.database.mark() as cx:
        bench.store.challenges.close(cx, "nothing", C.CANCELLED, bench.now)
