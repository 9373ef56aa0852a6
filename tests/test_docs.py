"""What README and docs say can be done: every command and option exists, snippets compile, links lead somewhere."""

from __future__ import annotations

import json
import os
import re
import shlex
from pathlib import Path

import click
import pytest

from gateway.cli.app import simwire
from gateway.config import load
from tests.gateway import pems

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
UNIT = ROOT / "systemd" / "simwire.service"
SIMWIRE: click.Command = simwire
CONTEXT = click.Context(SIMWIRE, info_name="simwire")
_BLOCK = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`(simwire [^`]+)`")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)|<img src=\"([^\"]+)\"")
_PLACEHOLDER = re.compile(r"[\[\]…|]|\.\.\.")


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def blocks(path: Path, *languages: str) -> list[str]:
    """The fenced blocks of those languages."""
    found = _BLOCK.findall(path.read_text(encoding="utf-8"))
    return [body for language, body in found if language in languages]


def shell_lines(path: Path) -> list[str]:
    """The lines of shell blocks, continued ones joined."""
    text = "\n".join(blocks(path, "sh", "bash", "console"))
    return [line.removeprefix("$ ").strip() for line in text.replace("\\\n", " ").splitlines()]


def simwire_commands(text: str) -> list[list[str]]:
    """The words behind each `simwire` that a shell line runs."""
    found = []
    for part in re.split(r"&&|\|\||[;|]|\$\(|`|\)(?=\s|$)", text):
        if "simwire" not in part:
            continue  # what else a quoted text may have been cut into is no command of ours
        words = shlex.split(part, comments=True)
        while words and re.fullmatch(r"\w+=.*|sudo|exec", words[0]):
            words.pop(0)
        if words and words[0].rpartition("/")[2] == "simwire":
            found.append([word for word in words[1:] if word not in {"<", ">", "&"}])
    return found


def told(path: Path) -> list[list[str]]:
    """Every `simwire` command of a page."""
    commands = [command for line in shell_lines(path) for command in simwire_commands(line)]
    for match in _INLINE.findall(path.read_text(encoding="utf-8")):
        if not _PLACEHOLDER.search(match):
            commands += simwire_commands(match)
    return commands


def parsed(words: list[str]) -> click.Command:
    """The command that these words run; raises click's UsageError where it or an option does not exist."""
    context, command = CONTEXT, SIMWIRE
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        name, found, words = command.resolve_command(context, words)
        assert found is not None
        context, command = click.Context(found, context, info_name=name), found
    _, rest, _ = command.make_parser(context).parse_args(list(words))
    if rest:
        raise click.UsageError(f"too many words: {rest}")
    return command


COMMANDS = [(name_of(page), command) for page in PAGES for command in told(page)]


@pytest.mark.parametrize(
    ("page", "words"), COMMANDS, ids=[f"{page}: {' '.join(words)[:60]}" for page, words in COMMANDS]
)
def test_every_command_exists_with_its_options(page: str, words: list[str]) -> None:
    assert isinstance(parsed(words), click.Command), page


def test_the_readme_tells_how_to_begin() -> None:
    lines = shell_lines(ROOT / "README.md")
    assert "python3 -m venv .venv && .venv/bin/pip install . && .venv/bin/simwire demo" in lines
    assert "python3 -m venv .venv && .venv/bin/pip install '.[test]' && .venv/bin/pytest" in lines


def test_ci_runs_the_test_command_of_the_readme() -> None:
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    run = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "\npython3 -m venv .venv && .venv/bin/pip install '.[test]' && .venv/bin/pytest\n" in run


def test_every_command_of_the_program_is_told_in_the_readme() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for name in simwire.list_commands(CONTEXT):
        command = simwire.get_command(CONTEXT, name)
        for sub in command.commands if isinstance(command, click.Group) else ("",):
            assert f"simwire {name} {sub}".strip() in text or f"`{sub}`" in text, f"{name} {sub}"


@pytest.mark.parametrize("words", [["sende"], ["send", "--tex", "x"], ["keys", "forge"], ["demo", "twice"]])
def test_a_command_that_does_not_exist_is_found(words: list[str]) -> None:
    with pytest.raises(click.UsageError):
        parsed(words)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_python_and_json_snippets_can_be_read(page: Path) -> None:
    for snippet in blocks(page, "python"):
        assert compile(snippet, name_of(page), "exec")
    for snippet in blocks(page, "json"):
        json.loads(snippet)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_configurations_load(page: Path, tmp_path: Path) -> None:
    snippets = blocks(page, "toml")
    (tmp_path / "templates").mkdir()
    for snippet in snippets:  # files of templates begin with their name, and are checked by what names their folder
        if name := re.match(r"# (templates/\w+\.toml)\n", snippet):
            (tmp_path / name[1]).write_text(snippet, encoding="utf-8")
    for place, snippet in enumerate(snippets):
        if snippet.startswith("# templates/"):
            continue
        path = tmp_path / f"{place}.toml"
        (tmp_path / "sim1.pin").write_text("1234\n", encoding="ascii")
        pems.make("gateway").write(tmp_path)
        (tmp_path / "smtp.password").write_text("a password\n", encoding="utf-8")
        (tmp_path / "hook1.secret").write_text("a secret of sufficient length\n", encoding="ascii")
        path.write_text(snippet, encoding="utf-8")
        assert load(path).modem


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    for link in (one for pair in _LINK.findall(page.read_text(encoding="utf-8")) for one in pair if one):
        if not link.startswith(("https://", "http://", "#")):
            assert (page.parent / link.partition("#")[0]).exists(), link


def test_the_example_configuration_loads() -> None:
    assert load(ROOT / "config.example.toml").modem


def test_the_unit_starts_what_exists() -> None:
    (started,) = re.findall(r"^ExecStart=(.+)$", UNIT.read_text(encoding="utf-8"), re.MULTILINE)
    assert [parsed(words) for words in simwire_commands(started)] == [simwire.get_command(CONTEXT, "serve")]
