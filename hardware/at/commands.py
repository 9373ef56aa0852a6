"""Commands and their answers over one port, and the way back after silence.

The only writer of AT text, owned by one thread. An answer never goes to another command than its own: after a time-out
the channel is dirty, and before anything else is written it makes sure that the modem has answered all it was asked.
"""

from __future__ import annotations

from collections import deque

from hardware.at.exchange import Exchange, Pending, Wait
from hardware.at.indications import Indication
from hardware.at.outcomes import Outcomes, error_of
from hardware.at.recovery import prove
from hardware.at.results import FinalResult
from hardware.at.submission import LateResult
from hardware.clock import Clock
from hardware.errors import CommandTimeout, ConnectionLost, MalformedResponse
from hardware.transport import Transport

RESPONSE_LIMIT = 1 << 20
"""Characters of one answer; a longer one is not an answer any more."""
_CLEAN_LIMIT = 10.0  # seconds given to a dirty channel before the next command is written
_NO_RESULT_WAIT = 1.0  # seconds after +CPIN: where no OK follows (Wavecom)


class CommandChannel:
    """Everything but the sending of messages. Not safe for several threads; only the transport's `wake` is."""

    def __init__(self, transport: Transport, clock: Clock) -> None:
        self._exchange = Exchange(transport, clock)
        self._clock = clock
        self._outcomes = Outcomes(self._exchange)
        self.dirty = False
        """A command got no answer, and `resynchronise` has not succeeded since."""

    @property
    def indications(self) -> deque[Indication]:
        """News in order of arrival, for the owner to take."""
        return self._exchange.indications

    def take_echoed(self) -> bool:
        """Whether a command came back as an echo since this was asked last."""
        return self._exchange.take_echoed()

    def listen(self, timeout: float) -> None:
        """Wait at most `timeout` seconds for indications; ends early when some came and at the transport's `wake`.

        Raises ConnectionLost where the port is gone.
        """
        self._exchange.listen(timeout)

    def command(
        self,
        text: str,
        *,
        prefix: str | None = None,
        timeout: float = 5.0,
        bare: bool = False,
        extends: bool = False,
    ) -> list[str]:
        """Write `text` and return the information lines of its answer, without echo, prefixes kept.

        `prefix` (else the command's own name) tells answer from news; `bare` commands answer text without one. Lines
        that follow a prefixed one belong to it (+CMGL, +CMGR). The time-out in seconds starts again with each line
        where `extends`. A dirty channel is resynchronised first.

        Raises CommandTimeout (and the channel is dirty), CommandRejected, EquipmentError, MessageServiceError,
        MalformedResponse for an answer over 1 MiB, ConnectionLost.
        """
        self._make_clean()
        exchange, lines, size = self._exchange, list[str](), 0
        pending = Pending(text, prefix, bare=bare)
        exchange.begin(pending)
        started = self._clock.boot()
        wait = Wait(started + timeout)
        while True:
            said = exchange.next(wait)
            if isinstance(said, str):
                pending.answered = True
                size += len(said)
                if size > RESPONSE_LIMIT:
                    continue
                lines.append(said)
                if extends:
                    wait.until = max(wait.until, self._clock.boot() + timeout)
                elif text == "AT+CPIN?":
                    wait.until = min(wait.until, self._clock.boot() + _NO_RESULT_WAIT)
            elif isinstance(said, FinalResult):
                exchange.end()
                if not said.ok:
                    # It may be that of a submit which was given up: then this command's own is still to come.
                    self.dirty = self._outcomes.missing() > 0
                    raise error_of(pending.name, said)
                if size > RESPONSE_LIMIT:
                    raise MalformedResponse(pending.name, f"answer of more than {RESPONSE_LIMIT} characters")
                return lines
            elif said is None:
                exchange.end()
                self.dirty = True
                if pending.prefix is not None:
                    exchange.overdue.add(pending.prefix)
                if lines and text == "AT+CPIN?":
                    self.resynchronise(_CLEAN_LIMIT)
                    return lines
                raise CommandTimeout(pending.name, round(self._clock.boot() - started, 1))

    def call_out(self, text: str) -> None:
        """Write a command to a modem that answers nothing, and wait for nothing; the channel is dirty then.

        Some hear and cannot speak. Raises ConnectionLost.
        """
        self.dirty = True
        self._exchange.escape()
        self._exchange.begin(Pending(text, None))
        self._exchange.end()

    def resynchronise(self, limit: float) -> LateResult | None:
        """Make sure that nothing is pending in the modem, within `limit` seconds: ESC, AT until OK, and proof.

        Answers that come meanwhile belong to what timed out and answer nothing else. Returns the result of a submit
        that was given up, where one came here or in a resynchronisation made for another command; None else. One that
        is not asked for until the next `submit` is told as news.

        Raises CommandTimeout where the modem stays silent (the channel stays dirty), ConnectionLost.
        """
        self._resynchronise(limit)
        return self._outcomes.take_late()

    def tell(self, reference: int) -> None:
        """Queue a message reference as news, as if its +CMGS line came now."""
        self._exchange.tell(f"+CMGS: {reference}")

    def _make_clean(self) -> None:
        if self.dirty:
            self._resynchronise(_CLEAN_LIMIT)

    def _cleaned(self) -> bool:
        """Resynchronise where something else is being reported: failing at it leaves the channel dirty, no more."""
        try:
            self._resynchronise(_CLEAN_LIMIT)
        except (CommandTimeout, ConnectionLost):
            return False
        return True

    def _resynchronise(self, limit: float) -> None:
        self.dirty = True
        prove(self._exchange, limit, self._outcomes.note_late)
        self._outcomes.resynchronised()
        self._exchange.overdue.clear()
        self.dirty = False
