"""Sends of unknown outcome, second ways, and what reports say about them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.messages import AttemptKind, MessageState
from gateway.store import ChallengeState, Slot, second_ways

from .bench import ANY, CODE, ONE, PLANNED, TWO, Bench, slot

S = MessageState
HEDGE, UNCONFIRMED = 15.0, 45.0


def marked(bench: Bench, message: object) -> list[str | None]:
    return [entry.result for entry in bench.timeline(message) if entry.possible_duplicate]


# -- hold and resend --------------------------------------------------------------------------------------------------


def test_hold_sends_the_remaining_parts_and_ends_unknown(bench: Bench) -> None:
    message = bench.add(count=2)
    bench.lose(bench.begin())
    assert bench.state(message) == (S.SENDING, None)
    bench.send(9)
    assert bench.state(message) == (S.UNKNOWN, "unknown_outcome")
    assert bench.message(message).final
    bench.wake(7200)
    assert bench.state(message) == (S.UNKNOWN, "unknown_outcome")
    assert bench.nothing_for()


def test_resend_goes_once_more_by_the_same_sim_and_is_marked(bench: Bench) -> None:
    message = bench.add(CODE)
    bench.lose(bench.begin())
    assert bench.state(message) == (S.SENDING, None)
    assert bench.nothing_for()
    bench.wake(2)
    assert bench.nothing_for(TWO)
    again = bench.send(5)
    assert (again.kind, again.possible_duplicate, again.number) == (AttemptKind.RESEND, True, 2)
    assert marked(bench, message) == ["resend"]
    assert bench.state(message) == (S.SENT, None)


def test_resends_end_so_that_a_modem_that_always_loses_its_answer_does_not_flood_a_person(bench: Bench) -> None:
    message = bench.add(replace(CODE, lifetime=600))
    copies = 0
    while bench.state(message)[0] is not S.UNKNOWN:
        bench.lose(bench.begin())
        copies += 1
        bench.wake(15)
    assert copies == 4


def test_a_late_answer_settles_the_submit_and_withdraws_the_resend(bench: Bench) -> None:
    message = bench.add(CODE)
    attempt = bench.begin()
    bench.lose(attempt)
    assert bench.store.outbox.settle_stray(ONE.imsi, 44, bench.now) == message.id
    assert bench.state(message) == (S.SENT, None)
    bench.wake(5)
    assert bench.nothing_for()
    bench.report(44)
    assert bench.state(message) == (S.DELIVERED, None)
    assert marked(bench, message) == []


def test_a_retry_after_a_resend_was_refused_is_marked_too(bench: Bench) -> None:
    bench.add(CODE)
    bench.lose(bench.begin())
    bench.wake(2)
    bench.refuse(bench.begin())
    assert bench.begin().possible_duplicate


def test_a_late_answer_needs_one_submit_alone_that_it_can_belong_to(bench: Bench) -> None:
    settle = bench.store.outbox.settle_stray
    assert settle(ONE.imsi, 7, bench.now) is None
    messages = [bench.add(replace(ANY, to=f"+44770090010{n}")) for n in range(3)]
    bench.lose(bench.begin())
    assert settle(TWO.imsi, 7, bench.now) is None, "another SIM"
    bench.send(8)
    assert settle(ONE.imsi, 8, bench.now) is None, "said before"
    assert settle(ONE.imsi, 50, bench.now) is None, "neither the one before it nor the one after it"
    assert settle(ONE.imsi, 7, bench.now) == messages[0].id, "the one before"
    bench.clock.advance(301)
    bench.lose(bench.begin())
    bench.clock.advance(301)
    assert settle(ONE.imsi, 9, bench.now) is None, "nothing is on the air that long"


def test_of_two_lost_ones_a_late_answer_settles_none(bench: Bench) -> None:
    for n in range(2):
        bench.add(replace(ANY, to=f"+44770090010{n}"))
        bench.lose(bench.begin())
    assert bench.store.outbox.settle_stray(ONE.imsi, 7, bench.now) is None


def test_an_answer_that_was_taken_for_the_next_ones_is_put_right(bench: Bench) -> None:
    """Two submits, two answers in their order: after a port was opened anew nobody knew that one was missing."""
    first, second = bench.add(), bench.add(replace(ANY, to="+447700900102"))
    bench.lose(bench.begin())
    bench.send(255)
    assert bench.store.outbox.settle_stray(ONE.imsi, 0, bench.now) == first.id
    assert "belongs to another" in str(bench.timeline(second)[-1].result)
    bench.report(255)
    assert (bench.state(first), bench.state(second)) == ((S.DELIVERED, None), (S.SENT, None))
    bench.report(0, to="+447700900102")
    assert bench.state(second) == (S.DELIVERED, None)


def test_what_a_report_has_confirmed_is_not_put_right(bench: Bench) -> None:
    bench.add()
    second = bench.add(replace(ANY, to="+447700900102"))
    bench.lose(bench.begin())
    bench.send(4)
    bench.report(4, to="+447700900102")
    assert bench.store.outbox.settle_stray(ONE.imsi, 5, bench.now) is None
    assert bench.state(second) == (S.DELIVERED, None)


# -- restart of the gateway -------------------------------------------------------------------------------------------


def test_after_a_crash_claimed_parts_are_queued_again(bench: Bench) -> None:
    message = bench.add(count=2)
    bench.claim()
    assert bench.crash() == (1, 0)
    assert bench.state(message) == (S.QUEUED, None)
    assert [bench.send(mr, TWO).part for mr in (1, 2)] == [1, 2]


@pytest.mark.parametrize(("new", "state"), [(ANY, S.UNKNOWN), (CODE, S.SENDING)])
def test_after_a_crash_begun_parts_are_of_unknown_outcome(bench: Bench, new: object, state: MessageState) -> None:
    message = bench.add(new)
    bench.begin()
    assert bench.crash() == (0, 1)
    assert bench.state(message)[0] is state
    assert bench.crash() == (0, 0)


def test_a_report_that_came_before_the_crash_settles_what_was_begun(bench: Bench) -> None:
    message = bench.add()
    bench.begin()
    assert not bench.report(17).matched
    bench.crash()
    assert bench.state(message) == (S.DELIVERED, None)


def test_handing_back_what_was_begun_does_not_make_it_unsent(bench: Bench) -> None:
    message = bench.add()
    attempt = bench.begin()
    bench.store.outbox.release(attempt.id, bench.now)
    assert bench.state(message) == (S.UNKNOWN, "unknown_outcome")
    assert bench.nothing_for()


# -- hedge ------------------------------------------------------------------------------------------------------------


def test_a_pending_code_gets_a_second_way_over_another_sim(bench: Bench) -> None:
    message = bench.add(CODE)
    first = bench.begin(ONE)
    bench.clock.advance(14)
    assert bench.store.outbox.hedge_due(bench.now, HEDGE, PLANNED) == 0
    assert bench.store.outbox.next_due(HEDGE, 0) == bench.clock.boot() + 1
    bench.clock.advance(1)
    assert bench.store.outbox.hedge_due(bench.now, HEDGE, PLANNED) == 1
    assert bench.store.outbox.hedge_due(bench.now, HEDGE, PLANNED) == 0
    assert bench.nothing_for(ONE)
    second = bench.send(3, TWO)
    assert second.kind is AttemptKind.HEDGE
    assert marked(bench, message) == ["hedge"]
    assert bench.state(message) == (S.SENT, None)
    bench.store.outbox.accepted(first.id, 8, bench.now, "+CMGS: 8")
    assert bench.state(message) == (S.SENT, None)
    bench.report(8, by=ONE)
    assert bench.state(message) == (S.DELIVERED, None)


def test_the_second_way_goes_by_a_sim_that_is_free(bench: Bench) -> None:
    bench.add(CODE)
    bench.begin(ONE)
    bench.add(replace(ANY, to="+447700900199"))
    bench.begin(TWO)
    bench.clock.advance(15)
    three = slot("three")
    assert bench.store.outbox.hedge_due(bench.now, HEDGE, [*PLANNED, Slot("three", three.imsi, ())]) == 1
    assert bench.claim(three).kind is AttemptKind.HEDGE


def test_the_second_way_is_withdrawn_when_the_first_one_is_accepted_before_it_began(bench: Bench) -> None:
    bench.add(CODE)
    first = bench.begin(ONE)
    bench.clock.advance(15)
    bench.store.outbox.hedge_due(bench.now, HEDGE, PLANNED)
    claimed = bench.claim(TWO)
    bench.store.outbox.accepted(first.id, 8, bench.now, "+CMGS: 8")
    assert not bench.store.outbox.begin(claimed.id, bench.now)


def test_a_second_way_that_is_refused_is_no_failure_while_the_first_is_pending(bench: Bench) -> None:
    message = bench.add(CODE)
    first = bench.begin(ONE)
    bench.clock.advance(15)
    bench.store.outbox.hedge_due(bench.now, HEDGE, PLANNED)
    bench.give_up(bench.begin(TWO))
    assert bench.state(message)[0] is S.SENDING
    bench.store.outbox.accepted(first.id, 8, bench.now, "+CMGS: 8")
    assert bench.state(message) == (S.SENT, None)


def test_a_second_way_is_the_only_one_left_once_the_first_is_refused(bench: Bench) -> None:
    message = bench.add(CODE)
    first = bench.begin(ONE)
    bench.clock.advance(15)
    bench.store.outbox.hedge_due(bench.now, HEDGE, PLANNED)
    bench.refuse(first, delay=5)
    assert bench.begin(ONE).kind is AttemptKind.RETRY
    assert marked(bench, message) == []


def test_no_second_way_without_another_sim_or_for_other_lanes(bench: Bench) -> None:
    bench.add(CODE)
    bench.begin(ONE)
    bench.add(replace(ANY, route="modem:two"))
    bench.begin(TWO)
    bench.clock.advance(60)
    assert bench.store.outbox.hedge_due(bench.now, HEDGE, [Slot("one", ONE.imsi, ())]) == 0
    assert bench.store.outbox.hedge_due(bench.now, HEDGE, [slot("two", "route:+33")]) == 0


def test_a_long_code_goes_as_a_whole_with_another_reference(bench: Bench) -> None:
    message = bench.add(CODE, count=2)
    bench.send(1, ONE)
    pending = bench.begin(ONE)
    bench.clock.advance(15)
    assert bench.store.outbox.hedge_due(bench.now, HEDGE, PLANNED) == 1
    copies = [bench.send(mr, TWO) for mr in (1, 2)]
    assert [copy.part for copy in copies] == [1, 2]
    assert len({copy.concat_reference for copy in copies} | {pending.concat_reference}) == 2
    assert bench.state(message) == (S.SENT, None)
    bench.report(1, by=ONE, stamp=-15)
    bench.report(2, by=TWO)
    assert bench.state(message) == (S.SENT, None), "a handset joins no parts of different sendings"
    bench.report(1, by=TWO)
    assert bench.state(message) == (S.DELIVERED, None)


# -- unconfirmed ------------------------------------------------------------------------------------------------------


def sent_code(bench: Bench, *, reporting: Slot = TWO) -> object:
    """A code that SIM one sent, after another SIM has given a report."""
    bench.add()
    bench.send(200, reporting)
    bench.report(200, by=reporting)
    message = bench.add_code()
    bench.send(1, ONE)
    return message


def test_a_code_without_a_report_goes_once_more_over_another_sim(bench: Bench) -> None:
    message = sent_code(bench)
    bench.clock.advance(44)
    assert bench.store.outbox.unconfirmed_due(bench.now, UNCONFIRMED, PLANNED) == 0
    assert bench.store.outbox.next_due(0, UNCONFIRMED) == bench.clock.boot() + 1
    bench.clock.advance(1)
    assert bench.store.outbox.unconfirmed_due(bench.now, UNCONFIRMED, PLANNED) == 1
    assert bench.state(message) == (S.SENT, None)
    copy = bench.send(2, TWO)
    assert copy.kind is AttemptKind.UNCONFIRMED
    assert marked(bench, message) == ["unconfirmed"]
    bench.clock.advance(100)
    assert bench.store.outbox.unconfirmed_due(bench.now, UNCONFIRMED, PLANNED) == 0
    bench.report(1, by=ONE, status=0x41, stamp=-145)
    assert bench.state(message) == (S.SENT, None), "the other copy may still arrive"
    bench.report(2, by=TWO, stamp=-100)
    assert bench.state(message) == (S.DELIVERED, None)


def test_the_same_sim_does_where_no_other_gives_reports(bench: Bench) -> None:
    sent_code(bench, reporting=ONE)
    bench.clock.advance(45)
    assert bench.store.outbox.unconfirmed_due(bench.now, UNCONFIRMED, PLANNED) == 1
    assert bench.nothing_for(TWO)
    assert bench.claim(ONE).kind is AttemptKind.UNCONFIRMED


@pytest.mark.parametrize("why", ["trying", "closed", "no reports", "delivered", "too late"])
def test_no_second_copy(bench: Bench, why: str) -> None:
    message = sent_code(bench)
    if why == "trying":
        bench.report(1, status=0x30)
    elif why == "closed":
        challenge = bench.message(message).challenge_id
        with bench.store.database.mark() as cx:
            bench.store.challenges.close(cx, challenge, ChallengeState.APPROVED, bench.now)
    elif why == "delivered":
        bench.report(1)
    bench.clock.advance(275 if why == "too late" else 45)
    slots = [] if why == "no reports" else PLANNED
    assert bench.store.outbox.unconfirmed_due(bench.now, UNCONFIRMED, slots) == 0


def test_codes_that_no_sim_may_repeat_stand_before_none(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """More of them than a round looks at, of a prefix whose SIM has stopped to give reports."""
    monkeypatch.setattr(second_ways.SecondWays._for_each, "__defaults__", (3,))
    french = Slot("one", ONE.imsi, ("route:+33",))
    for place in range(4):
        bench.add_code(replace(CODE, to=f"+3363998123{place}", route="route:+33"))
        bench.send(place, slot("one", "route:+33"))
    bench.clock.advance(1)
    message = sent_code(bench, reporting=TWO)
    bench.clock.advance(45)
    slots = [french, Slot("two", TWO.imsi, ("route:",))]
    assert bench.store.outbox.unconfirmed_due(bench.now, UNCONFIRMED, slots) == 1
    bench.send(2, TWO)
    assert marked(bench, message) == ["unconfirmed"]


def test_a_report_withdraws_the_copy_that_has_not_begun(bench: Bench) -> None:
    sent_code(bench)
    bench.clock.advance(45)
    bench.store.outbox.unconfirmed_due(bench.now, UNCONFIRMED, PLANNED)
    copy = bench.claim(TWO)
    bench.report(1, by=ONE, stamp=-45)
    assert not bench.store.outbox.begin(copy.id, bench.now)


# -- a SIM that is gone -----------------------------------------------------------------------------------------------


def strand(bench: Bench, seconds: float = 10) -> int:
    """SIM one stays away for that long."""
    bench.store.outbox.strand_due(bench.now, [PLANNED[1]])
    bench.wake(seconds)
    return bench.store.outbox.strand_due(bench.now, [PLANNED[1]])


def test_a_code_bound_to_a_lost_sim_starts_again_as_a_whole(bench: Bench) -> None:
    message = bench.add(CODE, count=2)
    first = bench.send(1, ONE)
    assert strand(bench, 9) == 0
    assert strand(bench, 1) == 1
    again = [bench.send(mr, TWO) for mr in (1, 2)]
    assert [part.part for part in again] == [1, 2]
    assert all(part.kind is AttemptKind.RESTART and part.concat_reference != first.concat_reference for part in again)
    assert bench.state(message) == (S.SENT, None)
    assert marked(bench, message) == ["restart", "restart"]


def test_other_messages_bound_to_a_lost_sim_wait_out_their_lifetime(bench: Bench) -> None:
    message = bench.add(replace(ANY, lifetime=60), count=2)
    bench.send(1, ONE)
    assert strand(bench) == 0
    assert bench.nothing_for(TWO)
    bench.wake(60)
    assert bench.state(message) == (S.EXPIRED, "expired_partly_sent")


def without_two(bench: Bench) -> int:
    """SIM two stays away for so long that what waits for it is helped."""
    bench.store.outbox.strand_due(bench.now, [PLANNED[0]])
    bench.clock.advance(10)
    return bench.store.outbox.strand_due(bench.now, [PLANNED[0]])


def test_a_second_way_whose_sim_is_gone_does_not_go_by_the_first_ones(bench: Bench) -> None:
    message = bench.add(CODE)
    first = bench.begin(ONE)
    bench.clock.advance(15)
    bench.store.outbox.hedge_due(bench.now, HEDGE, PLANNED)
    assert without_two(bench) == 1
    assert bench.nothing_for(ONE)
    three = slot("three")
    assert bench.store.outbox.hedge_due(bench.now, HEDGE, [PLANNED[0], Slot("three", three.imsi, ())]) == 1
    assert bench.send(3, three).kind is AttemptKind.HEDGE
    bench.store.outbox.accepted(first.id, 8, bench.now, "+CMGS: 8")
    assert bench.state(message) == (S.SENT, None)
    assert marked(bench, message) == ["hedge"]


def test_of_a_second_way_that_is_ready_again_the_modems_hear_that_may_take_it(bench: Bench) -> None:
    bench.add(CODE)
    first = bench.begin(ONE)
    bench.clock.advance(15)
    told: list[str] = []
    bench.store.outbox.on_code_ready = told.append
    bench.store.outbox.hedge_due(bench.now, HEDGE, PLANNED)
    second = bench.begin(TWO)
    bench.lose(first)
    bench.refuse(second)
    bench.store.outbox.release(bench.claim(TWO).id, bench.now)
    assert told == [f"sim:{TWO.imsi}"] * 3, "when it was planned, refused and handed back"


def test_a_second_way_goes_home_where_it_is_the_only_way_left(bench: Bench) -> None:
    bench.add(CODE)
    first = bench.begin(ONE)
    bench.clock.advance(15)
    bench.store.outbox.hedge_due(bench.now, HEDGE, PLANNED)
    bench.lose(first)
    told: list[str] = []
    bench.store.outbox.on_code_ready = told.append
    assert without_two(bench) == 1
    assert told == ["route:"], "busy modems hear of it too"
    assert bench.claim(slot("three")).kind is AttemptKind.HEDGE


def test_a_second_way_that_is_handed_back_waits_for_its_own_sim(bench: Bench) -> None:
    bench.add(CODE)
    bench.begin(ONE)
    bench.clock.advance(15)
    bench.store.outbox.hedge_due(bench.now, HEDGE, PLANNED)
    bench.store.outbox.release(bench.claim(TWO).id, bench.now)
    assert bench.nothing_for(ONE)
    assert bench.begin(TWO).kind is AttemptKind.HEDGE


def test_an_unconfirmed_copy_whose_sim_is_gone_does_not_go_by_the_first_ones(bench: Bench) -> None:
    message = sent_code(bench)
    bench.clock.advance(45)
    assert bench.store.outbox.unconfirmed_due(bench.now, UNCONFIRMED, PLANNED) == 1
    bench.store.outbox.release(bench.claim(TWO).id, bench.now)
    assert bench.nothing_for(ONE)
    assert without_two(bench) == 1
    assert bench.nothing_for(ONE)
    assert bench.state(message) == (S.SENT, None)


def test_a_code_of_which_nothing_is_bound_goes_home(bench: Bench) -> None:
    bench.add(CODE, count=2)
    bench.store.outbox.release(bench.claim(TWO).id, bench.now)
    assert bench.claim(slot("three")).kind is AttemptKind.FIRST


def test_a_first_way_that_is_refused_is_not_planned_again_while_the_second_is_on_the_air(bench: Bench) -> None:
    message = bench.add(CODE)
    first = bench.begin(ONE)
    bench.clock.advance(15)
    bench.store.outbox.hedge_due(bench.now, HEDGE, PLANNED)
    second = bench.begin(TWO)
    bench.refuse(first)
    assert bench.nothing_for(ONE)
    bench.store.outbox.accepted(second.id, 3, bench.now, "+CMGS: 3")
    assert bench.state(message) == (S.SENT, None)


def test_a_first_way_that_is_refused_after_the_second_was_lost_goes_again_marked(bench: Bench) -> None:
    bench.add(CODE)
    first = bench.begin(ONE)
    bench.clock.advance(15)
    bench.store.outbox.hedge_due(bench.now, HEDGE, PLANNED)
    bench.lose(bench.begin(TWO))
    bench.refuse(first)
    assert bench.begin(ONE).kind is AttemptKind.RESEND


def test_a_copy_on_the_air_is_waited_for_when_the_time_for_reports_is_over(bench: Bench) -> None:
    message = sent_code(bench)
    bench.clock.advance(200)
    assert bench.store.outbox.unconfirmed_due(bench.now, UNCONFIRMED, PLANNED) == 1
    copy = bench.begin(TWO)
    bench.wake(161)
    assert bench.state(message) == (S.SENT, None)
    bench.store.outbox.accepted(copy.id, 2, bench.now, "+CMGS: 2")
    bench.wake(138)
    assert bench.state(message) == (S.SENT, None), "the network may deliver the copy for five minutes"
    bench.wake(1 + 60)
    assert bench.state(message) == (S.EXPIRED, "expired_unconfirmed")


# -- answers in doubt -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("went", [False, True])
def test_an_answer_after_a_refusal_settles_nothing_and_marks_what_goes_again(bench: Bench, went: bool) -> None:
    """The refusal may be the late one of the message before, and the answer that of the message which was refused."""
    first, second = bench.add(), bench.add(replace(ANY, to="+447700900102"))
    bench.lose(bench.begin())
    bench.refuse(bench.begin(), delay=2.0)
    if went:
        bench.wake(2)
        assert not bench.begin().possible_duplicate, "nothing was known against it then"
    assert bench.store.outbox.settle_stray(ONE.imsi, 5, bench.now) is None
    assert bench.state(first) == (S.UNKNOWN, "unknown_outcome")
    if not went:
        bench.wake(2)
        assert bench.begin().possible_duplicate
    assert marked(bench, second), "a second copy may reach the handset"


@pytest.mark.parametrize(("lost", "refused"), [(1, 2), (2, 1)])
def test_every_refusal_after_a_lost_answer_is_in_doubt(bench: Bench, lost: int, refused: int) -> None:
    messages = [bench.add(replace(ANY, to=f"+44770090010{n}")) for n in range(lost + refused)]
    for _ in range(lost):
        bench.lose(bench.begin())
    for _ in range(refused):
        bench.refuse(bench.begin(), delay=2.0)
    assert bench.store.outbox.settle_stray(ONE.imsi, 5, bench.now) is None
    bench.wake(2)
    for _ in range(refused):
        assert bench.begin().possible_duplicate
    assert all(marked(bench, message) for message in messages[lost:])


def test_a_lifetime_that_ends_while_the_first_part_is_on_the_air_was_partly_sent(bench: Bench) -> None:
    message = bench.add(count=3)
    attempt = bench.begin()
    bench.wake(90_000)
    bench.store.outbox.accepted(attempt.id, 5, bench.now, "+CMGS: 5")
    assert bench.state(message) == (S.EXPIRED, "expired_partly_sent")


def test_what_becomes_of_the_part_on_the_air_after_the_lifetime_ends_the_message_at_once(bench: Bench) -> None:
    """Nobody refused it, and nothing is tried again that cannot go any more."""
    lost, refused = (bench.add(replace(ANY, lifetime=60), count=3) for _ in range(2))
    bench.lose(bench.begin())
    of_lost, of_refused = bench.begin(), bench.begin(TWO)
    bench.wake(61)
    bench.lose(of_lost)
    assert bench.state(lost) == (S.EXPIRED, "expired_partly_sent")
    bench.refuse(of_refused, delay=2.0)
    assert bench.state(refused) == (S.EXPIRED, "expired_in_queue")
