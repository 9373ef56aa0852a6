"""Where the device vectors are, if anywhere."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

VECTORS = os.environ.get("SIMWIRE_VECTORS", "")


def vector_file(name: str) -> list[dict[str, Any]]:
    """The entries of one file, none where the folder is not given (the tests over them are then skipped)."""
    if not VECTORS:
        return []
    entries: list[dict[str, Any]] = json.loads((Path(VECTORS) / f"{name}.json").read_text(encoding="utf-8"))
    return entries


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Feed a test that has a `vectors` marker and an `entry` argument with the entries of that file."""
    marker = metafunc.definition.get_closest_marker("vectors")
    if marker is None:
        return
    entries = vector_file(marker.args[0])
    if not entries:
        absent = pytest.param(
            {}, id="absent", marks=pytest.mark.skip(reason="SIMWIRE_VECTORS names no folder of vectors")
        )
        metafunc.parametrize("entry", [absent])
        return
    metafunc.parametrize("entry", entries, ids=[entry["id"] for entry in entries])


def pytest_configure(config: pytest.Config) -> None:
    """Name the marker for --strict-markers."""
    config.addinivalue_line("markers", "vectors(name): runs once for each entry of that vector file")
