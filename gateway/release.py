"""Which release this is."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def installed() -> str:
    """The version that is installed; 0 where the sources run without being installed."""
    try:
        return version("simwire")
    except PackageNotFoundError:
        return "0"
