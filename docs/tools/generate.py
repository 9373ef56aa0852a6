"""Write the generated pages of the reference: `python -m docs.tools.generate`."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from docs.tools import codes, commands, configuration, http, metrics
from gateway.api import create_app
from gateway.config import load
from gateway.service import Service
from hardware.clock import SystemClock

FOLDER = Path(__file__).resolve().parents[1] / "reference"
_CONFIG = """\
gateway = {organisation = "Example Bank", country = "GB"}
canary = {every = "1h"}
modem = [
    {port = "simulator", number = "+447700900001", balance = {code = "*100#", pattern = '([\\d.]+)'}},
    {port = "simulator", number = "+447700900002"},
]
"""


def pages() -> dict[str, str]:
    """Every generated page under its file's name."""
    document, exposition = _served()
    return {
        "configuration.md": configuration.render(),
        "http.md": http.render(document),
        "commands.md": commands.render(),
        "states.md": codes.states(),
        "errors.md": codes.errors(),
        "metrics.md": metrics.render(exposition),
    }


def _served() -> tuple[dict[str, object], str]:
    """/openapi.json and the metrics of a gateway that was made and never started."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "config.toml")
        path.write_text(_CONFIG, encoding="utf-8")
        service = Service(load(path), SystemClock())
        try:
            client = create_app(service).test_client()
            return json.loads(client.get("/openapi.json").data), service.metrics.exposition().decode()
        finally:
            service.store.close()


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
