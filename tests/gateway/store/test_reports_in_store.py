"""Status reports: to the right attempt, at any moment, and never by guessing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.messages import MessageState

from .bench import ANY, CODE, ONE, TWO, Bench

S = MessageState
OTHER = "+447700900199"


@pytest.mark.parametrize(
    ("status", "state", "final"),
    [
        (0x00, (S.DELIVERED, None), True),
        (0x03, (S.DELIVERED, None), True),
        (0x1F, (S.DELIVERED, None), True),
        (0x01, (S.SENT, "unconfirmed"), True),
        (0x02, (S.UNDELIVERED, "replaced"), True),
        (0x20, (S.SENT, None), False),
        (0x3F, (S.SENT, None), False),
        (0x40, (S.UNDELIVERED, "permanent"), True),
        (0x46, (S.EXPIRED, "expired_by_network"), True),
        (0x5F, (S.UNDELIVERED, "permanent"), True),
        (0x60, (S.UNDELIVERED, "temporary"), True),
        (0x66, (S.EXPIRED, "expired_by_network"), True),
        (0x7F, (S.UNDELIVERED, "temporary"), True),
        (0x80, (S.UNDELIVERED, "temporary"), True),
        (0xFF, (S.UNDELIVERED, "temporary"), True),
    ],
)
def test_what_each_status_means(bench: Bench, status: int, state: tuple[MessageState, str | None], final: bool) -> None:
    message = bench.add()
    bench.send(1)
    bench.report(1, status)
    assert bench.state(message) == state
    assert bench.message(message).final is final
    assert f"0x{status:02X}" in bench.timeline(message)[-1].result


def test_still_trying_is_followed_by_what_comes_of_it_and_never_takes_it_back(bench: Bench) -> None:
    message = bench.add()
    bench.send(1)
    for status in (0x30, 0x61, 0x30, 0x00, 0x30, 0x41):
        bench.report(1, status)
    states = [entry.state for entry in bench.timeline(message)][2:]
    assert states == [S.SENT, S.SENT, S.UNDELIVERED, S.UNDELIVERED, S.DELIVERED, S.DELIVERED, S.DELIVERED]


def test_one_part_that_failed_fails_the_message(bench: Bench) -> None:
    message = bench.add(count=2)
    bench.send(1)
    bench.report(1, 0x41)
    assert bench.state(message) == (S.UNDELIVERED, "permanent")
    assert bench.nothing_for(), "the rest can never be joined"


def test_a_report_before_the_answer_is_kept_until_the_answer_is_stored(bench: Bench) -> None:
    message = bench.add()
    attempt = bench.begin()
    assert not bench.report(33).matched
    assert bench.store.outbox.retry_unmatched(bench.now) == 0
    bench.store.outbox.accepted(attempt.id, 33, bench.now, "+CMGS: 33")
    assert bench.state(message) == (S.DELIVERED, None)
    assert [entry.state for entry in bench.timeline(message)][-2:] == [S.SENT, S.DELIVERED]


def test_a_report_before_the_answer_is_not_given_to_an_older_message_of_the_same_reference(bench: Bench) -> None:
    old = bench.add()
    bench.send(33)
    bench.clock.advance(900)
    new = bench.add()
    attempt = bench.begin()
    assert not bench.report(33).matched
    bench.store.outbox.accepted(attempt.id, 33, bench.now, "+CMGS: 33")
    assert bench.state(old) == (S.SENT, None)
    assert bench.state(new) == (S.DELIVERED, None)


def test_the_same_report_again_changes_nothing(bench: Bench) -> None:
    message = bench.add()
    bench.send(1)
    first = bench.report(1, raw=b"again", stamp=0.0)
    rows = len(bench.timeline(message))
    assert bench.report(1, raw=b"again", stamp=0.0) == first
    bench.crash()
    assert bench.report(1, raw=b"again", stamp=0.0).attempt_id == first.attempt_id
    assert len(bench.timeline(message)) == rows


def test_a_report_after_a_restart_finds_its_attempt(bench: Bench) -> None:
    message = bench.add()
    bench.send(1)
    bench.crash()
    assert bench.report(1, stamp=0.0).message_id == message.id


@pytest.mark.parametrize(
    "foreign",
    [{"mr": 2}, {"by": TWO}, {"to": OTHER}, {"stamp": -1800.0}, {"stamp": 7 * 86_400.0}],
    ids=["reference", "sim", "recipient", "before", "after"],
)
def test_a_report_of_somebody_else_is_kept_and_changes_nothing(bench: Bench, foreign: dict[str, object]) -> None:
    message = bench.add()
    bench.send(1)
    outcome = bench.report(**({"mr": 1} | foreign))
    assert (outcome.matched, outcome.ambiguous) == (False, False)
    assert bench.state(message) == (S.SENT, None)


@pytest.mark.parametrize("form", ["07700900101", "7700900101", "00447700900101", "447700900101"])
def test_the_network_may_write_the_number_its_way(bench: Bench, form: str) -> None:
    message = bench.add()
    bench.send(1)
    assert bench.report(1, to=form).message_id == message.id


def test_short_codes_are_compared_whole(bench: Bench) -> None:
    message = bench.add(replace(ANY, to="5588"))
    bench.send(1)
    assert not bench.report(1, to="15588").matched
    assert bench.report(1, to="5588").message_id == message.id


def test_without_a_recipient_the_reference_must_be_the_only_one(bench: Bench) -> None:
    message = bench.add()
    bench.send(1)
    assert bench.report(1, 0x30, to="").message_id == message.id
    bench.add(replace(ANY, to=OTHER))
    bench.send(1)
    assert bench.report(1, to="").ambiguous


def test_of_several_with_one_reference_the_nearest_in_time_is_meant(bench: Bench) -> None:
    early, late = bench.add(), bench.add()
    bench.send(1)
    bench.clock.advance(600)
    bench.send(1)
    assert bench.report(1, stamp=-600.0).message_id == early.id
    assert bench.report(1, stamp=1.0).message_id == late.id


def test_two_equally_near_are_never_guessed(bench: Bench) -> None:
    first, second = bench.add(), bench.add()
    bench.send(1)
    bench.clock.advance(10)
    bench.send(1)
    assert bench.report(1, stamp=-5.0).ambiguous
    assert bench.state(first) == bench.state(second) == (S.SENT, None)
    bench.add()
    bench.send(2)
    assert bench.report(2, stamp=None).matched
    assert bench.report(1, stamp=None).ambiguous


def test_the_service_centres_clock_is_learned(bench: Bench) -> None:
    for mr in range(3):
        bench.add()
        bench.send(mr)
        bench.report(mr, stamp=300.0)
        bench.clock.advance(400)
    early, late = bench.add(), bench.add()
    bench.send(9)
    bench.clock.advance(300)
    bench.send(9)
    assert bench.report(9, stamp=2.0).message_id == early.id, "its clock is five minutes ahead"
    assert bench.report(9, stamp=300.0).message_id == late.id


# -- attempts of unknown outcome --------------------------------------------------------------------------------------


def test_a_report_settles_an_attempt_of_unknown_outcome(bench: Bench) -> None:
    message = bench.add()
    bench.lose(bench.begin())
    bench.clock.advance(30)
    assert bench.report(77, stamp=-28.0).message_id == message.id
    assert bench.state(message) == (S.DELIVERED, None)


def test_a_report_withdraws_the_resend(bench: Bench) -> None:
    message = bench.add(CODE)
    bench.lose(bench.begin())
    bench.report(77, 0x30)
    assert bench.state(message) == (S.SENT, None)
    bench.wake(5)
    assert bench.nothing_for()


@pytest.mark.parametrize(
    "unfit",
    [{"by": TWO}, {"to": OTHER}, {"stamp": -60.0}, {"stamp": 500.0}],
    ids=["sim", "recipient", "before", "after"],
)
def test_an_unknown_outcome_is_not_settled_by_what_does_not_fit(bench: Bench, unfit: dict[str, object]) -> None:
    message = bench.add()
    bench.lose(bench.begin())
    assert not bench.report(**({"mr": 77} | unfit)).matched
    assert bench.state(message) == (S.UNKNOWN, "unknown_outcome")


def test_an_unknown_outcome_is_not_settled_while_an_open_attempt_owns_the_reference(bench: Bench) -> None:
    bench.add(replace(ANY, to=OTHER))
    bench.send(77)
    message = bench.add()
    bench.lose(bench.begin())
    assert bench.report(77).ambiguous
    assert bench.state(message) == (S.UNKNOWN, "unknown_outcome")


def test_of_two_unknown_outcomes_none_is_guessed_until_one_is_known(bench: Bench) -> None:
    first, second = bench.add(), bench.add()
    lost = [bench.begin()]
    bench.lose(lost[0])
    lost.append(bench.begin())
    bench.lose(lost[1])
    assert bench.report(78).ambiguous
    bench.store.outbox.accepted(lost[0].id, 77, bench.now, "+CMGS: 77")
    assert bench.store.outbox.retry_unmatched(bench.now) == 1
    assert bench.state(first) == (S.SENT, None)
    assert bench.state(second) == (S.DELIVERED, None)


def test_a_lost_part_and_its_resend_get_their_own_reports(bench: Bench) -> None:
    message = bench.add(CODE)
    bench.lose(bench.begin())
    bench.wake(2)
    resend = bench.begin()
    assert not bench.report(8).matched, "of the resend, or of the lost one: its answer will tell"
    bench.store.outbox.accepted(resend.id, 8, bench.now, "+CMGS: 8")
    assert bench.state(message) == (S.DELIVERED, None)
    assert bench.report(7, stamp=-2.0).message_id == message.id


def test_undelivered_only_when_every_copy_has_failed(bench: Bench) -> None:
    message = bench.add(CODE)
    bench.lose(bench.begin(ONE))
    bench.wake(2)
    bench.send(8)
    bench.report(8, 0x41)
    assert bench.state(message) == (S.SENT, None), "the lost copy may still arrive"
    bench.report(7, 0x41, stamp=-2.0)
    assert bench.state(message) == (S.UNDELIVERED, "permanent")


def test_raw_reports_are_kept_sealed(bench: Bench) -> None:
    bench.report(1, raw=b"0006D60B911326880736F4 squirrel")
    bench.close()
    for file in bench.folder.iterdir():
        assert b"squirrel" not in file.read_bytes()


@pytest.mark.parametrize("learned", [False, True])
@pytest.mark.parametrize("step", [3600.0, -3600.0])
def test_a_wall_clock_that_is_set_takes_no_report_away(bench: Bench, learned: bool, step: float) -> None:
    """What the service centre stamps is an hour beside the submit then, and stays so."""
    if learned:
        bench.add()
        bench.send(200)
        bench.report(200)
    before = bench.add()
    bench.send(100)
    bench.clock.advance(5)
    bench.clock.step_wall(step)
    bench.store.outbox.clock_stepped(step)
    bench.report(100, stamp=-5 - step)
    assert bench.state(before) == (MessageState.DELIVERED, None)
    for mr in (1, 2, 3):
        message = bench.add()
        bench.send(mr)
        bench.clock.advance(2)
        bench.report(mr, stamp=-2 - step)
        assert bench.state(message) == (MessageState.DELIVERED, None)


@pytest.mark.parametrize("step", [3600.0, -3600.0])
def test_a_clock_that_is_set_wrong_and_right_again_loses_no_report(bench: Bench, step: float) -> None:
    """The service centre's clock stays right: what was learned of it holds no longer, in either direction."""
    right = 0.0
    for mr, wrong in enumerate((0.0, 0.0, step, step, 0.0, 0.0, step, -step)):
        if wrong != right:
            bench.clock.step_wall(wrong - right)
            bench.store.outbox.clock_stepped(wrong - right)
        right = wrong
        message = bench.add()
        bench.send(mr)
        bench.report(mr, stamp=-wrong)
        assert bench.state(message) == (MessageState.DELIVERED, None), wrong
        bench.clock.advance(60)


