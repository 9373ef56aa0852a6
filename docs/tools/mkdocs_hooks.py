"""Hooks of MkDocs: the pages stay as they are in the repository, and the site gets what it needs to show them.

- What lies beside docs/ and is linked from a page (README, the example configuration, units) becomes a page of its own
  below repository/, and links are turned to where their target is in the site.
- A block of an HTTP example, "```json POST /v1/otp", keeps those words as its title.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path, PurePosixPath
from typing import Any

from mkdocs.structure.files import File, Files, InclusionLevel

ROOT = Path(__file__).resolve().parents[2]
ALWAYS = ("README.md", "CHANGELOG.md", "LICENSE")
_LINK = re.compile(r"(\]\()([^)\s#]+)((?:#[^)\s]*)?\))")
_FENCE = re.compile(r"^```(\w+) +(\S.*)$", re.MULTILINE)
_BLOCKS = re.compile(r"(^```.*?^```$|`[^`\n]+`)", re.MULTILINE | re.DOTALL)
_LANGUAGES = {".toml": "toml", ".yml": "yaml", ".yaml": "yaml", ".json": "json", ".py": "python", ".service": "ini"}


def on_files(files: Files, config: Any) -> Files:
    """Add what the pages link to outside of docs/, and what that links to in turn."""
    todo = [*ALWAYS, *(f"docs/{file.src_uri}" for file in files.documentation_pages())]
    seen: set[str] = set(todo)
    while todo:
        path = todo.pop()
        if not path.startswith("docs/"):
            files.append(_page(path, config))
        if path.endswith(".md"):
            text = (ROOT / path).read_text(encoding="utf-8")
            found = {target for link in _links(text) if (target := _target(path, link))} - seen
            seen |= found
            todo += sorted(one for one in found if not one.startswith("docs/"))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:  # noqa: ARG001 - MkDocs' signature
    """Turn links to where their targets are in the site, and the words behind a block's language into its title."""
    here = page.file.src_uri
    pieces = _BLOCKS.split(markdown)
    for place in range(0, len(pieces), 2):
        pieces[place] = _LINK.sub(lambda match: f"{match[1]}{_turned(here, match[2])}{match[3]}", pieces[place])
    return _FENCE.sub(lambda match: f'```{match[1]} title="{match[2]}"', "".join(pieces))


def _links(text: str) -> list[str]:
    return [match[2] for piece in _BLOCKS.split(text)[::2] for match in _LINK.finditer(piece)]


def _target(path: str, link: str) -> str | None:
    """The file of the repository that a link in the file `path` leads to; None for what is no file of it."""
    if "://" in link or link.startswith(("/", "mailto:")):
        return None
    found = posixpath.normpath(posixpath.join(posixpath.dirname(path), link))
    return found if (ROOT / found).is_file() else None


def _turned(here: str, link: str) -> str:
    target = _target(_origin(here), link)
    if target is None:
        return link
    return posixpath.relpath(_uri(target), posixpath.dirname(here) or ".")


def _uri(path: str) -> str:
    """Where a file of the repository is in the site."""
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    return f"repository/{path}" if path.endswith(".md") else f"repository/{path}.md"


def _origin(uri: str) -> str:
    """Where a page of the site comes from."""
    if not uri.startswith("repository/"):
        return f"docs/{uri}"
    path = uri.removeprefix("repository/")
    return path if (ROOT / path).is_file() else path.removesuffix(".md")


def _page(path: str, config: Any) -> File:
    text = (ROOT / path).read_text(encoding="utf-8")
    if not path.endswith(".md"):
        language = _LANGUAGES.get(PurePosixPath(path).suffix, "text")
        text = f"# {path}\n\n```{language}\n{text.rstrip()}\n```\n"
    return File.generated(config, _uri(path), content=text, inclusion=InclusionLevel.NOT_IN_NAV)
