"""The SIM: waiting for it, its number, and the PIN, of which no restart may spend a try (27.007 5.6, 8.3)."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field

from hardware.at.answers import parse_iccid
from hardware.errors import CommandRejected, CommandTimeout
from hardware.modem.card_state import USABLE, card_state, read_imsi, tries_left
from hardware.modem.link import Link, read
from hardware.modem.status import ModemSettings, ModemState, NotReady, PinLedger, Trouble
from hardware.profiles import Profile

FEWEST_TRIES = 2
"""Tries left below which a PIN is not written: the last one is a person's."""
_AFTER_PIN = 20.0  # seconds until READY after an accepted PIN
_PIN_TIMEOUT = 30.0
_DIGEST_ROUNDS = 100_000  # a PIN has few values: make each guess from a stolen ledger cost something

_FAILURE, _BUSY, _WRONG, _BLOCKED = (13, 313), (14, 314), (15, 315), (262,)
_ASKING = ("SIM PIN", "SIM PUK")
_COMING = ("", "NOT READY", "NOT INSERTED", "UNKNOWN", "BUSY", "SIM BUSY", "INITIALIZING")


@dataclass(frozen=True, slots=True, repr=False)
class _Attempt:
    """One PIN on one card under each name that the card goes by."""

    cards: tuple[str, ...]
    pin: str
    _made: dict[str, bytes] = field(default_factory=dict)

    def digest(self, card: str) -> bytes:
        """Made once for a name, as that takes a while: an attempt is looked up, begun and settled."""
        if card not in self._made:
            self._made[card] = hashlib.pbkdf2_hmac("sha256", self.pin.encode(), card.encode(), _DIGEST_ROUNDS)
        return self._made[card]


