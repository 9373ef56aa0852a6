"""One message to a modem that is ready: made sure of, handed over, and what its outcome says about the modem."""

from __future__ import annotations

from hardware.at.channel import SubmitHooks
from hardware.errors import CommandRejected, HardwareError, MessageServiceError
from hardware.modem.attention import Attention
from hardware.modem.centre import ServiceCentre
from hardware.modem.condition import Condition
from hardware.modem.incoming import Incoming, Watch
from hardware.modem.ladder import Ladder
from hardware.modem.link import Link
from hardware.modem.routing import Routing
from hardware.pdu import Address, SubmitPdu

_SLOW = 15.0  # seconds without a result after which a submit counts as slow; most take one to six
_SURE_FOR = 2.0  # seconds for which PDU mode is sure once it has shown: no modem restarts in less
_NO_CENTRE, _NO_NETWORK = 330, 331
_CARD_GONE = (310, 311, 312, 313, 315, 316)
_CARD_GONE_CME = (10, 11, 12, 13, 15)


class Sending:
    """The way of a PDU to the modem."""

    def __init__(
        self,
        link: Link,
        condition: Condition,
        attention: Attention,
        incoming: Incoming,
        routing: Routing,
        centre: ServiceCentre,
        ladder: Ladder,
    ) -> None:
        self._link, self._condition, self._attention = link, condition, attention
        self._incoming, self._routing, self._centre, self._ladder = incoming, routing, centre, ladder
        self._sure_until = 0.0

    def submit(self, pdu: SubmitPdu, hooks: SubmitHooks) -> int:
        """Send one SMS-SUBMIT and return its TP-MR; raises as `Modem.submit`."""
        if self._incoming.check_due:
            self._attention.attend()
        self._attention.take_news()
        self._condition.require_ready()
        self._make_sure()
        encoded = pdu.encode(self._service_centre(pdu))
        self._incoming.acknowledge()
        self._make_sure()  # once more where that was not answered
        profile, scale = self._ladder.profile, self._link.scale
        try:
            reference = self._link.channel.submit(
                encoded.tpdu_length,
                encoded.hex,
                Watch(hooks, self._news, self._must_be_set_up),
                prompt_timeout=profile.prompt_timeout * scale,
                result_timeout=profile.submit_timeout * scale,
                slow_after=_SLOW * scale,
            )
        except Exception as error:  # no other kind: whoever is told to end does nothing more
            if isinstance(error, CommandRejected):
                self._learn(error)
            self._clear_up()
            raise
        self._sure_until = self._link.deadline(_SURE_FOR)
        self._clear_up()
        return reference

    def _make_sure(self) -> None:
        """See that PDU mode is still on, unless it has just shown.

        A modem that keeps ATE0 over a restart gives no sign of one, and in text mode the length in AT+CMGS is a number
        to send to. In a backlog the message before has just shown it, so that only the first one after a rest asks, and
        one after a silence. A modem that does not tell is told.

        Raises NotReady where it is off, CommandTimeout where the modem is silent, ConnectionLost.
        """
        if self._link.clock.boot() >= self._sure_until or self._link.channel.dirty:
            sure = self._routing.in_pdu_mode()
            if sure is None:
                self._incoming.check_due = True
                sure = self._told_pdu_mode()
            if not sure:
                self._attention.set_up_anew("the modem restarted without a word: it is in text mode, or does not say")
            self._sure_until = self._link.deadline(_SURE_FOR)
        self._attention.take_news()
        self._condition.require_ready()

    def _told_pdu_mode(self) -> bool:
        try:
            self._link.command("AT+CMGF=0")
        except CommandRejected:
            return False
        return True

    def _service_centre(self, pdu: SubmitPdu) -> Address | None:
        if pdu.service_centre is None and self._centre.in_pdu and self._centre.number:
            return Address.parse(self._centre.number)
        return None

    def _learn(self, refused: CommandRejected) -> None:
        """What a refusal says about the modem, beyond the message."""
        if isinstance(refused, MessageServiceError) and refused.code == _NO_CENTRE:
            self._centre.refused()
        elif isinstance(refused, MessageServiceError) and refused.code == _NO_NETWORK:
            self._incoming.check_due = True
        elif refused.code in (_CARD_GONE if isinstance(refused, MessageServiceError) else _CARD_GONE_CME):
            self._condition.fall(f"the SIM is not usable any more: {refused}")

    def _clear_up(self) -> None:
        """What waited for the end of the transaction, above all +CNMA; whatever fails here is found again later."""
        self._attention.take_news()
        if not self._incoming.hand_over_in_submit() or self._link.channel.dirty or not self._incoming.acknowledgements:
            return
        try:
            self._incoming.acknowledge(late=True)
        except HardwareError:
            self._incoming.check_due = True

    def _news(self) -> None:
        """Called while a submit waits: nothing may be written now, and everything that came is handed over."""
        self._attention.take_news()
        self._incoming.hand_over_in_submit()

    def _must_be_set_up(self) -> None:
        """Raise NotReady where the modem is not as it was set up any more."""
        if self._attention.echoes():
            self._attention.set_up_anew("the modem restarted without a word: it echoes again")
        self._attention.take_news()
        self._condition.require_ready()
