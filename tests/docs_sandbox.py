"""Where the commands of the documentation are run: a folder with `simwire` in it, and a modem made of software.

The sticks at `/dev/serial/by-id/usb-HUAWEI…` and `/dev/ttyUSB2` are a simulated one, and `simwire init` finds it. What
goes on until Ctrl-C (`serve`, `simulate`) is left running in the background, as in another terminal; a trace is ended
after a second. ID in a command stands for what the last answer called `id`; for commands on keys, for the newest key.
`sudo` does nothing, and the folders of an installation are in the page's own.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STICK = "/dev/serial/by-id/usb-HUAWEI_HUAWEI_Mobile-if02-port0"
_ID = re.compile(r"(?<![\w.])ID(?!\w)")

SIMWIRE = """\
#!/bin/bash
# simwire, with what goes on until Ctrl-C left in the background until its log says that it is ready.
ask=("{python}" -S -E "{root}/tests/prefork.py" "{prefork}")
case "$*" in
serve* | simulate*) ;;
init*) printf 'Example Bank\\nGB\\n\\n127.0.0.1:{port}\\n\\n' | "${{ask[@]}}" "$@" --modem "{stick}"; exit ;;
"db purge"*) exec "${{ask[@]}}" "$@" --clock-is-right ;;
doctor*)  # it says by its status what it found; that it came to its end is in its last line
    "${{ask[@]}}" "$@" | tee "{folder}/found"
    grep -qE '^[0-9]+ (failed|to look at|good|not looked at)' "{folder}/found"
    exit
    ;;
"modems trace"*--seconds*) exec "${{ask[@]}}" "$@" ;;
"modems trace"*) exec "${{ask[@]}}" "$@" --seconds 1 ;;
*) exec "${{ask[@]}}" "$@" ;;
esac
log=$(mktemp "{folder}/log.XXXXXX")
PREFORK_PIDS="{folder}/pids" "${{ask[@]}}" "$@" >"$log" 2>&1 &
for _ in $(seq 600); do
    grep -q ready "$log" && exit 0
    kill -0 $! 2>/dev/null || break
    sleep 0.1
done
cat "$log" >&2
exit 1
"""
CURL = """\
#!/bin/bash
# curl, that fails where the answer is a refusal, keeps its `id`, and listens to an endless stream for a second only.
case " $* " in
*" -sf "*) exec "{curl}" "$@" ;;
*" -N "*) "{curl}" --silent --show-error --fail-with-body --max-time 1 "$@"; [ $? = 28 ]; exit ;;
esac
answer=$("{curl}" --silent --show-error --fail-with-body "$@") || {{ echo "$answer" >&2; exit 22; }}
[[ $answer =~ ^\\{{\\"id\\":\\"([^\\"]+)\\" ]] && echo "${{BASH_REMATCH[1]}}" >"{folder}/id"
echo "$answer"
"""
SUDO = """\
#!/bin/sh
exec "$@"
"""
IDENT = """\
#!/bin/bash
# What ID stands for: the newest key, else what the last answer called `id`.
if [ "$1" = keys ]; then
    simwire keys list --config config.toml --json | grep -o '"id": *"[^"]*"' | tail -1 | cut -d'"' -f4
else
    cat "{folder}/id"
fi
"""


class Sandbox:
    """A folder with `simwire` in it, on a port of its own; what was left running in it is ended with it."""

    def __init__(self, folder: Path, prefork: Path, stick: str = STICK) -> None:
        self.folder, self.stick = folder, stick
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        # Where there is none, its name would be that of the script which looks for it, without end.
        words = {"python": sys.executable, "folder": folder, "curl": shutil.which("curl") or "/bin/false"}
        words |= {"root": ROOT, "prefork": prefork, "stick": stick, "port": self.port}
        for name, text in (("simwire", SIMWIRE), ("curl", CURL), ("ident", IDENT), ("sudo", SUDO)):
            path = folder / "bin" / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text.format(**words), encoding="utf-8")
            path.chmod(0o755)
        (folder / ".venv").mkdir()
        (folder / ".venv" / "bin").symlink_to(folder / "bin")
        (folder / "bin" / "python").symlink_to(sys.executable)
        for name in ("backups", "etc", "var", "elsewhere", "saved"):
            (folder / name).mkdir()
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("SIMWIRE_")},
            "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "SIMWIRE_URL": f"http://127.0.0.1:{self.port}",
        }

    def fitted(self, text: str) -> str:
        """What a page says, with the places of this sandbox."""
        places = {
            "127.0.0.1:8080": f"127.0.0.1:{self.port}",
            STICK: self.stick,
            "/dev/ttyUSB2": self.stick,
            "/dev/simwire": str(Path(self.stick).parent),
            "/backups/simwire-20260131T080000Z.db": f"$(ls {self.folder}/backups/*.db | tail -1)",
            "/backups": f"{self.folder}/backups",
            "/somewhere/else": f"{self.folder}/elsewhere",
            "/tmp/modems": f"{self.folder}/modems",
            "/tmp/ports": f"{self.folder}/ports",
            "/etc/simwire": f"{self.folder}/etc",
            "/var/lib/simwire": f"{self.folder}/var",
            "sw_…": "$SIMWIRE_KEY",
        }
        text = re.sub("|".join(map(re.escape, places)), lambda found: places[found[0]], text)
        return re.sub(r"--seconds \d+", "--seconds 1", text)

    def save(self, name: str, body: str) -> None:
        """A file of a page; a configuration is made to listen on this sandbox's port."""
        end = f"\n[api]\nport = {self.port}\n" if name.endswith(".toml") else ""
        (self.folder / name).write_text(self.fitted(body) + end, encoding="utf-8")

    def stock(self, config: str) -> None:
        """Put a configuration there, under each of its names."""
        (self.folder / "hook1.secret").write_text("a secret of sufficient length\n", encoding="ascii")
        self.save("config.toml", config)
        (self.folder / "simwire.toml").symlink_to("config.toml")
        (self.folder / "etc").rmdir()
        (self.folder / "etc").symlink_to(self.folder)

    def run(self, script: str) -> str:
        """Run lines of shell; returns what they said."""
        lines = [_ID.sub("$(ident keys)" if " keys " in line else "$(ident)", line) for line in script.splitlines()]
        head = "set -eEuo pipefail\ntrap 'echo \"failed: $BASH_COMMAND\" >&2' ERR\n"
        log = self.folder / "said"
        with log.open("w") as said:  # not a pipe: what goes on in the background would hold it open
            done = subprocess.run(
                ["bash", "-c", head + self.fitted("\n".join(lines))],
                cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL, stdout=said, stderr=said, timeout=110,
            )  # fmt: skip
        assert done.returncode == 0, log.read_text()
        return log.read_text()

    def stop(self) -> None:
        """End what was left running."""
        pids = self.folder / "pids"
        for pid in map(int, pids.read_text().split() if pids.exists() else ()):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
            deadline = time.monotonic() + 30
            while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
                time.sleep(0.05)
