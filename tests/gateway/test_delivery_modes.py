"""Keys that catch or redirect, before real modems of a simulated network: what leaves, and what no longer does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.content import redirected
from gateway.keyring import KeyChange, changed
from gateway.limits import Destinations
from gateway.messages import CATCH, Lane, Message, NewMessage, Secret
from gateway.policy import Delivery, KeyPolicy
from gateway.store import Block, Caught, CaughtFilter, Settings, Store
from hardware.simulator import Fault, LoseAnswer, LoseReport, Refuse, Silence, Step
from tests.gateway.rig import ANYBODY, Rig

HANDSET = "+33600000001"
OURS = "+447700900199"


class Test(Rig):
    """A rig whose messages come by one key, which another process changes."""

    __test__ = False

    def __init__(self, folder: Path, modems: int = 1, **views: dict[str, Any]) -> None:
        prefixes = tuple(prefix for view in views.values() for prefix in view.get("prefixes", ()))
        super().__init__(folder, modems, Settings(prefixes=prefixes), **views)
        self.folder = folder
        self.key, _ = self.store.keys.create("tests", ("messages:send",), self.clock.now())

    def mail(self, text: str = "hello", **options: Any) -> Message:
        """A message by that key."""
        return self.send(text, key_id=self.key.id, **options)

    def elsewhere(self, change: str) -> None:
        """Change the key as `simwire keys set` does: by a connection of its own."""
        with closing(Store.open(self.folder / "rig.db", self.folder / "rig.key", self.clock)) as other:
            asked = KeyChange.model_validate_json(change)
            now, allowed = self.clock.now(), Destinations(("GB", "FR"))
            other.keys.change(self.key.id, lambda before: changed(before, asked, now, allowed), now)

    def catch(self) -> None:
        self.elsewhere('{"delivery": "catch"}')

    def redirect(self, handset: str = OURS) -> None:
        self.elsewhere(f'{{"delivery": "redirect", "redirect_to": "{handset}"}}')

    def caught(self) -> list[Caught]:
        return self.store.caught.list(CaughtFilter())[0][::-1]

    def shown(self, number: str) -> list[str]:
        return [message.text for message in self.network.handset(number).messages]

    def reason(self, message: Message) -> str | None:
        found = self.store.outbox.get(message.id)
        assert found is not None
        return found.reason


Make = Callable[..., Test]


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Make]:
    made: list[Test] = []

    def make(modems: int = 1, **views: Any) -> Test:
        made.append(Test(tmp_path, modems, **views))
        made[0].ready()
        return made[0]

    yield make
    for one in made:
        one.store.close()


# -- at acceptance ----------------------------------------------------------------------------------------------------


def test_a_caught_message_is_delivered_at_once_and_nothing_leaves(rig: Make) -> None:
    gateway = rig()
    options = {"delivery": int(Delivery.CATCH), "route": CATCH, "code": Secret("482913")}
    message = gateway.mail("Your code is 482913", **options)
    assert gateway.state(message) == "delivered"
    timeline = gateway.store.outbox.timeline(message.id)
    assert [(entry.state.value, entry.modem) for entry in timeline] == [("queued", None), ("delivered", "catch")]
    gateway.step(90)
    assert gateway.network.submits == []
    (caught,) = gateway.caught()
    assert (caught.to, caught.message_id, caught.code) == (ANYBODY, message.id, "482913")
    assert caught.text == "Your code is 482913"
    assert gateway.store.outbox.queue_depth() == 0
    told = [event.kind for event in gateway.store.events.after(0) if not event.kind.startswith("modem.")]
    assert told == ["message.delivered"]


def test_codes_are_picked_out_before_the_transaction_that_accepts(rig: Make) -> None:
    gateway = rig()
    gateway.mail("Your code is 482913", delivery=int(Delivery.CATCH), route=CATCH)
    assert [caught.code for caught in gateway.caught()] == [None]  # modems wait for it: no text is looked at in there


def test_a_caught_code_is_not_sent_again_and_its_text_is_erased_with_its_challenge(rig: Make) -> None:
    gateway = rig(2)
    message = gateway.code(key_id=gateway.key.id, delivery=int(Delivery.CATCH), route=CATCH, code=Secret("ABCDEF"))
    gateway.step(120)
    assert gateway.network.submits == []
    assert (gateway.state(message), gateway.marked(message)) == ("delivered", False)
    (caught,) = gateway.caught()
    assert (caught.text, caught.code) == ("code 123456", "ABCDEF")
    gateway.step(300)  # the challenge expires
    assert gateway.store.outbox.text(message.id) is None
    assert gateway.caught() == [caught]


def test_a_scheduled_one_is_caught_at_its_time(rig: Make) -> None:
    gateway = rig()
    options = {"delivery": int(Delivery.CATCH), "route": CATCH, "not_before": gateway.clock.now().wall + 60}
    message, other = gateway.mail("later", **options), gateway.mail("never", **options)
    gateway.elsewhere('{"delivery": "live"}')  # a mode is frozen: it does not become less safe
    gateway.step(50)
    assert (gateway.state(message), gateway.caught()) == ("queued", [])
    assert gateway.store.outbox.queue_depth() == 0
    gateway.store.database.accept(lambda cx: gateway.store.outbox.cancel(cx, other.id, gateway.clock.now()))
    gateway.step(15)
    assert [caught.text for caught in gateway.caught()] == ["later"]
    assert (gateway.state(message), gateway.state(other)) == ("delivered", "cancelled")
    assert gateway.network.submits == []


def test_many_scheduled_ones_are_caught_in_one_round(rig: Make) -> None:
    gateway = rig()
    options = {"delivery": int(Delivery.CATCH), "route": CATCH, "not_before": gateway.clock.now().wall + 10}
    for place in range(250):
        gateway.mail(f"number {place}", **options)
    gateway.clock.advance(11)
    gateway.scheduler.round(gateway.clock.now())
    assert len(gateway.store.caught.list(CaughtFilter(), 1000)[0]) == 250


def test_a_scheduled_one_whose_content_is_damaged_fails(rig: Make) -> None:
    gateway = rig()
    options = {"delivery": int(Delivery.CATCH), "route": CATCH, "not_before": gateway.clock.now().wall + 10}
    message = gateway.mail("lost", **options)
    with gateway.store.database.mark() as cx:
        cx.execute("UPDATE messages SET body = x'00'")
    gateway.step(15)
    assert (gateway.state(message), gateway.caught()) == ("failed", [])


def test_a_redirected_message_goes_to_the_handset_and_its_report_is_its_own(rig: Make) -> None:
    gateway = rig()
    new = NewMessage(
        client="tests", to=ANYBODY, country="GB", lane=Lane.NORMAL, lifetime=300.0, text=Secret("hello"),
        segments=(b"",), encoding="gsm7", concat_reference=7, route="route:", key_id=gateway.key.id,
    )  # fmt: skip
    new = redirected(new, OURS, "route:", 10)
    message = gateway.store.database.accept(lambda cx: gateway.store.outbox.enqueue(cx, new, gateway.clock.now()))
    gateway.step(10)
    assert gateway.shown(OURS) == [f"[{ANYBODY}] hello"]
    assert gateway.shown(ANYBODY) == []
    found = gateway.store.outbox.get(message.id)
    assert found is not None
    assert (found.to, found.state.value) == (ANYBODY, "delivered")


# -- a key that is made safer -----------------------------------------------------------------------------------------


def test_what_is_queued_is_caught_once_its_key_catches(rig: Make) -> None:
    gateway = rig()
    message = gateway.mail("Your code is 482913")
    gateway.catch()
    gateway.step(30)
    assert gateway.network.submits == []
    assert gateway.state(message) == "delivered"
    (caught,) = gateway.caught()
    assert (caught.text, caught.code) == ("Your code is 482913", "482913")
    assert any("its key catches by now" in result for result in gateway.results(message))


def test_what_was_claimed_ahead_is_caught_too(rig: Make) -> None:
    gateway = rig()
    first, second = gateway.mail("first"), gateway.mail("second", to="+447700900002")
    gateway.network.after(1.0, gateway.catch)  # the first is on the air, the second claimed
    gateway.step(40)
    assert [record.destination for record in gateway.network.submits] == [ANYBODY]
    assert gateway.state(second) == "delivered"
    assert [caught.text for caught in gateway.caught()] == ["second"]
    assert gateway.state(first) == "delivered"


def test_the_rest_of_a_message_that_has_partly_left_is_withdrawn(rig: Make) -> None:
    gateway = rig()
    message = gateway.mail("x" * 700)
    gateway.network.after(1.5, gateway.catch)
    gateway.step(60)
    assert 0 < len(gateway.network.submits) < 5
    assert gateway.shown(ANYBODY) == []
    assert gateway.caught() == []
    assert (gateway.state(message), gateway.reason(message)) == ("cancelled", "delivery_changed")
    assert any("the delivery of its key is catch by now" in result for result in gateway.results(message))


def test_no_copy_of_a_code_leaves_after_an_unknown_outcome(rig: Make) -> None:
    gateway = rig(2)
    gateway.modems["sim1"].inject(Fault(Step.RESULT, LoseAnswer()))
    gateway.modems["sim1"].inject(Fault(Step.REPORT, LoseReport()))
    message = gateway.code(key_id=gateway.key.id)
    gateway.network.after(5.0, gateway.catch)  # before the hedge and before any resend
    gateway.step(200)
    assert len(gateway.network.submits) == 1
    assert gateway.caught() == []
    assert gateway.state(message) == "unknown"
    assert any("the delivery of its key is catch by now" in result for result in gateway.results(message))


def test_a_retry_after_a_refusal_is_caught(rig: Make) -> None:
    gateway = rig()
    gateway.modems["sim1"].inject(Fault(Step.PDU, Refuse(38)))
    message = gateway.mail("Your code is 482913")
    gateway.network.after(1.5, gateway.catch)
    gateway.step(60)
    assert gateway.network.submits == []
    assert gateway.state(message) == "delivered"
    assert [caught.code for caught in gateway.caught()] == ["482913"]


def test_what_is_queued_is_redirected_once_its_key_redirects(rig: Make) -> None:
    gateway = rig()
    message = gateway.mail("hello")
    gateway.redirect()
    gateway.step(30)
    assert gateway.shown(OURS) == [f"[{ANYBODY}] hello"]
    assert gateway.shown(ANYBODY) == []
    assert gateway.state(message) == "delivered"
    assert any("its key redirects by now" in result for result in gateway.results(message))


def test_a_redirected_text_may_take_more_parts(rig: Make) -> None:
    gateway = rig()
    message = gateway.mail("y" * 155)
    gateway.redirect()
    gateway.step(30)
    assert gateway.shown(OURS) == [f"[{ANYBODY}] " + "y" * 155]
    found = gateway.store.outbox.get(message.id)
    assert found is not None
    assert (found.parts, found.state.value) == (2, "delivered")


def test_a_long_message_of_which_nothing_has_left_is_redirected_whole(rig: Make) -> None:
    gateway = rig()
    gateway.modems["sim1"].inject(Fault(Step.PDU, Refuse(38)))
    message = gateway.mail("z" * 500)
    gateway.network.after(1.5, gateway.redirect)
    gateway.step(60)
    assert gateway.shown(OURS) == [f"[{ANYBODY}] " + "z" * 500]
    assert gateway.shown(ANYBODY) == []
    assert gateway.state(message) == "delivered"


@pytest.mark.parametrize(
    ("block", "lane", "goes"),
    [
        (Block.OPTED_OUT, Lane.NORMAL, False),
        (Block.BLOCKED, Lane.OTP, True),
        (Block.BLOCKED_ALL, Lane.OTP, False),
    ],
)
def test_what_is_queued_is_not_redirected_to_a_blocked_handset(rig: Make, block: Block, lane: Lane, goes: bool) -> None:
    gateway = rig()
    gateway.store.blocked.add(OURS, block, "ops", gateway.clock.now())
    message = gateway.mail("hello", lane=lane)
    gateway.redirect()
    gateway.step(30)
    assert gateway.shown(ANYBODY) == []
    assert gateway.shown(OURS) == ([f"[{ANYBODY}] hello"] if goes else [])
    assert (gateway.state(message), gateway.reason(message)) == (
        ("delivered", None) if goes else ("cancelled", "delivery_changed")
    )


def test_what_is_queued_goes_to_the_corrected_handset(rig: Make) -> None:
    gateway = rig()
    wrong = "+447700900188"
    gateway.redirect(wrong)
    gateway.modems["sim1"].inject(Fault(Step.PDU, Refuse(38)))
    refused = gateway.mail("first")
    gateway.step(1)
    assert any("planned anew" in result for result in gateway.results(refused))  # for the wrong one
    later = gateway.mail(f"[{ANYBODY}] [{ANYBODY}] second", delivery=int(Delivery.REDIRECT), sent_to=wrong)
    silent = gateway.mail("", silent=True, delivery=int(Delivery.REDIRECT), sent_to=wrong)
    gateway.redirect(OURS)
    gateway.step(90)
    assert gateway.shown(wrong) == []
    assert sorted(gateway.shown(OURS)) == [f"[{ANYBODY}] [{ANYBODY}] second", f"[{ANYBODY}] first"]
    assert {record.destination for record in gateway.network.submits} == {OURS}
    assert {gateway.state(message) for message in (refused, later, silent)} == {"delivered"}


def test_the_rest_for_a_handset_that_was_corrected_is_withdrawn(rig: Make) -> None:
    gateway = rig()
    gateway.redirect("+447700900188")
    message = gateway.mail("x" * 700)
    gateway.network.after(2.5, gateway.redirect)
    gateway.step(60)
    assert {record.destination for record in gateway.network.submits} == {"+447700900188"}
    assert (gateway.state(message), gateway.reason(message)) == ("cancelled", "delivery_changed")


def test_a_redirected_message_goes_by_the_modem_of_its_handset(rig: Make) -> None:
    gateway = rig(2, sim1={"prefixes": ("+44",)}, sim2={"prefixes": ("+33",)})
    message = gateway.mail("hello", route="route:+44")
    gateway.redirect(HANDSET)
    gateway.step(30)
    (record,) = gateway.network.submits
    assert (record.destination, record.imsi[-1]) == (HANDSET, "2")
    assert gateway.state(message) == "delivered"


def test_a_text_that_cannot_be_prefixed_is_withdrawn(rig: Make) -> None:
    gateway = rig()
    message = gateway.mail("w" * (255 * 153))
    gateway.redirect()
    gateway.step(5)
    assert gateway.network.submits == []
    assert (gateway.state(message), gateway.reason(message)) == ("cancelled", "delivery_changed")


def test_what_redirected_and_now_catches_is_kept_as_it_was_meant(rig: Make) -> None:
    gateway = rig()
    gateway.workers["sim1"].pause()
    message = gateway.mail("hello")
    gateway.redirect()
    gateway.workers["sim1"].resume()
    gateway.modems["sim1"].inject(Fault(Step.PDU, Refuse(38)))
    gateway.step(1)
    gateway.catch()
    gateway.step(60)
    assert gateway.network.submits == []
    (caught,) = gateway.caught()
    assert (caught.to, caught.text) == (ANYBODY, "hello")
    assert gateway.state(message) == "delivered"


def test_a_silent_message_is_redirected_as_it_is(rig: Make) -> None:
    gateway = rig()
    message = gateway.mail("", silent=True)
    gateway.redirect()
    gateway.step(30)
    (record,) = gateway.network.submits
    assert record.destination == OURS
    assert gateway.store.outbox.text(message.id) == ""
    assert gateway.state(message) == "delivered"


def test_a_key_that_has_ended_keeps_its_last_mode(rig: Make) -> None:
    gateway = rig()
    gateway.workers["sim1"].pause()
    live = gateway.mail("live")
    other, _ = gateway.store.keys.create("tests", (), gateway.clock.now(), policy=KeyPolicy(delivery="catch"))
    safe = gateway.send("safe", to="+447700900002", key_id=other.id)
    keyless = gateway.send("keyless", to="+447700900003")
    for key in (gateway.key, other):
        gateway.store.keys.revoke(key.id, gateway.clock.now())
    gateway.workers["sim1"].resume()
    gateway.step(40)
    assert sorted(record.destination for record in gateway.network.submits) == [ANYBODY, "+447700900003"]
    assert {gateway.state(message) for message in (live, safe, keyless)} == {"delivered"}
    assert [caught.text for caught in gateway.caught()] == ["safe"]


def test_no_text_is_in_a_timeline_or_an_event(rig: Make) -> None:
    gateway = rig()
    messages = [gateway.mail("secret words 482913", to=f"+44770090000{place}") for place in range(3)]
    gateway.network.after(1.0, gateway.redirect)
    gateway.network.after(4.0, gateway.catch)
    gateway.step(40)
    told = str([gateway.store.outbox.timeline(message.id) for message in messages])
    told += str([event.body for event in gateway.store.events.after(0, 1000)])
    assert "secret" not in told
    assert "482913" not in told
    assert "482913" not in repr(gateway.caught())


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    parts=st.integers(1, 4),
    codes=st.booleans(),
    when=st.floats(0.0, 12.0),
    safer=st.sampled_from(["catch", "redirect"]),
    fault=st.sampled_from([None, Refuse(38), Silence(3.0)]),
)
def test_nothing_is_begun_for_the_person_after_the_change(
    tmp_path_factory: pytest.TempPathFactory,
    parts: int,
    codes: bool,
    when: float,
    safer: str,
    fault: Any,
) -> None:
    gateway = Test(tmp_path_factory.mktemp("walk"), 2)
    gateway.ready()
    if fault is not None:
        gateway.modems["sim1"].inject(Fault(Step.PDU, fault))
    begun_later: list[str] = []
    original = gateway.store.outbox.begin

    def begin(attempt_id: int, now: Any, period: int | None = None) -> bool:
        may = original(attempt_id, now, period)
        with gateway.store.database.read() as cx:
            tail = cx.execute("SELECT recipient_tail FROM attempts WHERE id = ?", (attempt_id,)).fetchone()[0]
        if may and changed_at and tail != OURS[-8:]:
            begun_later.append(tail)
        return may

    changed_at: list[float] = []

    def change() -> None:
        gateway.catch() if safer == "catch" else gateway.redirect()
        changed_at.append(gateway.clock.boot())

    gateway.store.outbox.begin = begin  # type: ignore[method-assign]  # watched, not replaced
    gateway.network.after(when, change)
    if codes:
        messages = [gateway.code(key_id=gateway.key.id) for _ in range(parts)]
    else:
        messages = [gateway.mail("x" * (150 * parts - 10)), gateway.mail("y", to="+447700900002")]
    gateway.step(60)
    gateway.store.close()
    assert changed_at
    assert begun_later == []
    assert messages
