"""What a lost answer costs: other modems go on, codes get a second way, and late answers settle what they belong to."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.messages import Lane
from gateway.reports import WINDOW_LIMIT
from gateway.store import Slot
from hardware.simulator import (
    Fault,
    LoseAnswer,
    Silence,
    Slow,
    Step,
)
from tests.gateway.rig import ANYBODY, Make, Rig

TIME_OUT = 180.0  # seconds for a result, by the profile


def warm(gateway: Rig) -> None:
    """Two messages by each modem, so that it is seen to count."""
    for number, name in enumerate(gateway.modems):
        for _ in range(3):
            gateway.send(to=f"+4477009008{number:02}", route=f"modem:{name}")
    gateway.step(30)


def inject(gateway: Rig, step: Step, action: Any, name: str = "sim1") -> None:
    gateway.modems[name].inject(Fault(step, action))


def copies(gateway: Rig, to: str = ANYBODY) -> list[str]:
    """By which SIMs the network got something for a number."""
    return [record.imsi[-1] for record in gateway.network.submits if record.destination == to]


# -- one modem --------------------------------------------------------------------------------------------------------


def test_a_code_behind_a_lost_answer_goes_when_the_modem_is_resynchronised(rig: Make) -> None:
    gateway = rig()
    warm(gateway)
    inject(gateway, Step.RESULT, LoseAnswer())
    lost = gateway.send(to="+447700900002")
    begun = gateway.clock.boot()
    gateway.step()
    code = gateway.code()
    gateway.step(10)
    assert gateway.state(code) == "delivered"
    assert TIME_OUT < gateway.clock.boot() - begun < TIME_OUT + 20
    assert gateway.state(lost) == "delivered", "its report came"
    assert copies(gateway) == ["1"]
    assert not gateway.marked(code)


def test_the_answer_that_comes_while_it_resynchronises_settles_it_before_anybody_hears_of_unknown(rig: Make) -> None:
    gateway = rig()
    inject(gateway, Step.RESULT, Slow(TIME_OUT + 3))
    message = gateway.send(report=False)
    gateway.step(10)
    assert gateway.state(message) == "sent"
    assert gateway.results(message)[-1] == "+CMGS: 0 (late)"
    states = [entry.state.value for entry in gateway.store.outbox.timeline(message.id)]
    assert "unknown" not in states


def test_the_answer_that_comes_after_it_was_called_unknown_settles_it_too(rig: Make) -> None:
    """While the modem, which was silent for longer than a resynchronisation waits, is set up anew."""
    gateway = rig()
    inject(gateway, Step.RESULT, Slow(TIME_OUT + 14))
    message = gateway.send(report=False)
    gateway.step(60)
    assert gateway.state(message) == "sent"
    states = [entry.state.value for entry in gateway.store.outbox.timeline(message.id)]
    assert "unknown" in states


def test_a_refusal_that_comes_late_is_a_refusal_and_tried_again_unmarked(rig: Make) -> None:
    gateway = rig()
    inject(gateway, Step.PDU, Slow(TIME_OUT + 3))
    gateway.network.after(100, lambda: setattr(gateway.network, "refusal", 38))
    gateway.network.after(TIME_OUT + 12, lambda: setattr(gateway.network, "refusal", None))
    message = gateway.send()
    gateway.step(250)
    assert gateway.state(message) == "delivered"
    assert any("+CMS ERROR: 38" in result for result in gateway.results(message))
    assert copies(gateway) == ["1"]
    assert not gateway.marked(message)


def test_the_next_message_after_a_lost_one_that_nobody_can_tell_apart_is_unknown_and_says_why(rig: Make) -> None:
    gateway = rig()
    inject(gateway, Step.PDU, LoseAnswer())  # the modem has not counted it: reference 0 may be either's
    first = gateway.send(to="+447700900002", report=False)
    second = gateway.send(report=False)
    third = gateway.send(to="+447700900003", report=False)
    gateway.step(60)
    assert [gateway.state(message) for message in (first, second, third)] == ["unknown", "unknown", "sent"]
    assert "the message before" in gateway.results(second)[-1]


def test_a_report_settles_even_that(rig: Make) -> None:
    gateway = rig()
    inject(gateway, Step.PDU, LoseAnswer())
    first, second = gateway.send(to="+447700900002"), gateway.send()
    gateway.step(60)
    assert [gateway.state(message) for message in (first, second)] == ["unknown", "delivered"]


# -- several modems ---------------------------------------------------------------------------------------------------


def other(gateway: Rig) -> Slot:
    """The second modem as the outbox sees it: it works while the first one's thread waits for its result."""
    imsi = gateway.workers["sim2"].view.imsi
    assert imsi is not None
    return Slot("sim2", imsi, (f"sim:{imsi}", "modem:sim2", "route:"))


def submit(gateway: Rig, reference: int) -> str | None:
    """The second modem sends what there is for it; the message's id."""
    now, outbox = gateway.clock.now, gateway.store.outbox
    attempt = outbox.claim(other(gateway), now())
    if attempt is None or not outbox.begin(attempt.id, now()):
        return None
    outbox.accepted(attempt.id, reference, now(), f"+CMGS: {reference}")
    return attempt.message_id


def test_what_was_claimed_to_follow_goes_by_another_modem(rig: Make) -> None:
    gateway = rig(2)
    inject(gateway, Step.RESULT, LoseAnswer())
    gateway.send(to="+447700900002")
    # So many that the next one is claimed while the first is on the air: two for each modem.
    behind = [gateway.send(to=f"+44770090001{n}") for n in range(4)]
    sent: list[str | None] = []
    for second in (10.0, 20.0):
        gateway.network.after(second, lambda: sent.append(submit(gateway, 1)))
    gateway.workers["sim1"].turn(0.2)
    assert sent == [behind[1].id, behind[0].id], "a part takes one to six seconds; after fifteen others may have it"
    assert not gateway.marked(behind[0])
    gateway.step(10)
    assert copies(gateway, "+447700900010") == [], "the first one does not send it as well"


