"""Telephones on the other side: what they received, and what state keeps them from receiving."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from hardware.clock import Instant
from hardware.simulator.octets import mask
from hardware.simulator.tpdu import Submit
from hardware.simulator.userdata import Content, class_of

if TYPE_CHECKING:
    from hardware.simulator.network import SimulatedNetwork

SILENT_PID = 0x40
REPLACE_PIDS = range(0x41, 0x48)


class HandsetState(StrEnum):
    """What the network finds when it tries to deliver."""

    ON = "on"
    OFF = "off"
    FULL = "full"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ReceivedMessage:
    """One whole message as the telephone shows it. `parts` counts what it was joined from."""

    text: str | None = field(repr=False)
    data: bytes | None = field(repr=False)
    sender: str = field(repr=False)
    received_at: Instant
    parts: int
    pid: int
    message_class: int | None
    ports: tuple[int, int] | None


@dataclass(eq=False)
class Handset:
    """A telephone. Set `state` at any time: what waits for it at the service centre then moves.

    `delay` is in seconds, before each delivery. `answer` forces the TP-ST of the status report (23.040 9.2.3.15):
    0x40 to 0x7F without delivery, anything else with it.
    """

    number: str
    network: SimulatedNetwork = field(repr=False)
    delay: float = 0.0
    answer: int | None = None
    messages: list[ReceivedMessage] = field(default_factory=list, repr=False)
    """What its user can see: whole messages, newest last."""
    segments: list[Submit] = field(default_factory=list, repr=False)
    """Every SMS-SUBMIT that arrived, silent ones and single parts too."""
    on_message: Callable[[ReceivedMessage], None] | None = field(default=None, repr=False)
    _state: HandsetState = HandsetState.ON
    _partial: dict[tuple[str, int, int], dict[int, Content]] = field(default_factory=dict, repr=False)

    def __repr__(self) -> str:
        return f"Handset({mask(self.number)}, {self._state}, {len(self.messages)} messages)"

    @property
    def state(self) -> HandsetState:
        """Whether and why it can receive."""
        return self._state

    @state.setter
    def state(self, state: HandsetState | str) -> None:
        self._state = HandsetState(state)
        self.network.handset_changed(self)

    @property
    def texts(self) -> list[str]:
        """The texts of `messages`; data messages are left out."""
        return [message.text for message in self.messages if message.text is not None]

    def send(
        self,
        text: str | bytes,
        to: str,
        *,
        message_class: int | None = None,
        pid: int = 0,
        ports: tuple[int, int] | None = None,
    ) -> None:
        """Send to a SIM's number, in parts where one is too short; bytes go as 8-bit data.

        Raises ValueError where no SIM of the network has that number.
        """
        self.network.send_from(self.number, text, to, message_class=message_class, pid=pid, ports=ports)

    def receive(self, sender: str, submit: Submit, now: Instant) -> None:
        """Take one delivered SMS-SUBMIT; the service centre calls this."""
        self.segments.append(submit)
        if submit.pid == SILENT_PID:
            return
        content = submit.content
        part = content.part
        if part is None:
            self._show([content], sender, submit, now)
            return
        reference, total, sequence = part
        parts = self._partial.setdefault((sender, reference, total), {})
        parts.setdefault(sequence, content)
        if len(parts) == total:
            del self._partial[sender, reference, total]
            self._show([parts[number] for number in sorted(parts)], sender, submit, now)

    def _show(self, contents: list[Content], sender: str, submit: Submit, now: Instant) -> None:
        texts = [content.text for content in contents if content.text is not None]
        data = [content.data for content in contents if content.data is not None]
        message = ReceivedMessage(
            text=_whole("".join(texts)) if texts else None,
            data=b"".join(data) if data else None,
            sender=sender,
            received_at=now,
            parts=len(contents),
            pid=submit.pid,
            message_class=class_of(submit.dcs),
            ports=contents[0].ports,
        )
        if submit.pid in REPLACE_PIDS:
            # 23.040 9.2.3.9: replaces what came with the same code from the same sender.
            self.messages[:] = [old for old in self.messages if (old.pid, old.sender) != (submit.pid, sender)]
        self.messages.append(message)
        if self.on_message is not None:
            self.on_message(message)


def _whole(text: str) -> str:
    """Join surrogates that came in two parts; a half that stays alone is shown as U+FFFD."""
    return text.encode("utf-16-be", "surrogatepass").decode("utf-16-be", "replace")
