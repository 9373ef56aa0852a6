"""People who answer STOP get nothing more but codes, until they answer START."""

from __future__ import annotations

import logging
import sqlite3
import tomllib
import unicodedata
from collections.abc import Iterable
from importlib import resources
from typing import Literal

from gateway.config import Config
from gateway.messages import Secret, masked
from gateway.numbers import NotANumber, destination
from gateway.store import Store
from hardware.clock import Instant

log = logging.getLogger("simwire.optout")

Wish = Literal["stop", "start"]
_LONGEST = 80  # characters: no such word is longer, and nothing longer need be looked at
_SAME = str.maketrans({"ı": "i", "ł": "l"})  # letters that people write for each other and Unicode does not take apart


def plain(text: str) -> str:
    """A text by which words are compared: small letters and digits, without marks, single spaces between words."""
    folded = unicodedata.normalize("NFKD", text.casefold())
    kept = (char for char in folded if not unicodedata.combining(char))
    spaced = "".join(char if char.isalnum() else " " for char in kept)
    return " ".join(spaced.split()).translate(_SAME)


class Words:
    """The words of every language, and those that an operator adds."""

    def __init__(self, stop: Iterable[str] = (), start: Iterable[str] = ()) -> None:
        shipped = tomllib.loads((resources.files("gateway") / "optout.toml").read_text(encoding="utf-8"))
        self._stop = frozenset(map(plain, (*_all(shipped["stop"]), *stop)))
        self._start = frozenset(map(plain, (*_all(shipped["start"]), *start))) - self._stop

    def wish(self, text: str) -> Wish | None:
        """What a message wishes, where it is one of the words and nothing else."""
        if len(text) > _LONGEST or not (word := plain(text)):
            return None
        return "stop" if word in self._stop else "start" if word in self._start else None


def _all(by_language: dict[str, list[str]]) -> list[str]:
    return [word for words in by_language.values() for word in words]


class OptOut:
    """Heeds what people answer; `heard` runs inside the transaction that shows the received message."""

    def __init__(self, store: Store, config: Config) -> None:
        self._store, self._home = store, config.gateway.country
        self._enabled = config.opt_out.enabled
        self._words = Words(config.opt_out.words, config.opt_out.start_words)

    def heard(self, cx: sqlite3.Connection, sender: str, text: Secret, now: Instant) -> None:
        """Block the sender's number, or take that back; other texts and senders without a number change nothing."""
        wish = self._words.wish(text.reveal()) if self._enabled else None
        if wish is None or (number := self._number(sender)) is None:
            return
        if wish == "stop":
            withdrawn = self._store.blocked.opt_out(cx, number, now)
            log.info("%s opted out; withdrawn messages: %d", masked(number), withdrawn)
        elif self._store.blocked.opt_in(cx, number, now):
            log.info("%s opted in again", masked(number))

    def _number(self, sender: str) -> str | None:
        """As recipients are stored: networks tell some senders in the form of the country."""
        try:
            to = destination(sender, self._home)
        except NotANumber:
            return None  # a name
        return None if to.short else to.number
