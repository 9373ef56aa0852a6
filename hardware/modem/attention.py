"""What a modem says by itself: followed in its state, and done what it asks for."""

from __future__ import annotations

import sys

from hardware.modem.card import Card
from hardware.modem.condition import Condition
from hardware.modem.incoming import Incoming
from hardware.modem.ladder import Ladder
from hardware.modem.link import Link
from hardware.modem.network import Network
from hardware.modem.status import CONFIGURED, ModemState


class Attention:
    """From news to the state, and from the state to what may be done about the news."""

    def __init__(
        self, link: Link, condition: Condition, incoming: Incoming, card: Card, network: Network, ladder: Ladder
    ) -> None:
        self._link, self._condition, self._incoming = link, condition, incoming
        self._card, self._network, self._ladder = card, network, ladder

    def set_up_anew(self, why: str) -> None:
        """The modem restarted, or its card is another one: everything has to be set up again, a PIN entered too."""
        self._card.was_reset()
        self._condition.fall(why)

    def echoes(self) -> bool:
        """Whether a command came back as an echo from a modem that was told not to: it has restarted."""
        return self._link.channel.take_echoed() and self._ladder.echo_tells

    def take_news(self) -> None:
        """Sort what came and follow it in the state; writes nothing to the modem."""
        self._incoming.take_news()
        if self.echoes():
            self._incoming.check_due = True
        restart = self._incoming.restart
        if restart is not None and self._condition.state in (*CONFIGURED, ModemState.LOCKED, ModemState.FAILED):
            self.set_up_anew(f"the modem restarted ({restart})")
        if self._incoming.lost_settings and self._condition.configured:
            self._condition.fall("the modem has lost its settings")
        if self._condition.configured:
            self._condition.settle(*self._network.state)

    def attend(self, most: int = sys.maxsize) -> bool:
        """Do what came in: hand over, acknowledge, fetch, `most` messages where given; whether there was anything."""
        self.take_news()
        if not self._condition.configured:
            return self._incoming.hand_over()
        done = self._incoming.work(most)
        self.take_news()
        return done
