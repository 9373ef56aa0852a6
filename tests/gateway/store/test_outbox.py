"""The life of a message from its acceptance to the network's answer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.messages import CATCH, AttemptKind, Lane, MessageState, Secret
from gateway.quota import Bounds
from gateway.store import Conflict, Settings, Slot, StaleAttempt

from .bench import ANY, BUSY, CODE, ONE, TWO, Bench, slot

S = MessageState


def test_a_message_of_one_part_is_sent_and_delivered(bench: Bench) -> None:
    message = bench.add()
    assert bench.state(message) == (S.QUEUED, None)
    attempt = bench.begin()
    assert (attempt.to, attempt.segment, attempt.part, attempt.parts) == (ANY.to, b"segment 1", 1, 1)
    assert bench.state(message) == (S.SENDING, None)
    bench.store.outbox.accepted(attempt.id, 7, bench.now, "+CMGS: 7")
    assert bench.state(message) == (S.SENT, None)
    assert not bench.message(message).final
    assert bench.report(7).message_id == message.id
    found = bench.message(message)
    assert (found.state, found.final, found.modem, found.attempts) == (S.DELIVERED, True, "one", 1)
    assert [entry.state for entry in bench.timeline(message)] == [S.QUEUED, S.SENDING, S.SENT, S.DELIVERED]
    assert bench.timeline(message)[2].result == "+CMGS: 7"


def test_the_text_is_kept_for_who_may_read_it_and_shown_by_nothing_else(bench: Bench) -> None:
    message = bench.add(replace(ANY, text=Secret("tell nobody")))
    assert bench.store.outbox.text(message.id).reveal() == "tell nobody"
    attempt = bench.claim()
    for shown in (message, attempt, bench.timeline(message), bench.store.outbox.text(message.id)):
        assert "tell nobody" not in repr(shown)
        assert ANY.to not in repr(shown)
    bench.close()
    for file in bench.folder.iterdir():
        assert b"tell nobody" not in file.read_bytes()


def test_many_at_once_are_what_each_alone_would_be(bench: Bench) -> None:
    kinds = [
        ANY,
        replace(
            ANY, to="+447700900102", text=Secret("another"), segments=(b"a", b"b"), tags=("x", "y"), warnings=("w",)
        ),
        replace(ANY, to="+447700900103", not_before=bench.now.wall + 60),
        replace(CODE, to="+447700900104", delivery=2, route=CATCH, code=Secret("1234")),
        replace(ANY, to="+447700900105", text=None, segments=(b"data",), encoding="data", client_ref="mine"),
    ]
    outbox, accepted = bench.store.outbox, list[tuple[Lane, int]]()
    outbox.on_accepted = lambda lane, count: accepted.append((lane, count))
    prepared = outbox.prepared(kinds, bench.now)
    bench.store.database.accept(lambda cx: outbox.put(cx, prepared))
    together = [one.message for one in prepared]
    alone = [bench.store.database.accept(lambda cx, new=new: outbox.enqueue(cx, new, bench.now)) for new in kinds]
    assert sorted(accepted) == sorted([(Lane.NORMAL, 4), (Lane.OTP, 1), *((new.lane, 1) for new in kinds)])
    for one, other, new in zip(together, alone, kinds, strict=True):
        assert replace(one, id="") == replace(other, id="")
        assert replace(bench.message(one), id="") == replace(bench.message(other), id="")
        assert bench.timeline(one) == bench.timeline(other)
        if new.delivery != 2:
            assert outbox.text(one.id) == outbox.text(other.id) == new.text
    assert len({one.id for one in (*together, *alone)}) == 2 * len(kinds)
    sent = [bench.send(number) for number in range(8)]
    assert [(one.to[-1], one.segment) for one in sent[:4]] == [
        ("1", b"segment 1"), ("2", b"a"), ("2", b"b"), ("5", b"data")
    ]  # fmt: skip
    assert bench.nothing_for()


def test_parts_go_in_order_by_one_sim(bench: Bench) -> None:
    message = bench.add(count=3)
    first = bench.begin(ONE)
    assert bench.nothing_for(TWO), "another SIM took a part of a message that is under way"
    second = bench.claim(ONE)
    assert (first.part, second.part) == (1, 2)
    bench.store.outbox.accepted(first.id, 1, bench.now, "+CMGS: 1")
    assert bench.store.outbox.begin(second.id, bench.now)
    bench.store.outbox.accepted(second.id, 2, bench.now, "+CMGS: 2")
    assert bench.nothing_for(TWO)
    assert bench.state(message) == (S.SENDING, None)
    bench.send(3)
    assert bench.state(message) == (S.SENT, None)
    assert {bench.report(mr).message_id for mr in (2, 1)} == {message.id}
    assert bench.state(message) == (S.SENT, None)
    bench.report(3)
    assert bench.state(message) == (S.DELIVERED, None)


def test_what_was_handed_back_is_anybodys_again_and_keeps_its_place(bench: Bench) -> None:
    first, later = bench.add(count=2), bench.add()
    attempt = bench.claim(ONE)
    bench.store.outbox.release(attempt.id, bench.now)
    assert bench.state(first) == (S.QUEUED, None)
    taken = bench.claim(TWO)
    assert (taken.message_id, taken.part) == (first.id, 1)
    assert bench.claim(ONE).message_id == later.id


def test_lanes_come_before_age_also_between_the_parts_of_a_long_message(bench: Bench) -> None:
    bulk = bench.add(replace(ANY, lane=Lane.BULK), count=3)
    bench.send(1)
    code = bench.add(CODE)
    assert bench.send(2).message_id == code.id
    assert bench.claim().message_id == bulk.id


def test_a_modem_takes_from_its_own_queues_only(bench: Bench) -> None:
    bench.add(replace(ANY, route="route:+33"))
    bench.add(replace(ANY, route="modem:two"))
    assert bench.nothing_for(ONE)
    assert bench.claim(TWO)
    assert bench.claim(slot("three", "route:+33"))


def test_a_modem_kept_for_codes_takes_nothing_else(bench: Bench) -> None:
    bench.add()
    assert bench.store.outbox.claim(ONE, bench.now, Bounds(least=Lane.OTP)) is None
    code = bench.add(CODE)
    assert bench.store.outbox.claim(ONE, bench.now, Bounds(least=Lane.OTP)).message_id == code.id


def test_who_was_told_of_a_part_takes_it_without_a_look_and_may_find_it_gone(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = bench.add(CODE)
    looks: list[int] = []
    read = bench.store.database.read
    monkeypatch.setattr(bench.store.database, "read", lambda: (looks.append(1), read())[1])
    claimed = bench.store.outbox.claim(ONE, bench.now, told=True)
    assert claimed is not None
    assert claimed.message_id == code.id
    assert bench.store.outbox.claim(TWO, bench.now, told=True) is None
    assert not looks
    assert bench.store.outbox.claim(TWO, bench.now) is None
    assert looks


def test_a_start_in_the_future_is_waited_for_and_the_lifetime_runs_from_it(bench: Bench) -> None:
    message = bench.add(replace(ANY, not_before=bench.now.wall + 600, lifetime=60))
    assert bench.message(message).next_attempt_at == message.created_at + 600_000
    assert message.expires_at == message.created_at + 660_000
    bench.wake(599)
    assert bench.nothing_for()
    bench.wake(1)
    assert bench.message(message).next_attempt_at is None
    assert bench.send(1).message_id == message.id


def test_sent_is_final_where_no_report_was_asked_for_or_none_can_come(bench: Bench) -> None:
    silent, dumb = bench.add(replace(ANY, report=False)), bench.add()
    attempt = bench.send(1)
    assert (attempt.message_id, attempt.report) == (silent.id, False)
    assert bench.message(silent).final
    assert not bench.send(2, slot("two", reports=False)).report
    assert bench.message(dumb).final
    assert bench.state(dumb) == (S.SENT, "no_report")
    bench.report(2, by=TWO)
    assert bench.state(dumb) == (S.DELIVERED, None), "a fact from the network always wins"


def test_a_sim_that_never_reports_is_known_after_a_while(bench: Bench) -> None:
    for number in range(Settings().silent_after + 1):
        message = bench.add(replace(ANY, lifetime=60))
        bench.send(number)
        bench.wake(600)
    assert bench.state(message) == (S.SENT, "no_report")
    bench.report(10, stamp=-600)
    bench.add()
    bench.send(20)
    assert not bench.message(bench.add()).final


# -- cancel -----------------------------------------------------------------------------------------------------------


def test_cancel_withdraws_what_has_not_left(bench: Bench) -> None:
    message = bench.add(count=2)
    assert bench.cancel(message).state is S.CANCELLED
    assert bench.state(message) == (S.CANCELLED, "by_client")
    assert bench.nothing_for()
    assert bench.cancel(message).final, "a second time changes nothing"


def test_cancel_reaches_a_part_that_is_claimed_and_not_begun(bench: Bench) -> None:
    message = bench.add()
    attempt = bench.claim()
    bench.cancel(message)
    assert not bench.store.outbox.begin(attempt.id, bench.now)
    bench.store.outbox.release(attempt.id, bench.now)
    bench.refuse(attempt)
    assert bench.state(message) == (S.CANCELLED, "by_client")
    assert bench.nothing_for()


def test_cancel_is_refused_once_something_may_have_left(bench: Bench) -> None:
    message = bench.add(count=2)
    bench.begin()
    with pytest.raises(Conflict, match="no longer be cancelled"):
        bench.cancel(message)
    assert bench.state(message) == (S.SENDING, None)


def test_a_refused_message_that_waits_again_can_be_cancelled(bench: Bench) -> None:
    message = bench.add()
    bench.refuse(bench.begin(), delay=5)
    assert bench.cancel(message).state is S.CANCELLED
    bench.wake(10)
    assert bench.nothing_for()


def test_cancelling_what_is_not_there_says_so(bench: Bench) -> None:
    with pytest.raises(KeyError):
        bench.store.database.accept(lambda cx: bench.store.outbox.cancel(cx, "nothing", bench.now))


# -- refusals ---------------------------------------------------------------------------------------------------------


def test_a_refused_part_waits_and_goes_again(bench: Bench) -> None:
    message = bench.add()
    bench.refuse(bench.begin(), delay=2, step=1)
    assert bench.state(message) == (S.QUEUED, None)
    assert bench.message(message).next_attempt_at == message.created_at + 2000
    assert bench.nothing_for()
    assert bench.store.outbox.next_due(0, 0) == bench.clock.boot() + 2
    bench.wake(2)
    again = bench.begin()
    assert (again.number, again.step, again.kind, again.bound) == (2, 1, AttemptKind.RETRY, False)
    assert not any(entry.possible_duplicate for entry in bench.timeline(message))
    assert bench.message(message).attempts == 2


def test_another_modem_takes_what_one_refused_and_the_first_one_again_after_a_while(bench: Bench) -> None:
    bench.add()
    bench.refuse(bench.begin(ONE), where="other")
    assert bench.nothing_for(ONE)
    taken = bench.claim(TWO)
    bench.store.outbox.release(taken.id, bench.now)
    bench.refuse(bench.begin(TWO), where="other")
    assert bench.nothing_for(TWO)
    assert bench.claim(ONE)


def test_a_part_that_no_other_modem_takes_comes_back_to_the_one_that_refused(bench: Bench) -> None:
    bench.add()
    bench.refuse(bench.begin(ONE), where="other")
    assert bench.nothing_for(ONE)
    assert bench.wake(10) == 1
    assert bench.claim(ONE)


def test_later_parts_wait_with_the_refused_one_also_one_that_was_claimed_ahead(bench: Bench) -> None:
    message = bench.add(count=3)
    first = bench.begin()
    ahead = bench.claim()
    bench.refuse(first, delay=5)
    assert not bench.store.outbox.begin(ahead.id, bench.now), "a later part left before the refused one"
    bench.store.outbox.release(ahead.id, bench.now)
    assert bench.nothing_for()
    bench.wake(5)
    assert [bench.send(mr).part for mr in (1, 2, 3)] == [1, 2, 3]
    assert bench.state(message) == (S.SENT, None)


def test_only_the_missing_part_goes_again_by_the_same_sim_with_the_same_reference(bench: Bench) -> None:
    bench.add(count=2)
    bench.send(1)
    refused = bench.begin()
    assert refused.bound
    bench.refuse(refused, where="other")
    assert bench.nothing_for(TWO)
    again = bench.begin(ONE)
    assert (again.part, again.number, again.concat_reference) == (2, 2, ANY.concat_reference)


def test_an_unbound_message_moves_to_the_other_sim_as_a_whole(bench: Bench) -> None:
    message = bench.add(count=2)
    bench.refuse(bench.begin(ONE), where="other")
    assert bench.nothing_for(ONE)
    assert [bench.send(mr, TWO).part for mr in (1, 2)] == [1, 2]
    assert bench.state(message) == (S.SENT, None)


def test_options_the_network_refused_stay_away(bench: Bench) -> None:
    from gateway.retry import Retry

    bench.add()
    for option in ("validity", "class"):
        verdict = Retry(0, "same", frozenset({option}))
        bench.store.outbox.refused(bench.begin().id, BUSY, verdict, bench.now)
    assert bench.claim().without == {"validity", "class"}


def test_a_permanent_refusal_fails_the_message_and_withdraws_the_rest(bench: Bench) -> None:
    message = bench.add(count=3)
    bench.send(1)
    bench.give_up(bench.begin())
    assert bench.state(message) == (S.FAILED, "refused")
    assert bench.nothing_for()
    assert bench.timeline(message)[-1].result.startswith("+CMS ERROR: 1")


def test_an_outcome_for_an_attempt_that_nobody_has_is_a_defect(bench: Bench) -> None:
    bench.add()
    attempt = bench.claim()
    bench.store.outbox.release(attempt.id, bench.now)
    with pytest.raises(StaleAttempt):
        bench.store.outbox.accepted(attempt.id, 1, bench.now, "+CMGS: 1")


def test_an_unknown_attempt_is_a_defect(bench: Bench) -> None:
    with pytest.raises(KeyError):
        bench.store.outbox.begin(99, bench.now)


def test_a_prefix_that_is_gone_sends_its_queue_to_the_one_that_is_left(bench: Bench) -> None:
    kept = bench.add(replace(ANY, route="route:+44"))
    lost = bench.add(replace(ANY, route="route:+4477"))
    waits = bench.add(replace(ANY, route="route:+4477", not_before=bench.now.wall + 5))
    assert bench.store.outbox.reroute(["+44", "+33"]) == 2
    uk = Slot("uk", "001", ("route:+44",))
    assert [bench.claim(uk).message_id for _ in range(2)] == [kept.id, lost.id]
    bench.wake(5)
    assert bench.claim(uk).message_id == waits.id
