"""Alarms as text messages, by a SIM that is not the one in trouble."""

from __future__ import annotations

import secrets
from bisect import bisect_right
from collections.abc import Callable, Sequence

from gateway.directory import ModemView, may_take
from gateway.messages import ALARMS, Lane, NewMessage, Secret
from gateway.store import Store
from hardware.clock import Clock
from hardware.pdu import Alphabet, segment, transliterate

LIFETIME = 3600.0  # seconds: an alarm that is an hour old is told again, or over
MOST_PARTS, LONGEST = 2, 306  # parts, and the characters that they hold at most


class Texter:
    """Puts alarms into the outbox, before everything but codes on the air; safe from any thread."""

    def __init__(
        self,
        numbers: Sequence[str],
        store: Store,
        clock: Clock,
        modems: Callable[[], list[ModemView]],
        wake: Callable[[str, Lane], None],
    ) -> None:
        self._numbers, self._store, self._clock = tuple(numbers), store, clock
        self._modems, self._wake = modems, wake

    def use(self, numbers: Sequence[str]) -> None:
        """Write to other people from now on; from any thread."""
        self._numbers = tuple(numbers)

    @property
    def wanted(self) -> bool:
        """Whether there is anybody to write to."""
        return bool(self._numbers)

    def send(self, text: str, avoid: str | None = None) -> list[str]:
        """Queue a message to everybody, not by modem `avoid` if there is another; ids, none where no modem can send.

        Raises StoreError.
        """
        usable = [view for view in self._modems() if view.usable and may_take(view, Lane.OTP)]
        chosen = next((view for view in usable if view.name != avoid), usable[0] if usable else None)
        if chosen is None:
            return []
        said = _shortened(transliterate(text))
        cut = segment(said)
        now = self._clock.now()
        new = [
            NewMessage(
                client=ALARMS,
                to=number,
                country=None,
                lane=Lane.OTP,  # what it tells of may be that no other lane gets on
                lifetime=LIFETIME,
                text=Secret(said),
                segments=tuple(part.to_bytes() for part in cut.segments),
                encoding="gsm7" if cut.alphabet is Alphabet.GSM7 else "ucs2",
                concat_reference=secrets.randbelow(256),
                route=f"modem:{chosen.name}",
                modem=chosen.name,
                report=False,
            )
            for number in self._numbers
        ]
        stored = self._store.database.accept(lambda cx: [self._store.outbox.enqueue(cx, one, now).id for one in new])
        self._wake(f"modem:{chosen.name}", Lane.OTP)
        return stored


def _shortened(text: str) -> str:
    """As much of it as goes; how much that is, its characters decide: a bracket takes the room of two."""
    if len(text) <= LONGEST and _parts(text) <= MOST_PARTS:
        return text
    lengths = range(min(len(text), LONGEST))
    kept = bisect_right(lengths, MOST_PARTS, key=lambda length: _parts(f"{text[:length]}...")) - 1
    return f"{text[:kept]}..."


def _parts(text: str) -> int:
    return len(segment(text).segments)
