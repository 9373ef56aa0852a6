"""What goes wrong, as values: when it happens (`Fault`) and what then happens (an action)."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Step(StrEnum):
    """Moments at which a fault can strike."""

    COMMAND = "command"
    """A command was read and is about to be carried out; `Fault.command` narrows it to one name."""
    ANSWER = "answer"
    """Between an information line and what follows it: where Storm and Rubbish hurt most."""
    PROMPT = "prompt"
    """AT+CMGS is about to give its prompt."""
    PDU = "pdu"
    """Ctrl-Z has come; the network has seen nothing yet."""
    RESULT = "result"
    """The network has accepted the message; the modem is about to say so."""
    REPORT = "report"
    """A status report is on its way from the service centre."""
    INCOMING = "incoming"
    """A message or report reached the modem."""
    TIME = "time"
    """`Fault.at` seconds after the fault was given to the modem."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """Answer with an error, the family's plain one for None. At RESULT the message has gone out all the same."""

    code: int | None
    kind: str = "CMS"


@dataclass(frozen=True, slots=True)
class Silence:
    """Take everything and say nothing, for some seconds or (None) until power is cycled or a reset timer ends it.

    At COMMAND, PROMPT and PDU what was begun is never done; at RESULT the message has gone out.
    """

    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class LoseAnswer:
    """Never give the final result of this one command. At PDU the message is lost with it, at RESULT it was sent."""


@dataclass(frozen=True, slots=True)
class Reboot:
    """Restart the modem: settings gone, echo on, boot news."""


@dataclass(frozen=True, slots=True)
class Vanish:
    """The port disappears; after `seconds` (None: until `restore`) it is back, under `name` where given.

    With `reboot` the modem restarts with it, else only the port was lost.
    """

    seconds: float | None = 5.0
    name: str | None = None
    reboot: bool = True


@dataclass(frozen=True, slots=True)
class Rubbish:
    """Send these octets as they are, then go on."""

    octets: bytes = b"\x00\xff\xfe~\x7d\x80\r\n\xc3"


@dataclass(frozen=True, slots=True)
class Storm:
    """Send these indications, `times` over, inside the answer."""

    lines: tuple[str, ...]
    times: int = 1


@dataclass(frozen=True, slots=True)
class Slow:
    """Go on that many seconds later."""

    seconds: float


@dataclass(frozen=True, slots=True)
class NoReference:
    """At RESULT: OK without +CMGS."""


@dataclass(frozen=True, slots=True)
class LoseRegistration:
    """The registration becomes `status` (0 not searching, 2 searching, 3 denied), for `seconds` or for good (None)."""

    status: int = 2
    seconds: float | None = 10.0


@dataclass(frozen=True, slots=True)
class FillStorage:
    """Fill every place of the SIM's and the modem's storage with old messages."""


@dataclass(frozen=True, slots=True)
class LoseReport:
    """At REPORT: it never comes."""


@dataclass(frozen=True, slots=True)
class DelayReport:
    """At REPORT: it comes that many seconds later."""

    seconds: float


@dataclass(frozen=True, slots=True)
class RepeatReport:
    """At REPORT: it comes `times` in all, `seconds` apart."""

    times: int = 2
    seconds: float = 1.0


@dataclass(frozen=True, slots=True)
class SplitLines:
    """At INCOMING: the second line of +CMT or +CDS comes that many seconds after the first."""

    seconds: float = 1.0


@dataclass(frozen=True, slots=True)
class EarlyReport:
    """At RESULT: +CMGS is held back until the status report has had time to come."""

    margin: float = 1.0


Action = (
    Refuse
    | Silence
    | LoseAnswer
    | Reboot
    | Vanish
    | Rubbish
    | Storm
    | Slow
    | NoReference
    | LoseRegistration
    | FillStorage
    | LoseReport
    | DelayReport
    | RepeatReport
    | EarlyReport
    | SplitLines
)


@dataclass(frozen=True, slots=True)
class Fault:
    """An action at a step: from the `nth` match on, `times` times (0: for ever), each with `probability`.

    `command` narrows COMMAND and ANSWER to a name such as "+CMGS" or "+CSQ"; `at` is the delay in seconds for TIME.
    """

    step: Step
    action: Action
    nth: int = 1
    times: int = 1
    command: str | None = None
    probability: float = 1.0
    seed: int = 0
    at: float = 0.0


class FaultPlan:
    """Counts the steps of one modem and says what strikes."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._armed = [_Armed(fault) for fault in faults]
        self.struck: list[Fault] = []
        """Every fault that has happened, in order."""

    def add(self, fault: Fault) -> None:
        """Arm one more."""
        self._armed.append(_Armed(fault))

    def clear(self) -> None:
        """Disarm everything."""
        self._armed.clear()

    def at(self, step: Step, command: str | None = None) -> list[Action]:
        """The actions that strike now, in the order in which they were armed."""
        struck = [armed.fault for armed in self._armed if armed.strikes(step, command)]
        self.struck.extend(struck)
        return [fault.action for fault in struck]


class _Armed:
    def __init__(self, fault: Fault) -> None:
        self.fault, self._seen, self._done = fault, 0, 0
        self._random = random.Random(fault.seed)  # noqa: S311 - repeatable, not secret

    def strikes(self, step: Step, command: str | None) -> bool:
        fault = self.fault
        if step is not fault.step or (fault.command is not None and fault.command != command):
            return False
        self._seen += 1
        if self._seen < fault.nth or (fault.times and self._done >= fault.times):
            return False
        if self._random.random() >= fault.probability:
            return False
        self._done += 1
        return True
