"""A disk that is full at the very first start, at whichever page it becomes so: a later start makes up for it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
NAMESPACE = ("unshare", "--user", "--map-root-user", "--mount")
MOUNTS = "may not make a disk of its own here"

FIRST_STARTS = """
import subprocess, sys
from pathlib import Path
from gateway.store import Database, StoreFull
from hardware.clock import FakeClock

folder = Path(sys.argv[1])
mount = lambda size, *words: subprocess.run(
    ["mount", "-t", "tmpfs", "-o", f"{'remount,' * bool(words)}size={size}k", "tmpfs", folder], check=True
)
start = lambda: Database.open(folder / "simwire.db", folder / "simwire.key", FakeClock()).close()
for size in (4, 8, 16, 32, 64, 128, 256, 4096):
    mount(size)
    if size == 4:
        (folder / "other").write_bytes(bytes(4096))
    for again in range(2):
        try:
            start()
        except StoreFull as error:
            print(size, "full")
        else:
            print(size, "started")
    mount(8192, "more")
    start()
    subprocess.run(["umount", folder], check=True)
"""

CONFIG = """
[gateway]
organisation = "Example Bank"
country = "GB"
database = "{folder}/simwire.db"
key_file = "{folder}/simwire.key"
[[modem]]
port = "simulator"
"""


@pytest.fixture(autouse=True)
def disks(tmp_path: Path) -> None:
    """Skips where no disk can be made."""
    words = [*NAMESPACE, "mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", str(tmp_path)]
    if shutil.which("unshare") is None or subprocess.run(words, capture_output=True, check=False).returncode:
        pytest.skip(MOUNTS)


def test_wherever_the_disk_becomes_full_the_next_start_is_told_the_same_and_one_with_room_succeeds(
    tmp_path: Path,
) -> None:
    words = [*NAMESPACE, sys.executable, "-c", FIRST_STARTS, str(tmp_path)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    said = done.stdout.split("\n")
    assert said[:2] == ["4 full"] * 2
    assert said.count("4096 started") == 2
    assert len([line for line in said if line.endswith("full")]) > 4


def test_the_gateway_then_ends_as_one_that_may_be_started_again(tmp_path: Path) -> None:
    """Exit status 1: the unit starts it again, which it does not after 78."""
    folder, config = tmp_path / "disk", tmp_path / "simwire.toml"
    folder.mkdir()
    config.write_text(CONFIG.format(folder=folder), encoding="utf-8")
    script = 'mount -t tmpfs -o size=4k tmpfs "$1" && echo >"$1/other" && exec "$2" -m gateway.cli serve --config "$3"'
    words = [*NAMESPACE, "sh", "-c", script, "sh", str(folder), sys.executable, str(config)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, "is full; make room" in done.stderr) == (1, True), done.stderr
