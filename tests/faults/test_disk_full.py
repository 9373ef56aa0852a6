"""A disk that gets full under load, is full, and has room again."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.harness import Gateway, World, until
from tests.faults.conftest import MountDisk
from tests.gateway.store.bench import Bench

pytestmark = pytest.mark.timeout(240)  # processes start slowly on a machine that is busy
DISK, RESERVE = 40, 10  # megabytes


def fill(file: Path, leave: int) -> None:
    """Another program's file grows until so many octets are left."""
    with file.open("ab") as grows:
        while (room := os.statvfs(file.parent).f_bavail * os.statvfs(file.parent).f_frsize - leave) > 0:
            try:
                grows.write(bytes(min(room, 1 << 20)))
                grows.flush()
            except OSError:
                return


def modem(gateway: Gateway) -> dict[str, Any]:
    """The modem as it is shown."""
    shown: dict[str, Any] = gateway.call("GET", "/v1/modems")[1]["items"][0]
    return shown


def test_accepting_stops_first_then_everything_waits_and_nothing_is_lost(mount_disk: MountDisk, tmp_path: Path) -> None:
    disk = mount_disk(DISK)
    world = World(tmp_path, modems=1, submit_seconds=0.1, linked_submit_seconds=0.1)
    text = world.write_config(extra=f'[limits]\ndisk_reserve = "{RESERVE}MB"').read_text()
    for name in ("simwire.db", "simwire.key"):
        text = text.replace(f'"{name}"', f'"{disk / name}"')
    (tmp_path / "config.toml").write_text(text)
    gateway, ballast = Gateway(tmp_path / "config.toml"), disk / "another program's file"
    try:
        gateway.start(90)
        gateway.make_key("messages:send", "messages:read", "modems:read")
        gateway.until_ready(1)

        # Near full: nothing more is accepted, and what was accepted goes on and ends.
        numbers = [f"+44770090{n:04}" for n in range(150)]
        status, body = gateway.call("POST", "/v1/messages", {"to": numbers, "text": "x", "report": False})
        assert status == 202
        accepted = [message["id"] for message in body["items"]]
        fill(ballast, (RESERVE - 1) << 20)
        until(lambda: gateway.call("GET", "/health/ready")[0] == 503, 10, "it is seen that the disk is nearly full")
        status, body, headers = gateway.ask("POST", "/v1/messages", {"to": "+447700900999", "text": "x"})
        assert (status, body["code"]) == (503, "disk_full")
        assert int(headers["Retry-After"]) > 0
        assert gateway.message(accepted[5])["state"] == "sent"

        # Full: nothing can be written at all.
        fill(ballast, 0)
        until(lambda: "is full; make room" in (modem(gateway)["last_error"] or ""), 60, "the modem waits")
        assert gateway.call("POST", "/v1/messages", {"to": "+447700900999", "text": "x"})[0] == 503
        on_the_air = len(world.submits())
        assert on_the_air < len(accepted)

        # Room again: it goes on by itself.
        ballast.unlink()
        finals = [gateway.message(identity) for identity in accepted]
        assert Counter(message["state"] for message in finals) == {"sent": len(accepted)}
        assert not any(entry["possible_duplicate"] for message in finals for entry in message["timeline"])
        assert [record.destination for record in world.submits()] == numbers
        assert gateway.call("POST", "/v1/messages", {"to": "+447700900999", "text": "x"})[0] == 202
        assert gateway.stop() == 0
    finally:
        gateway.kill()
        world.stop()


@pytest.mark.parametrize("exists", [False, True])
def test_a_start_on_a_full_disk_says_so(mount_disk: MountDisk, tmp_path: Path, exists: bool) -> None:
    disk = mount_disk(4)
    if exists:
        Bench(disk).close()
    world_config = tmp_path / "config.toml"
    world_config.write_text(
        f'[gateway]\norganisation = "Example Bank"\ncountry = "GB"\ndatabase = "{disk}/simwire.db"\n'
        f'key_file = "{disk}/simwire.key"\n[api]\nport = 0\n[[modem]]\nname = "sim1"\nport = "simulator"\n'
    )
    fill(disk / "another program's file", 0)
    ended = subprocess.run(
        [sys.executable, "-m", "gateway.cli", "serve", "--config", str(world_config)],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode in (1, 78)  # 78 where it is the key file that cannot be made
    assert "Traceback" not in ended.stderr
    words = ended.stderr.splitlines()[-1]
    assert words.startswith("simwire: ")
    assert "full" in words or "No space left" in words
    assert str(disk) in words
