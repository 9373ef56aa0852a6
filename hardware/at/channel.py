"""The AT channel: commands, and the AT+CMGS transaction, in which a message is handed over and answered."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from hardware.at.commands import CommandChannel
from hardware.at.exchange import Pending, Wait
from hardware.at.indications import Indication
from hardware.at.lexer import Prompt
from hardware.at.outcomes import error_of
from hardware.at.recovery import drain
from hardware.at.results import FinalKind, FinalResult
from hardware.at.submission import LateResult, SubmitHooks, reference_of
from hardware.errors import CommandRejected, CommandTimeout, ConnectionLost, SubmitUncertain

__all__ = ["AtChannel", "Indication", "LateResult", "SubmitHooks"]

_DRAIN = 1.0  # seconds after ESC where no prompt came
_SETTLE = 5.0  # seconds for the OK after +CMGS
_PROMPT_BEHIND = 2.0  # seconds for the prompt behind an error that may be that of a submit before


class AtChannel(CommandChannel):
    """Commands and messages over one port. Not safe for several threads; only the transport's `wake` is."""

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
        late = self._outcomes.take_late()
        if late is not None and late.reference is not None:
            self.tell(late.reference)
        begun = self._clock.boot()
        self._await_prompt(f"AT+CMGS={tpdu_length}", hooks, prompt_timeout)
        with self._withdrawing():
            hooks.before_pdu()
            self._hear_out(begun)
        return self._hand_over(hex_pdu, hooks, result_timeout, slow_after)

    def _await_prompt(self, text: str, hooks: SubmitHooks, timeout: float) -> None:
        exchange = self._exchange
        if exchange.rebooted:
            self._outcomes.answers.restarted()
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
                raise error_of("AT+CMGS", said)
            if said is not None and not exchange.rebooted:
                return
            self.dirty = True
            exchange.escape()
            drain(exchange, Wait(self._clock.boot() + _DRAIN), self._outcomes.note_late)
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
        outcomes, before = self._outcomes, len(doubted)
        while True:
            said = self._exchange.next(wait, hooks.news)
            if isinstance(said, str):
                self._exchange.tell(said)  # of a submit before: no PDU of this one was written
                outcomes.answers.settled(said)
            elif isinstance(said, FinalResult):
                if said.ok or said.kind is FinalKind.CALL:
                    continue  # that of an ESC before, or the end of somebody's call: the prompt is still to come
                if len(doubted) >= outcomes.missing():
                    return said
                doubted.append(said)
                wait.until = min(wait.until, self._clock.boot() + _PROMPT_BEHIND)
            else:
                if said is not None and len(doubted) > before:
                    outcomes.answers.settled(doubted[-1].line)
                return said

    def _hear_out(self, begun: float) -> None:
        """What was said before the PDU is no answer to it; raises CommandTimeout where that was a restart."""
        self._exchange.hear_out()
        self._outcomes.settle_strays()
        if self._exchange.rebooted:
            raise CommandTimeout("AT+CMGS", round(self._clock.boot() - begun, 1))

    def _hand_over(self, hex_pdu: str, hooks: SubmitHooks, timeout: float, slow_after: float) -> int:
        exchange, outcomes = self._exchange, self._outcomes
        exchange.overdue.discard("+CMGS")
        outcomes.unsettled = self.dirty = True  # until a result says otherwise: any exception leaves it so
        result = None
        try:
            exchange.hand_over(hex_pdu)
            exchange.overdue.add("+CMGS")
            outcomes.answers.begin(self._clock.boot(), timeout)
            hooks.on_air()
            result = self._await_result(hooks, timeout, slow_after)
        except ConnectionLost as lost:
            if outcomes.late is None:
                raise SubmitUncertain(str(lost)) from lost
        accepted = outcomes.take_late()
        if accepted is not None and accepted.reference is not None:
            outcomes.unsettled, self.dirty = False, result is None
            outcomes.answers.accepted(accepted.reference)
            exchange.overdue.discard("+CMGS")
            return accepted.reference
        if outcomes.answers.held:
            raise SubmitUncertain("what was answered may be the answer to the message before")
        if result is None:
            raise SubmitUncertain("the modem restarted" if exchange.rebooted else f"no result within {timeout:g} s")
        if result.ok:
            raise SubmitUncertain(f"{result.line} in place of +CMGS")
        outcomes.unsettled = self.dirty = False
        outcomes.answers.refused()
        exchange.overdue.discard("+CMGS")
        raise error_of("AT+CMGS", result)

    def _await_result(self, hooks: SubmitHooks, timeout: float, slow_after: float) -> FinalResult | None:
        """Wait for the final result; a +CMGS before it is put where an exception of a hook does not lose it."""
        exchange, outcomes = self._exchange, self._outcomes
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
                if outcomes.tells_ours(said):
                    outcomes.late = LateResult(reference, None)
                    wait.until = min(wait.until, self._clock.boot() + _SETTLE)
                    continue
            elif said is None or said.ok:
                if said is None or outcomes.late is not None or not outcomes.answers.held:
                    exchange.end()
                    return said
            elif outcomes.late is not None or outcomes.tells_ours(said):
                exchange.end()
                return said
            wait.until = min(wait.until, self._clock.boot() + outcomes.answers.patience)

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
