"""Countries as values of a label: so many at most, as each is a series more for every modem."""

from __future__ import annotations

MOST = 32
"""Countries that are told apart, in the order in which they are first sent to; the others are one."""
NONE, OTHER = "none", "other"


class Countries:
    """Which countries have been sent to since the start. Safe from any thread: at worst a few more are told apart."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def label(self, region: str | None) -> str:
        """The value for a region; `none` for short codes, which belong to no country."""
        if region is None:
            return NONE
        if region not in self._seen:
            if len(self._seen) >= MOST:
                return OTHER
            self._seen.add(region)
        return region
