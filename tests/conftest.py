"""What holds for every test."""

from __future__ import annotations

import os
import sys

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Where bytecode is not to stand beside the source, keep it in pytest's own cache.

    Some two hundred tests start `python -m gateway.cli`, and each of these would compile the whole gateway.
    """
    if sys.dont_write_bytecode and sys.pycache_prefix is None and (cache := getattr(config, "cache", None)):
        sys.pycache_prefix = str(cache.mkdir("bytecode"))
        sys.dont_write_bytecode = False
        os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
