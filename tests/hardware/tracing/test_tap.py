"""Listening in: everything passes, nothing waits, and what is lost is counted."""

from __future__ import annotations

import json
import threading

from hypothesis import given
from hypothesis import strategies as st

from hardware.at.channel import AtChannel
from hardware.clock import FakeClock
from hardware.tracing import Header, Mark, Octets, Recording, Tap, TappedTransport, Wiretap
from tests.hardware.wire import Wire


def test_a_trace_without_mask_is_what_went_over_the_wire() -> None:
    wire = Wire(chunk=5)
    wiretap, tap = Wiretap(), Tap()
    assert wiretap.attach(tap)
    traced = TappedTransport(wire, wiretap, wire.clock)
    AtChannel(traced, wire.clock).command("AT")
    traced.close()
    traced.close()
    caught = tap.take(0)
    assert [(one.direction, one.data) for one in caught if isinstance(one, Octets)] == [
        ("sent", b"AT\r"),
        ("received", b"\r\nOK\r"),
    ]
    assert [one.what for one in caught if isinstance(one, Mark)] == ["opened", "closed"]
    assert [one.at for one in caught] == sorted(one.at for one in caught)
    assert traced.name == wire.name


def test_everything_is_passed_on_while_nobody_listens() -> None:
    wire = Wire()
    traced = TappedTransport(wire, Wiretap(), wire.clock)
    traced.wake()
    assert traced.read(10, wakeable=True) == b""
    assert wire.clock.boot() == 1_000
    traced.close()
    assert wire.closed


def test_one_listens_at_a_time() -> None:
    wiretap, one, other = Wiretap(), Tap(), Tap()
    assert wiretap.attach(one)
    assert not wiretap.attach(other)
    wiretap.detach(other)
    assert wiretap.tap is one
    wiretap.detach(one)
    assert wiretap.attach(other)


@given(st.lists(st.one_of(st.integers(1, 60), st.none()), max_size=60))
def test_what_does_not_fit_is_counted_where_it_is_missing(steps: list[int | None]) -> None:
    """A number is a chunk of that size that comes, None a reader that takes what there is."""
    tap, taken, put = Tap(octets=100, chunks=5), [], list[Octets]()
    for step in steps:
        if step is None:
            taken += tap.take(0)
        else:
            put.append(Octets(float(len(put)), "received", bytes(step)))
            tap.put(put[-1])
    taken += tap.drain()
    place = 0
    for entry in taken:
        if isinstance(entry, Mark):
            missing = put[place : place + entry.chunks]
            assert (entry.what, entry.at) == ("dropped", missing[0].at)
            assert entry.octets == sum(len(one.data) for one in missing)
            place += entry.chunks
        else:
            assert entry is put[place]
            place += 1
    assert place == len(put)


def test_a_reader_that_is_slow_never_holds_the_port_up() -> None:
    """The port's thread writes far more than fits, while nobody takes anything."""
    tap = Tap(octets=1000)
    for place in range(10_000):
        tap.put(Octets(float(place), "sent", b"x" * 100))
    taken = tap.drain()
    assert len(taken) == 11
    assert taken[-1] == Mark(10.0, "dropped", 9_990, 999_000)


def test_a_reader_that_waits_is_woken() -> None:
    tap, found = Tap(), list[object]()
    reader = threading.Thread(target=lambda: found.extend(tap.take(30)))
    reader.start()
    tap.put(Octets(1.0, "sent", b"AT\r"))
    reader.join(10)
    assert found == [Octets(1.0, "sent", b"AT\r")]


def test_a_recording_counts_time_from_its_beginning_and_tells_what_it_lost() -> None:
    clock, tap = FakeClock(), Tap(octets=20)
    begun = clock.boot()
    recording = Recording(tap, Header("simwire 1", True), begun, fresh=True)
    tap.put(Octets(begun + 0.25, "sent", b'AT+CPIN="4711"\r'))
    tap.put(Octets(begun + 0.5, "received", b"\r\n+CPIN: READY\r\n"))
    lines = [json.loads(line) for line in (recording.head + recording.more(0)).splitlines()]
    assert lines[0]["masked"] is True
    assert lines[1:] == [{"at": 0.25, "way": ">", "data": 'AT+CPIN="0000"\r'}]
    tap.put(Octets(begun + 1, "received", b"\r\nhalf a li"))
    assert [json.loads(line) for line in recording.end(begun + 2).splitlines()] == [
        {"at": 0.5, "mark": "dropped", "chunks": 1, "octets": 16},
        {"at": 1.0, "way": "<", "data": "\r\nxxxxxxxxx"},
        {"at": 2.0, "mark": "ended"},
    ]
