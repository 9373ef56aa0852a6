"""What holds for every test."""

from __future__ import annotations

import os
import signal
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


if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell leaves it for what it starts in the background
    signal.signal(signal.SIGINT, signal.default_int_handler)  # else no program that a test starts can be interrupted
