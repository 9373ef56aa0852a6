"""The commands of README and docs are run, page by page and in order, as somebody would who follows them.

A page's `sh` blocks make one script in a folder of its own. Marks, as comments above a block, say what else there is:

    <!-- file: NAME -->      the block is saved under that name before the next one runs
    <!-- needs: PROGRAM -->  run only where that program is installed
    <!-- beside: COMMAND --> which is run before, in another terminal
    <!-- not run: REASON --> with a reason that begins as one of REASONS; bash reads it, and what it names is there

A page that starts no gateway finds one running, and a key in SIMWIRE_KEY; those in ALONE do not. docs_sandbox.py tells
what stands for the modem and the folders of an installation.
"""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
import textwrap
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.docs_sandbox import Sandbox
from tests.gateway import pems

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
REASONS = (
    "installs from the network",
    "needs root",
    "needs a name",
    "needs a sqlite3",
    "takes long",
    "needs a file of yours",
)
_BLOCK = re.compile(
    r"^(?: *<!-- (?P<mark>file|needs|beside|not run): (?P<words>[^\n]*) -->\n)?"
    r"(?P<indent> *)```(?P<language>\w+)[^\n]*\n(?P<body>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)
_SHIPPED = re.compile(r"(?<![\w./@-])(?:packaging/[\w-]+|[\w@-]+\.(?:service|socket|sysusers|tmpfiles|rules))(?!\w)")

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


ALONE = {"doctor.md": "", "durability.md": CONFIG}
"""Pages whose commands are run beside no gateway, and the configuration that is there."""


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
    sandbox.stock(CONFIG)
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
    """Whether a page starts a gateway of its own, or none."""
    return page.name in ALONE or any("simwire serve" in block.body for block in blocks(page) if block.runs)


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
        if there := ALONE.get(page.name):
            sandbox.stock(there)
            sandbox.run("simwire keys create first --config config.toml")
        for block in blocks(page):
            if block.mark == "file":
                sandbox.save(f"saved/{block.words}", block.body)
                script.append(f"cp saved/{block.words} {block.words}")
            elif block.runs:
                script += [block.words] * (block.mark == "beside")
                script.append(block.body)
        sandbox.run("\n".join(script))
    finally:
        if alone:
            sandbox.stop()


def test_what_is_not_run_says_why() -> None:
    marked = [(page.name, one.words) for page in PAGES for one in blocks(page) if one.mark == "not run"]
    assert marked
    assert [one for one in marked if not one[1].startswith(REASONS)] == []


@pytest.mark.parametrize(
    ("page", "body"),
    [(page.name, one.body) for page in PAGES for one in blocks(page) if one.mark == "not run"],
)
def test_what_is_not_run_can_be_read_and_names_what_is_there(page: str, body: str) -> None:
    done = subprocess.run(["bash", "-n"], input=body, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    built = f"simwire_{PROJECT['version']}-1_amd64.deb"
    for name in _SHIPPED.findall(body):
        assert (ROOT / name).is_file() or (ROOT / "systemd" / name).is_file(), name
    assert all(name == built for name in re.findall(r"simwire_\S+\.deb", body))
    assert set(re.findall(r"install '\.\[(\w+)\]'", body)) <= set(PROJECT["optional-dependencies"])
    for words in re.findall(r"python -m (\S+)", body):
        assert words == "venv" or (ROOT / words.replace(".", "/")).with_suffix(".py").is_file(), words


def test_each_shell_block_is_run_or_marked() -> None:
    """Other names of a shell would hide a block from being run."""
    hidden = [
        (page.name, one.body) for page in PAGES for one in blocks(page) if one.language in {"bash", "console", "shell"}
    ]
    assert hidden == []


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
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
