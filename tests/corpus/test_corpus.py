"""The driver before every trace of the corpus, and the table that is made of them."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from hardware.simulator import PERSONALITIES
from hardware.tracing import Header, Octets, Trace
from tests.corpus import table
from tests.corpus.play import HERE, accepted, files, known_as, outcome_of, played, read, reported

FILES = list(files())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_driver_gets_on_with_a_recorded_modem(path: Path) -> None:
    """As far as the trace goes: who it is, how it is set up, what it takes and reports."""
    trace = read(path)
    outcome = outcome_of(path)
    header, (manufacturer, model, firmware) = trace.header, known_as(trace.header, outcome)
    assert header.manufacturer in (None, manufacturer)
    assert header.model in (None, model)
    assert header.firmware in (None, firmware)
    assert header.profile in (None, outcome.status.profile)
    assert outcome.refusal is None
    assert outcome.reference == accepted(trace)
    if header.source == "simulator":
        assert outcome.status.state.value == "ready"
        assert not outcome.unknown
        assert bool(outcome.reports) is reported(trace)


@pytest.mark.parametrize("name", ["generic", "huawei", "wavecom"])
def test_it_does_so_octet_by_octet(name: str) -> None:
    path = HERE / f"simulator-{name}.jsonl"
    assert played(read(path), chunk=1) == outcome_of(path)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_trace_of_the_corpus_is_masked_and_says_what_it_is(path: Path) -> None:
    trace = read(path)
    assert trace.header.masked, "unmasked traces are not taken"
    assert path.stem.startswith("simulator-") is (trace.header.source == "simulator")
    assert re.fullmatch(r"[a-z0-9_.-]+\.jsonl", path.name)
    written = b"".join(one.data for one in trace.entries if isinstance(one, Octets) and one.direction == "sent")
    for pin in re.findall(rb"\+(?:CPIN|CLCK|CPWD)=[^\r]*", written):
        assert not set(re.findall(rb"\d{4,}", pin)) - {b"0" * n for n in range(4, 9)}, "a PIN is not masked"


def test_every_family_of_the_simulator_is_there() -> None:
    assert {path.stem.removeprefix("simulator-") for path in FILES if path.stem.startswith("simulator-")} == set(
        PERSONALITIES
    )


def test_the_table_is_what_the_corpus_says() -> None:
    assert table.main(["--check"]) == 0


def test_a_table_that_is_out_of_date_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "PAGE", tmp_path / "compatibility.md")
    monkeypatch.setattr(table, "files", lambda: FILES[:1])
    assert table.main(["--check"]) == 1
    assert table.main([]) == 0
    assert table.main(["--check"]) == 0
    monkeypatch.setattr(table, "files", lambda: FILES[1:2])
    assert table.main(["--check"]) == 1


def test_devices_and_simulated_modems_are_in_tables_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = read(HERE / "simulator-huawei.jsonl")

    def as_device(path: Path) -> Trace:
        return replace(known, header=Header("simwire", True, "device")) if path == FILES[0] else known

    monkeypatch.setattr(table, "files", lambda: FILES[:2])
    monkeypatch.setattr(table, "read", as_device)
    monkeypatch.setattr(table, "outcome_of", lambda _: outcome_of(HERE / "simulator-huawei.jsonl"))
    devices, _, simulated = table.page().partition("## Simulated, no devices")
    assert "| huawei E1752 | 11.126.13.00.00 | huawei | ready | yes |" in devices
    assert "None yet" not in devices
    assert "simulated huawei" not in devices
    assert re.findall(r"^\| (\S+) huawei E1752", simulated, re.MULTILINE) == ["simulated"]
