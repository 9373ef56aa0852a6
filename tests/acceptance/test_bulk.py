"""`simwire send --csv` while client and gateway are killed: each row goes once, and none is left out."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from tests.acceptance.harness import Gateway, World, until

ROWS = 40
KILLED_AT = (7, 16, 28)
"""Rows that are on the disk of the client when something is killed."""


def table(folder: Path) -> Path:
    path = folder / "people.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, delimiter=";")
        rows.writerow(("phone", "name"))
        rows.writerows((f"+447700{900300 + n}", f"Person {n}") for n in range(ROWS))
    return path


def started(gateway: Gateway, path: Path, *more: str) -> subprocess.Popen[str]:
    words = ["send", "--csv", str(path), "--template", "Dear {name}: hello", "--json", *more]
    return subprocess.Popen(
        [sys.executable, "-m", "gateway.cli", *words],
        env={**os.environ, "SIMWIRE_URL": gateway.url, "SIMWIRE_KEY": gateway.key},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def taken(path: Path) -> int:
    """Rows that the client knows to be taken."""
    state = path.with_name("people.csv.people.state")
    return state.read_bytes().count(b'"ref"') if state.exists() else 0


def ended(process: subprocess.Popen[str]) -> tuple[int, Any, str]:
    told, said = process.communicate(timeout=60)
    return process.returncode, json.loads(told) if told else None, said


def test_kills_on_both_sides_cost_no_row_and_repeat_none(tmp_path: Path) -> None:
    world = World(tmp_path)
    config = world.write_config()
    gateway = Gateway(config)
    gateway.start()
    gateway.make_key("messages:send", "messages:read")
    # The same port again after each start, as a service has it: the client waits for it there.
    config.write_text(config.read_text().replace("port = 0", f"port = {gateway.url.rpartition(':')[2]}"))
    path = table(tmp_path)
    process = started(gateway, path)
    try:
        for place, rows in enumerate(KILLED_AT):
            until(lambda rows=rows: taken(path) >= rows, 60, f"{rows} rows taken")
            if place % 2:
                gateway.kill()
                gateway.start()
            else:
                process.kill()
                process.communicate()
                process = started(gateway, path)
        status, told, said = ended(process)
        assert status == 0, said
        assert (told["accepted"], told["left"]) == (ROWS, 0)
        status, told, said = ended(started(gateway, path, "--wait", "2", "--report", str(tmp_path / "report.csv")))
        assert told["earlier"] == ROWS
        # A report may get lost with the modem's buffer, and of a part that was on the air at a kill nobody knows.
        assert set(told["states"]) <= {"delivered", "sent", "unknown"}, told
        messages = list(gateway.everything())
        assert Counter(message["to"] for message in messages) == {f"+447700{900300 + n}": 1 for n in range(ROWS)}
        submits = Counter(record.destination for record in world.submits())
        assert max(submits.values()) == 1
        assert len(submits) >= ROWS - told["states"].get("unknown", 0)
        with (tmp_path / "report.csv").open(encoding="utf-8", newline="") as file:
            rows_told = list(csv.DictReader(file))
        assert {row["id"] for row in rows_told} == {message["id"] for message in messages}
    finally:
        process.kill()
        process.communicate()
        gateway.stop()
        world.stop()


def test_a_signal_ends_it_with_a_summary_and_the_next_run_goes_on(gateway: Gateway, tmp_path: Path) -> None:
    path = table(tmp_path)
    process = started(gateway, path, "--rate", "20/1s", "--report", str(tmp_path / "report.csv"))
    until(lambda: taken(path) >= 5, 60, "5 rows taken")
    process.send_signal(signal.SIGINT)
    status, told, _ = ended(process)

    assert status == 1
    assert told["interrupted"]
    assert 5 <= told["accepted"] < ROWS
    assert told["left"] == ROWS - told["accepted"]
    assert (tmp_path / "report.csv").read_text().count(",waiting,") == told["left"]
    status, again, said = ended(started(gateway, path))
    assert status == 0, said
    assert (again["accepted"], again["earlier"], again["left"]) == (ROWS, told["accepted"], 0)
