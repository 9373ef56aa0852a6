"""The commands of README and docs are run, page by page and in order, as somebody would who follows them.

A page's `sh` blocks make one script in a folder of its own. Marks, as comments above a block, say what else there is:

    <!-- file: NAME -->      the block is saved under that name before the next one runs
    <!-- needs: PROGRAM -->  run only where that program is installed
    <!-- not run: REASON --> with a reason that begins as one of REASONS

The stick at `/dev/serial/by-id/usb-HUAWEI…` is a simulated one. What goes on until Ctrl-C (`serve`, `simulate`) is
left running in the background, as in another terminal. A page that starts no gateway finds one running, and a key in
SIMWIRE_KEY. ID in a command stands for what the last answer called `id`; for commands on keys, for the newest key.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.gateway import pems

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
REASONS = (
    "installs from the network",
    "needs root",
    "needs Docker",
    "needs a real modem",
    "needs a name",
    "needs a file of yours",
    "needs a sqlite3",
    "takes long",
)
STICK = "/dev/serial/by-id/usb-HUAWEI_HUAWEI_Mobile-if02-port0"
_BLOCK = re.compile(
    r"^(?: *<!-- (?P<mark>file|needs|not run): (?P<words>[^\n]*) -->\n)?"
    r"(?P<indent> *)```(?P<language>\w+)[^\n]*\n(?P<body>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)
_ID = re.compile(r"(?<![\w.])ID(?!\w)")

SIMWIRE = """\
#!/bin/bash
# simwire, with what goes on until Ctrl-C left in the background until its log says that it is ready.
ask=("{python}" -S -E "{root}/tests/prefork.py" "{prefork}")
case "$1" in
serve | simulate) ;;
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
IDENT = """\
#!/bin/bash
# What ID stands for: the newest key, else what the last answer called `id`.
if [ "$1" = keys ]; then
    simwire keys list --config config.toml --json | grep -o '"id": *"[^"]*"' | tail -1 | cut -d'"' -f4
else
    cat "{folder}/id"
fi
"""
CONFIG = """\
[gateway]
organisation = "Example Bank"
country = "GB"
[[modem]]
port = "simulator"
balance = {code = "*100#", pattern = '([\\d.]+)'}
[[modem]]
port = "simulator"
[[webhook]]
url = "http://127.0.0.1:9/nobody"
secret_file = "hook1.secret"
allow_private = ["127.0.0.1"]
"""


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    language: str
    body: str
    mark: str | None
    words: str

    @property
    def runs(self) -> bool:
        """Whether it is run here."""
        if self.mark == "needs" and shutil.which(self.words) is None:
            return False
        return self.language == "sh" and self.mark != "not run"


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page."""
    found = _BLOCK.finditer(page.read_text(encoding="utf-8"))
    return [Block(one["language"], textwrap.dedent(one["body"]), one["mark"], one["words"] or "") for one in found]


class Sandbox:
    """A folder with `simwire` in it, on a port of its own; what was left running in it is ended with it."""

    def __init__(self, folder: Path, prefork: Path, stick: str = STICK) -> None:
        self.folder, self.prefork, self.stick = folder, prefork, stick
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        words = {"python": sys.executable, "folder": folder, "curl": shutil.which("curl") or "curl"}
        words |= {"root": ROOT, "prefork": prefork}
        for name, text in (("simwire", SIMWIRE), ("curl", CURL), ("ident", IDENT)):
            path = folder / "bin" / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text.format(**words), encoding="utf-8")
            path.chmod(0o755)
        (folder / ".venv").mkdir()
        (folder / ".venv" / "bin").symlink_to(folder / "bin")
        (folder / "bin" / "python").symlink_to(sys.executable)
        (folder / "backups").mkdir()
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("SIMWIRE_")},
            "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
            "SIMWIRE_URL": f"http://127.0.0.1:{self.port}",
        }

    def fitted(self, text: str) -> str:
        """What a page says, with the places of this sandbox."""
        text = text.replace("127.0.0.1:8080", f"127.0.0.1:{self.port}").replace(STICK, self.stick)
        return text.replace("/backups/", f"{self.folder}/backups/").replace("/tmp/modems", f"{self.folder}/modems")

    def save(self, name: str, body: str) -> None:
        """A configuration of a page, made to listen on this sandbox's port."""
        text = self.fitted(body)
        (self.folder / name).write_text(f"{text}\n[api]\nport = {self.port}\n", encoding="utf-8")

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


