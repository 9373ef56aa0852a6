"""What is an alarm. Pure: everything that is looked at is handed in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from gateway.alarms.alarm import Alarm, Severity
from gateway.config import AlarmsConfig
from gateway.directory import CanaryView, ModemView
from gateway.messages import Lane
from gateway.objective import Burning
from gateway.quantities import roughly, written

BY_ITSELF = frozenset({"connection_lost", "no_answer", "stuck", "gateway_error"})
"""Conditions that pass without a person, or that are told as `quarantined` once nothing has helped."""
SEARCHES = "not_registered"
SEARCHED_FOR = 1800.0  # seconds without a network until that is no passing matter
_CRITICAL, _WARNING = Severity.CRITICAL, Severity.WARNING


@dataclass(frozen=True, slots=True)
class Sight:
    """What is looked at in one round."""

    modems: Sequence[ModemView]
    canaries: Sequence[CanaryView]
    waiting: Mapping[Lane, float]
    """By lane: for how many seconds the oldest message that could go has been able to."""
    depths: Mapping[Lane, int]
    burning: Sequence[Burning]
    disk_free: int | None
    """Octets; None where the disk cannot be asked."""
    disk: str
    """The folder of the database."""
    accepting: bool
    """Whether enough disk is free to take messages."""


def find(sight: Sight, config: AlarmsConfig) -> list[Alarm]:
    """Everything that needs a person now, the worst first."""
    found = [
        *_no_modem(sight.modems, config),
        *_queues(sight, config),
        *map(_burning, sight.burning),
        *_disk(sight, config),
        *(alarm for view in sight.modems if (alarm := _modem(view, config)) is not None),
        *_canaries(sight.canaries),
    ]
    return sorted(found, key=lambda alarm: alarm.severity is not _CRITICAL)


def _no_modem(modems: Iterable[ModemView], config: AlarmsConfig) -> Iterator[Alarm]:
    if any(view.usable for view in modems):
        return
    said = "; ".join(f"{view.name} is {view.state}" + (f" ({view.reason})" if view.reason else "") for view in modems)
    yield Alarm("no_modem", _CRITICAL, f"no modem can send: {said}", "see `simwire modems list`", config.no_modem_for)


def _queues(sight: Sight, config: AlarmsConfig) -> Iterator[Alarm]:
    for lane, age in sight.waiting.items():
        limit: float = getattr(config.waits, lane.name.lower())
        if limit and age > limit:
            name = lane.name.lower()
            yield Alarm(
                f"queue:{name}",
                _CRITICAL if lane is Lane.OTP else _WARNING,
                f"the oldest of {sight.depths.get(lane, 0)} waiting messages of priority {name} has been waiting for "
                f"{roughly(age)}, longer than the {written(limit)} of [alarms.waits]",
                "see `simwire modems list` for what the modems do; add a modem where they are all busy",
            )


def _burning(found: Burning) -> Alarm:
    objective = found.objective
    return Alarm(
        f"objective:{objective.name}",
        _CRITICAL,
        f"of {found.total} codes in the last {written(found.window)}, {found.bad} were not delivered within "
        f"{written(objective.within)}; {objective.share:.0%} should be",
        "see signal, registration and submit times with `simwire modems list`, and whether one country or operator is "
        "behind it with the statistics",
    )


def _disk(sight: Sight, config: AlarmsConfig) -> Iterator[Alarm]:
    free = sight.disk_free
    if free is None:
        yield Alarm("disk", _CRITICAL, f"the disk of {sight.disk} cannot be asked", "see whether it is still mounted")
    elif not sight.accepting:
        yield Alarm(
            "disk",
            _CRITICAL,
            f"{free // 10**6} MB are free where {sight.disk} is: nothing is accepted any more",
            "free some space, or shorten [retention]; messages are accepted again by themselves",
        )
    elif free < config.disk_free:
        yield Alarm(
            "disk",
            _WARNING,
            f"{free // 10**6} MB are free where {sight.disk} is, less than {config.disk_free // 10**6} MB",
            "free some space, or shorten [retention]; with less than [limits] disk_reserve nothing is accepted",
        )


def _modem(view: ModemView, config: AlarmsConfig) -> Alarm | None:
    """A modem or SIM that will not be well again by itself."""
    if view.condition is None or view.condition in BY_ITSELF or view.state == "paused":
        return None
    return Alarm(
        f"modem:{view.name}",
        _WARNING,
        f"modem {view.name} needs a person: {view.reason or view.condition}",
        view.advice or "see docs/modems.md",
        max(config.sim_for, SEARCHED_FOR if view.condition == SEARCHES else 0.0),
        view.name,
    )


def _canaries(canaries: Iterable[CanaryView]) -> Iterator[Alarm]:
    for one in canaries:
        if one.state == "missed":
            yield Alarm(
                f"canary:{one.sender}>{one.receiver}",
                _WARNING,
                f"the message that {one.sender} sent to {one.receiver} for proof did not arrive: {one.reason}",
                "see whether other messages of that SIM arrive; docs/modems.md tells what it may be",
                modem=one.sender,
            )
