"""What a worker sees to besides sending: credit, service centre and card of its modem. Used on the worker's thread."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from gateway.balance import BalanceRule
from gateway.conditions import (
    ALL_WELL,
    CENTRE_CODES,
    CREDIT_CODES,
    NO_CREDIT,
    Finding,
    centre_wrong,
    credit,
    refused,
    swapped,
    unreadable,
)
from gateway.directory import BalanceView
from gateway.messages import Refusal
from gateway.store import Store, StoreError
from hardware.clock import Clock
from hardware.errors import CommandRejected, CommandTimeout, EncodeError
from hardware.modem import Identity, Modem, ModemState, ModemStatus

log = logging.getLogger("simwire.care")

ANSWER_WAIT = 30.0  # seconds that a network is given to tell a balance
ASK_AGAIN = 600.0  # seconds after a question that was not answered
LATER = 30.0  # seconds until a question is asked that codes have interrupted
SOONEST = 60.0  # seconds between two questions, whatever the network refuses
MEND_AFTER, DOUBT_AFTER = 2, 3  # refusals in a row until a service centre is put back, and until it is doubted
CREDIT_REFUSALS = 3  # in a row until the balance is asked for at once
SHOWN_FOR = 86_400.0  # seconds for which a swapped SIM is shown


@dataclass(frozen=True, slots=True)
class _Card:
    """Who a card is; what it does not tell is None."""

    imsi: str | None
    iccid: str | None

    @property
    def name(self) -> str:
        """What it goes by for people."""
        return self.iccid or self.imsi or ""

    def differs(self, other: _Card) -> bool:
        """Whether it is another card; one that has several IMSIs is the same under each."""
        if self.iccid is not None and other.iccid is not None:
            return self.iccid != other.iccid
        return self.imsi is not None and other.imsi is not None and self.imsi != other.imsi


@dataclass(slots=True)
class _Balance:
    """What is known of the credit of the SIM that is in."""

    due: float
    amount: Decimal | None = None
    asked_at: float | None = None
    problem: str | None = None
    asked_boot: float = float("-inf")


class Care:
    """One for each modem; `attend` between two submits, `judge` for its snapshot. `forgive` is for any thread."""

    def __init__(self, name: str, rule: BalanceRule | None, store: Store, clock: Clock) -> None:
        self._name, self._rule, self._store, self._clock = name, rule, store, clock
        self._card: _Card | None = None
        self._swap: tuple[float, Finding] | None = None
        self._balance = _Balance(due=0.0)
        self._centre_refusals = self._credit_refusals = 0
        self._result = ""
        self._centre: str | None = None
        self._proven: str | None = None
        self._accepted = self._mended = False
        self.doubts_centre = False
        """Whether refusals point at a service centre by which nothing was ever sent."""

    @property
    def balance(self) -> BalanceView | None:
        """The credit of the SIM, as far as it is asked for."""
        if self._rule is None:
            return None
        found = self._balance
        return BalanceView(found.amount, self._rule.minimum, found.asked_at, found.problem)

    def forgive(self) -> None:
        """Somebody knows of the swapped SIM, and of what the network refused."""
        self._swap, self.doubts_centre = None, False

    # -- what happened ------------------------------------------------------------------------------------------------

    def opened(self, identity: Identity) -> bool:
        """A modem was brought up; whether its card is another one than before. Raises StoreError."""
        imsi, iccid = identity.imsi, identity.iccid
        if imsi is None and iccid is None:
            return False
        before, card = self._card, _Card(imsi, iccid)
        another = before is not None and before.differs(card)
        if before is not None and not another:
            card = _Card(imsi or before.imsi, iccid or before.iccid)
        self._proven = self._store.centres.known(card.imsi)  # first: where it fails, it is another card next time too
        self._card = card
        if before is not None and another:
            told = swapped(before.name, self._card.name)
            self._swap = (self._clock.boot() + SHOWN_FOR, told)
            log.warning("modem %s: %s", self._name, told.reason)
        if before is None or another:
            self._balance = _Balance(due=self._clock.boot())
            self._centre_refusals = self._credit_refusals = 0
            self.doubts_centre = self._mended = self._accepted = False
        return another

    def accepted(self) -> None:
        """The network took a part."""
        self._centre_refusals = self._credit_refusals = 0
        self.doubts_centre = self._mended = False
        self._accepted = True

    def refused(self, refusal: Refusal) -> None:
        """The network or the modem refused a part."""
        self._result = refusal.result
        self._centre_refusals = self._centre_refusals + 1 if refusal.code in CENTRE_CODES else 0
        self._credit_refusals = self._credit_refusals + 1 if refusal.code in CREDIT_CODES else 0
        if self._centre_refusals >= DOUBT_AFTER and self._mended:
            self.doubts_centre = self._centre != self._proven
        if self._credit_refusals == CREDIT_REFUSALS:
            self._balance.due = max(self._clock.boot(), self._balance.asked_boot + SOONEST)

    # -- between submits ----------------------------------------------------------------------------------------------

    def attend(self, modem: Modem, codes_wait: Callable[[], bool]) -> bool:
        """Do what is due and brief, or waits for a network's answer and may; whether there is something new to tell.

        `codes_wait`: whether something more urgent does. Raises what the modem's commands raise: ConnectionLost, and
        CommandTimeout where it fell silent.
        """
        if modem.status.state is not ModemState.READY:
            return False
        if self._accepted:
            self._accepted = False
            self._remember(modem.status.service_centre)
        if self._centre_refusals >= MEND_AFTER and not self._mended:
            self._see_to_centre(modem)
        if self._rule is None or self._clock.boot() < self._balance.due or codes_wait():
            return False
        self._ask(modem, self._rule, codes_wait)
        return True

    def _remember(self, centre: str | None) -> None:
        imsi = self._card.imsi if self._card is not None else None
        if centre is None or imsi is None or centre == self._proven:
            return
        try:
            self._store.centres.worked(imsi, centre)
            self._proven = centre
        except StoreError as error:  # with the next part that is taken
            log.warning("modem %s: its service centre could not be remembered: %s", self._name, error)

    def _see_to_centre(self, modem: Modem) -> None:
        """Once in a row of refusals back to what is configured or worked before; what helps no more is for a person."""
        self._mended = True
        if modem.mend_centre():
            self._centre_refusals = 0
        self._centre = modem.status.service_centre

    def _ask(self, modem: Modem, rule: BalanceRule, codes_wait: Callable[[], bool]) -> None:
        balance, now = self._balance, self._clock.now()
        balance.asked_boot, balance.due = now.boot, now.boot + min(rule.every, ASK_AGAIN)
        try:
            answer = modem.ask(rule.code, ANSWER_WAIT, codes_wait)
        except CommandTimeout as error:
            if codes_wait():
                balance.due = self._clock.boot() + LATER
                return
            problem = str(error)
        except (CommandRejected, EncodeError) as error:
            problem = str(error)
        else:
            amount = rule.read(answer.text) if answer.text else None
            if amount is not None:
                balance.amount, balance.asked_at, balance.problem = amount, self._clock.now().wall, None
                balance.due = self._clock.boot() + rule.every
                log.info("modem %s: the SIM's balance is %s", self._name, amount)
                return
            problem = "`pattern` does not fit what the network says" if answer.text else "the network says nothing"
        if balance.problem != problem:
            log.warning("modem %s: its balance could not be read: %s", self._name, problem)
        balance.problem = problem

    # -- what it comes to ---------------------------------------------------------------------------------------------

    def judge(self, status: ModemStatus, *, aside: bool, held_back: tuple[str, str] | None) -> Finding:
        """What people are told of a modem that is in that state; `held_back`: by which quota, in words."""
        if status.state is not ModemState.READY:
            return Finding(status.reason, status.advice, status.trouble)
        money = self._credit(aside=aside)
        centre = centre_wrong(status.service_centre, self._centre_refusals, self._result)
        found = (
            centre if self.doubts_centre else ALL_WELL,
            money if money.condition == NO_CREDIT else ALL_WELL,
            refused(self._result) if aside else ALL_WELL,
            Finding(status.reason, status.advice, status.trouble),
            money,
            Finding(*held_back) if held_back is not None else ALL_WELL,
            self._swapped(),
            unreadable(self._balance.problem) if self._balance.problem is not None else ALL_WELL,
        )
        return next((one for one in found if one.reason is not None), ALL_WELL)

    def _credit(self, *, aside: bool) -> Finding:
        if self._rule is None or self._balance.amount is None:
            return ALL_WELL
        return credit(self._balance.amount, self._rule.minimum, aside=aside)

    def _swapped(self) -> Finding:
        swap = self._swap
        return swap[1] if swap is not None and self._clock.boot() < swap[0] else ALL_WELL
