"""What is built from the source tree: the files that it needs are there, and its scripts can be read."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

from gateway.cli.serve import GRACE
from gateway.service import WEBHOOK_GRACE
from tests.test_systemd import UNIT, setting

ROOT = Path(__file__).resolve().parent.parent
PACKAGING = ROOT / "packaging"
BUILD = PACKAGING / "build-deb"


@pytest.mark.parametrize("script", ["postinst", "prerm", "postrm"])
def test_maintainer_scripts_can_be_read(script: str) -> None:
    assert subprocess.run(["sh", "-n", str(PACKAGING / "debian" / script)], check=False).returncode == 0


def test_the_package_takes_what_is_there_and_nothing_of_systemd_is_left_out() -> None:
    text = BUILD.read_text(encoding="utf-8")
    assert os.access(BUILD, os.X_OK)
    assert subprocess.run(["bash", "-n", str(BUILD)], check=False).returncode == 0
    put = dict(re.findall(r"^put ([\w./@-]+) (/\S+)$", text, re.MULTILINE))
    assert all((ROOT / source).is_file() for source in put)
    assert {path.relative_to(ROOT).as_posix() for path in (ROOT / "systemd").iterdir()} <= set(put)
    conffiles = (PACKAGING / "debian" / "conffiles").read_text(encoding="utf-8").split()
    assert conffiles == [target for target in put.values() if target.startswith("/etc/")]
    assert setting("Documentation", UNIT).startswith("file:///usr/share/doc/simwire/")
    assert (ROOT / "docs" / Path(setting("Documentation", UNIT)).name).is_file()


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not there")
def test_the_pages_in_the_package_lead_to_one_another(tmp_path: Path) -> None:
    """The part of the script that puts what surrounds the program in place, run."""
    part = BUILD.read_text(encoding="utf-8").partition("# -- what surrounds it")[2].partition("# -- the package")[0]
    script = f"set -euo pipefail\nwork={tmp_path} root={tmp_path}/package version=1\n#{part}"
    subprocess.run(["bash", "-c", script], cwd=ROOT, check=True)
    there = tmp_path / "package/usr/share/doc/simwire"
    linked = {
        source.parent / target
        for source in there.rglob("*.md")
        for target in re.findall(r"\]\(([\w./-]+\.\w+)", source.read_text(encoding="utf-8"))
    }
    inside = {path for path in (Path(os.path.normpath(one)) for one in linked) if path.is_relative_to(there)}
    of_the_source = {there / name for name in ("CHANGELOG.md", "config.example.toml", "tests/corpus/README.md")}
    assert len(inside) > 40
    assert not {path for path in inside - of_the_source if not path.exists()}
    pages = {path.relative_to(ROOT / "docs") for path in (ROOT / "docs").rglob("*.md")}
    assert pages <= {path.relative_to(there) for path in there.rglob("*.md")}


def tracked(*words: str) -> list[str]:
    """What belongs to the repository; skips where this is none."""
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("this is no repository")
    done = subprocess.run(["git", "ls-files", *words], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_the_source_archive_has_all_that_its_tests_and_pages_need() -> None:
    """setuptools takes the packages and what pyproject.toml names by itself."""
    by_itself = {"gateway", "hardware", "pyproject.toml", "README.md", "LICENSE", "MANIFEST.in"}
    for_the_repository = {".ci", ".gitignore"}
    lines = (ROOT / "MANIFEST.in").read_text(encoding="utf-8").splitlines()
    named = {word for line in lines if line.startswith(("include ", "graft ")) for word in line.split()[1:]}
    assert {path.partition("/")[0] for path in tracked()} - by_itself - for_the_repository == named


def test_the_wheel_has_all_that_lies_between_the_modules() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = project["tool"]["setuptools"]["package-data"]
    beside = [Path(path) for path in tracked("gateway", "hardware") if not path.endswith(".py")]
    assert beside
    packaged = {path for package, some in patterns.items() for one in some for path in (ROOT / package).glob(one)}
    assert {ROOT / path for path in beside} <= packaged


def test_the_container_is_made_of_what_is_let_in() -> None:
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").split() if line.startswith("!")}
    copied = re.findall(r"^COPY (?!--)(.+) \S+$", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    sources = {source for line in copied for source in line.split()}
    assert sources == let_in
    assert all((ROOT / source).exists() for source in sources)


def test_the_container_is_started_as_the_dockerfile_says() -> None:
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"]["simwire"]
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    config, state = (volume.split(":")[1] for volume in compose["volumes"])
    assert config in dockerfile
    assert state in dockerfile
    assert compose["ports"] == ["127.0.0.1:8080:8080"]
    assert float(compose["stop_grace_period"].rstrip("s")) > GRACE + WEBHOOK_GRACE


@pytest.mark.skipif(shutil.which("hadolint") is None, reason="hadolint is not there")
def test_the_dockerfile_is_linted() -> None:
    done = subprocess.run(["hadolint", str(ROOT / "Dockerfile")], capture_output=True, text=True, check=False)
    assert done.stdout == ""
