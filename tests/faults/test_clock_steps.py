"""The wall clock is stepped under a served gateway, by libfaketime; the boot clock goes on as it is."""

from __future__ import annotations

import os
import re
import subprocess
import time
from pathlib import Path

import pytest

from tests.acceptance.harness import Gateway, World, until

pytestmark = pytest.mark.timeout(240)  # processes start slowly on a machine that is busy
LIBRARIES = [Path(f"/usr/lib/{kind}/faketime/libfaketimeMT.so.1") for kind in ("x86_64-linux-gnu", "aarch64-linux-gnu")]
LIBRARY = next((path for path in LIBRARIES if path.exists()), None)
HOUR = 3600
OTHER_BOOT = "11111111-1111-4111-8111-111111111111"


class Steps:
    """The file by which the wall clock of a process is set; its boot clock and its waiting are left alone."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "clock"
        self.to(0)

    def to(self, seconds: int) -> None:
        """Let the wall clock be so much ahead from now on."""
        new = self.file.with_suffix(".new")
        new.write_text(f"{seconds:+d}\n")
        new.rename(self.file)

    @property
    def command(self) -> list[str]:
        """What a process runs under to see this clock."""
        assert LIBRARY is not None
        settings = {
            "LD_PRELOAD": str(LIBRARY),
            "FAKETIME_TIMESTAMP_FILE": str(self.file),
            "FAKETIME_CACHE_DURATION": "1",
            "NO_FAKE_STAT": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",  # that is the boot clock, too
        }
        return ["env", *(f"{name}={value}" for name, value in settings.items())]


@pytest.fixture
def steps(tmp_path: Path) -> Steps:
    if LIBRARY is None:
        pytest.skip("needs libfaketime (Debian: faketime)")
    return Steps(tmp_path)


def test_a_step_moves_no_lifetime_no_cooldown_and_no_report(tmp_path: Path, steps: Steps) -> None:
    """An hour forward, then two back."""
    world = World(tmp_path, modems=1)
    text = world.write_config().read_text().replace('cooldown = ["0s"]', 'cooldown = ["6s"]')
    (tmp_path / "config.toml").write_text(text)
    gateway = Gateway(tmp_path / "config.toml")
    gateway.under = steps.command
    try:
        gateway.start(90)
        gateway.make_key("messages:send", "messages:read", "otp:send", "otp:check", "modems:manage", "modems:read")
        gateway.until_ready(1)
        stepped(world, gateway, steps, HOUR, "+4477009002")
        stepped(world, gateway, steps, -HOUR, "+4477009003")
        assert (tmp_path / "log.txt").read_text().count("the wall clock was stepped by") == 2
        assert gateway.stop() == 0
    finally:
        gateway.kill()
        world.stop()


def stepped(world: World, gateway: Gateway, steps: Steps, to: int, prefix: str) -> None:
    """Everything that waits for a while goes on by the boot clock."""
    otp = {"to": f"{prefix}01", "purpose": "login"}
    _, code = gateway.call("POST", "/v1/otp", otp)
    assert gateway.message(code["message_id"])["state"] == "delivered"
    assert gateway.call("POST", "/v1/modems/sim1/pause")[0] == 200
    begins = time.monotonic()
    _, short = gateway.call("POST", "/v1/messages", {"to": f"{prefix}02", "text": "short", "lifetime": "10s"})
    _, long = gateway.call("POST", "/v1/messages", {"to": f"{prefix}03", "text": "long", "lifetime": "20m"})
    steps.to(to)

    # The lifetime of ten seconds ends after ten seconds, by the clockwork: nobody but it looks.
    told = gateway.message(short["id"], wait=60)
    took = time.monotonic() - begins
    assert (told["state"], told["reason"]) == ("expired", "expired_in_queue")
    assert took > 9.5

    # The cooldown is over after its six seconds, and not an hour late; another one begins.
    status, code = gateway.call("POST", "/v1/otp", otp)
    assert status == 202, code
    assert gateway.call("POST", "/v1/otp", otp)[0] == 429

    # What waited goes, the reports still find their messages, and the code verifies.
    assert gateway.call("POST", "/v1/modems/sim1/resume")[0] == 200
    assert gateway.message(long["id"])["state"] == "delivered"
    assert gateway.message(code["message_id"])["state"] == "delivered"
    digits = re.search(r"\b\d{6}\b", world.received(otp["to"])[-1].text)
    assert digits is not None
    _, checked = gateway.call("POST", f"/v1/otp/{code['id']}/check", {"code": digits[0]})
    assert checked["result"] == "approved"


def test_after_another_boot_with_the_clock_in_the_past_no_code_of_before_is_sent(tmp_path: Path, steps: Steps) -> None:
    """Messages that are no codes go; new codes go, too."""
    if os.geteuid() != 0:
        pytest.skip("needs root, who may put another boot id in place")
    boot_id = tmp_path / "boot_id"
    boot_id.write_text(OTHER_BOOT + "\n")
    place = f'mount --bind {boot_id} /proc/sys/kernel/random/boot_id && exec "$@"'
    elsewhere = ["unshare", "--mount", "sh", "-c", place, "sh"]
    if subprocess.run([*elsewhere, "true"], check=False, capture_output=True).returncode:
        pytest.skip("this machine lets nobody put another boot id in place")
    world = World(tmp_path, modems=1)
    gateway = Gateway(world.write_config())
    gateway.under = steps.command
    try:
        gateway.start(90)
        gateway.make_key("messages:send", "messages:read", "otp:send", "modems:manage", "modems:read")
        gateway.until_ready(1)
        assert gateway.call("POST", "/v1/modems/sim1/pause")[0] == 200
        _, old = gateway.call("POST", "/v1/otp", {"to": "+447700900201", "purpose": "login"})
        _, plain = gateway.call("POST", "/v1/messages", {"to": "+447700900202", "text": "plain"})
        assert gateway.stop() == 0
        steps.to(-HOUR)
        gateway.under = [*elsewhere, *steps.command]
        gateway.start(90)
        gateway.until_ready(1)
        assert gateway.message(plain["id"])["state"] == "delivered"
        _, new = gateway.call("POST", "/v1/otp", {"to": "+447700900203", "purpose": "login"})
        assert gateway.message(new["message_id"])["state"] == "delivered"
        assert gateway.call("GET", f"/v1/messages/{old['message_id']}")[1]["state"] == "queued"
        until(lambda: len(world.submits()) == 2, 10, "both are with the network")
        assert "+447700900201" not in {record.destination for record in world.submits()}
        assert gateway.stop() == 0  # killed, it would leave files of libfaketime behind
    finally:
        gateway.kill()
        world.stop()
