"""What a modem is and how it is, as values; and the two things it is handed: an inbox and a ledger of PINs tried."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from hardware.errors import HardwareError
from hardware.profiles import ReportRoute

if TYPE_CHECKING:
    from hardware.pdu import DeliverPdu, StatusReportPdu


class ModemState(StrEnum):
    """Where a modem stands between its port and the network."""

    ABSENT = "absent"
    """No port: unplugged, closed or vanished."""
    OPENING = "opening"
    """The port is open and nothing is known about the modem yet."""
    LOCKED = "locked"
    """The SIM waits for a PIN, a PUK or a person; nothing more is tried (27.007 8.3)."""
    CONFIGURING = "configuring"
    """The bring-up ladder runs, or has to run again because the modem restarted."""
    SEARCHING = "searching"
    """Set up, and not registered yet."""
    READY = "ready"
    """Set up and registered: it can send."""
    DENIED = "denied"
    """Set up, and the network refuses the registration."""
    FAILED = "failed"
    """It cannot be used as it is: no SIM, no PDU mode, no service centre, not the expected SIM."""


CONFIGURED = frozenset({ModemState.SEARCHING, ModemState.READY, ModemState.DENIED})
"""States after a ladder that reached its end: storages and indications are at work."""


class Trouble(StrEnum):
    """Why a modem is not as it should be, in one stable word."""

    SIM_MISSING = "sim_missing"
    """No card answers."""
    SIM_FAILURE = "sim_failure"
    """The card is broken, blocked by its operator, or stays busy."""
    SIM_WRONG = "sim_wrong"
    """Another card than the configured one."""
    SIM_UNTOLD = "sim_untold"
    """Neither card nor modem tells whether it is the configured one, and a PIN is asked for."""
    PIN_NEEDED = "pin_needed"
    """A PIN is asked for and none, or no usable one, is configured."""
    PIN_REFUSED = "pin_refused"
    """The configured PIN was refused once and is not tried again."""
    PIN_TRIES = "pin_tries"
    """Too few tries are left for a program to spend one."""
    PUK_NEEDED = "puk_needed"
    OPERATOR_LOCK = "operator_lock"
    """The modem is locked to an operator or to another card."""
    MODEM_WRONG = "modem_wrong"
    """Another modem than the configured one."""
    PDU_MODE_REFUSED = "pdu_mode_refused"
    SMSC_MISSING = "smsc_missing"
    """No number of a service centre is known."""
    NOT_REGISTERED = "not_registered"
    REGISTRATION_DENIED = "registration_denied"
    STORAGE_FULL = "storage_full"
    """A message storage stays full after it was read out."""


class NotReady(HardwareError):
    """The modem cannot send now; nothing was handed to it. `state` and `advice` say why and what a person can do."""

    def __init__(
        self, state: ModemState, reason: str | None, advice: str | None, trouble: Trouble | None = None
    ) -> None:
        told = "; ".join(text for text in (reason, advice) if text)
        super().__init__(f"modem is {state.value}" + (f": {told}" if told else ""))
        self.state, self.reason, self.advice, self.trouble = state, reason, advice, trouble


class RestartLevel(StrEnum):
    """How hard `Modem.restart` takes hold."""

    RADIO = "radio"
    """AT+CFUN=0, AT+CFUN=1: the radio and, on most modems, the SIM start again; the port stays."""
    DEVICE = "device"
    """The profile's reset command, mostly AT+CFUN=1,1: the modem boots; a stick's port vanishes."""


class Hidden(Protocol):
    """Anything that keeps a text from being printed and gives it on demand."""

    def reveal(self) -> str:
        """The text."""
        ...


class Secret:
    """Text that does not print itself; `reveal` gives it to the one line that writes it to the modem."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text."""
        return self._text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other.reveal() == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return "Secret(…)"