@pytest.mark.parametrize("step", [3600.0, -3600.0])
def test_a_clock_that_was_set_while_nothing_was_served_loses_no_report(bench: Bench, step: float) -> None:
    bench.store.outbox.follow_clock()
    message = bench.add()
    bench.send(100)
    bench.clock.advance(5)
    bench.clock.step_wall(step)
    bench.store.outbox.follow_clock()
    bench.report(100, stamp=-5 - step)
    assert bench.state(message) == (MessageState.DELIVERED, None)


def after_another_boot(bench: Bench, wrong: float) -> None:
    """A message was sent by reference 7 and reported; ten minutes later the machine starts with a wrong wall clock."""
    bench.store.outbox.follow_clock()
    bench.add()
    bench.send(7)
    bench.report(7)
    bench.clock.advance(600)
    bench.clock.reboot("boot-2", wall=bench.now.wall + wrong)
    bench.crash()
    bench.store.outbox.follow_clock()


def put_right(bench: Bench, wrong: float) -> None:
    bench.clock.step_wall(-wrong)
    bench.store.outbox.clock_stepped(-wrong)
    bench.store.outbox.retry_unmatched(bench.now)


WRONG = (-3600.0, 3600.0, -40 * 86_400.0, 40 * 86_400.0)


@pytest.mark.parametrize("when", ["before it is right", "after it is right"])
@pytest.mark.parametrize("wrong", WRONG)
def test_a_report_never_goes_to_the_last_one_of_its_reference_because_the_clock_began_wrong(
    bench: Bench, wrong: float, when: str
) -> None:
    after_another_boot(bench, wrong)
    message = bench.add()
    bench.send(7)
    if when == "before it is right":
        bench.report(7, stamp=-wrong)
        bench.clock.advance(12)
        put_right(bench, wrong)
    else:
        bench.clock.advance(12)
        put_right(bench, wrong)
        bench.report(7, stamp=-12.0)
    assert bench.state(message) == (MessageState.DELIVERED, None)


