"""What one worker does about a modem that fails: the plans of `gateway.recovery`, carried out, logged and counted."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol

from gateway.directory import RecoveryView
from gateway.recovery import Plan, Recovery, Step, Trouble
from gateway.sparing import Sparing
from hardware.clock import Clock
from hardware.errors import CommandTimeout, HardwareError, PortUnavailable
from hardware.modem import Modem, ModemState, RestartLevel
from hardware.power_switch import PowerError

log = logging.getLogger("simwire.recovery")

LINES, LINES_EVERY = 40, 60.0  # steps that are logged at once, and seconds for each further one


class PowerSwitch(Protocol):
    """The power of the USB port that a modem hangs on."""

    @property
    def usable(self) -> bool:
        """Whether it is known what to switch, and how."""
        ...

    def seen(self, port: str) -> None:
        """The modem's serial port was opened under that name."""
        ...

    def cycle(self) -> None:
        """Take the power away for some seconds; raises PowerError, which says what to do."""
        ...


class NoSwitch:
    """For a modem whose power nobody can switch."""

    usable = False

    def seen(self, port: str) -> None:
        """Nothing is learned from it."""

    def cycle(self) -> None:
        """Never called, as it is not usable."""


class Healer:
    """The ladder of one modem at work; used on its worker's thread only, and handed on with it."""

    def __init__(
        self, name: str, recovery: Recovery, switch: PowerSwitch, clock: Clock, count: Callable[[str, str], None]
    ) -> None:
        self._name, self._recovery, self.switch, self._clock, self._count = name, recovery, switch, clock, count
        self._absent = self._known = False
        self._lines = Sparing(LINES, LINES_EVERY)

    @property
    def quarantined(self) -> bool:
        """Whether the modem is left alone for now."""
        return self._recovery.quarantined

    @property
    def planned(self) -> bool:
        """Whether something is to be done about the modem, now or later."""
        return self._recovery.plan is not None

    def wait(self) -> float:
        """Seconds until something is to be done about the modem; 0 for now, or while there is no plan at all."""
        plan = self._recovery.plan
        return 0.0 if plan is None else max(0.0, plan.at - self._clock.boot())

    def view(self) -> RecoveryView | None:
        """What people see of it; None while there is no trouble."""
        recovery = self._recovery
        if not recovery.troubled:
            return None
        now = self._clock.now()
        plan, tried = recovery.plan, tuple(step.value for step in recovery.tried)
        if plan is None:
            return RecoveryView(None, tried, None)
        return RecoveryView(plan.step.value, tried, now.wall + max(0.0, plan.at - now.boot))

    @property
    def tried(self) -> str:
        """The steps that were taken since the modem was well, for people."""
        return ", ".join(step.value for step in self._recovery.tried)

    # -- what happened ------------------------------------------------------------------------------------------------

    def failed(self, error: HardwareError, modem: Modem | None, *, setting_up: bool, fruitless: bool) -> Plan:
        """The modem failed, while it was set up or later; `fruitless` where its submits come to nothing anyway."""
        if modem is not None and modem.status.identity.model:
            self._recovery.can_reset = modem.can_reset
        return self.trouble(_trouble(error, setting_up=setting_up, fruitless=fruitless), str(error))

    def trouble(self, trouble: Trouble, why: str) -> Plan:
        """Plan what is to be done about a trouble."""
        recovery, now = self._recovery, self._clock.boot()
        recovery.can_cycle_power = self.switch.usable
        absent = trouble in (Trouble.GONE, Trouble.HELD)
        self._known, self._absent = absent and self._absent, absent
        plan = recovery.failed(trouble, now, why)
        if plan.step is Step.QUARANTINE:
            self._count(self._name, plan.step.value)
            log.error("modem %s: step quarantine, as %s; next: a look in %.0f s", self._name, why, plan.at - now)
        return plan

    def ready(self) -> None:
        """The modem is set up and registered."""
        self._recovery.registered()
        self._lasts(self._recovery.ready, "it has been ready for long")

    def answers(self, modem: Modem) -> None:
        """The modem answers, and cannot send; where it finds no network for long, its radio is restarted.

        Raises ConnectionLost.
        """
        self._lasts(self._recovery.answers, "it has answered for long")
        if modem.status.state is not ModemState.SEARCHING:
            self._recovery.registered()
        elif self._recovery.searches(self._clock.boot()):
            self._count(self._name, Step.RADIO.value)
            log.warning("modem %s: step radio, as it has found no network for long", self._name)
            modem.restart(RestartLevel.RADIO)

    def _lasts(self, noted: Callable[[float], None], why: str) -> None:
        if not self._recovery.troubled:
            return
        now = self._clock.boot()
        noted(now)
        if self._recovery.settled(now):
            self._over(why)

    def accepted(self) -> None:
        """The network accepted a part."""
        if self._recovery.troubled:
            self._recovery.accepted()
            self._over("the network accepted a part")

    def forgive(self) -> None:
        """A person wants it tried again at once."""
        self._recovery.forgive(self._clock.boot())

    def _over(self, why: str) -> None:
        log.info("modem %s: its trouble is over: %s", self._name, why)

    # -- what is done about it ----------------------------------------------------------------------------------------

    def take(self) -> Step | None:
        """The step that is due now, None where nothing is planned; it is counted, and planned no longer."""
        recovery, plan, now = self._recovery, self._recovery.plan, self._clock.boot()
        if plan is None:
            return None
        recovery.taken(now)
        if plan.step is Step.QUARANTINE:
            log.info("modem %s: a look whether it answers again", self._name)
        elif plan.step is not Step.REOPEN or not self._known:  # a port that is away is looked for every few seconds
            self._count(self._name, plan.step.value)
            following = recovery.following(now).value
            if plan.step is not Step.REOPEN or self._lines.may(now):
                log.warning("modem %s: step %s, as %s; next: %s", self._name, plan.step.value, plan.why, following)
        return plan.step

    def cycle_power(self) -> None:
        """Take the power of its USB port away for a moment; where that fails, the log says what to do."""
        try:
            self.switch.cycle()
        except PowerError as error:
            log.error("modem %s: its power was not cycled: %s", self._name, error)

    def restart(self, modem: Modem, step: Step) -> None:
        """RADIO or RESET, also for a modem that answers nothing; raises ConnectionLost where its port goes at once."""
        modem.restart(RestartLevel.RADIO if step is Step.RADIO else RestartLevel.DEVICE)


_AWAY = ("missing", "not_found")  # kinds of PortUnavailable: else something is there, and power is no cure


def _trouble(error: HardwareError, *, setting_up: bool, fruitless: bool) -> Trouble:
    if isinstance(error, PortUnavailable):
        return Trouble.GONE if error.kind in _AWAY else Trouble.HELD
    if fruitless and not setting_up:
        return Trouble.FRUITLESS
    if isinstance(error, CommandTimeout):
        return Trouble.SILENT if setting_up else Trouble.UNANSWERED
    return Trouble.LOST
