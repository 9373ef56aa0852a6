"""The site of the documentation: complete, true to the code, built without a warning, and whole without a network."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

from docs.tools import codes, configuration, generate

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
CHROMIUM = shutil.which("chromium")
_FETCHED = re.compile(r"<(?:script|link|img|iframe|source)\b[^>]*?(?:src|href)=[\"']?((?:https?:)?//[^\"' >]+)")
_STYLE = re.compile(r"(?:@import\s+|url\()[\"']?((?:https?:)?//[^\"')]+)")


def named(entries: list[Any]) -> Iterator[str]:
    """The pages of a navigation."""
    for entry in entries:
        value = next(iter(entry.values())) if isinstance(entry, dict) else entry
        yield from named(value) if isinstance(value, list) else (value,)


def test_each_page_stands_in_the_navigation_once() -> None:
    settings = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    pages = [path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")]
    assert sorted(named(settings["nav"])) == sorted(pages)


def test_generated_pages_say_what_the_code_says() -> None:
    for name, text in generate.pages().items():
        assert (generate.FOLDER / name).read_text(encoding="utf-8") == text, (
            f"docs/reference/{name} is old: run `python -m docs.tools.generate`"
        )


def test_nothing_stands_in_a_reference_without_a_word_about_it() -> None:
    assert configuration.undescribed() == []
    assert codes.undescribed() == []


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site."""
    if find_spec("mkdocs") is None or find_spec("material") is None:
        pytest.skip("MkDocs is not installed: pip install '.[docs]'")
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder],
        cwd=ROOT, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True, timeout=110,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    return folder


def test_it_fetches_nothing_from_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        assert _FETCHED.findall(page.read_text(encoding="utf-8")) == [], page.name
    for style in site.rglob("*.css"):
        assert _STYLE.findall(style.read_text(encoding="utf-8")) == [], style.name


def test_blocks_and_links_come_out_as_they_are_meant(site: Path) -> None:
    api = (site / "api.html").read_text(encoding="utf-8")
    assert ">POST /v1/otp</span>" in api
    for page in site.rglob("*.html"):
        assert "```" not in re.sub(r"<pre.*?</pre>", "", page.read_text(encoding="utf-8"), flags=re.DOTALL), page
    recovery = (site / "recovery.html").read_text(encoding="utf-8")
    assert 'href="repository/systemd/simwire.service.html"' in recovery
    assert (site / "repository" / "systemd" / "simwire.service.html").exists()


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
def test_the_search_works_from_the_disk(site: Path, tmp_path: Path) -> None:
    """Two at once would need two profiles; what it says of its buses and fonts on standard error is of no interest."""
    words = [
        "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}", "--virtual-time-budget=10000",
        "--host-resolver-rules=MAP * ~NOTFOUND", "--dump-dom", f"{(site / 'index.html').as_uri()}?q=quarantine",
    ]  # fmt: skip
    done = subprocess.run([str(CHROMIUM), *words], capture_output=True, text=True, timeout=110)
    assert re.search(r"md-search-result__meta\">\d+ matching documents<", done.stdout)
