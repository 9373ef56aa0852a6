"""Received messages: joined over restarts, shown once, and nothing lost that could not be read."""

from __future__ import annotations

import threading
import time

import pytest

from gateway.store import Received
from hardware.pdu import DeliverPdu

from .bench import Bench

SENDER = "+447700900150"


def deliver(
    text: str | bytes,
    *,
    part: tuple[int, int, int] | None = None,
    sender: str = SENDER,
    seconds: int = 0,
    ports: bool = False,
    coding: str | None = None,
) -> str:
    """The hex of an SMS-DELIVER (23.040 9.2.2.1), written here octet by octet; `part`: reference, total, number."""
    digits = sender.removeprefix("+")
    swapped = "".join(b + a for a, b in zip(digits[::2], (digits + "F")[1::2], strict=True))
    header = b"" if part is None else bytes((0, 3, *part))
    header += bytes((5, 4, 0x23, 0xF4, 0, 0)) if ports else b""
    header = bytes((len(header),)) + header if header else b""
    body = header + (text if isinstance(text, bytes) else text.encode("utf-16-be"))
    first = 0x44 if header else 0x04
    toa = "91" if sender.startswith("+") else "81"
    stamp = "62101000" + f"{seconds // 60 % 10}{seconds // 600}{seconds % 10}{seconds % 60 // 10}" + "00"
    coding = coding or ("04" if isinstance(text, bytes) else "08")
    return f"00{first:02X}{len(digits):02X}{toa}{swapped}00{coding}{stamp}{len(body):02X}{body.hex().upper()}"


def receive(bench: Bench, raw: str, imsi: str = "00101one") -> str | None:
    return bench.store.inbox.receive(raw, DeliverPdu.decode(raw), "one", imsi, bench.now)


def shown(bench: Bench) -> list[Received]:
    return bench.store.inbox.list()[0]


def texts(bench: Bench) -> list[str | None]:
    return [received.text and received.text.reveal() for received in shown(bench)]


def test_a_short_message_is_shown_at_once(bench: Bench) -> None:
    message_id = receive(bench, deliver("grüße"))
    found = bench.store.inbox.get(message_id)
    assert (found.sender, found.text.reveal(), found.parts, found.missing) == (SENDER, "grüße", 1, 0)
    assert (found.modem, found.readable, found.data, found.ports) == ("one", True, None, None)
    assert found.received_at == round(bench.now.wall * 1000)
    assert found.sent_at == 1_767_225_600_000
    assert "grüße" not in repr(found)
    assert SENDER not in repr(found)


def test_parts_are_joined_in_their_order_over_a_restart(bench: Bench) -> None:
    assert receive(bench, deliver("c", part=(9, 3, 3))) is None
    assert receive(bench, deliver("a", part=(9, 3, 1))) is None
    assert shown(bench) == []
    bench.crash()
    assert receive(bench, deliver("b", part=(9, 3, 2)))
    assert texts(bench) == ["abc"]
    assert shown(bench)[0].parts == 3


def test_what_came_while_the_clock_was_ahead_takes_nothing_from_what_comes_later(bench: Bench) -> None:
    """The same text under the same reference is said again; by the wall clock the first time has yet to come."""
    for day in range(2):
        for number in (1, 2):
            receive(bench, deliver("ab"[number - 1], part=(9, 2, number), seconds=day))
        if not day:
            bench.clock.step_wall(-365 * 86_400.0)
            bench.clock.advance(2 * 86_400.0)
    assert texts(bench) == ["ab", "ab"]


def test_a_character_cut_in_two_is_whole_again(bench: Bench) -> None:
    units = "😀".encode("utf-16-be")
    for number, half in ((1, units[:2]), (2, units[2:])):
        receive(bench, deliver(half, part=(9, 2, number), coding="08"))
    assert texts(bench) == ["😀"]


@pytest.mark.parametrize("what", ["reference", "total", "sender", "sim"])
def test_parts_of_different_messages_are_not_joined(bench: Bench, what: str) -> None:
    receive(bench, deliver("a", part=(9, 2, 1)))
    other = {
        "reference": deliver("b", part=(8, 2, 2)),
        "total": deliver("b", part=(9, 3, 2)),
        "sender": deliver("b", part=(9, 2, 2), sender="+447700900151"),
        "sim": deliver("b", part=(9, 2, 2)),
    }[what]
    receive(bench, other, "00101two" if what == "sim" else "00101one")
    assert shown(bench) == []


def test_what_comes_again_after_a_crash_is_shown_once(bench: Bench) -> None:
    raw = deliver("hello")
    assert receive(bench, raw)
    bench.crash()
    assert receive(bench, raw.lower()) is None
    assert texts(bench) == ["hello"]
    assert receive(bench, deliver("hello", seconds=1)), "the same words at another time are another message"


def test_a_part_that_the_network_repeats_is_ignored_before_and_after_the_message_is_whole(bench: Bench) -> None:
    receive(bench, deliver("a", part=(9, 2, 1)))
    receive(bench, deliver("a", part=(9, 2, 1), seconds=30))
    receive(bench, deliver("b", part=(9, 2, 2)))
    receive(bench, deliver("b", part=(9, 2, 2), seconds=40))
    bench.clock.advance(90_000)
    assert bench.store.inbox.release_incomplete(bench.now) == 0
    assert texts(bench) == ["ab"]