class Card:
    """The card in one modem, over its resets."""

    def __init__(self, link: Link, settings: ModemSettings, ledger: PinLedger) -> None:
        self._link, self._settings, self._ledger = link, settings, ledger
        self._entered = False
        self.tries_pin = False
        """A PIN was written, or is about to be, and it is not known yet what the card says to it."""
        self.iccid: str | None = None
        self.imsi: str | None = None

    def was_reset(self) -> None:
        """The modem restarted: an accepted PIN may be asked for again."""
        self._entered = False

    def unlock(self, profile: Profile, imei: str | None) -> None:
        """Wait until the card is there, enter the PIN where that is asked for and safe, and return when it is ready.

        Raises NotReady (LOCKED or FAILED) with advice, CommandTimeout, ConnectionLost.
        """
        state = self._await_state(profile)
        self.iccid = self.imsi = None
        self._read_iccid(profile)
        self._check_expected()
        if state == "SIM PIN":
            self._require_identified(imei)
            self.tries_pin = True
            try:
                self._enter_pin(profile, imei)
            finally:
                self.tries_pin = False
            self._read_iccid(profile)
            self._check_expected()
        elif state not in USABLE:
            raise _locked(state)
        self._entered = False
        # Asked once more where the answer was lost: reports and the rest of long messages are kept under this name.
        self.imsi = read_imsi(self._link) or read_imsi(self._link)

    def is_open(self) -> bool:
        """Whether the card is usable now; False also where the modem does not answer. Raises ConnectionLost."""
        try:
            return card_state(self._link)[0] in USABLE
        except CommandTimeout:
            return False

    def swapped(self) -> bool:
        """Whether another card answers than the one that was opened; one that does not answer is no other one."""
        told = read_imsi(self._link)
        return self.imsi is not None and told is not None and told != self.imsi

    # What the card says

    def _await_state(self, profile: Profile) -> str:
        deadline, patience = self._link.deadline(profile.sim_wait), self._link.deadline(profile.sim_wait / 2)
        cycled, said = False, "no answer"
        while True:
            state, said, code = card_state(self._link)
            if state is not None and state not in _COMING:
                return state
            if code in _WRONG + _BLOCKED:
                break
            hangs = code in _BUSY and self._link.clock.boot() >= patience  # busy without end
            if (code in _FAILURE or hangs) and not cycled:
                cycled = True
                self._link.attempt("AT+CFUN=0", timeout=15)
                self._link.attempt("AT+CFUN=1", timeout=30)
            if self._link.clock.boot() >= deadline:
                break
            self._link.pause(1)
        raise NotReady(
            ModemState.FAILED,
            f"the modem has no usable SIM: {said}",
            "put a SIM in, or take it out, clean it and put it back; then restart the modem",
            Trouble.SIM_FAILURE if code in _FAILURE + _WRONG + _BLOCKED else Trouble.SIM_MISSING,
        )

    def _read_iccid(self, profile: Profile) -> None:
        for query in profile.iccid:
            lines = self._link.attempt(query.command, prefix=query.prefix, bare=query.bare, timeout=10)
            found = read(parse_iccid, lines)
            if found is not None:
                self.iccid = found
                return

    def _check_expected(self) -> None:
        expected = self._settings.iccid
        if expected and self.iccid and not _same_card(expected, self.iccid):
            raise NotReady(
                ModemState.FAILED,
                "the SIM is not the one that is configured for this modem (another ICCID)",
                "put the right SIM in, or correct `iccid` of this modem",
                Trouble.SIM_WRONG,
            )

    def _require_identified(self, imei: str | None) -> None:
        """A PIN is written where one configured identity was read, and so found right, or none is configured."""
        expected = [(self._settings.imei, imei), (self._settings.iccid, self.iccid)]
        configured = [read is not None for wanted, read in expected if wanted]
        if configured and not any(configured):
            raise NotReady(
                ModemState.LOCKED,
                "the SIM asks for its PIN, and neither modem nor SIM tells whether it is the configured one",
                "set `imei` of this modem if it tells its own, else remove `iccid` and `imei`, or turn the SIM's PIN "
                "off in a phone",
                Trouble.SIM_UNTOLD,
            )

    # The PIN

    def _enter_pin(self, profile: Profile, imei: str | None) -> None:
        attempt = self._permitted(profile, imei)
        for card in attempt.cards:
            self._ledger.begin(card, attempt.digest(card))
        try:
            self._link.command(f'AT+CPIN="{attempt.pin}"', timeout=_PIN_TIMEOUT)
        except CommandRejected as refused:
            state = self._state_after_pin(*_ASKING)
            if state in _ASKING:
                self._settle(attempt, accepted=False)
            if state not in USABLE:
                raise _refused_pin(str(refused)) from None
        except CommandTimeout:
            if self._state_after_pin("SIM PUK") not in USABLE:
                raise _refused_pin("the modem did not answer it") from None
        self._settle(attempt, accepted=True)
        self._entered = True
        state = self._state_after_pin("SIM PUK")
        if state in _ASKING:
            self._settle(attempt, accepted=False)
            raise _refused_pin(f"the modem accepted it, and the SIM says {state}")
        if state is None or state in _COMING:
            raise NotReady(
                ModemState.FAILED,
                "the SIM is still busy",
                "wait a minute: it is looked at again by itself; if it stays so, restart the modem",
                Trouble.SIM_FAILURE,
            )
        if state not in USABLE:
            raise _locked(state)

    def _permitted(self, profile: Profile, imei: str | None) -> _Attempt:
        pin = self._settings.pin.reveal() if self._settings.pin is not None else None
        if pin is None:
            raise NotReady(
                ModemState.LOCKED,
                "the SIM asks for its PIN and none is configured",
                "set `pin_file` of this modem, or turn the SIM's PIN off in a phone",
                Trouble.PIN_NEEDED,
            )
        if re.fullmatch(r"[0-9]{4,8}", pin) is None:
            raise NotReady(
                ModemState.LOCKED,
                "the configured PIN is not 4 to 8 digits",
                "correct the PIN file",
                Trouble.PIN_NEEDED,
            )
        if self._entered:
            raise _refused_pin("the modem accepted it and still asks for it")
        attempt = _Attempt(self._written_under(imei), pin)
        for card in self._looked_up_under(imei):
            if self._ledger.attempted(card, attempt.digest(card)):
                raise NotReady(
                    ModemState.LOCKED,
                    "this PIN was refused by the SIM, or never answered, and is not tried again",
                    "find out the right PIN and put it in the PIN file; if it is right, unlock the SIM in a phone and "
                    "turn its PIN off",
                    Trouble.PIN_REFUSED,
                )
        tries = tries_left(self._link, profile)
        if tries is not None and tries < FEWEST_TRIES:
            raise NotReady(
                ModemState.LOCKED,
                f"the SIM has {tries} PIN tries left, and the last one is not spent by a program",
                "enter the right PIN in a phone, which restores the tries, or turn the SIM's PIN off",
                Trouble.PIN_TRIES,
            )
        return attempt

    # A card that does not tell its number goes by the modem's. It may be one that told it another time, so an attempt
    # is also written under the modem, and looked up there by whoever cannot tell the card.

    def _written_under(self, imei: str | None) -> tuple[str, ...]:
        modem = imei or "unknown"
        return (f"iccid:{self.iccid}", f"modem:{modem}") if self.iccid else (f"imei:{modem}", f"modem:{modem}")

    def _looked_up_under(self, imei: str | None) -> tuple[str, ...]:
        modem = imei or "unknown"
        return (f"iccid:{self.iccid}", f"imei:{modem}") if self.iccid else (f"imei:{modem}", f"modem:{modem}")

    def _settle(self, attempt: _Attempt, *, accepted: bool) -> None:
        for card in attempt.cards:
            self._ledger.settle(card, attempt.digest(card), accepted)

    def _state_after_pin(self, *final: str) -> str | None:
        """What the card says once it has had time to open, or is in one of the states `final`."""
        deadline = self._link.deadline(_AFTER_PIN)
        while True:
            state = card_state(self._link)[0]
            if state in USABLE or state in final or self._link.clock.boot() >= deadline:
                return state
            self._link.pause(1)


def _same_card(one: str, other: str) -> bool:
    """Whether two ICCIDs name one card: the check digit at the end may be left out (ITU-T E.118)."""
    one, other = (value.upper().replace(" ", "").rstrip("F") for value in (one, other))
    return one[:18] == other[:18] and (one.startswith(other) or other.startswith(one))


def _refused_pin(how: str) -> NotReady:
    return NotReady(
        ModemState.LOCKED,
        f"the PIN did not open the SIM: {how}",
        "it is not tried again; put the right PIN in the PIN file, or turn the SIM's PIN off in a phone",
        Trouble.PIN_REFUSED,
    )


def _locked(state: str) -> NotReady:
    if "PUK" in state:
        return NotReady(
            ModemState.LOCKED,
            f"the SIM is blocked and asks for its PUK (+CPIN: {state})",
            "put the SIM in a phone, enter the PUK from the operator's letter, then correct the PIN file",
            Trouble.PUK_NEEDED,
        )
    if state.startswith("PH-"):
        return NotReady(
            ModemState.LOCKED,
            f"the modem is locked to an operator or another SIM (+CPIN: {state})",
            "use a SIM of the operator that sold the modem, or have the modem unlocked",
            Trouble.OPERATOR_LOCK,
        )
    return NotReady(
        ModemState.LOCKED,
        f"the SIM cannot be used: +CPIN: {state}",
        "try the SIM in a phone",
        Trouble.SIM_FAILURE,
    )
