"""The AT channel: commands and their answers, the AT+CMGS transaction, and the way back after silence.

The only writer of AT text, owned by one thread. An answer never goes to another command than its own: after a time-out
the channel is dirty, and before anything else is written it makes sure that the modem has answered all it was asked.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from hardware.at.exchange import Exchange, Pending, Wait
from hardware.at.indications import Indication
from hardware.at.lexer import Prompt
from hardware.at.recovery import drain, prove
from hardware.at.results import FinalKind, FinalResult
from hardware.at.submission import Answers, LateResult, SubmitHooks, reference_of
from hardware.clock import Clock
from hardware.errors import (
    CommandRejected,
    CommandTimeout,
    ConnectionLost,
    EquipmentError,
    MalformedResponse,
    MessageServiceError,
    SubmitUncertain,
)
from hardware.transport import Transport

__all__ = ["AtChannel", "Indication", "LateResult", "SubmitHooks"]

RESPONSE_LIMIT = 1 << 20
"""Characters of one answer; a longer one is not an answer any more."""
_CLEAN_LIMIT = 10.0  # seconds given to a dirty channel before the next command is written
_DRAIN = 1.0  # seconds after ESC where no prompt came
_SETTLE = 5.0  # seconds for the OK after +CMGS
_NO_RESULT_WAIT = 1.0  # seconds after +CPIN: where no OK follows (Wavecom)
_PROMPT_BEHIND = 2.0  # seconds for the prompt behind an error that may be that of a submit before


class AtChannel:
    """Commands over one port. Not safe for several threads; only the transport's `wake` is."""

    def __init__(self, transport: Transport, clock: Clock) -> None:
        self._exchange = Exchange(transport, clock)
        self._clock = clock
        self.dirty = False
        """A command got no answer, and `resynchronise` has not succeeded since."""
        self._unsettled = False  # a PDU was handed over, and no result says what became of it
        self._late: LateResult | None = None
        self._answers = Answers()

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
                    self.dirty = self._answers.missing(self._clock.boot()) > 0
                    raise _error(pending.name, said)
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

    def submit(
        self,
        tpdu_length: int,
        hex_pdu: str,
        hooks: SubmitHooks,
        *,
        prompt_timeout: float = 10.0,
        result_timeout: float = 180.0,
        slow_after: float = 15.0,
    ) -> int:
        """AT+CMGS, prompt, PDU, Ctrl-Z, result as one transaction (27.005 3.5.1 and 4.3); returns TP-MR, 0-255.

        `tpdu_length` counts octets without the service centre's address. Times in seconds; after `slow_after` without
        a result the hooks are told. Where no prompt comes, ESC is written and the command once again. After a submit
        that was given up, an answer that may still be that one's is not taken for this one's: see `Answers`.

        Raises CommandRejected and its kin (nothing was sent where `before_pdu` was not called), CommandTimeout (no
        prompt, nothing sent), SubmitUncertain (no result after Ctrl-Z, or one that does not say), ConnectionLost
        (before the PDU), and what the hooks raise.
        """
        self._make_clean()
        self._late = None
        self._await_prompt(f"AT+CMGS={tpdu_length}", hooks, prompt_timeout)
        with self._withdrawing():
            hooks.before_pdu()
        return self._hand_over(hex_pdu, hooks, result_timeout, slow_after)

    def resynchronise(self, limit: float) -> LateResult | None:
        """Make sure that nothing is pending in the modem, within `limit` seconds: ESC, AT until OK, and proof.

        Answers that come meanwhile belong to what timed out and answer nothing else. Returns the result of a submit
        that was given up, where one came here or in a resynchronisation made for another command; None else. The next
        `submit` forgets it.

        Raises CommandTimeout where the modem stays silent (the channel stays dirty), ConnectionLost.
        """
        self._resynchronise(limit)
        late, self._late = self._late, None
        return late

    def _make_clean(self) -> None:
        if self.dirty:
            self._resynchronise(_CLEAN_LIMIT)

    # The transaction

    def _await_prompt(self, text: str, hooks: SubmitHooks, timeout: float) -> None:
        exchange = self._exchange
        exchange.rebooted = False
        started = self._clock.boot()
        doubted: list[FinalResult] = []
        for first in (True, False):
            exchange.begin(Pending(text, None), prompt=True)
            with self._withdrawing():
                if first:
                    hooks.awaiting_prompt()
                said = self._prompted(hooks, Wait(self._clock.boot() + timeout), doubted)
            if isinstance(said, FinalResult):
                exchange.end()
                self.dirty = bool(doubted)  # one of them may have been another's, and the prompt is still to come
                raise _error("AT+CMGS", said)
            if said is not None and not exchange.rebooted:
                return
            self.dirty = True
            exchange.escape()
            drain(exchange, Wait(self._clock.boot() + _DRAIN), self._note_late)
            # After a restart, perhaps one without a word, it is in text mode, where the length is a number to send to.
            if not self._cleaned() or exchange.rebooted or not (first and self._in_pdu_mode()):
                break
        raise CommandTimeout("AT+CMGS", round(self._clock.boot() - started, 1))

    def _in_pdu_mode(self) -> bool:
        try:
            self.command("AT+CMGF=0")
        except (CommandRejected, CommandTimeout):
            return False
        return True

    def _prompted(self, hooks: SubmitHooks, wait: Wait, doubted: list[FinalResult]) -> Prompt | FinalResult | None:
        """The prompt, or the error that is this submit's; None for neither.

        As many errors as answers of submits before are missing may be those: they are `doubted`, and no refusal. With
        a prompt behind them it is sure that they are.
        """
        answers, before = self._answers, len(doubted)
        while True:
            said = self._exchange.next(wait, hooks.news)
            if isinstance(said, str):
                self._exchange.tell(said)  # of a submit before: no PDU of this one was written
                answers.settled(said)
            elif isinstance(said, FinalResult):
                if said.ok or said.kind is FinalKind.CALL:
                    continue  # that of an ESC before, or the end of somebody's call: the prompt is still to come
                if len(doubted) >= answers.missing(self._clock.boot()):
                    return said
                doubted.append(said)
                wait.until = min(wait.until, self._clock.boot() + _PROMPT_BEHIND)
            else:
                if said is not None and len(doubted) > before:
                    answers.settled(doubted[-1].line)
                return said

    def _hand_over(self, hex_pdu: str, hooks: SubmitHooks, timeout: float, slow_after: float) -> int:
        exchange, answers = self._exchange, self._answers
        exchange.overdue.discard("+CMGS")
        self._unsettled = self.dirty = True  # until a result says otherwise: any exception leaves it so
        result = None
        try:
            exchange.hand_over(hex_pdu)
            self._settle_strays()
            exchange.overdue.add("+CMGS")
            answers.begin(self._clock.boot(), timeout)
            hooks.on_air()
            result = self._await_result(hooks, timeout, slow_after)
        except ConnectionLost as lost:
            if self._late is None:
                raise SubmitUncertain(str(lost)) from lost
        accepted, self._late = self._late, None
        if accepted is not None and accepted.reference is not None:
            self._unsettled, self.dirty = False, result is None
            answers.accepted(accepted.reference)
            exchange.overdue.discard("+CMGS")
            return accepted.reference
        if answers.held:
            raise SubmitUncertain("what was answered may be the answer to the message before")
        if result is None:
            raise SubmitUncertain("the modem restarted" if exchange.rebooted else f"no result within {timeout:g} s")
        if result.ok:
            raise SubmitUncertain(f"{result.line} in place of +CMGS")
        self._unsettled = self.dirty = False
        answers.refused()
        exchange.overdue.discard("+CMGS")
        raise _error("AT+CMGS", result)

    def _await_result(self, hooks: SubmitHooks, timeout: float, slow_after: float) -> FinalResult | None:
        """Wait for the final result; a +CMGS before it is put where an exception of a hook does not lose it."""
        exchange, answers = self._exchange, self._answers
        begun = self._clock.boot()
        wait = Wait(begun + timeout, alarm=(begun + slow_after, hooks.slow))
        while True:
            said = exchange.next(wait, hooks.news)
            if isinstance(said, Prompt) or (isinstance(said, FinalResult) and said.kind is FinalKind.CALL):
                continue  # somebody's call has ended: no answer to a message (27.005 3.5.1)
            if isinstance(said, str):
                reference = reference_of(said)
                if reference is None:
                    continue
                if self._tells_ours(said):
                    self._late = LateResult(reference, None)
                    wait.until = min(wait.until, self._clock.boot() + _SETTLE)
                    continue
            elif said is None or said.ok:
                if said is None or self._late is not None or not answers.held:
                    exchange.end()
                    return said
            elif self._late is not None or self._tells_ours(said):
                exchange.end()
                return said
            wait.until = min(wait.until, self._clock.boot() + answers.patience)

    def _tells_ours(self, said: str | FinalResult) -> bool:
        """Whether an answer is this submit's; those that turn out to be of the ones before it are told as news."""
        if not self._answers.ours(said):
            return False
        for line in self._answers.release():
            self._exchange.tell(line)
        return True

    @contextmanager
    def _withdrawing(self) -> Iterator[None]:
        """What a hook or the port raises before the PDU ends the transaction in the modem too.

        Whoever is told to end, by what is no Exception, writes one ESC and no more: at a prompt, the next command of
        whomever would be the text of a message. A port that was taken away takes not even that.
        """
        try:
            yield
        except Exception:
            self.dirty = True
            self._cleaned()
            raise
        except BaseException:
            self.dirty = True
            with suppress(ConnectionLost):
                self._exchange.escape()
            raise

    # The way back

    def _cleaned(self) -> bool:
        """Resynchronise where something else is being reported: failing at it leaves the channel dirty, no more."""
        try:
            self._resynchronise(_CLEAN_LIMIT)
        except (CommandTimeout, ConnectionLost):
            return False
        return True

    def _resynchronise(self, limit: float) -> None:
        self.dirty = True
        exchange = self._exchange
        prove(exchange, limit, self._note_late)
        if self._unsettled:
            for line in exchange.strays:
                reference = reference_of(line)
                if self._late is not None and self._late.error is None:
                    exchange.tell(line)
                elif reference is not None and self._tells_ours(line):
                    self._late = LateResult(reference, None)
            exchange.strays.clear()
            self._close_doubt()
        self._settle_strays()
        exchange.overdue.clear()
        self.dirty = self._unsettled = False

    def _settle_strays(self) -> None:
        """What was given up has its answer: it came while nothing else could have been answered by it."""
        for line in self._exchange.strays:
            self._answers.settled(line)
        self._exchange.strays.clear()

    def _close_doubt(self) -> None:
        """After a resynchronisation: the submit that was given up has its answer now, or may still get it."""
        if self._late is None:
            self._answers.given_up(self._clock.boot(), restarted=self._exchange.rebooted)
        elif self._late.reference is not None:
            self._answers.accepted(self._late.reference)
        else:
            self._answers.refused()

    def _note_late(self, result: FinalResult) -> None:
        if self._unsettled and self._late is None:
            error = _error("AT+CMGS", result)
            if isinstance(error, (MessageServiceError, EquipmentError)) and self._tells_ours(result):
                self._late = LateResult(None, error)


def _error(command: str, result: FinalResult) -> CommandRejected:
    if result.kind is FinalKind.CMS:
        return MessageServiceError(command, result.line, result.code, result.meaning)
    if result.kind is FinalKind.CME:
        return EquipmentError(command, result.line, result.code, result.meaning)
    return CommandRejected(command, result.line)
