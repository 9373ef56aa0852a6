"""Recorded answers of real modems, played to the channel in chunks and read by the parsers.

The recordings are not part of this project: SIMWIRE_VECTORS names the folder that has them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from hardware.at import answers
from hardware.at.channel import AtChannel
from hardware.at.results import classify
from hardware.errors import CommandRejected, CommandTimeout, MalformedResponse, SubmitUncertain
from hardware.ussd import parse_ussd
from tests.hardware.at.bench import QuietHooks, hear_out
from tests.hardware.wire import OK, Wire

_FOLDER = os.environ.get("SIMWIRE_VECTORS")
_TRANSCRIPTS = (
    json.loads((Path(_FOLDER) / "at_transcripts.json").read_text(encoding="ascii")) if _FOLDER is not None else []
)
_BARE = ("AT+CGMI", "AT+CGMM", "AT+CGMR", "AT+CGSN", "AT+CIMI", "ATI")

Expect = dict[str, Any]


def _same(expect: Expect, **found: object) -> None:
    assert {name: value for name, value in found.items() if name in expect} == {
        name: value for name, value in expect.items() if name in found
    }


def _registration(lines: list[str], expect: Expect) -> None:
    if expect["stat"] is None:
        with pytest.raises(MalformedResponse):
            answers.parse_registration(lines)
        return
    read = answers.parse_registration(lines)
    _same(expect, n=read.mode, stat=read.status, lac=read.area, ci=read.cell, act=read.technology)


def _operator(lines: list[str], expect: Expect) -> None:
    read = answers.parse_operator(lines)
    _same(expect, mode=read.mode, format=read.format, operator=read.name, act=read.technology)


def _networks(lines: list[str], expect: Expect) -> None:
    read = answers.parse_networks(lines)
    assert len(read) == len(expect["networks"])
    for network, wanted in zip(read, expect["networks"], strict=True):
        _same(wanted, stat=network.status, numeric=network.numeric, long=network.long_name, act=network.technology)


def _storage_choices(lines: list[str], expect: Expect) -> None:
    read = answers.parse_storage_choices(lines)
    wanted = [expect.get(name) or [] for name in ("mem1", "mem2", "mem3")]
    assert [list(memories) for memories in (read.reading, read.writing, read.receiving)] == wanted


def _storage_use(lines: list[str], expect: Expect) -> None:
    read = [[use.name, use.used, use.total] for use in answers.parse_storage_use(lines)]
    _same(expect, memories=read, used_total=[use[1:] for use in read])


def _indication_choices(lines: list[str], expect: Expect) -> None:
    read = answers.parse_indication_choices(lines)
    _same(expect, mode=list(read.mode), mt=list(read.mt), bm=list(read.bm), ds=list(read.ds), bfr=list(read.bfr))


def _indication_setting(lines: list[str], expect: Expect) -> None:
    read = answers.parse_indication_setting(lines)
    _same(expect, mode=read.mode, mt=read.mt, bm=read.bm, ds=read.ds, bfr=read.bfr)


def _signal(lines: list[str], expect: Expect) -> None:
    read = answers.parse_signal(lines)
    _same(expect, rssi=read.rssi, ber=read.ber, dbm=read.dbm)


def _extended_signal(lines: list[str], expect: Expect) -> None:
    read = answers.parse_extended_signal(lines)
    _same(expect, rxlev=read.rxlev, ber=read.ber, rscp=read.rscp, ecno=read.ecno, rsrq=read.rsrq, rsrp=read.rsrp)


def _message(lines: list[str], expect: Expect) -> None:
    read = answers.parse_message(lines)
    assert read is not None
    _same(expect, length=read.length, pdu=read.pdu)
    if lines[0].count(","):  # a header with one value has a length and no status
        _same(expect, stat=read.status)


def _messages(lines: list[str], expect: Expect) -> None:
    read = answers.parse_messages(lines)
    found = [{"index": m.index, "stat": m.status, "length": m.length, "pdu": m.pdu} for m in read]
    assert found == [
        {name: wanted[name] for name in ("index", "stat", "length", "pdu")} for wanted in expect["messages"]
    ]


def _counters(lines: list[str], expect: Expect) -> None:
    read = answers.parse_pin_counters(lines)
    _same(expect, pin=read.pin, puk=read.puk, pin2=read.pin2, puk2=read.puk2)


def _own_number(lines: list[str], expect: Expect) -> None:
    if "number" in expect:
        read = answers.parse_own_numbers(lines)
        _same(expect, number=read[0].number, toa=read[0].type_of_address)


def _clock(lines: list[str], expect: Expect) -> None:
    assert answers.parse_clock(lines) == datetime.fromisoformat(expect["iso"])


def _service(lines: list[str], expect: Expect) -> None:
    read = answers.parse_message_service(lines)
    _same(expect, service=read.service, mt=read.mt, mo=read.mo, bm=read.bm)


def _not_asked_for(lines: list[str], _: Expect) -> None:
    """The gateway has no use for it; the channel takes such an answer as any other."""
    assert lines


_READERS: dict[str, Callable[[list[str], Expect], None]] = {
    "registration": _registration,
    "cops_read": _operator,
    "cops_test": _networks,
    "cpms_test": _storage_choices,
    "cpms_read": _storage_use,
    "cpms_set": _storage_use,
    "cnmi_test": _indication_choices,
    "cnmi_read": _indication_setting,
    "csq": _signal,
    "cesq": _extended_signal,
    "csca": lambda lines, expect: _same(expect, number=answers.parse_service_centre(lines).number),
    "cmgr_pdu": _message,
    "cmgl_pdu": _messages,
    "cmgr_text": _not_asked_for,
    "cmgr_text_sr": _not_asked_for,
    "cpin": lambda lines, expect: _same(expect, state=answers.parse_pin_state(lines)),
    "cpin_huawei": _counters,
    "upincnt": _counters,
    "sysinfo_huawei": _not_asked_for,
    "cscs_test": lambda lines, expect: _same(expect, charsets=list(answers.parse_character_sets(lines))),
    "cnum": _own_number,
    "cclk": _clock,
    "cfun": lambda lines, expect: _same(expect, fun=answers.parse_functionality(lines)),
    "cind_test": _not_asked_for,
    "gcap": lambda lines, expect: _same(expect, gsm="+CGSM" in answers.parse_capabilities(lines)),
    "cmms_test": lambda lines, expect: _same(expect, modes=list(answers.parse_link_modes(lines))),
    "csms": _service,
    "identity": lambda lines, expect: _same(expect, value=answers.parse_identity(lines)),
}


def _entries(*kinds: str) -> list[Any]:
    return [
        pytest.param(entry, id=f"{entry['id']}-{entry['kind']}") for entry in _TRANSCRIPTS if entry["kind"] in kinds
    ]


def _ends(raw: str) -> bool:
    return any(classify(line.strip()) is not None for line in raw.replace("\r", "\n").split("\n"))


def _refused(error: CommandRejected, expect: Expect) -> None:
    assert error.result.startswith(expect["final"])
    _same(expect, code=error.code)
    assert expect.get("meaning", "") in str(error)
    assert expect.get("text", "") in str(error)


@pytest.fixture(autouse=True)
def _vectors_or_skip() -> None:
    if not _TRANSCRIPTS:
        pytest.skip("SIMWIRE_VECTORS names no folder with recorded transcripts")


def test_the_recordings_are_of_known_kinds() -> None:
    known = {*_READERS, "final", "error", "urc", "urc_cds", "urc_cds_text", "cusd", "cmgs_flow"}
    assert {entry["kind"] for entry in _TRANSCRIPTS} <= known


@pytest.mark.parametrize("chunk", [1, 3, 4096])
@pytest.mark.parametrize("entry", _entries(*_READERS))
def test_an_answer_is_read(entry: Expect, chunk: int) -> None:
    expect, command, raw = entry["expect"], entry["command"], entry["raw"]
    wire = Wire(chunk=chunk)
    channel = AtChannel(wire, wire.clock)
    if command is None:
        wire.say(raw)
        hear_out(channel, wire)
        lines = [indication.line for indication in channel.indications]
    elif "code" in expect:
        wire.on(command, raw)
        with pytest.raises(CommandRejected) as refused:
            channel.command(command)
        assert refused.value.code == expect["code"]
        return
    else:
        silent = expect.get("no_final_result", False)
        wire.on(command, raw if silent or _ends(raw) else raw + OK)
        lines = channel.command(command, bare=command in _BARE or command.startswith("ATI"))
        assert not channel.indications
        assert not channel.dirty
    _READERS[entry["kind"]](lines, expect)


@pytest.mark.parametrize("chunk", [1, 3, 4096])
@pytest.mark.parametrize("entry", _entries("final", "error"))
def test_a_final_result_ends_its_command(entry: Expect, chunk: int) -> None:
    expect, wire = entry["expect"], Wire(chunk=chunk)
    channel = AtChannel(wire, wire.clock)
    wire.replace(entry["command"], entry["raw"])
    if expect["final"] == "OK":
        channel.command(entry["command"])
    else:
        with pytest.raises(CommandRejected) as refused:
            channel.command(entry["command"])
        _refused(refused.value, expect)
    hear_out(channel, wire)
    assert [news.prefix for news in channel.indications] == expect.get("urcs_after", [])


@pytest.mark.parametrize("chunk", [1, 3, 4096])
@pytest.mark.parametrize("entry", _entries("urc", "urc_cds", "urc_cds_text"))
def test_an_indication_is_told(entry: Expect, chunk: int) -> None:
    expect, wire = entry["expect"], Wire(chunk=chunk)
    channel = AtChannel(wire, wire.clock)
    wire.say(entry["raw"])
    wanted = expect.get("urcs") or [expect["urc"]]
    hear_out(channel, wire)
    assert [news.prefix for news in channel.indications] == wanted
    told = channel.indications[0]
    _same(expect, pdu=told.pdu)


@pytest.mark.parametrize("chunk", [1, 3, 4096])
@pytest.mark.parametrize("entry", _entries("cusd"))
def test_a_ussd_answer_is_read(entry: Expect, chunk: int) -> None:
    expect, wire = entry["expect"], Wire(chunk=chunk)
    channel = AtChannel(wire, wire.clock)
    wire.on(entry["command"], entry["raw"] if _ends(entry["raw"]) else OK + entry["raw"])
    channel.command(entry["command"])
    hear_out(channel, wire)
    read = [parse_ussd(news.line) for news in channel.indications]
    if "results" in expect:
        assert [[answer.mode, answer.text] for answer in read] == expect["results"]
        return
    _same(expect, m=read[0].mode, dcs=read[0].data_coding, text=read[0].text)
    assert "\0" not in (read[0].text or "")
    assert "\ufffd" not in (read[0].text or "")


@pytest.mark.parametrize("chunk", [1, 3, 4096])
@pytest.mark.parametrize("entry", _entries("cmgs_flow"))
def test_a_submit_goes_as_recorded(entry: Expect, chunk: int) -> None:
    expect, wire = entry["expect"], Wire(chunk=chunk)
    channel = AtChannel(wire, wire.clock)
    chunks = expect["chunks"]
    prompt = next((place for place, text in enumerate(chunks) if ">" in text), len(chunks) - 1) + 1
    wire.on(entry["command"], *chunks[:prompt])
    wire.on("pdu", *chunks[prompt:])
    length = int(entry["command"].partition("=")[2])
    outcome: int | Exception
    try:
        outcome = channel.submit(length, "00" * (length + 1), QuietHooks())
    except (SubmitUncertain, CommandRejected, CommandTimeout) as error:
        outcome = error
    if isinstance(outcome, CommandRejected):
        _refused(outcome, expect)
    elif isinstance(outcome, Exception):
        assert expect.get("mr") is None
        assert isinstance(outcome, SubmitUncertain) is (expect["final"] == "OK")
    else:
        assert outcome == expect["mr"]
    assert any(said.startswith("pdu:") for said in wire.heard) is expect.get("prompt", True)
    hear_out(channel, wire)
    if "urc_after" in expect:
        assert expect["urc_after"] in [news.prefix for news in channel.indications]
