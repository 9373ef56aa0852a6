"""What is known of each modem right now, for routing, for the API and for people. Pure values and rules."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from gateway.messages import Lane
from gateway.quota import RECIPIENTS, QuotaUse

MODEM_STATES = ("absent", "opening", "locked", "configuring", "searching", "ready", "denied", "paused", "failed")
CANARY_STATES = ("waiting", "pending", "ok", "missed", "untested")
READY = "ready"
PAUSED = "paused"
SECONDS_PER_PART = 4.0
"""Until it is measured: a network takes two to five."""


@dataclass(frozen=True, slots=True)
class RecoveryView:
    """How far a modem in trouble has come on its way back."""

    step: str | None
    """What is done next; None while it is seen whether the last step helped."""
    tried: tuple[str, ...]
    next_at: float | None
    """Wall-clock seconds of `step`."""


@dataclass(frozen=True, slots=True)
class BalanceView:
    """The credit of a SIM, as its network told it last."""

    amount: Decimal | None
    """None while it has not been told."""
    minimum: Decimal
    asked_at: float | None
    """Unix seconds of the answer that told the amount."""
    problem: str | None
    """Why the newest question brought nothing."""


@dataclass(frozen=True, slots=True)
class CanaryView:
    """How the messages fare that go from one SIM to another by themselves."""

    sender: str
    """Name of the modem that sends."""
    receiver: str
    state: str
    """One of `CANARY_STATES`: none was sent yet, it is on its way, it came, it did not, or it could not be told."""
    reason: str | None = None
    sent_at: float | None = None
    """Unix seconds of the newest one."""
    ok_at: float | None = None
    """Unix seconds of the newest one that came in time."""
    seconds: float | None = None
    """From acceptance to arrival of that one."""
    missed: int = 0
    """How many did not come in time, since the start."""


@dataclass(frozen=True, slots=True)
class ModemView:
    """One modem as clients and other workers see it; a snapshot."""

    name: str
    state: str
    """One of `MODEM_STATES`."""
    reason: str | None = None
    advice: str | None = None
    """What a person can do about it."""
    condition: str | None = None
    """The reason in one stable word, of `gateway.conditions.CONDITIONS`; None while all is well."""
    port: str | None = None
    profile: str | None = None
    manufacturer: str | None = None
    model: str | None = None
    firmware: str | None = None
    imei: str | None = None
    imsi: str | None = None
    iccid: str | None = None
    operator: str | None = None
    registration: str | None = None
    signal_dbm: int | None = None
    service_centre: str | None = None
    reports: bool = False
    """Whether this modem can give status reports as it is set up."""
    sent: int = 0
    failed: int = 0
    received: int = 0
    last_error: str | None = None
    changes: int = 0
    """How often state or condition have changed since the start, those not counted that lead to another one at once."""
    last_report_boot: float | None = None
    """Boot-clock seconds of the last status report through this modem."""
    prefixes: tuple[str, ...] = ()
    reserve_for_otp: bool = False
    seconds_per_part: float = SECONDS_PER_PART
    """How long it takes to hand over a part, lately."""
    quota: tuple[QuotaUse, ...] = ()
    """Use of each quota that is set for its SIM."""
    recovery: RecoveryView | None = None
    """None while it has no trouble."""
    balance: BalanceView | None = None
    """Credit of its SIM; None where it is not asked for."""
    canaries: tuple[CanaryView, ...] = ()
    """Those that this modem sends."""

    @property
    def usable(self) -> bool:
        """Whether it can send now, be it to numbers that it has sent to before."""
        return self.state == READY and not any(use.full for use in self.quota if use.rule != RECIPIENTS)


def home_prefix(number: str, prefixes: Iterable[str]) -> str:
    """The longest configured prefix that `number` begins with; empty where none does."""
    return max((p for p in prefixes if p and number.startswith(p)), key=len, default="")


def serves(view: ModemView, prefix: str) -> bool:
    """Whether a modem may send to numbers whose home prefix is `prefix`: one without prefixes may send anywhere."""
    return not view.prefixes or any(prefix.startswith(own) for own in view.prefixes)


def takers(queue: str, modems: Sequence[ModemView], lane: Lane) -> set[str]:
    """The modems that messages of that queue and lane are left to now.

    A number goes to the modems that name its longest prefix. Others that may serve it (a shorter prefix, or none at
    all) step in only while none of those takes that lane: that is the fail-over.
    """
    kind, _, value = queue.partition(":")
    if kind == "modem":
        return {value}
    if kind == "sim":
        return {view.name for view in modems if view.imsi == value}
    if kind != "route":
        return set()
    ranks = {view.name: _rank(view, value) for view in modems if serves(view, value)}
    ready = (view for view in modems if view.name in ranks and view.usable and takes(view, lane))
    best = max((ranks[view.name] for view in ready), default=0)
    return {name for name, rank in ranks.items() if rank >= best}


def _rank(view: ModemView, prefix: str) -> int:
    """How much of a home prefix a modem names."""
    return max((len(own) for own in view.prefixes if prefix.startswith(own)), default=0)


def routes_for(name: str, modems: Sequence[ModemView], prefixes: Iterable[str], lane: Lane) -> tuple[str, ...]:
    """Home queues of numbers that modem `name` takes messages of that lane from now."""
    routes = sorted(f"route:{prefix}" for prefix in {"", *prefixes})
    return tuple(route for route in routes if name in takers(route, modems, lane))


def others_usable(name: str, home: str, lane: Lane, modems: Sequence[ModemView]) -> bool:
    """Whether a modem other than `name` would take a message of that home queue and lane at once."""
    left_to = takers(home, modems, lane) - {name}
    return any(view.name in left_to and view.usable and takes(view, lane) for view in modems)


def takes(view: ModemView, lane: Lane) -> bool:
    """Whether a modem sends messages of a lane, to whatever number: others rely on it."""
    return (lane is Lane.OTP or not view.reserve_for_otp) and all(use.open_for(lane) for use in view.quota)


def may_take(view: ModemView, lane: Lane) -> bool:
    """Whether a modem sends messages of a lane, be it only to numbers that it has sent to before."""
    counts = (use for use in view.quota if use.rule != RECIPIENTS)
    return (lane is Lane.OTP or not view.reserve_for_otp) and all(use.open_for(lane) for use in counts)


def has_room(view: ModemView) -> bool:
    """Whether the quotas of a modem leave more than what is kept for codes, be it only for numbers that it knows."""
    return all(use.open_for(Lane.NORMAL) for use in view.quota if use.rule != RECIPIENTS)