def masked(value: str | None) -> str:
    """`value` for logs: its last four characters at most, never more than a third of it."""
    if not value:
        return "-"
    shown = min(4, len(value) // 3)
    return "…" + value[len(value) - shown :]


@dataclass(frozen=True, slots=True, repr=False)
class Identity:
    """Who the modem and its card are; None where the modem does not tell (27.007 5.1-5.4, 5.6; ITU-T E.118)."""

    manufacturer: str | None = None
    model: str | None = None
    revision: str | None = None
    imei: str | None = None
    imsi: str | None = None
    iccid: str | None = None

    def __repr__(self) -> str:
        return (
            f"Identity({self.manufacturer!r}, {self.model!r}, {self.revision!r}, "
            f"imei={masked(self.imei)}, imsi={masked(self.imsi)}, iccid={masked(self.iccid)})"
        )


@dataclass(frozen=True, slots=True)
class Registration:
    """Best of +CREG, +CGREG and +CEREG (27.007 7.2, 10.1.20, 10.1.22)."""

    stat: int
    domain: str
    """The command that said so: CREG, CGREG or CEREG."""

    @property
    def sms_possible(self) -> bool:
        """Home, roaming, "SMS only" and "CSFB not preferred" all carry SMS."""
        return self.stat in (1, 5, 6, 7, 9, 10)

    @property
    def roaming(self) -> bool:
        """Registered in a visited network."""
        return self.stat in (5, 7, 10)

    @property
    def denied(self) -> bool:
        """The network refuses, or grants emergency calls only."""
        return self.stat in (3, 8)

    @property
    def meaning(self) -> str:
        """The status in words."""
        return _REGISTRATION.get(self.stat, "unknown")


_REGISTRATION = {
    0: "not registered, not searching",
    1: "registered, home network",
    2: "searching",
    3: "denied",
    4: "unknown",
    5: "registered, roaming",
    6: "registered for SMS only, home network",
    7: "registered for SMS only, roaming",
    8: "emergency calls only",
    9: "registered, home network, CSFB not preferred",
    10: "registered, roaming, CSFB not preferred",
}
REGISTRATIONS = tuple(_REGISTRATION.values())
"""Every `Registration.meaning` that there is."""


@dataclass(frozen=True, slots=True)
class StorageLevel:
    """How full one message storage is, in messages (27.005 3.2.2)."""

    memory: str
    used: int
    total: int


@dataclass(frozen=True, slots=True)
class ModemStatus:
    """A snapshot; `reason` says what is wrong and `advice` what a person can do, both None while all is well."""

    state: ModemState
    reason: str | None = None
    advice: str | None = None
    trouble: Trouble | None = None
    identity: Identity = field(default_factory=Identity)
    operator: str | None = None
    """Numeric operator code (MCC and MNC) where the modem gives one, else its name."""
    registration: Registration | None = None
    signal_dbm: int | None = None
    """Received signal strength in dBm; None where not known (+CSQ 99)."""
    profile: str = "generic"
    report_route: str = ReportRoute.OFF.value
    """A `ReportRoute` value."""
    storage: tuple[StorageLevel, ...] = ()
    service_centre: str | None = None
    """Number of the service centre in use, where it is known."""

    @property
    def reports_promised(self) -> bool:
        """Whether a status report that reaches the modem will be handed on."""
        return self.report_route in (ReportRoute.STORED, ReportRoute.DIRECT, ReportRoute.ACKNOWLEDGED)


@dataclass(frozen=True, slots=True)
class ModemSettings:
    """What the operator of the gateway decided about this modem."""

    pin: Hidden | None = None
    smsc: str | None = None
    """Service centre number, international form with its plus; None: what the SIM holds."""
    reports: bool = True
    imei: str | None = None
    """Expected IMEI; another one is FAILED, and no PIN is written to it."""
    iccid: str | None = None
    """Expected ICCID; another one is FAILED, and no PIN is written to it."""
    time_scale: float = 1.0
    """Factor on every time-out and pause of the profile; below 1 only for simulated modems."""


class PinLedger(Protocol):
    """Durable memory of PINs tried, so that no restart tries a refused one again."""

    def attempted(self, card: str, pin_digest: bytes) -> bool:
        """Whether this PIN was tried on this card and refused, or tried and never answered."""
        ...

    def begin(self, card: str, pin_digest: bytes) -> None:
        """Remember an attempt; durable on return, because the PIN is written next."""
        ...

    def settle(self, card: str, pin_digest: bytes, accepted: bool) -> None:
        """Remember how the attempt ended."""
        ...


class Inbox(Protocol):
    """Where incoming PDUs go. A call returns only after commit: the modem's copy is given up right after."""

    def status_report(self, raw_hex: str, report: StatusReportPdu | None) -> None:
        """A status report; None where it cannot be decoded."""
        ...

    def message(self, raw_hex: str, message: DeliverPdu | None) -> None:
        """A message; None where it cannot be decoded."""
        ...

    def late_reference(self, reference: int) -> None:
        """A +CMGS of a submit that nobody waits for any more, with its TP-MR."""
        ...