def test_a_reference_that_comes_again_begins_another_message(bench: Bench) -> None:
    receive(bench, deliver("old", part=(9, 2, 1)))
    receive(bench, deliver("new ", part=(9, 2, 1), seconds=50))
    receive(bench, deliver("message", part=(9, 2, 2), seconds=51))
    assert texts(bench) == ["new message", "old"]
    assert [received.missing for received in shown(bench)] == [0, 1]


def test_a_message_that_stays_incomplete_is_shown_as_far_as_it_came(bench: Bench) -> None:
    receive(bench, deliver("b", part=(9, 3, 2)))
    bench.clock.advance(80_000)
    receive(bench, deliver("c", part=(9, 3, 3)))
    bench.clock.advance(86_399)
    assert bench.store.inbox.release_incomplete(bench.now) == 0
    bench.clock.advance(1)
    assert bench.store.inbox.release_incomplete(bench.now) == 1
    assert (texts(bench), shown(bench)[0].missing) == (["bc"], 1)
    assert bench.store.inbox.release_incomplete(bench.now) == 0


def test_a_part_that_cannot_be_read_any_more_keeps_the_others_from_nothing(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    """A modem keeps what is not taken from it, and brings it again and again."""
    receive(bench, deliver("one ", part=(7, 3, 1)))
    with bench.store.database.mark() as cx:
        cx.execute("UPDATE inbox_parts SET body = x'00'")
    assert receive(bench, deliver("two ", part=(7, 3, 2))) is None
    assert receive(bench, deliver("three", part=(7, 3, 3))) is None
    bench.clock.advance(86_401)
    bench.store.inbox.release_incomplete(bench.now)
    (found,) = shown(bench)
    assert (found.parts, found.missing) == (3, 1)
    assert "two" in found.text.reveal()
    assert "cannot be read" in caplog.text


@pytest.mark.parametrize("place", [(9, 0, 0), (9, 2, 0), (9, 2, 3), (9, 1, 1)])
def test_a_part_with_an_impossible_number_stands_alone(bench: Bench, place: tuple[int, int, int]) -> None:
    assert receive(bench, deliver("alone", part=place))
    assert texts(bench) == ["alone"]


def test_octets_and_ports(bench: Bench) -> None:
    receive(bench, deliver(b"\x01\x02", part=(9, 2, 1), ports=True))
    receive(bench, deliver(b"\x03", part=(9, 2, 2), ports=True))
    found = shown(bench)[0]
    assert (found.text, found.data, found.ports) == (None, b"\x01\x02\x03", (9204, 0))


@pytest.mark.parametrize("raw", ["0004FF", "nonsense", ""])
def test_what_cannot_be_read_is_kept(bench: Bench, raw: str) -> None:
    assert bench.store.inbox.receive(raw, None, "one", "00101one", bench.now)
    found = shown(bench)[0]
    assert (found.readable, found.text, found.sender) == (False, None, "")
    assert found.data in (bytes.fromhex("0004FF"), b"nonsense", b"")


def test_lists_are_newest_first_and_go_on(bench: Bench) -> None:
    for number in range(3):
        receive(bench, deliver(f"{number}", sender=f"+44770090016{number}"))
        bench.clock.advance(1)
    first, cursor = bench.store.inbox.list(2)
    rest, end = bench.store.inbox.list(2, cursor)
    assert [one.text.reveal() for one in (*first, *rest)] == ["2", "1", "0"]
    assert end is None
    assert [one.text.reveal() for one in bench.store.inbox.list(sender="+447700900161")[0]] == ["1"]
    assert len(bench.store.inbox.list(since=first[0].received_at)[0]) == 1
    assert len(bench.store.inbox.list(until=first[0].received_at)[0]) == 2
    with pytest.raises(ValueError, match="cursor"):
        bench.store.inbox.list(2, "x")
    assert bench.store.inbox.get("nothing") is None


def test_the_next_one_is_waited_for(bench: Bench) -> None:
    receive(bench, deliver("old"))
    seen = bench.store.inbox.newest()
    found: list[Received | None] = []
    waiter = threading.Thread(target=lambda: found.append(bench.store.inbox.next_after(seen, 60, "+447700900152")))
    waiter.start()
    receive(bench, deliver("from another", sender="+447700900151"))
    receive(bench, deliver("awaited", sender="+447700900152"))
    waiter.join(30)
    assert found[0].text.reveal() == "awaited"
    assert bench.store.inbox.next_after(seen, 0).text.reveal() == "from another"
    began = time.monotonic()
    assert bench.store.inbox.next_after(bench.store.inbox.newest(), 0.01) is None
    assert time.monotonic() - began < 5


def test_texts_and_raw_parts_are_sealed(bench: Bench) -> None:
    receive(bench, deliver("squirrel"))
    receive(bench, deliver("badger", part=(9, 2, 1)))
    bench.close()
    for file in bench.folder.iterdir():
        content = file.read_bytes()
        for word in ("squirrel", "badger"):
            assert word.encode() not in content
            assert word.encode("utf-16-be").hex().upper().encode() not in content
