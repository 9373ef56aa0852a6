"""What comes by itself: sorted, handed over, acknowledged, fetched. Nothing is given up before the inbox has it."""

from __future__ import annotations

import logging
import re
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from hardware.at.channel import Indication, SubmitHooks
from hardware.at.fields import fields
from hardware.at.indications import REBOOTS, STARTS
from hardware.errors import DecodeError
from hardware.modem.link import Link
from hardware.modem.network import Network
from hardware.modem.routing import Routing
from hardware.modem.status import Inbox
from hardware.modem.storage import REPORTS, Place, Storage
from hardware.pdu import DeliverPdu, StatusReportPdu, decode_incoming
from hardware.profiles import ReportRoute

log = logging.getLogger(__name__)

_CARD_NEWS = ("+CPIN", "+CFUN")  # said at every start of the card or the radio (SIMCom, Quectel, Cinterion)
_ONLY_ANSWERS = frozenset(("+CPMS", "+CNMI", "+COPS", "+CSCA", "+CSMS", "+CMGL", "+CMGR"))  # never said unasked
_REPORT, _MESSAGE, _REFERENCE = "report", "message", "reference"
_STATUS_REPORT_TYPE = 2
_MANY, _LONG = 10, 2.0  # announced messages, or seconds since the first of them, for which a backlog is interrupted
_SMS_LOADED = re.compile(r"SMS (Ready|DONE)|\+QIND: *SMS DONE|\+WIND: *4|\^SMMEMFULL|SMSFULL", re.IGNORECASE)


@dataclass(frozen=True, slots=True, repr=False)
class _Direct:
    """A PDU that came with its indication, or the line of a late +CMGS."""

    kind: str
    pdu: str


@dataclass(frozen=True, slots=True)
class _Announced:
    """A message that +CMTI or +CDSI said to be stored."""

    place: Place
    report: bool


class Watch:
    """The hooks of a submit, with the news taken first.

    `must_be_set_up` looks once more at the prompt: a modem that restarted without a word may be in text mode, where
    the length in AT+CMGS is a number to send to.
    """

    def __init__(self, hooks: SubmitHooks, news: Callable[[], None], must_be_set_up: Callable[[], None]) -> None:
        self._hooks, self._news, self._must_be_set_up = hooks, news, must_be_set_up

    def awaiting_prompt(self) -> None:
        """Passed on."""
        self._hooks.awaiting_prompt()

    def before_pdu(self) -> None:
        """Passed on to a modem that is still as it was set up; raises NotReady else."""
        self._must_be_set_up()
        self._hooks.before_pdu()

    def on_air(self) -> None:
        """Passed on."""
        self._hooks.on_air()

    def slow(self) -> None:
        """Passed on."""
        self._hooks.slow()

    def news(self) -> None:
        """Passed on once the news are safe."""
        self._news()
        self._hooks.news()


