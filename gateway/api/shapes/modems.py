"""Modems and their quotas."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime

from gateway.api.shapes.common import Shape


class QuotaShape(Shape):
    """Use of one quota of a SIM."""

    rule: Literal["per_hour", "per_day", "per_month", "recipients_per_month"]
    used: int
    """Parts, or different numbers, that the network took or may have taken."""
    limit: int
    otp_kept: int
    """Of the limit, kept for codes."""
    renews_at: AwareDatetime | None
    """When more may be sent than now; null while nothing is used."""


class RecoveryShape(Shape):
    """How far a modem in trouble has come on its way back."""

    step: Literal["resynchronise", "reopen", "radio", "reset", "power", "quarantine"] | None
    """What is done next; null while it is seen whether the last step helped."""
    tried: list[str]
    """The steps that were taken since it was well."""
    next_at: AwareDatetime | None
    """When `step` is due; for a quarantine, when the modem is looked at again."""


class BalanceShape(Shape):
    """Credit of a SIM, as its network told it last."""

    amount: float | None
    """In the SIM's currency; null while it has not been told."""
    minimum: float
    asked_at: AwareDatetime | None
    """When the amount was told."""
    problem: str | None
    """Why the newest question brought nothing."""


class CanaryShape(Shape):
    """How the messages fare that a modem sends to another one by itself."""

    to: str
    """Name of the modem that receives them."""
    state: Literal["waiting", "pending", "ok", "missed", "untested"]
    reason: str | None
    sent_at: AwareDatetime | None
    ok_at: AwareDatetime | None
    """When the newest one was sent that came in time."""
    seconds: float | None
    """How long that one took."""
    missed: int
    """How many did not come in time, since the start."""


class ModemShape(Shape):
    """A modem as it is now."""

    name: str
    state: Literal["absent", "opening", "locked", "configuring", "searching", "ready", "denied", "paused", "failed"]
    reason: str | None
    advice: str | None
    condition: str | None
    """The reason in one stable word; docs/modems.md lists them."""
    port: str | None
    profile: str | None
    manufacturer: str | None
    model: str | None
    firmware: str | None
    imei: str | None
    imsi: str | None
    iccid: str | None
    operator: str | None
    registration: str | None
    signal_dbm: int | None
    service_centre: str | None
    reports: bool
    sent: int
    failed: int
    received: int
    last_error: str | None
    changes: int
    """How often state or condition have changed since the start."""
    prefixes: list[str]
    reserve_for_otp: bool
    quota: list[QuotaShape]
    """Empty where no quota is set."""
    recovery: RecoveryShape | None
    """null while it has no trouble."""
    balance: BalanceShape | None
    """null where the balance is not asked for."""
    canaries: list[CanaryShape]


class ModemList(Shape):
    """Every modem of the configuration."""

    items: list[ModemShape]


class TraceHeaderShape(Shape):
    """A trace, line by line: its header first, then what went over the port; docs/traces.md describes them."""

    simwire_trace: int
    """The version of the form."""
    program: str
    masked: bool
    source: Literal["device", "simulator"]
    manufacturer: str | None
    model: str | None
    firmware: str | None
    profile: str | None
    recorded: str | None
    note: str | None


class TraceEntryShape(Shape):
    """A chunk that went over the port (`way`, `data`), or what became of it (`mark`)."""

    at: float
    """Seconds since the beginning of the trace."""
    way: Literal[">", "<"] | None = None
    """`>` to the modem, `<` from it."""
    data: str | None = None
    """The octets, as the characters of ISO 8859-1 with the same numbers."""
    mark: Literal["opened", "closed", "dropped", "ended"] | None = None
    chunks: int | None = None
    """Of `dropped`: how many chunks are missing here."""
    octets: int | None = None


class UssdShape(Shape):
    """What the network answered."""

    mode: int
    """0: no further action, 1: an answer is expected, 2: ended by the network, 3: another client answered,
    4: not supported, 5: timed out (27.007 7.15).
    """
    text: str | None
    """null where the network sent none."""
