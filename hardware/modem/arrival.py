"""From an open port to the network: a modem is set up, read empty, and waited for until it is registered."""

from __future__ import annotations

from collections.abc import Callable

from hardware.modem.attention import Attention
from hardware.modem.card import Card
from hardware.modem.condition import Condition
from hardware.modem.incoming import Incoming
from hardware.modem.ladder import Ladder
from hardware.modem.link import Link
from hardware.modem.network import Network
from hardware.modem.status import ModemState, NotReady

_LADDERS = 3  # a modem that restarts while it is set up is set up again, that often
_POLL_PAUSE = 2.0  # seconds between looks at the registration


class Arrival:
    """How a modem comes to be ready."""

    def __init__(
        self,
        link: Link,
        condition: Condition,
        attention: Attention,
        incoming: Incoming,
        card: Card,
        network: Network,
        ladder: Ladder,
        sweep: Callable[[], object],
    ) -> None:
        self._link, self._condition, self._attention, self._incoming = link, condition, attention, incoming
        self._card, self._network, self._ladder, self._sweep = card, network, ladder, sweep
        self.woken = False
        """Ends the wait for the network; may be set by any thread."""

    def come(self) -> None:
        """Climb the ladder to READY, or to where it ends; the condition says which. Raises as `Modem.bring_up`."""
        settled = self._condition.state in (ModemState.SEARCHING, ModemState.DENIED)
        # A modem that restarted without a word waits for its PIN and finds no network for ever.
        if settled and self._card.is_open() and self._join():
            return
        advice = "check that it has power and that this is its AT port"
        self._condition.settle(self._condition.state, "waiting for the modem's first answer", advice)
        for _ in range(_LADDERS):
            late = self._link.channel.resynchronise(self._ladder.first_wait * self._link.scale)
            if late is not None and late.reference is not None:  # whoever sent it does not wait for it any more
                self._link.channel.tell(late.reference)
            self._condition.settle(ModemState.CONFIGURING, "being set up")
            self._incoming.restarted()
            try:
                self._ladder.climb()
            except NotReady as stop:
                self._condition.settle(stop.state, stop.reason, stop.advice, stop.trouble)
                self._incoming.take_news()
                return
            if not self._ladder.silences_echo():
                continue
            self._incoming.card_news_explained()
            self._condition.settle(ModemState.SEARCHING, "set up, looking for the network")
            if self._join():
                return

    def _join(self) -> bool:
        """Read what is stored, then wait for the network until `wake`; False where the modem restarted meanwhile."""
        self._incoming.check_due = True
        self._attention.attend()
        self._sweep()
        deadline = self._link.deadline(self._ladder.profile.network_wait)
        self.woken = False
        while self._condition.configured:
            self._network.poll()
            self._attention.attend()
            over = self.woken or self._link.clock.boot() >= deadline
            if over or self._condition.state is not ModemState.SEARCHING:
                break
            self._link.channel.listen(_POLL_PAUSE * self._link.scale)
        if self._condition.configured:
            self._network.measure()
            self._attention.attend()
        return self._condition.configured
