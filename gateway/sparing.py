"""How often the same thing is told: a few times at once, then slowly, with a count of what was left out. Pure."""

from __future__ import annotations


class Sparing:
    """`most` at once, then one more for each `every` seconds; `now` is of a clock that never goes back."""

    def __init__(self, most: int, every: float) -> None:
        self._most, self._every = most, every
        self._left, self._since = float(most), 0.0
        self.left_out = 0
        """What was not told since something was told last."""

    def may(self, now: float) -> bool:
        """Whether one more may be told now; counted either way."""
        self._left = min(self._most, self._left + max(0.0, now - self._since) / self._every)
        self._since = now
        if self._left < 1:
            self.left_out += 1
            return False
        self._left -= 1
        return True

    def told(self) -> int:
        """How many were left out before the one that is told now; counting begins anew."""
        left_out, self.left_out = self.left_out, 0
        return left_out
