"""What is refused whatever a client may do: destinations, and codes sent too often. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.numbers import Destination


@dataclass(frozen=True, slots=True)
class Denial:
    """A destination that is refused: the rule by its stable name, and words for people."""

    code: str
    message: str


class Destinations:
    """Which countries may be sent to.

    A country includes those that share its calling code where it is the main one ("GB" includes GG, JE and IM);
    written with "!" it stands for itself alone.
    """

    def __init__(self, rules: Sequence[str]) -> None:
        self._alone = frozenset(rule.removesuffix("!") for rule in rules)
        self._with_shared = frozenset(rule for rule in rules if not rule.endswith("!"))
        self._written = ", ".join(rules)

    def check(self, to: Destination, *, short_codes: bool = False) -> Denial | None:
        """The rule that refuses `to`, None where it is allowed."""
        if to.short:
            if short_codes:
                return None
            return Denial("short_code_not_allowed", "a short code: this key may not send to short codes")
        if to.region not in self._alone and to.main_region not in self._with_shared:
            return Denial(
                "country_not_allowed",
                f"numbers of {to.region} are not allowed here ([limits] allowed_countries: {self._written})",
            )
        if to.premium:
            return Denial("premium_rate_not_allowed", "a premium-rate number: never sent to")
        return None


@dataclass(frozen=True, slots=True)
class SendRule:
    """How often the code of one challenge may be sent."""

    cooldown: tuple[float, ...]
    """Seconds before the second send, the third, …; the last one repeats; empty or 0: none."""
    max_sends: int
    """Sends that a client may ask for, the first one included."""

    def pause_after(self, sends: int) -> float | None:
        """Seconds that must pass after send number `sends` before the next; None where it was the last one."""
        if sends >= self.max_sends:
            return None
        return self.cooldown[min(sends, len(self.cooldown)) - 1] if self.cooldown else 0.0

    def wait(self, sends: int, since_last: float, until_end: float) -> float:
        """Seconds until another send is allowed, 0 = now.

        `since_last`: seconds since the last send; `until_end`: seconds until the challenge ends, which is what a
        client waits for when no send is left.
        """
        pause = self.pause_after(sends)
        return max(0.0, until_end if pause is None else pause - since_last)


def whole_seconds(wait: float) -> int:
    """A wait for `Retry-After`: rounded up, so that a client that obeys is let in."""
    return max(1, math.ceil(wait))