class Incoming:
    """Queues between the modem's news and the inbox."""

    def __init__(self, link: Link, inbox: Inbox, network: Network, routing: Routing, storage: Storage) -> None:
        self._link, self._inbox, self._network = link, inbox, network
        self._routing, self._storage = routing, storage
        self._direct: deque[_Direct] = deque()
        self._announced: deque[_Announced] = deque()
        self.acknowledgements: deque[bool] = deque()
        """+CNMA that the modem waits for; False where the PDU was lost on the line and is to come again."""
        self.ussd: deque[str] = deque(maxlen=8)
        """+CUSD lines that nobody has taken."""
        self.restart: str | None = None
        """The indication by which the modem said that it restarted, or is about to."""
        self.started = False
        """Whether that was one that a modem says once it is up again."""
        self.check_due = False
        """The routing is to be looked at."""
        self.lost_settings = False
        """The routing was not what had been set, and no acknowledgement explains it."""
        self._sweep_due = False
        self._waits_since: float | None = None  # boot-clock seconds at which the first of what is stored was announced
        self._refused = False  # the inbox did not take the last PDU, and the log says so

    def restarted(self) -> None:
        """Forget what is not true after a restart; stored messages are found by the sweep of the bring-up."""
        self.take_news()
        self._announced.clear()
        self.acknowledgements.clear()
        self.restart, self.started = None, False
        self.check_due = self.lost_settings = self._sweep_due = False

    def take_news(self) -> None:
        """Sort the channel's indications into queues; writes nothing to the modem."""
        queue = self._link.channel.indications
        while queue:
            self._sort(queue.popleft())
        if not (self._announced or self._sweep_due):
            self._waits_since = None
        elif self._waits_since is None:
            self._waits_since = self._link.clock.boot()

    def _sort(self, news: Indication) -> None:
        if news.prefix in ("+CDS", "+CMT"):
            self._direct_news(news)
        elif news.prefix in ("+CMTI", "+CDSI"):
            values = fields(news.line)
            index = values[1].number if len(values) > 1 else None
            if index is None:
                self._sweep_due = True
            else:
                self._announced.append(_Announced(Place(values[0].text, index), news.prefix == "+CDSI"))
        elif news.prefix == "+CMGS":
            self._direct.append(_Direct(_REFERENCE, news.line))
        elif news.prefix == "+CUSD":
            self.ussd.append(news.line)
        elif news.prefix in REBOOTS or news.prefix in _CARD_NEWS:
            self.restart = news.line
            self.started = self.started or news.prefix in STARTS
        elif _SMS_LOADED.match(news.line):
            self._sweep_due = self.check_due = True
        elif news.prefix in _ONLY_ANSWERS:
            # A result too many came before it, and every answer since is taken for the next command's.
            self._link.channel.dirty = self._sweep_due = True
        else:
            self._network.heard(news)

    def _direct_news(self, news: Indication) -> None:
        if self._routing.service:
            self.acknowledgements.append(news.pdu is not None)
        if news.pdu is None:
            self._sweep_due = True  # where it was stored too it is found
        else:
            self._direct.append(_Direct(_REPORT if news.prefix == "+CDS" else _MESSAGE, news.pdu))

    def card_news_explained(self) -> None:
        """A card that was just opened, or a radio just switched on, says so: no restart."""
        self.take_news()
        if self.restart is not None and self.restart.startswith(_CARD_NEWS):
            self.restart = None

    def hand_over(self) -> bool:
        """Give direct PDUs to the inbox, in order; where it raises that one stays first. Whether there were any."""
        done = False
        while self._direct:
            first = self._direct[0]
            if first.kind == _REFERENCE:
                self._late_reference(first.pdu)
            else:
                self._to_inbox(first.pdu, report=first.kind == _REPORT)
            self._direct.popleft()
            done = True
        return done

    def hand_over_in_submit(self) -> bool:
        """As `hand_over` within a transaction that must not end by it; False where something is left for later."""
        try:
            self.hand_over()
        except Exception as error:  # noqa: BLE001 - it comes again after the submit, and ends no transaction then
            if not self._refused:  # said once: a full disk stays full, and one report follows another
                log.warning("what comes in cannot be stored; it is tried again after the submit: %s", error)
            self._refused = True
        else:
            self._refused = False
        return not self._direct

    def hand_over_at_last(self) -> None:
        """As `hand_over`, where there is no later: what is not taken now comes again only if it waits for +CNMA."""
        try:
            self.hand_over()
        except Exception as error:  # noqa: BLE001 - a port is closed all the same
            log.warning("%d reports or messages that came in could not be stored: %s", len(self._direct), error)

    def _late_reference(self, line: str) -> None:
        values = fields(line)
        reference = values[0].number if values else None
        if reference is not None:
            self._inbox.late_reference(reference & 0xFF)

    def _to_inbox(self, pdu: str, *, report: bool) -> None:
        try:
            content: DeliverPdu | StatusReportPdu | None = decode_incoming(pdu)
        except DecodeError as error:
            log.warning("undecodable PDU of %d octets kept raw: %s", len(pdu) // 2, error)
            content = None
        if isinstance(content, StatusReportPdu):
            self._inbox.status_report(pdu, content)
        elif isinstance(content, DeliverPdu):
            self._inbox.message(pdu, content)
        elif report:
            self._inbox.status_report(pdu, None)
        else:
            self._inbox.message(pdu, None)

    def _stored(self, memory: str, pdu: str) -> None:
        self._to_inbox(pdu, report=memory == REPORTS or _claims_report(pdu))

    def acknowledge(self, *, late: bool = False) -> None:
        """Write what acknowledgements are due; where one was late or not wanted any more, look at the routing."""
        self.hand_over()
        while self.acknowledgements:
            expected = self._routing.acknowledge(received=self.acknowledgements[0])
            self.acknowledgements.popleft()
            late = late or not expected
            if late:
                self.check_due = True
        if late and self.check_due:
            self._check()

    def _check(self) -> None:
        self.check_due = False
        if self._routing.in_pdu_mode() is False:
            self.lost_settings = True
            return
        if self._routing.keeps():
            return
        fell = self._routing.route is ReportRoute.ACKNOWLEDGED and self._routing.restore()
        self.lost_settings = not fell

    @property
    def pressing(self) -> bool:
        """Whether something that is stored has waited for long, or is so much that a storage may fill."""
        if self._waits_since is None:
            return False
        over = self._waits_since + _LONG * self._link.scale
        return len(self._announced) >= _MANY or self._link.clock.boot() >= over

    def work(self, most: int = sys.maxsize) -> bool:
        """Hand over, acknowledge, look at the routing, fetch `most` messages, sweep; whether there was anything."""
        busy = bool(self._direct or self.acknowledgements or self._announced or self._sweep_due)
        self.acknowledge()
        if self.check_due:
            self._network.poll()
            self._check()
        while self._announced and not self.lost_settings and most > 0:
            most -= 1
            self._fetch(self._announced[0])
            self.take_news()
            self.acknowledge()
        if self._sweep_due:
            self.sweep()
        return busy

    def _fetch(self, announced: _Announced) -> None:
        if not self._storage.fetch(announced.place, self._stored, report=announced.report):
            self._sweep_due = True
        self._announced.remove(announced)

    def sweep(self) -> int:
        """Hand over what is stored anywhere; the number of messages."""
        self.hand_over()
        before = list(self._announced)
        self._sweep_due = False
        count = self._storage.sweep(self._stored)
        self.take_news()
        known = {id(announced) for announced in before if announced.place in self._storage.taken}
        self._announced = deque(announced for announced in self._announced if id(announced) not in known)
        return count


def _claims_report(pdu: str) -> bool:
    """Whether the first octet of the TPDU says status report (23.040 9.2.3.1), readable or not."""
    at = 2 + 2 * int(pdu[:2], 16)
    return len(pdu) >= at + 2 and int(pdu[at : at + 2], 16) & 3 == _STATUS_REPORT_TYPE
