"""A disk that can be made full: a small file system of its own where we may mount one, else a limit on file sizes."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from benchmarks.chaos.process import GatewayProcess

SIZE = 1 << 30  # octets of the file system; memory is used only for what is written


class Disk:
    """The folder of the database."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "disk"
        self.folder.mkdir()
        self.mounted = os.geteuid() == 0 and _run(
            "mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=0700", "simwire-chaos", str(self.folder)
        )
        self.how = (
            "a file system of its own (tmpfs), made as small as what is in it"
            if self.mounted
            else ("a limit on the size of files (RLIMIT_FSIZE): no file system may be mounted here")
        )

    def fill(self, gateway: GatewayProcess) -> None:
        """Leave no room: what grows fails."""
        if self.mounted:
            used = os.statvfs(self.folder)
            octets = (used.f_blocks - used.f_bfree) * used.f_frsize
            _run("mount", "-o", f"remount,size={octets + 16_384}", str(self.folder))
            return
        log = max((file.stat().st_size for file in self.folder.glob("*-wal")), default=0)
        gateway.limit_files(log + 16_384)

    def free(self, gateway: GatewayProcess) -> None:
        """Give the room back."""
        if self.mounted:
            _run("mount", "-o", f"remount,size={SIZE}", str(self.folder))
        elif gateway.up.is_set():
            gateway.limit_files(None)

    def close(self) -> None:
        """Take the file system away, with everything in it."""
        if self.mounted:
            _run("umount", "-l", str(self.folder))
            self.mounted = False


def _run(*words: str) -> bool:
    try:
        return subprocess.run(words, capture_output=True, check=False).returncode == 0
    except OSError:
        return False
