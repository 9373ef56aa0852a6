"""One command and what comes back while it is pending: which lines are its answer, which its end, which are news."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from enum import Enum, auto

from hardware.at.indications import REBOOTS, Indication, indication_prefix, is_known
from hardware.at.lexer import Event, Lexer, Prompt
from hardware.at.results import FinalKind, FinalResult, classify, numeric
from hardware.clock import Clock
from hardware.transport import Transport

REBOOT_GRACE = 2.0
"""Seconds that a pending command may still take after the modem said that it restarts: it will hardly be answered."""
_INDICATIONS_KEPT = 10_000
_STRAYS_KEPT = 100
_LINE_TIME = 0.2  # seconds within which a line that has begun goes on; none of them has pauses in it
_READS_BEFORE_COMMAND, _READS_BEFORE_PDU = 64, 4096  # a modem that never stops talking is written to all the same
_HEARD_FOR = 0.5  # seconds for which it is heard out at most: the lifetime of what is to be written goes on meanwhile

# Read answers of these look like their own indications: the first line that has the form of an answer is it.
_TWO_FACED = frozenset(("+CREG", "+CGREG", "+CEREG", "+C5GREG", "+CPIN", "+CFUN", "+CSQ", "+CUSD", "^CPIN", "^SIMST"))
_REGISTRATION_READ = re.compile(r"[^:]+:\s*\d+\s*,\s*\d{1,3}\s*(?:,|\Z)")
_ERRORS = ("+CMS ERROR", "+CME ERROR")
_ANY_ECHO = re.compile(r"AT(?:[+^*#!&%$].*)?\Z", re.DOTALL)
_NAME = re.compile(r"AT([+^*#!%$&][A-Z0-9]+|[A-Z]?)", re.IGNORECASE)


def command_name(text: str) -> str:
    """`AT+CPIN` of `AT+CPIN="1234"`: what may be shown of a command."""
    name = _NAME.match(text)
    return name[0].upper() if name is not None else "AT"


class Role(Enum):
    """What a line is to the pending command."""

    ANSWER = auto()
    FINAL = auto()
    NEWS = auto()
    NOISE = auto()


class Pending:
    """A command that waits for its final result."""

    def __init__(self, text: str, prefix: str | None, *, bare: bool = False, numeric: bool = False) -> None:
        self.text, self.bare = text, bare
        self.name = command_name(text)
        if prefix is None and self.name[2:3] in tuple("+^*#!%$"):
            prefix = self.name[2:]
        self.prefix = prefix
        self.numeric = numeric or (prefix is None and not bare)
        self.reads = text.endswith("?") or "=" not in text
        self.answered = False

    def role(self, line: str) -> Role:
        """Which of the four `line` is; the caller says what it did with an answer by setting `answered`."""
        if self.prefix is not None and line.startswith(self.prefix) and line[len(self.prefix) :].lstrip()[:1] == ":":
            return self._prefixed(line)
        if classify(line) is not None or (self.numeric and numeric(line) is not None):
            return Role.FINAL
        if _ANY_ECHO.match(line) is not None or (len(line) > 1 and self.text.endswith(line)):
            return Role.NOISE  # an echo: of this command, of an earlier one, or what noise left of one
        prefix = indication_prefix(line)
        if prefix is not None and not (self.bare and not is_known(prefix)):
            return Role.NEWS
        body = self.answered and self.prefix not in _TWO_FACED
        return Role.ANSWER if self.bare or body else Role.NOISE

    def _prefixed(self, line: str) -> Role:
        if self.prefix not in _TWO_FACED:
            return Role.ANSWER
        if not self.reads or self.answered:
            return Role.NEWS
        if self.prefix.endswith("REG"):
            return Role.ANSWER if self.text.endswith("=?") or _REGISTRATION_READ.match(line) else Role.NEWS
        return Role.NEWS if self.prefix == "+CUSD" and '"' in line else Role.ANSWER


def _idle_role(line: str) -> Role:
    """A final result that nobody waits for is noise; what is left can only be news."""
    return Role.NEWS if classify(line) is None else Role.NOISE


class Wait:
    """Until when an answer is waited for. After its end what is already there is read once more, and then no more.

    `alarm`: when, on the way, what is called, once.
    """

    def __init__(self, until: float, alarm: tuple[float, Callable[[], None]] | None = None) -> None:
        self.until = until
        self.alarm = alarm
        self.over = False


class Exchange:
    """The two directions of a port as lines. Knows what is pending, but not what to do about it."""

    def __init__(self, transport: Transport, clock: Clock) -> None:
        self.clock = clock
        self.indications: deque[Indication] = deque(maxlen=_INDICATIONS_KEPT)
        self._transport = transport
        self._lexer = Lexer()
        self._pending: Pending | None = None
        self._ringing = False
        self._fresh = False
        self._owed = False  # an OK is to come that belongs to a late +CMGS
        self.noise = 0
        """Lines so far that were nothing: neither answer nor news."""
        self.strays: deque[str] = deque(maxlen=_STRAYS_KEPT)
        """The +CMGS lines and errors that no pending AT+CMGS can have; whoever minds clears them."""
        self.overdue: set[str] = set()
        """Prefixes of commands that got no answer in time: their late answers are no news."""
        self.rebooted = False
        """The modem said that it starts or stops; whoever minds sets it back."""

    def begin(self, pending: Pending, *, prompt: bool = False) -> None:
        """Write a command. What came before it is read first, so that it is nothing but news."""
        self.end()
        self._hear_out(0, _READS_BEFORE_COMMAND)
        self._pending = pending
        lexer = self._lexer
        lexer.busy, lexer.prompt_awaited, lexer.echoes = True, prompt, (pending.text,)
        lexer.hex_awaited = pending.bare or pending.prefix in ("+CMGL", "+CMGR")
        self._transport.write(pending.text.encode("latin-1", "replace") + b"\r")

    def take_echoed(self) -> bool:
        """Whether a command was echoed since this was asked last: a modem that was told ATE0 has restarted."""
        echoed, self._lexer.echoed = self._lexer.echoed, False
        return echoed

    def end(self) -> None:
        """Nothing is pending any more: what came with the final result is news."""
        self._pending = None
        lexer = self._lexer
        lexer.busy = lexer.prompt_awaited = lexer.hex_awaited = False
        lexer.echoes = ()
        self._collect(b"", Wait(0))

    def hear_out(self) -> None:
        """Read what was said before text is written, which answers something else; a line that has begun to its end."""
        pending, self._pending = self._pending, None
        self._hear_out(_LINE_TIME, _READS_BEFORE_PDU)
        self._pending = pending

    def _hear_out(self, line_time: float, reads: int) -> None:
        until = self.clock.boot() + _HEARD_FOR
        for _ in range(reads):
            said = self._transport.read(line_time if self._lexer.half_read else 0)
            self._collect(said, Wait(0))
            if not said or self.clock.boot() > until:
                break

    def hand_over(self, data: str) -> None:
        """Write the text that a prompt asked for, and Ctrl-Z; its echo is dropped like the command's."""
        self._lexer.prompt_awaited = False
        self._lexer.echoes = (*self._lexer.echoes, data)
        self._transport.write(data.encode("ascii") + b"\x1a")

    def escape(self) -> None:
        """Leave a prompt without sending anything (27.005 3.5.1), and end what the modem took for a command line."""
        self.end()
        self._pending = Pending("AT", None)  # so that results are seen as what they are: late ones
        self._transport.write(b"\x1b\r")

    def next(self, wait: Wait, news: Callable[[], None] | None = None) -> str | FinalResult | Prompt | None:
        """The next line of the answer, the prompt or the final result; None when the time is over.

        Indications go to `indications` on the way; `news` is called when there were some and the waiting goes on.
        """
        while True:
            event = self._lexer.next_event()
            if event is not None:
                mine = self._sort(event, wait)
                if mine is not None:
                    return mine
                continue
            if news is not None and self._fresh:
                self._fresh = False
                news()
            if not self._read(wait):
                return None

    def listen(self, timeout: float) -> None:
        """Wait for news while nothing is pending: at most `timeout` seconds, until some came or `wake` was called.

        Also news that came since nobody was told of any end the waiting, at once.
        """
        wait = Wait(self.clock.boot() + timeout)
        while not self._fresh:
            data = self._transport.read(max(wait.until - self.clock.boot(), 0.0), wakeable=True)
            if not data:
                return
            self._collect(data, wait)
            if self.clock.boot() >= wait.until:
                break
        self._fresh = False

    def _collect(self, data: bytes, wait: Wait) -> None:
        self._lexer.feed(data)
        event = self._lexer.next_event()
        while event is not None:
            self._sort(event, wait)
            event = self._lexer.next_event()

    def _read(self, wait: Wait) -> bool:
        now = self.clock.boot()
        if wait.alarm is not None and now >= wait.alarm[0]:
            call, wait.alarm = wait.alarm[1], None
            call()
        left = wait.until - now
        if left <= 0:
            if wait.over:
                return False
            wait.over = True
        if wait.alarm is not None:
            left = min(left, wait.alarm[0] - now)
        self._lexer.feed(self._transport.read(max(left, 0.0)))
        return True

    def _sort(self, event: Event, wait: Wait) -> str | FinalResult | Prompt | None:
        if isinstance(event, Prompt):
            self._lexer.prompt_awaited = False
            return event
        if isinstance(event, Indication):
            self._report(event, wait)
            return None
        line, pending = event.text, self._pending
        role = pending.role(line) if pending is not None else _idle_role(line)
        if role is Role.ANSWER:
            return line
        if role is Role.FINAL:
            return self._final(line)
        prefix = indication_prefix(line) if role is Role.NEWS else None
        if prefix == "+CMGS":
            self.strays.append(line)
            self._owed = True
        elif pending is None and line == "OK":
            self._owed = False
        elif pending is None and line.startswith(_ERRORS) and not self.overdue:
            self.strays.append(line)
        if prefix is None or prefix in self.overdue:
            self.noise += 1
        else:
            self._report(Indication(prefix, line), wait)
        return None

    def _final(self, line: str) -> FinalResult | None:
        result = classify(line) or numeric(line)
        if result is not None and result.ok and self._owed:
            self._owed = False  # of the +CMGS that came late, not of what is pending
            return None
        if result is not None and result.kind is FinalKind.CALL and self._ringing:
            self._ringing = False  # somebody's call ended, not our command
            return None
        return result

    def tell(self, line: str) -> None:
        """Queue a result that belongs to none of what is pending as news for the owner."""
        self.indications.append(Indication(indication_prefix(line) or line, line))
        self._fresh = True

    def _report(self, indication: Indication, wait: Wait) -> None:
        self.indications.append(indication)
        self._fresh = True
        if indication.prefix in ("RING", "+CRING", "+CLIP"):
            self._ringing = True
        elif indication.prefix in REBOOTS:
            self.rebooted = True
            wait.until = min(wait.until, self.clock.boot() + REBOOT_GRACE)