@pytest.mark.parametrize("wrong", WRONG)
def test_one_that_waits_for_its_submits_answer_when_the_clock_is_put_right_finds_it(bench: Bench, wrong: float) -> None:
    after_another_boot(bench, wrong)
    message = bench.add()
    attempt = bench.begin()
    bench.report(9, stamp=-wrong)
    bench.clock.advance(12)
    put_right(bench, wrong)
    bench.store.outbox.accepted(attempt.id, 9, bench.now, "+CMGS: 9")
    assert bench.state(message) == (MessageState.DELIVERED, None)


@pytest.mark.parametrize("wrong", WRONG)
def test_a_report_in_the_second_in_which_nobody_has_noticed_the_step_finds_its_message(
    bench: Bench, wrong: float
) -> None:
    after_another_boot(bench, wrong)
    message = bench.add()
    bench.send(7)
    bench.clock.step_wall(-wrong)
    bench.report(7)
    bench.store.outbox.clock_stepped(-wrong)
    bench.store.outbox.retry_unmatched(bench.now)
    assert bench.state(message) == (MessageState.DELIVERED, None)


@pytest.mark.parametrize("answered", [True, False])
@pytest.mark.parametrize("wrong", WRONG)
def test_a_part_that_a_boot_came_over_takes_no_report_of_the_part_behind_it(
    bench: Bench, wrong: float, answered: bool
) -> None:
    """The first was on the air when the power went; the second goes while the wall clock is wrong."""
    message = bench.add(replace(ANY, lifetime=60 * 86_400.0), count=2)
    first = bench.begin()
    bench.clock.advance(1)
    bench.clock.reboot("boot-2", wall=bench.now.wall + wrong, synchronised=False)
    bench.crash()
    bench.store.outbox.follow_clock()
    bench.clock.advance(10)
    second = bench.begin()
    if not answered:
        bench.lose(second)
    bench.report(9, stamp=-wrong)
    if answered:
        bench.store.outbox.accepted(second.id, 9, bench.now, "+CMGS: 9")
    bench.clock.advance(12)
    bench.clock.set_synchronised(True)
    bench.clock.step_wall(-wrong)
    bench.store.outbox.retry_unmatched(bench.now)  # nobody has noticed the step
    bench.store.outbox.clock_stepped(-wrong)
    bench.wake()
    bench.store.outbox.retry_unmatched(bench.now)
    told = [entry.attempt for entry in bench.timeline(message) if (entry.result or "").startswith("delivered")]
    assert first.id not in told
    assert told == ([second.id] if answered else [])
