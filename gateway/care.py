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
    also,
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
from hardware.modem import Identity, Modem, ModemState, ModemStatus, Trouble

log = logging.getLogger("simwire.care")

ANSWER_WAIT = 30.0  # seconds that a network is given to tell a balance
ASK_AGAIN = 600.0  # seconds after a question that was not answered
LATER = 30.0  # seconds until a question is asked that codes have interrupted; twice as many after each further one
SOONEST = 60.0  # seconds between two questions, whatever the network refuses
MEND_AFTER, DOUBT_AFTER = 2, 3  # refusals in a row until a service centre is put back, and until it is doubted
UNREADABLE_AFTER = 2  # questions in a row that brought nothing, until that is told of a balance that is known
CREDIT_REFUSALS = 3  # in a row until the balance is asked for at once
SHOWN_FOR = 86_400.0  # seconds for which a swapped SIM is shown
_MAY_BE_THE_SWAP = (
    *(Trouble.PIN_NEEDED, Trouble.PIN_REFUSED, Trouble.PUK_NEEDED),
    *(Trouble.NOT_REGISTERED, Trouble.REGISTRATION_DENIED),
)


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
    failures: int = 0
    """Questions in a row that brought nothing."""
    interrupted: int = 0
    """Questions in a row that gave way to codes."""
    asked_boot: float = float("-inf")


class Care:
    """One for each modem; `attend` between two submits, `judge` for its snapshot. `forgive` is for any thread."""

    def __init__(self, name: str, rule: BalanceRule | None, store: Store, clock: Clock) -> None:
        self._name, self._rule, self._store, self._clock = name, rule, store, clock
        self._card: _Card | None = None
        self._swap: tuple[float, Finding] | None = None
        self._balance = _Balance(due=0.0)
        self._centre_refusals = self._credit_refusals = 0
        self._result = self._centre_result = ""
        self._refused = False
        """Whether the SIM was set aside, and nothing was taken from it since."""
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
        """Somebody knows of the swapped SIM, and of what the network refused, and may have topped it up."""
        self._swap, self.doubts_centre, self._refused = None, False, False
        self._ask_within(SOONEST)

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
            self.doubts_centre = self._mended = self._accepted = self._refused = False
        return another

    def accepted(self) -> None:
        """The network took a part."""
        self._centre_refusals = self._credit_refusals = 0
        self.doubts_centre = self._mended = self._refused = False
        self._accepted = True
        if self._balance.amount is not None and self._balance.amount <= 0:  # that cannot be so any more
            self._ask_within(ASK_AGAIN)

    def refused(self, refusal: Refusal) -> None:
        """The network or the modem refused a part."""
        if refusal.error_class == "other_modem":
            self._result = refusal.result
        if refusal.code in CENTRE_CODES:
            self._centre_result = refusal.result
        self._centre_refusals = self._centre_refusals + 1 if refusal.code in CENTRE_CODES else 0
        self._credit_refusals = self._credit_refusals + 1 if refusal.code in CREDIT_CODES else 0
        if self._centre_refusals >= DOUBT_AFTER and self._mended:
            self.doubts_centre = self._centre != self._proven
        if self._credit_refusals == CREDIT_REFUSALS:
            self._ask_within(SOONEST)

    def _ask_within(self, seconds: float) -> None:
        """Ask for the balance now, but so long after the last time."""
        self._balance.due = min(self._balance.due, max(self._clock.boot(), self._balance.asked_boot + seconds))

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
        if modem.in_dialogue:  # what is asked now would be taken for the answer to somebody's menu
            self._balance.due = self._clock.boot() + LATER
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
        balance.asked_boot, balance.due = now.boot, now.boot + min(rule.every, ASK_AGAIN * 2.0**balance.failures)
        try:
            answer = modem.ask(rule.code, ANSWER_WAIT, codes_wait)
        except CommandTimeout as error:
            if codes_wait():
                balance.due = self._clock.boot() + min(ASK_AGAIN, LATER * 2.0**balance.interrupted)
                balance.interrupted += 1
                return
            problem = str(error)
        except (CommandRejected, EncodeError) as error:
            problem = str(error)
        else:
            amount = rule.read(answer.text) if answer.text else None
            if amount is not None:
                balance.amount, balance.asked_at = amount, self._clock.now().wall
                balance.problem, balance.failures, balance.interrupted = None, 0, 0
                balance.due = self._clock.boot() + rule.every
                log.info("modem %s: the SIM's balance is %s", self._name, amount)
                return
            problem = "`pattern` does not fit what the network says" if answer.text else "the network says nothing"
        if balance.problem != problem:
            log.warning("modem %s: its balance could not be read: %s", self._name, problem)
        balance.problem, balance.failures, balance.interrupted = problem, balance.failures + 1, 0

    # -- what it comes to ---------------------------------------------------------------------------------------------

    def judge(self, status: ModemStatus, *, aside: bool, held_back: tuple[str, str] | None) -> Finding:
        """What people are told of a modem that is in that state; `held_back`: by which quota, in words."""
        swap = self._swapped()
        if status.state is not ModemState.READY:
            found = Finding(status.reason, status.advice, status.trouble)
            return also(found, swap) if status.trouble in _MAY_BE_THE_SWAP else found
        self._refused = self._refused or aside
        money = self._credit(aside=self._refused)
        centre = centre_wrong(status.service_centre, max(self._centre_refusals, DOUBT_AFTER), self._centre_result)
        ranked = (
            centre if self.doubts_centre else ALL_WELL,
            money if money.condition == NO_CREDIT else ALL_WELL,
            refused(self._result) if self._refused else ALL_WELL,
            Finding(status.reason, status.advice, status.trouble),
            money,
            swap,
            self._unreadable(),
        )
        worst = next((one for one in ranked if one.reason is not None), ALL_WELL)
        # A quota comes and goes by the hour: it is said as well, and never in place of what lasts.
        held = Finding(*held_back) if held_back is not None else ALL_WELL
        return also(also(worst, swap), held)

    def _unreadable(self) -> Finding:
        """One question that brings nothing says little, where an answer is known."""
        balance = self._balance
        if balance.problem is None or (balance.amount is not None and balance.failures < UNREADABLE_AFTER):
            return ALL_WELL
        return unreadable(balance.problem)

    def _credit(self, *, aside: bool) -> Finding:
        if self._rule is None or self._balance.amount is None:
            return ALL_WELL
        return credit(self._balance.amount, self._rule.minimum, aside=aside)

    def _swapped(self) -> Finding:
        swap = self._swap
        return swap[1] if swap is not None and self._clock.boot() < swap[0] else ALL_WELL
