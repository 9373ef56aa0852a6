"""The way back after silence: proof that a modem has answered all that it was asked.

A late OK looks like any other. So AT alone proves that somebody listens, and a question that names itself in its answer
proves, as results come in order, that nothing asked before it is still to be answered.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

from hardware.at.exchange import Exchange, Pending, Wait
from hardware.at.results import FinalResult
from hardware.errors import CommandTimeout

_GUARD = 0.1  # seconds after ESC before anything is written
_PROBE = 2.0  # seconds for AT or a question about a setting, which no modem asks the network or the SIM for
_REFUSED = 0.5  # seconds of silence that make an error the answer to what was asked last
_QUIET = 1.0  # seconds of silence where nothing better can be had

# Another program may have left ATQ1, with which a modem obeys and says nothing (V.250 6.2.5). One that refuses ATQ0 is
# asked with AT again in the round after.
_PROBES = ("AT", "ATQ0V1")

# Questions that modems answer from memory, PIN or no PIN; several, as one may be what timed out.
_BARRIERS = (("AT+CMEE?", "+CMEE"), ("AT+CMGF?", "+CMGF"), ("AT+CSMS?", "+CSMS"))

Note = Callable[[FinalResult], None]
"""Told of results that came before the first OK: those of what timed out."""


def prove(exchange: Exchange, limit: float, note: Note) -> None:
    """Write ESC, AT until an OK comes, and ask for proof, within `limit` seconds.

    Raises CommandTimeout where the modem stays silent, ConnectionLost.
    """
    deadline = exchange.clock.boot() + limit
    for probe in itertools.cycle(_PROBES):
        if _proven(exchange, probe, deadline, note):
            break
        if exchange.clock.boot() >= deadline:
            raise CommandTimeout("AT", limit)
    exchange.end()


def drain(exchange: Exchange, wait: Wait, note: Note) -> None:
    """Read and drop what comes, until the time is over."""
    while (said := exchange.next(wait)) is not None:
        if isinstance(said, FinalResult):
            note(said)


def _proven(exchange: Exchange, probe: str, deadline: float, note: Note) -> bool:
    exchange.escape()
    drain(exchange, _wait(exchange, _GUARD, deadline), note)
    exchange.begin(Pending(probe, None))
    wait = _wait(exchange, _PROBE, deadline)
    while (said := exchange.next(wait)) is not None:
        if isinstance(said, FinalResult):
            if said.ok:
                asks = [ask for ask in _BARRIERS if ask[1] not in exchange.overdue]  # else its late answer would do
                return any(_answered(exchange, *ask, deadline) for ask in asks) or _alone(exchange, deadline)
            note(said)
    return False


def _answered(exchange: Exchange, text: str, prefix: str, deadline: float) -> bool:
    exchange.begin(Pending(text, prefix, numeric=True))
    exchange.overdue.add(prefix)
    wait, named = _wait(exchange, _PROBE, deadline), False
    while (said := exchange.next(wait)) is not None:
        if isinstance(said, str):
            named = True
        elif isinstance(said, FinalResult):
            if named and said.ok:
                return True
            if not said.ok:  # not supported, or the late error of something else
                wait.until = min(wait.until, exchange.clock.boot() + _REFUSED)
    return False


def _alone(exchange: Exchange, deadline: float) -> bool:
    """For a modem that answers no question: silence, then AT and one OK with nothing beside it, twice."""
    for _ in range(2):
        drain(exchange, _wait(exchange, _QUIET, deadline), _ignore)
        noise = exchange.noise
        exchange.begin(Pending("AT", None))
        said = exchange.next(_wait(exchange, _PROBE, deadline))
        more = exchange.next(_wait(exchange, _REFUSED, deadline))
        if not (isinstance(said, FinalResult) and said.ok) or more is not None or exchange.noise != noise:
            return False
    return True


def _ignore(result: FinalResult) -> None:
    """Nothing that comes after the first OK is told of: it may be the answer to a question of ours."""


def _wait(exchange: Exchange, seconds: float, deadline: float) -> Wait:
    return Wait(min(exchange.clock.boot() + seconds, deadline))
