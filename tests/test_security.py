"""docs/security.md names only settings, code and proofs that exist."""

from __future__ import annotations

import ast
import importlib
import re
from functools import cache
from pathlib import Path

import pytest
from pydantic import BaseModel

from gateway.config import Config
from gateway.config.file import model_in

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in PAGE.split("## Rule by rule")[1].splitlines()
    if line.startswith("| ") and not line.startswith("| rule |")
]


@cache
def defined_in(name: str) -> frozenset[str]:
    tree = ast.parse((ROOT / name).read_text(encoding="utf-8"))
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def found(dotted: str) -> object:
    """What a dotted name means; raises ImportError or AttributeError where it means nothing."""
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        try:
            value: object = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for name in parts[length:]:
            value = getattr(value, name)
        return value
    raise ImportError(dotted)


def test_the_table_is_read() -> None:
    assert len(ROWS) > 25
    assert {len(row) for row in ROWS} == {5}


@pytest.mark.parametrize("row", ROWS, ids=[row[0][:50] for row in ROWS])
def test_settings_code_and_proofs_exist(row: list[str]) -> None:
    _, _, setting, code, proof = row
    for name in re.findall(r"`([a-z]+(?:\.[a-z_]+)+)`", setting):
        model: type[BaseModel] | None = Config
        for step in name.split("."):
            assert model is not None, name
            assert step in model.model_fields, name
            model = model_in(model.model_fields[step].annotation)
    assert code
    for name in re.findall(r"`([\w.]+)`", code):
        assert found(name) is not None
    proofs = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", proof)
    assert proofs
    for path, name in proofs:
        assert name in defined_in(path), f"{path} has no {name}"


@pytest.mark.parametrize("name", ["gateway.otp.no_such_thing", "gateway.nowhere"])
def test_what_does_not_exist_is_noticed(name: str) -> None:
    with pytest.raises((ImportError, AttributeError)):
        found(name)
