"""Write the generated pages of the reference: `python -m docs.tools.generate`."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from docs.tools import codes, commands, configuration, http, metrics

FOLDER = Path(__file__).resolve().parents[1] / "reference"
_CONFIG = """\
gateway = {organisation = "Example Bank", country = "GB"}
api = {port = 0}
modem = [{port = "simulator"}]
"""


def pages() -> dict[str, str]:
    """Every generated page under its file's name."""
    return {
        "configuration.md": configuration.render(),
        "http.md": http.render(_served()),
        "commands.md": commands.render(),
        "states.md": codes.states(),
        "errors.md": codes.errors(),
        "metrics.md": metrics.render(),
    }


def _served() -> Any:
    """/openapi.json of a gateway in a process of its own, on a port of its own."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "config.toml")
        path.write_text(_CONFIG, encoding="utf-8")
        words = [sys.executable, "-m", "gateway.cli", "serve", "--config", str(path)]
        with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as gateway:  # noqa: S603 - our own program
            try:
                assert gateway.stderr is not None
                *_, last = _until_ready(gateway.stderr)
                url = last.removeprefix("ready ").strip()
                with urlopen(f"{url}/openapi.json") as answer:  # noqa: S310 - the gateway that was just started
                    return json.load(answer)
            finally:
                gateway.terminate()
                gateway.communicate()


def _until_ready(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        yield line
        if line.startswith("ready "):
            return
    raise RuntimeError("the gateway did not become ready")


def main() -> None:
    """Write what has changed."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in pages().items():
        path = FOLDER / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            print(f"written: {path.name}")  # noqa: T201 - a command


if __name__ == "__main__":
    main()
