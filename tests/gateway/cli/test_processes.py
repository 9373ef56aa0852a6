"""Commands that run on, each in a process of its own, ended by signals as a person or a service manager ends them."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.gateway.cli.conftest import Shell

CONFIG = """
[gateway]
organisation = "Example Bank"
country = "GB"
{gateway}
[api]
port = 0
[[modem]]
port = "simulator"
"""
COMMAND = (sys.executable, "-m", "gateway.cli")
PATIENCE = 30


@contextmanager
def running(*words: str) -> Iterator[subprocess.Popen[str]]:
    """A command in the background, killed at the end where it is still there."""
    process = subprocess.Popen([*COMMAND, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def read_until(process: subprocess.Popen[str], pattern: str) -> re.Match[str]:
    """Read the standard error of a process up to the line that has the pattern."""
    assert process.stderr is not None
    seen = []
    for line in process.stderr:
        if found := re.search(pattern, line):
            return found
        seen.append(line)
    raise AssertionError("".join(seen))


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "gateway.toml"
    path.write_text(CONFIG.format(gateway=""), encoding="utf-8")
    return path


def test_demo_once_ends_with_0_after_its_story() -> None:
    result = subprocess.run([*COMMAND, "demo", "--once"], capture_output=True, text=True, timeout=60, check=False)

    assert result.returncode == 0, result.stderr
    assert not result.stderr
    assert "\x1b" not in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert result.stdout.count("delivered (TP-ST 0x00)") == 2
    assert (result.stdout.count("wrong_code"), result.stdout.count("approved")) == (2, 2)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_says_ready_and_stops_cleanly(config: Path, number: signal.Signals) -> None:
    with running("serve", "--config", str(config)) as process:
        url = read_until(process, r"^ready (http://127\.0\.0\.1:\d+)$")[1]
        with urlopen(f"{url}/health/live", timeout=PATIENCE) as answer:
            assert answer.status == 200
        process.send_signal(number)
        assert process.wait(PATIENCE) == 0


def test_serve_with_a_json_log_says_ready_in_json(config: Path) -> None:
    config.write_text(CONFIG.format(gateway='log_format = "json"'), encoding="utf-8")
    with running("serve", "--config", str(config)) as process:
        ready = json.loads(read_until(process, r'^\{"event": "ready".*')[0])
        assert ready == {"event": "ready", "url": ready["url"]}
        assert process.stderr is not None
        process.terminate()
        rest = process.stderr.read()
        assert all(line.startswith('{"') and json.loads(line)["event"] for line in rest.splitlines()), rest
        assert process.wait(PATIENCE) == 0


def test_serve_logs_once_what_texts_may_cost_and_refuses_wrong_ones(config: Path) -> None:
    with running("serve", "--config", str(config)) as process:
        assert process.stderr is not None
        lines = []
        for line in process.stderr:
            lines.append(line)
            if line.startswith("ready "):
                break
        process.terminate()
        assert process.wait(PATIENCE) == 0
    assert sum("otp.templates: ar: its script forces UCS-2" in line for line in lines) == 1

    (config.parent / "templates").mkdir()
    (config.parent / "templates" / "en.toml").write_text("[login]\ntexts = ['{code} {nme}']\n", encoding="utf-8")
    config.write_text(CONFIG.format(gateway="") + '[otp]\ntemplates = "templates"\n', encoding="utf-8")
    result = subprocess.run(
        [*COMMAND, "serve", "--config", str(config)], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert result.returncode == 78
    assert "otp.templates: en.login[0]: there is no field {nme}" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_second_serve_of_the_same_database_refuses(config: Path) -> None:
    with running("serve", "--config", str(config)) as first:
        read_until(first, "^ready ")
        second = subprocess.run(
            [*COMMAND, "serve", "--config", str(config)], capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        assert second.returncode == 1
        assert "simwire.db" in second.stderr
        assert "Traceback" not in second.stderr


STOPPING = """
import os, signal
from gateway.cli.signals import StopSignals
stop = StopSignals()
assert not stop.wait(0)
for _ in range({times}):
    os.kill(os.getpid(), signal.SIGTERM)
print(stop.wait(), stop.wait(0))
"""


@pytest.mark.parametrize(("times", "said", "status"), [(1, "True True\n", 0), (2, "", -signal.SIGTERM)])
def test_the_first_signal_is_remembered_and_the_second_ends_the_program(times: int, said: str, status: int) -> None:
    code = STOPPING.format(times=times)
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE, check=False)

    assert (result.stdout, result.returncode) == (said, status)


def test_a_wrong_configuration_starts_nothing(config: Path) -> None:
    config.write_text("[gateway]\n", encoding="utf-8")
    result = subprocess.run(
        [*COMMAND, "serve", "--config", str(config)], capture_output=True, text=True, timeout=PATIENCE, check=False
    )

    assert result.returncode == 78
    assert "gateway.organisation: is missing" in result.stderr
    assert not (config.parent / "simwire.db").exists()


def test_a_port_that_is_taken_is_named(config: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        config.write_text(CONFIG.format(gateway="").replace("port = 0", f"port = {port}"), encoding="utf-8")
        result = subprocess.run(
            [*COMMAND, "serve", "--config", str(config)], capture_output=True, text=True, timeout=PATIENCE, check=False
        )

    assert result.returncode == 1
    assert f"127.0.0.1 port {port}" in result.stderr
    assert "Traceback" not in result.stderr


def test_virtual_modems_can_be_opened_and_probed(tmp_path: Path) -> None:
    links = tmp_path / "ports"
    with running("simulate", "--modems", "2", "--personality", "huawei", "--links", str(links), "--json") as process:
        assert process.stdout is not None
        modems = _document(process)["modems"]
        assert [modem["name"] for modem in modems] == ["sim1", "sim2"]
        assert all(Path(modem["port"]).samefile(modem["device"]) for modem in modems)

        found = Shell({}).json("modems", "probe", modems[0]["port"])
        assert (found["manufacturer"], found["imei"]) == ("huawei", modems[0]["imei"])
        assert (found["state"], found["signal_dbm"]) == ("ready", -73)
        assert "huawei" in Shell({}).run("modems", "probe", modems[1]["port"]).stdout

        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0
    assert not any(path.is_symlink() for path in links.rglob("*"))


def test_a_port_that_is_not_there_cannot_be_probed(tmp_path: Path) -> None:
    result = Shell({}).run("modems", "probe", str(tmp_path / "ttyUSB9"))

    assert result.exit_code == 1
    assert "ttyUSB9" in result.stderr


def _document(process: subprocess.Popen[str]) -> dict[str, list[dict[str, str]]]:
    assert process.stdout is not None
    text = ""
    for line in process.stdout:
        text += line
        if line == "}\n":
            break
    found: dict[str, list[dict[str, str]]] = json.loads(text)
    return found
