"""`simwire modems trace` and `simwire simulate --replay`, with real ports and a real connection to a gateway."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hardware.clock import SystemClock
from hardware.discovery import is_pseudo_terminal
from hardware.simulator import PERSONALITIES, SimCard, SimulatedModem, SimulatedNetwork, SimulatorServer
from hardware.tracing import Octets, Trace, read_trace
from tests.gateway.cli.conftest import Shell
from tests.gateway.world import World

CORPUS = Path(__file__).parents[2] / "corpus"
NAME = ("modems", "trace", "sim1", "--seconds", "0")


@pytest.fixture
def boss(shell: Shell, world: World) -> Shell:
    """A shell with the key of an administrator."""
    return Shell(shell.environment | {"SIMWIRE_KEY": world.key("boss", ("admin",))})


def read(path: Path) -> Trace:
    return read_trace(path.read_text(encoding="ascii").splitlines())


def said(trace: Trace) -> bytes:
    return b"".join(one.data for one in trace.entries if isinstance(one, Octets))


def test_a_trace_of_the_gateway_goes_to_a_file_of_its_own(boss: Shell, tmp_path: Path) -> None:
    path = tmp_path / "sim1.jsonl"
    told = boss.json(*NAME, "--output", str(path))
    assert told == {"file": str(path), "chunks": 0, "dropped": 0}
    assert read(path).header.masked
    assert path.stat().st_mode & 0o777 == 0o600
    again = boss.run(*NAME, "--output", str(path))
    assert (again.exit_code, "exists" in again.stderr) == (1, True)


def test_without_a_file_it_is_written_to_standard_output(boss: Shell) -> None:
    found = boss.run(*NAME)
    assert found.exit_code == 0
    assert read_trace(found.stdout.splitlines()).header.model == "E1750"
    assert "0 chunks" in found.stderr


def test_who_may_not_is_told_so(shell: Shell, tmp_path: Path) -> None:
    path = tmp_path / "sim1.jsonl"
    found = shell.run(*NAME, "--output", str(path))
    assert found.exit_code == 1
    assert "admin" in found.stderr
    assert not path.exists()


def test_the_modem_is_restarted_once_the_trace_has_begun(boss: Shell, world: World) -> None:
    assert boss.run(*NAME, "--restart").exit_code == 0
    assert world.actions == [("sim1", "restart", None)]


@pytest.mark.parametrize("words", [(), ("--confirm", "yes")])
def test_a_trace_that_is_not_masked_wants_a_word(boss: Shell, world: World, words: tuple[str, ...]) -> None:
    refused = boss.run(*NAME, "--no-mask", *words)
    assert refused.exit_code == 1
    assert "--confirm unmasked" in refused.stderr
    assert "modems.trace" not in {row.action for row in world.store.audit.list(10)[0]}
    taken = boss.run(*NAME, "--no-mask", "--confirm", "unmasked")
    assert read_trace(taken.stdout.splitlines()).header.masked is False


@pytest.mark.parametrize(
    "words",
    [(), ("sim1", "--port", "/dev/null"), ("--port", "/dev/null", "--restart"), ("sim1", "--json", "--seconds", "0")],
)
def test_what_does_not_go_together(boss: Shell, words: tuple[str, ...]) -> None:
    assert boss.run("modems", "trace", *words).exit_code == 2


@contextmanager
def served(personality: str, folder: Path) -> Iterator[Path]:
    """A simulated modem at a port."""
    network = SimulatedNetwork(SystemClock())
    modem = SimulatedModem(network, SimCard(imsi="234150000012345"), PERSONALITIES[personality], name="sim1")
    with SimulatorServer(network, [modem], folder) as server:
        yield server.path(modem)


def test_a_port_is_traced_without_a_gateway(tmp_path: Path) -> None:
    path = tmp_path / "port.jsonl"
    with served("huawei", tmp_path / "ports") as port:
        assert is_pseudo_terminal(str(port))
        done = Shell({}).run("modems", "trace", "--port", str(port), "--seconds", "2", "--output", str(path))
    assert done.exit_code == 0, done.output
    trace = read(path)
    header = trace.header
    assert (header.source, header.model, header.profile, header.masked) == ("simulator", "E1752", "huawei", True)
    assert header.firmware == "11.126.13.00.00"
    assert b"AT+CIMI" in said(trace)
    assert b"234150000000000" in said(trace)
    assert b"12345" not in said(trace)


def test_a_port_that_is_not_there_leaves_no_file(tmp_path: Path) -> None:
    path = tmp_path / "port.jsonl"
    gone = Shell({}).run("modems", "trace", "--port", str(tmp_path / "nothing"), "--output", str(path))
    assert gone.exit_code == 1
    assert "cannot be opened" in gone.stderr
    assert not path.exists()


def test_a_port_at_which_nothing_answers_is_traced_all_the_same(tmp_path: Path) -> None:
    master, slave = os.openpty()
    try:
        found = Shell({}).run("modems", "trace", "--port", os.ttyname(slave), "--seconds", "0.1")
    finally:
        os.close(slave)
        os.close(master)
    assert found.exit_code == 0
    assert "the trace goes on" in found.stderr
    trace = read_trace(found.stdout.splitlines())
    assert trace.header.model is None
    assert b"AT\r" in said(trace)


@contextmanager
def replaying(path: Path, folder: Path, *words: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`simwire simulate --replay` as a process, and the port that it gives."""
    command = [sys.executable, "-m", "gateway.cli", "simulate", "--replay", str(path), "--links", str(folder), *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process, process.stdout.readline()
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def test_a_trace_is_played_at_a_port_and_what_it_lacks_is_told(tmp_path: Path) -> None:
    path = CORPUS / "simulator-huawei.jsonl"
    with replaying(path, tmp_path / "ports", "--time-scale", "0") as (process, first):
        assert "a trace of a simulator, huawei E1752 11.126.13.00.00" in first
        port = first.split()[1]
        told = Shell({}).json("modems", "probe", port)
        assert (told["manufacturer"], told["model"], told["profile"]) == ("huawei", "E1752", "huawei")
        process.send_signal(signal.SIGTERM)
        _, ended = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "commands were answered as in the trace" in ended
    assert "not in the trace" not in ended


def test_what_is_no_trace_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "broken.jsonl"
    path.write_text((CORPUS / "simulator-huawei.jsonl").read_text(encoding="ascii") + "{\n", encoding="ascii")
    count = len(path.read_text(encoding="ascii").splitlines())
    found = Shell({}).run("simulate", "--replay", str(path))
    assert found.exit_code == 1
    assert f"broken.jsonl: line {count}: not JSON" in found.stderr


@pytest.mark.parametrize(
    "words", [("--modems", "2"), ("--personality", "zte"), ("--pin-file", "-"), ("--radio-seconds", "1")]
)
def test_options_of_the_simulated_network_do_not_go_with_a_replay(words: tuple[str, ...]) -> None:
    path = str(CORPUS / "simulator-huawei.jsonl")
    assert Shell({}).run("simulate", "--replay", path, *words).exit_code == 2
    assert Shell({}).run("simulate", "--time-scale", "2").exit_code == 2


def test_the_report_of_a_trace_is_json_on_demand(boss: Shell, tmp_path: Path) -> None:
    path = tmp_path / "one.jsonl"
    shown = boss.run(*NAME, "--output", str(path), "--json")
    assert json.loads(shown.stdout)["file"] == str(path)
