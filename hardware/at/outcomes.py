"""What became of the PDUs that were handed over: which answer is whose, on the port where they come."""

from __future__ import annotations

from hardware.at.exchange import Exchange
from hardware.at.results import FinalKind, FinalResult
from hardware.at.submission import Answers, LateResult, reference_of
from hardware.errors import CommandRejected, EquipmentError, MessageServiceError


class Outcomes:
    """The newest submit's own answer, and those of submits that were given up, which are told as news."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self.answers = Answers()
        self.unsettled = False
        """A PDU was handed over, and no result says what became of it."""
        self.late: LateResult | None = None
        """What became of it, where whoever waited for that is not told yet."""

    def missing(self) -> int:
        """How many submits that were given up may still be answered."""
        return self.answers.missing(self._exchange.clock.boot())

    def take_late(self) -> LateResult | None:
        """What became of the newest submit, once."""
        late, self.late = self.late, None
        return late

    def tells_ours(self, said: str | FinalResult) -> bool:
        """Whether an answer is the newest submit's; those that turn out to be of the ones before are told as news."""
        if not self.answers.ours(said):
            return False
        for line in self.answers.release():
            self._exchange.tell(line)
        return True

    def settle_strays(self) -> None:
        """What was given up has its answer: it came while nothing else could have been answered by it."""
        for line in self._exchange.strays:
            self.answers.settled(line)
        self._exchange.strays.clear()

    def note_late(self, result: FinalResult) -> None:
        """A result came that no command waits for."""
        if self.unsettled and self.late is None:
            error = error_of("AT+CMGS", result)
            if isinstance(error, (MessageServiceError, EquipmentError)) and self.tells_ours(result):
                self.late = LateResult(None, error)

    def resynchronised(self) -> None:
        """Nothing is pending in the modem: a submit that was given up has its answer now, or may still get it."""
        if self.unsettled:
            self._take_strays()
            self._close()
        self.settle_strays()
        self.unsettled = False

    def _take_strays(self) -> None:
        for line in self._exchange.strays:
            reference = reference_of(line)
            if reference is None:
                continue
            if self.late is not None and self.late.error is None:
                self._exchange.tell(line)
            elif self.tells_ours(line):
                self.late = LateResult(reference, None)
        self._exchange.strays.clear()

    def _close(self) -> None:
        if self.late is None:
            self.answers.given_up(self._exchange.clock.boot(), restarted=self._exchange.rebooted)
        elif self.late.reference is not None:
            self.answers.accepted(self.late.reference)
        else:
            self.answers.refused()


def error_of(command: str, result: FinalResult) -> CommandRejected:
    """The error that a final result other than OK is to `command`."""
    if result.kind is FinalKind.CMS:
        return MessageServiceError(command, result.line, result.code, result.meaning)
    if result.kind is FinalKind.CME:
        return EquipmentError(command, result.line, result.code, result.meaning)
    return CommandRejected(command, result.line)
