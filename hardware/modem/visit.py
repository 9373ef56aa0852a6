"""A short call on a modem that nobody else uses: look at it, ask its network something, send one message and wait.

For people who find out whether a modem works, not for sending: nothing is remembered here. No PIN is ever written, and
what others sent to the SIM stays where it is stored.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hardware.at.channel import Indication
from hardware.at.fields import fields
from hardware.clock import Clock
from hardware.errors import DecodeError
from hardware.modem.checkup import Checkup, check_up
from hardware.modem.inspection import identity_of, opened
from hardware.modem.routing import Routing
from hardware.modem.storage import Place, Storage
from hardware.modem.supplementary import exchange_ussd
from hardware.pdu import (
    Address,
    DeliverPdu,
    DeliveryOutcome,
    DeliveryStatus,
    RelativeValidity,
    StatusReportPdu,
    SubmitPdu,
    decode_incoming,
    segment,
)
from hardware.transport import Transport
from hardware.ussd import UssdAnswer

_LIFETIME = 3600.0  # seconds that the network may try: a trial that arrives tomorrow helps nobody
_COMPARED = 7  # last digits of a number that a report repeats in another form


@dataclass(slots=True)
class Trial:
    """What became of one message. Times are seconds from the acceptance by the network, None: not within the wait."""

    reference: int
    accepted_after: float
    """Seconds from AT+CMGS to the network's acceptance."""
    route: str
    """How the modem was set to hand reports on, a `ReportRoute` value."""
    arrived_after: float | None = None
    """When it came back to this modem."""
    reported_after: float | None = None
    status: DeliveryStatus | None = None
    """What the report says."""

    @property
    def outcome(self) -> DeliveryOutcome | None:
        """What the report means; None while the network is still trying."""
        found = self.status.outcome if self.status is not None else None
        return None if found is DeliveryOutcome.TRYING else found


class Visit:
    """A call on the modem behind an open transport. Raises CommandTimeout where it is silent, ConnectionLost.

    `wait` in seconds for its first answer; `scale` as in ModemSettings.
    """

    def __init__(self, transport: Transport, clock: Clock, *, wait: float = 3.0, scale: float = 1.0) -> None:
        self._link, self._clock = opened(transport, clock, wait, scale), clock
        self._link.attempt("AT+CMEE=1")
        self._identity, self._profile = identity_of(self._link)

    def look(self, *, networks: bool = False) -> Checkup:
        """Everything that it tells; `networks` also has it search for networks, for minutes. Raises as the class."""
        return check_up(self._link, self._identity, self._profile, networks=networks)

    def ussd(self, code: str, timeout: float = 60.0) -> UssdAnswer:
        """Ask the network. Raises CommandRejected, CommandTimeout, EncodeError, ConnectionLost."""

        def news() -> list[str]:
            taken, queue = [one.line for one in self._link.channel.indications], self._link.channel.indications
            queue.clear()
            return [line for line in taken if line.startswith("+CUSD")]

        return exchange_ussd(self._link, self._profile, code, timeout, news)

    def send(self, number: str, text: str, *, wait: float, comes_back: bool, told: Callable[[str], None]) -> Trial:
        """Send one message and wait for its report, and for itself where it `comes_back`, `wait` seconds at most.

        It costs what a message costs. `text` fits one part and is like no other; `told` hears how it goes. Raises
        CommandRejected and its kin, CommandTimeout and SubmitUncertain as `AtChannel.submit`, EncodeError,
        ConnectionLost.
        """
        link, profile = self._link, self._profile
        for command in profile.quiet:
            link.attempt(command)
        link.command("AT+CMGF=0")
        link.attempt('AT+CSCS="GSM"')
        storage, routing = Storage(link), Routing(link)
        storage.configure(profile)
        routing.configure(profile, reports=True)
        (part,) = segment(text).segments
        pdu = SubmitPdu(
            Address.parse(number), part, validity=RelativeValidity.at_most(_LIFETIME), status_report_request=True
        ).encode()
        begun = self._clock.boot()
        told("being sent")
        reference = link.channel.submit(
            pdu.tpdu_length,
            pdu.hex,
            _Unattended(),
            prompt_timeout=profile.prompt_timeout * link.scale,
            result_timeout=profile.submit_timeout * link.scale,
        )
        accepted = self._clock.boot()
        trial = Trial(reference, accepted - begun, routing.route.value)
        told("accepted by the network")
        waiting = _Waiting(trial, number, text, comes_back, lambda: self._clock.boot() - accepted)
        deadline = link.deadline(wait)
        while not waiting.over and (left := deadline - self._clock.boot()) > 0:
            link.channel.listen(left)
            while link.channel.indications:
                _take(link.channel.indications.popleft(), waiting, storage, routing)
            told(waiting.words)
        return trial


class _Unattended:
    """Nothing is to be done at the points of a submit."""

    def awaiting_prompt(self) -> None:
        """Nothing."""

    def before_pdu(self) -> None:
        """Nothing."""

    def on_air(self) -> None:
        """Nothing."""

    def slow(self) -> None:
        """Nothing."""

    def news(self) -> None:
        """Nothing."""


class _ForeignError(Exception):
    """A stored message that is not the one that is waited for: it is not taken, and so not deleted."""


class _Waiting:
    """What is still to come of one trial."""

    def __init__(self, trial: Trial, number: str, text: str, comes_back: bool, elapsed: Callable[[], float]) -> None:
        self._trial, self._tail, self._text = trial, number[-_COMPARED:], text
        self._comes_back, self._elapsed = comes_back, elapsed

    @property
    def over(self) -> bool:
        """Whether everything came; a report that says "still trying" is not the last one."""
        trial = self._trial
        return trial.outcome is not None and (trial.arrived_after is not None or not self._comes_back)

    @property
    def words(self) -> str:
        """How it goes."""
        if self._comes_back and self._trial.arrived_after is None:
            return "accepted by the network, waiting for it to come back"
        return "accepted by the network, waiting for the report"

    def ours(self, pdu: str) -> bool:
        """Note what a PDU says of the trial; whether it is about the trial at all."""
        try:
            content = decode_incoming(pdu)
        except DecodeError:
            return False
        trial = self._trial
        if isinstance(content, StatusReportPdu):
            if content.reference != trial.reference or not content.recipient.digits.endswith(self._tail):
                return False
            trial.reported_after, trial.status = self._elapsed(), content.status
            return True
        if not isinstance(content, DeliverPdu) or content.text != self._text:
            return False
        trial.arrived_after = self._elapsed()
        return True

    def stored(self, _: str, pdu: str) -> None:
        """As a storage hands it over; raises _ForeignError for what is to stay."""
        if not self.ours(pdu):
            raise _ForeignError


def _take(news: Indication, waiting: _Waiting, storage: Storage, routing: Routing) -> None:
    if news.prefix in ("+CDS", "+CMT"):
        if news.pdu is not None:
            waiting.ours(news.pdu)
        if routing.service:
            routing.acknowledge(received=news.pdu is not None)
        return
    if news.prefix not in ("+CMTI", "+CDSI"):
        return
    values = fields(news.line)
    index = values[1].number if len(values) > 1 else None
    if index is None:
        return
    try:
        storage.fetch(Place(values[0].text, index), waiting.stored, report=news.prefix == "+CDSI")
    except _ForeignError:
        return
