"""The file: what is written is read back, and what is no trace is refused with its line."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardware.errors import TraceError
from hardware.tracing import FORMAT, Entry, Header, Mark, Octets, entry_line, header_line, read_trace

times = st.integers(0, 10**12).map(lambda micro: micro / 10**6)
told = st.none() | st.sampled_from(["", "E1752", 'é\u2028\n"\\', "\x00", "😀"])
headers = st.builds(
    Header,
    st.text(max_size=5),
    st.booleans(),
    st.sampled_from(["device", "simulator"]),
    told,
    told,
    told,
    told,
    told,
    told,
)
entries = st.one_of(
    st.builds(Octets, times, st.sampled_from(["sent", "received"]), st.binary(max_size=40)),
    st.builds(Mark, times, st.sampled_from(["opened", "closed", "ended"])),
    st.builds(Mark, times, st.just("dropped"), st.integers(0, 10**6), st.integers(0, 10**9)),
)


@settings(max_examples=50)
@given(headers, st.lists(entries, max_size=5))
def test_what_is_written_is_read_back(header: Header, written: list[Entry]) -> None:
    text = header_line(header) + "".join(map(entry_line, written))
    assert text.isascii()
    found = read_trace(text.splitlines())
    assert (found.header, list(found.entries)) == (header, written)


HEAD = '{"simwire_trace":1,"program":"x","masked":true,"source":"device"}'


@pytest.mark.parametrize(
    ("lines", "number", "why"),
    [
        ([], 1, "empty"),
        (["", "  "], 1, "empty"),
        (["hello"], 1, "not JSON"),
        (["[]"], 1, "object"),
        (['{"at":0,"way":">","data":"AT"}'], 1, "no header"),
        (['{"simwire_trace":2,"masked":true,"source":"device"}'], 1, "version 1"),
        (['{"simwire_trace":1,"masked":"yes","source":"device"}'], 1, "masked"),
        (['{"simwire_trace":1,"masked":true,"source":"metal"}'], 1, "source"),
        ([HEAD, '{"way":">","data":"AT"}'], 2, "at"),
        ([HEAD, '{"at":true,"way":">","data":"AT"}'], 2, "at"),
        ([HEAD, '{"at":NaN,"way":">","data":"AT"}'], 2, "at"),
        ([HEAD, '{"at":-1,"way":">","data":"AT"}'], 2, "at"),
        ([HEAD, "", '{"at":0,"way":"=","data":"AT"}'], 3, "way"),
        ([HEAD, '{"at":0,"way":">","data":"\\u20ac"}'], 2, "octet"),
        ([HEAD, '{"at":0,"way":">","data":7}'], 2, "data"),
        ([HEAD, '{"at":0,"mark":"exploded"}'], 2, "mark"),
        ([HEAD, '{"at":0,"mark":"dropped","chunks":"many"}'], 2, "counts"),
        ([HEAD, '{"at":0,"way":'], 2, "not JSON"),
        ([HEAD, "[" * 200_000], 2, "not JSON"),
    ],
)
def test_what_is_no_trace_is_refused_by_line(lines: list[str], number: int, why: str) -> None:
    with pytest.raises(TraceError, match=why) as refused:
        read_trace(lines)
    assert refused.value.line == number


def test_what_a_later_program_adds_is_passed_over() -> None:
    more = json.dumps({**json.loads(HEAD), "weather": "fine", "model": 7})
    found = read_trace([more, '{"at":1,"way":"<","data":"OK","extra":[]}'])
    assert found.header == Header("x", True)
    assert found.entries == (Octets(1.0, "received", b"OK"),)
    assert FORMAT == 1