def test_parts_of_the_message_that_is_caught_stay_with_its_sim(rig: Make) -> None:
    gateway = rig(2)
    inject(gateway, Step.RESULT, LoseAnswer())
    message = gateway.send("x" * 400)
    sent: list[str | None] = []
    gateway.network.after(60.0, lambda: sent.append(submit(gateway, 1)))
    gateway.workers["sim1"].turn(0.2)
    gateway.step(30)
    assert sent == [None]
    assert copies(gateway) == ["1", "1", "1"]
    assert gateway.state(message) == "delivered", "the report of the first part settled it"


@pytest.mark.parametrize("first", [60.0, 400.0], ids=["late", "never"])
def test_a_code_caught_in_it_gets_a_second_way_and_one_state(rig: Make, first: float) -> None:
    gateway = rig(2)
    inject(gateway, Step.RESULT, Slow(first) if first < TIME_OUT else LoseAnswer())
    code = gateway.code()
    seen: list[str | None] = []

    def hedge() -> None:
        gateway.scheduler.round(gateway.clock.now())
        seen.extend((submit(gateway, 77), gateway.state(code)))

    for second in (14.0, 19.0):
        gateway.network.after(second, hedge)
    gateway.workers["sim1"].turn(0.2)
    assert seen == [None, "sending", code.id, "sent"]
    gateway.step(5)
    assert copies(gateway) == ["1"], "and no third one"
    assert gateway.marked(code)
    assert gateway.state(code) == "delivered"
    told = [entry.state.value for entry in gateway.store.outbox.timeline(code.id)]
    assert told == sorted(told, key=["queued", "sending", "sent", "delivered"].index), "it never goes back"


@pytest.mark.parametrize("takes", [10.0, 25.0], ids=["before it is planned", "before it began"])
def test_no_second_way_is_taken_where_the_answer_comes_first(rig: Make, takes: float) -> None:
    gateway = rig(2)
    inject(gateway, Step.RESULT, Slow(takes))
    gateway.workers["sim2"].pause()
    code = gateway.code()
    gateway.network.after(20.0, lambda: gateway.scheduler.round(gateway.clock.now()))
    gateway.workers["sim1"].turn(0.2)
    gateway.workers["sim2"].resume()
    gateway.step(30)
    assert copies(gateway) == ["1"]
    assert not gateway.marked(code)
    assert gateway.state(code) == "delivered"


# -- late answers -----------------------------------------------------------------------------------------------------


def lost(gateway: Rig, to: str = ANYBODY, **options: Any) -> Any:
    """A message of unknown outcome, which has the reference 3."""
    warm(gateway)
    inject(gateway, Step.RESULT, LoseAnswer())
    message = gateway.send(to=to, report=False, **options)
    gateway.step()
    assert gateway.state(message) in ("unknown", "sending")
    return message


def test_an_answer_that_comes_when_nobody_waits_any_more_settles_it(rig: Make) -> None:
    gateway = rig()
    message = lost(gateway)
    gateway.modems["sim1"].say(b"\r\n+CMGS: 3\r\n\r\nOK\r\n")
    gateway.step(2)
    assert gateway.state(message) == "sent"
    assert gateway.results(message)[-1] == "+CMGS: 3 (late)"


def test_it_withdraws_the_copy_of_a_code(rig: Make) -> None:
    gateway = rig()
    code = lost(gateway, lane=Lane.OTP, on_unknown="resend")
    gateway.modems["sim1"].say(b"\r\n+CMGS: 3\r\n\r\nOK\r\n")
    gateway.step(30)
    assert gateway.state(code) == "sent"
    assert copies(gateway) == ["1"]
    assert not gateway.marked(code)


def test_an_answer_too_late_or_of_two_settles_nothing(rig: Make) -> None:
    gateway = rig()
    message = lost(gateway)
    gateway.step(WINDOW_LIMIT)
    gateway.modems["sim1"].say(b"\r\n+CMGS: 3\r\n\r\nOK\r\n")
    gateway.step(2)
    assert gateway.state(message) == "unknown"


def test_after_a_crash_the_answer_still_finds_its_message(rig: Make) -> None:
    """The modem goes on with it; what it says while it is set up anew belongs to what was begun."""
    gateway = rig()
    warm(gateway)
    message = gateway.send(report=False)
    attempt = gateway.workers["sim1"]._sender.take()
    assert attempt is not None
    assert gateway.store.outbox.begin(attempt.id, gateway.clock.now())
    gateway.store.outbox.recover(gateway.clock.now())
    assert gateway.state(message) == "unknown"
    gateway.workers["sim1"].recover_from("the process ended")
    gateway.network.after(1.0, lambda: gateway.modems["sim1"].say(b"\r\n+CMGS: 3\r\n\r\nOK\r\n"))
    gateway.step(10)
    assert gateway.state(message) == "sent"


def test_a_silent_modem_comes_back_and_what_follows_goes_out(rig: Make) -> None:
    gateway = rig()
    inject(gateway, Step.RESULT, Silence(200.0))
    first, second = gateway.send(), gateway.send(to="+447700900002")
    gateway.step(400)
    assert gateway.state(first) in ("delivered", "unknown")
    assert gateway.state(second) == "delivered"
    assert len(copies(gateway)) == len(copies(gateway, "+447700900002")) == 1
