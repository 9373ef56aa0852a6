"""Carries command lines out one after the other: echo, prompt, chains, final results (V.250 5, 6.2; 27.005 3.5.1)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from hardware.simulator.commands import carry_out
from hardware.simulator.faults import LoseAnswer, Refuse, Slow, Step
from hardware.simulator.lines import Call, LineReader, LineSyntaxError, commands
from hardware.simulator.session import Refusal, error_text

if TYPE_CHECKING:
    from hardware.simulator.modem import SimulatedModem

CTRL_Z, ESC, CR, BACKSPACE = 0x1A, 0x1B, 0x0D, 0x08
_BODY_LIMIT = 2048
_QUEUE_LIMIT = 4096
_NUMERIC = {"OK": "0", "CONNECT": "1", "RING": "2", "NO CARRIER": "3", "ERROR": "4", "NO DIALTONE": "6", "BUSY": "7"}

Body = Callable[[bytes | None], None]
"""Takes what was written at the prompt; None when ESC ended it."""


class Execution:
    """The state of one serial line: reading a command, reading a message body, or busy."""

    def __init__(self, modem: SimulatedModem) -> None:
        self._modem = modem
        self._lines = LineReader(modem.personality.max_line)
        self._chain: Iterator[Call] | None = None
        self._call: Call | None = None
        self._body: bytearray | None = None
        self._body_done: Body | None = None
        self._queue = bytearray()
        self._token = 0
        self._informed = False

    @property
    def at_prompt(self) -> bool:
        """Whether a message body is being read."""
        return self._body is not None

    @property
    def busy(self) -> bool:
        """Whether a command runs that has not been answered, a prompt included."""
        return self._chain is not None

    @property
    def token(self) -> int:
        """Names the command that runs; an answer that comes for another one is dropped."""
        return self._token

    def reset(self) -> None:
        """Forget everything, as a restart does."""
        self._lines.clear()
        self._queue.clear()
        self.abandon()

    def abandon(self) -> None:
        """Never answer the command that runs, and read commands again."""
        self._token += 1
        self._chain = self._call = self._body = self._body_done = None

    def octet(self, octet: int) -> None:
        """Take one octet from the line."""
        if self._body is not None:
            self._body_octet(octet)
        elif self._chain is not None:
            if not self._modem.personality.drops_input_when_busy and len(self._queue) < _QUEUE_LIMIT:
                self._queue.append(octet)
        else:
            self._command_octet(octet)

    def _command_octet(self, octet: int) -> None:
        session = self._modem.session
        if session.echo and octet != ESC:
            self._modem.say(bytes([octet]))
        line = self._lines.take(octet, session.s_registers[3], session.s_registers[5])
        if line is not None:
            self._token += 1
            self._chain = commands(line)
            self._next()

    # The chain

    def _next(self) -> None:
        assert self._chain is not None
        token = self._token
        self._informed = False
        try:
            self._call = next(self._chain, None)
        except LineSyntaxError:
            self.refuse(Refusal())
            return
        if self._call is None:
            self._finish("OK")
            return
        for action in self._modem.faults_at(Step.COMMAND, self._call.name):
            if token != self._token:
                return
            match action:
                case Refuse(code, kind):
                    self.refuse(Refusal(kind, code))
                    return
                case LoseAnswer():
                    self.abandon()
                    return
                case Slow(seconds):
                    self._modem.network.after(seconds, partial(self._carry_out, token))
                    return
        self._carry_out(token)

    def _carry_out(self, token: int) -> None:
        if token != self._token or self._call is None:
            return  # a fault ended the command, or the modem restarted meanwhile
        try:
            finished = carry_out(self._modem, self._call)
        except Refusal as refusal:
            if token == self._token:
                self.refuse(refusal)
            return
        if finished and token == self._token:
            self._next()

    def later(self, action: Callable[[], None], seconds: float) -> None:
        """Let a command that has answered "pending" go on, unless the line was reset meanwhile."""
        token = self._token
        self._modem.network.after(seconds, lambda: action() if token == self._token else None)

    def finish(self) -> None:
        """A pending command is done: go on with the chain, or answer OK."""
        if self._chain is not None:
            self._next()

    def bare(self) -> None:
        """End the line without any final result."""
        self._finish(None)

    def refuse(self, refusal: Refusal) -> None:
        """End the line with an error, in the form that +CMEE asks for."""
        modem, session = self._modem, self._modem.session
        if refusal.code is None:
            self._finish(modem.personality.error)
        elif refusal.kind == "CME" and session.error_mode == 0:
            self._finish("ERROR")
        elif session.error_mode == 2:
            self._finish(f"+{refusal.kind} ERROR: {error_text(refusal.kind, refusal.code)}")
        else:
            self._finish(f"+{refusal.kind} ERROR: {refusal.code}")

    def result(self, text: str) -> None:
        """End the line with a final result of its own, such as NO CARRIER."""
        self._finish(text)

    def information(self, text: str) -> None:
        """Send an information line of the command that runs; only its first one begins with a line end."""
        end = self._modem.personality.line_end
        lead = end if self._modem.session.verbose and not self._informed else ""
        self._informed = True
        self._modem.say(f"{lead}{text}{end}".encode("latin-1", "replace"))
        self._modem.faults_at(Step.ANSWER, self._call.name if self._call else None)

    def _finish(self, result: str | None) -> None:
        modem, session = self._modem, self._modem.session
        self.abandon()
        if result is not None and not session.quiet:
            end = modem.personality.line_end
            if session.verbose:
                modem.say(f"{end}{result}{end}".encode("latin-1", "replace"))
            else:
                modem.say(f"{_NUMERIC.get(result, result)}\r".encode("latin-1", "replace"))
        modem.flush_news()
        queued, self._queue = bytes(self._queue), bytearray()
        modem.feed(queued)

    # The prompt

    def prompt(self, done: Body) -> None:
        """Give the prompt and read a body until Ctrl-Z or ESC."""
        self._body, self._body_done = bytearray(), done
        self._modem.say(self._modem.personality.prompt.encode("ascii"))

    def _body_octet(self, octet: int) -> None:
        assert self._body is not None and self._body_done is not None
        modem = self._modem
        if octet in (CTRL_Z, ESC):
            body, done = bytes(self._body), self._body_done
            self._body = self._body_done = None
            modem.flush_news()
            done(None if octet == ESC else body)
            return
        if modem.session.echo:
            modem.say(b"\r\n> " if octet == CR else bytes([octet]))
        if octet == BACKSPACE and modem.session.text_mode:
            del self._body[-1:]
        elif len(self._body) < _BODY_LIMIT:
            self._body.append(octet)

    def cancelled(self) -> None:
        """The prompt was left with ESC: OK, and nothing happened (27.005 3.5.1)."""
        if self._modem.personality.escape_answers:
            self._finish("OK")
        else:
            self._finish(None)