@pytest.fixture(scope="module")
def prefork(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where commands are run."""
    path = tmp_path_factory.mktemp("prefork") / "socket"
    with subprocess.Popen([sys.executable, "-m", "tests.prefork", path], cwd=ROOT) as process:
        while not path.exists():
            assert process.poll() is None
            time.sleep(0.05)
        yield path
        process.terminate()


@pytest.fixture(scope="module")
def stick(tmp_path_factory: pytest.TempPathFactory, prefork: Path) -> Iterator[str]:
    """The port of a simulated Huawei stick."""
    sandbox = Sandbox(tmp_path_factory.mktemp("stick"), prefork)
    try:
        sandbox.run("simwire simulate --personality huawei --radio-seconds 0.1 --links stick")
        yield str(sandbox.folder / "stick" / "by-id" / "sim1")
    finally:
        sandbox.stop()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, prefork: Path, stick: str) -> Iterator[Sandbox]:
    """Where a gateway runs, for the pages that start none."""
    sandbox = Sandbox(tmp_path_factory.mktemp("gateway"), prefork, stick)
    (sandbox.folder / "hook1.secret").write_text("a secret of sufficient length\n", encoding="ascii")
    sandbox.save("config.toml", CONFIG)
    try:
        sandbox.run("simwire serve --config config.toml")
        words = "keys create everything --config config.toml --scope admin --scope otp:send --scope otp:check"
        scopes = " ".join(f"--scope {one}" for one in ("messages:send", "messages:read", "modems:read", "events:read"))
        key = sandbox.run(f"simwire {words} {scopes} --scope modems:manage --scope caught:read 2>/dev/null").strip()
        sandbox.environment["SIMWIRE_KEY"] = key
        yield sandbox
    finally:
        sandbox.stop()


def own(page: Path) -> bool:
    """Whether a page starts a gateway of its own."""
    return any("simwire serve" in block.body for block in blocks(page) if block.runs)


RUN = [page for page in PAGES if any(block.runs for block in blocks(page))]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize("page", RUN, ids=[str(page.relative_to(ROOT)) for page in RUN])
def test_the_commands_of_a_page_do_their_work(
    page: Path, prefork: Path, stick: str, shared: Sandbox, tmp_path: Path
) -> None:
    alone = own(page)
    sandbox = Sandbox(tmp_path, prefork, stick) if alone else shared
    script = []
    try:
        for block in blocks(page):
            if block.mark == "file":
                sandbox.save(block.words, block.body)
            elif block.runs:
                script.append(block.body)
        sandbox.run("\n".join(script))
    finally:
        if alone:
            sandbox.stop()


def test_what_is_not_run_says_why() -> None:
    marked = [(page.name, one.words) for page in PAGES for one in blocks(page) if one.mark == "not run"]
    assert marked
    assert [one for one in marked if not one[1].startswith(REASONS)] == []


def test_each_shell_block_is_run_or_marked() -> None:
    """Other names of a shell would hide a block from being run."""
    hidden = [
        (page.name, one.body) for page in PAGES for one in blocks(page) if one.language in {"bash", "console", "shell"}
    ]
    assert hidden == []


def test_a_command_that_fails_is_seen(shared: Sandbox) -> None:
    for script in ("simwire modems info sim9", "curl http://127.0.0.1:8080/nothing", "false | cat"):
        with pytest.raises(AssertionError, match="failed"):
            shared.run(script)


@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")
def test_nginx_takes_its_configuration(tmp_path: Path) -> None:
    (found,) = [one for page in PAGES for one in blocks(page) if one.language == "nginx"]
    cert, key = pems.make("sms.example").write(tmp_path)
    text = found.body.replace("/etc/ssl/sms.example.pem", str(cert)).replace("/etc/ssl/sms.example.key", str(key))
    with socket.create_server(("127.0.0.1", 0)) as free:
        text = text.replace("listen 443", f"listen 127.0.0.1:{free.getsockname()[1]}")
    path = tmp_path / "nginx.conf"
    path.write_text(f"pid {tmp_path}/pid; error_log stderr; events {{}} http {{ access_log off; {text} }}")
    done = subprocess.run(["nginx", "-t", "-p", tmp_path, "-c", path], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(shutil.which("caddy") is None, reason="caddy is not installed")
def test_caddy_takes_its_configuration(tmp_path: Path) -> None:
    (found,) = [one for page in PAGES for one in blocks(page) if one.language == "caddyfile"]
    (tmp_path / "Caddyfile").write_text(found.body, encoding="utf-8")
    done = subprocess.run(["caddy", "validate"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_javascript_can_be_read(tmp_path: Path) -> None:
    for place, one in enumerate(one for page in PAGES for one in blocks(page) if one.language == "js"):
        path = tmp_path / f"{place}.{'mjs' if 'import ' in one.body else 'cjs'}"
        path.write_text(one.body, encoding="utf-8")
        done = subprocess.run(["node", "--check", path], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr


def test_yaml_can_be_read() -> None:
    for page in PAGES:
        for one in blocks(page):
            assert one.language not in {"yaml", "yml"} or yaml.safe_load(one.body)


def test_the_python_of_the_simulator_runs() -> None:
    """Its asserts are in it."""
    (found,) = [one for one in blocks(ROOT / "docs" / "simulator.md") if one.language == "python"]
    exec(compile(found.body, "simulator.md", "exec"), {})
