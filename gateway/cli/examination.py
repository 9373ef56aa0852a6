"""One run of `simwire doctor`: what is looked at, in order, and handed to those who judge it."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from gateway.cli.looking import Machine, configured, probed, searched_for
from gateway.cli.sending_test import by_visit
from gateway.cli.served import Asked, Served, no_number, test_text
from gateway.config import Config, ModemConfig
from gateway.diagnosis import (
    Check,
    Stick,
    Verdict,
    answering_port,
    balance_check,
    host_clock,
    identity_check,
    missing_ports,
    modem_checks,
    port_check,
    same_modem,
    trial_checks,
    unexpected_devices,
)
from gateway.messages import Secret
from hardware.clock import SystemClock
from hardware.discovery import AUTO, opener_with
from hardware.errors import HardwareError, PortUnavailable
from hardware.modem import Checkup, Visit

_FIRST_ANSWER = 5.0  # seconds; it has answered a moment ago


class Examination:
    """Looks at everything once, and adds up what was found."""

    def __init__(
        self,
        machine: Machine,
        settings: Config | None,
        key: Secret | None,
        asked: Asked,
        told: Callable[[str], None],
    ) -> None:
        self._machine, self._settings = machine, settings
        self._asked, self._told = asked, told
        self._clock = SystemClock()
        self._served = Served(settings, key) if settings is not None else None
        self._checks: list[Check] = []

    def of(self, port: str | None) -> list[Check]:
        """Look at the modem at `port`, else at those of the configuration, else at every stick of this machine."""
        self._told("looking at ports")
        self._checks.append(host_clock(synchronised=self._clock.synchronised()))
        if self._served is not None:
            self._checks.append(self._served.find())
        sticks = self._sticks(port)
        if port is None:
            usb = self._machine.usb()
            self._checks += unexpected_devices(usb, self._machine.suspects())
            if not sticks and not self._modems_served and not self._simulated:
                self._checks.append(missing_ports(usb))
            self._name_unknown()
        for stick, modem in sticks:
            self._look_at(stick, modem)
        if self._served is not None:
            self._checks += self._served.checks(port, self._asked, self._told)
        return self._checks

    def _sticks(self, port: str | None) -> list[tuple[Stick, ModemConfig | None]]:
        modems = self._settings.modem if self._settings is not None else ()
        if port is not None:
            same = (one for one in modems if os.path.realpath(one.port) == os.path.realpath(port))
            modem = next(same, None)
            return [(self._machine.stick_of(port, modem.name if modem else port), modem)]
        if self._settings is None:
            return [(stick, None) for stick in self._machine.sticks()]
        for modem in modems:
            if modem.port == "simulator" and not self._modems_served:
                words = 'not looked at: the gateway makes this modem itself (port = "simulator")'
                self._checks.append(Check("port", modem.name, Verdict.SKIP, words))
            elif modem.port != AUTO and searched_for(modem) and not self._modems_served:
                words = f"{modem.port} is not there: the modem is looked for by its IMEI or ICCID at every port"
                remedy = "check plug and power where it is found at none"
                self._checks.append(Check("port", modem.name, Verdict.WARN, words, remedy))
        return list(configured(self._machine, modems))

    def _name_unknown(self) -> None:
        ports = self._machine.unknown_ports()
        if ports and self._settings is None:
            words = f"not looked at, as they belong to no known modem: {', '.join(ports)}"
            remedy = "where a modem is at one of them: simwire doctor --port DEVICE"
            self._checks.append(Check("other_ports", "machine", Verdict.SKIP, words, remedy, {"ports": ports}))

    @property
    def _simulated(self) -> bool:
        """Whether the gateway makes every modem itself, so that none can be missing."""
        return self._settings is not None and {modem.port for modem in self._settings.modem} == {"simulator"}

    @property
    def _modems_served(self) -> bool:
        """Whether a gateway told of modems."""
        return self._served is not None and bool(self._served.modems)

    # A stick

    def _look_at(self, stick: Stick, modem: ModemConfig | None) -> None:
        free = list(stick.ports) if "://" in stick.ports[0] else self._free_ports(stick)
        if not free or (self._served is not None and self._served.uses(stick, modem)):
            return
        self._told(f"{stick.subject}: which port takes AT commands")
        asked = self._asked
        baudrate, rtscts = (modem.baudrate, modem.rtscts) if modem else (asked.baudrate, asked.rtscts)
        named = free[:1] if stick.named else free
        answering, silent, closed = probed(named, baudrate=baudrate, rtscts=rtscts)
        if not answering and named != free:
            more = probed(free[1:], baudrate=baudrate, rtscts=rtscts)
            answering, silent, closed = more[0], silent + more[1], closed | more[2]
        self._checks += [port_check(self._machine.sight(path, why), stick.usb) for path, why in closed.items()]
        if answering or silent:
            stable = self._machine.stable_name(answering[0]) if answering else None
            self._checks.append(answering_port(stick, answering, silent, stable))
        if answering:
            self._visit(answering[0], stick, modem, baudrate, rtscts=rtscts)

    def _free_ports(self, stick: Stick) -> list[str]:
        """The ports of a stick that may be opened; none of a stick that a gateway uses, as it hears them all."""
        free, used = [], False
        for path in stick.ports:
            sight = self._machine.sight(path)
            gateways = [one for one in sight.holders.processes if one.gateway]
            if gateways and (self._served is None or not self._served.runs):
                self._name_gateway(gateways[0].config)
            used = used or bool(gateways)
            check = port_check(sight, stick.usb)
            if check.verdict is not Verdict.OK or gateways or path == stick.ports[0]:
                self._checks.append(check)
            if sight.present and sight.allowed and not sight.holders.processes:
                free.append(path)
        return [] if used else free

    def _name_gateway(self, config: Path | None) -> None:
        """A gateway holds a port, and it is not known how to ask it.

        What its command line names is shown and not used: anybody may run a program that looks so, and would be sent
        the key.
        """
        words = "a gateway runs, and is not disturbed; its configuration tells how to ask it"
        remedy = f"name it: simwire doctor --config {config or 'FILE'}"
        self._checks.append(Check("gateway", "machine", Verdict.WARN, words, remedy))

    def _visit(self, path: str, stick: Stick, modem: ModemConfig | None, baudrate: int, *, rtscts: bool) -> None:
        self._told(f"{stick.subject}: asking the modem")
        scale = modem.time_scale if modem else 1.0
        try:
            with closing(opener_with(baudrate, rtscts=rtscts)(path)) as transport:
                visit = Visit(transport, self._clock, wait=_FIRST_ANSWER, scale=scale)
                checkup = visit.look(networks=self._asked.networks)
                modem = self._meant(checkup, modem)
                if modem is not None:
                    self._checks += identity_check(checkup, stick.subject, modem.imei, modem.iccid)
                pin = modem is not None and modem.pin_file is not None
                now = self._clock.now().wall
                self._checks += modem_checks(checkup, stick.subject, now, pin_configured=pin)
                self._ask_credit(visit, checkup, stick.subject, modem)
                self._send(visit, checkup, stick.subject, modem)
        except (PortUnavailable, HardwareError) as error:
            remedy = "look again; where that stays so, unplug the modem, wait ten seconds, plug it in again"
            self._checks.append(Check("modem", stick.subject, Verdict.FAIL, str(error), remedy))

    def _meant(self, checkup: Checkup, modem: ModemConfig | None) -> ModemConfig | None:
        """Of modems that are searched for the one that this is, where the configuration says who they are."""
        if modem is None or not searched_for(modem) or self._settings is None:
            return modem
        others = (one for one in self._settings.modem if same_modem(checkup, one.imei, one.iccid))
        return next(others, modem)

    def _ask_credit(self, visit: Visit, checkup: Checkup, subject: str, modem: ModemConfig | None) -> None:
        rule = modem.balance.rule if modem is not None and modem.balance is not None else None
        wanted = self._asked.balance
        if wanted is None and rule is None:
            return
        code = wanted or (rule.code if rule is not None else None)
        if code is None:
            words = "no USSD code for the credit is configured"
            remedy = "set `balance` of this modem (docs/modems.md), or give the code: --balance CODE"
            self._checks.append(Check("balance", subject, Verdict.SKIP, words, remedy))
            return
        if not _on_a_network(checkup):
            self._checks.append(Check("balance", subject, Verdict.SKIP, "not asked: the modem is on no network"))
            return
        self._told(f"{subject}: asking for the credit")
        text, failure = None, None
        try:
            text = visit.ussd(code).text
        except HardwareError as error:
            failure = str(error)
        self._checks.append(balance_check(subject, rule if rule and rule.code == code else None, text, failure))

    def _send(self, visit: Visit, checkup: Checkup, subject: str, modem: ModemConfig | None) -> None:
        if not self._asked.message:
            return
        if not checkup.card.open or not _on_a_network(checkup):
            words = "not sent: the SIM is not open, or the modem on no network"
            self._checks.append(Check("test_sms", subject, Verdict.SKIP, words, "mend that first"))
            return
        own = (modem.number if modem is not None else None) or checkup.card.number
        to = self._asked.send_to or own
        if to is None:
            self._checks.append(no_number(subject))
            return
        told = self._told
        sent = by_visit(
            visit, to, test_text(), wait=self._asked.wait, comes_back=to == own,
            told=lambda words: told(f"{subject}: test message {words}"),
        )  # fmt: skip
        self._checks += trial_checks(subject, sent)


def _on_a_network(checkup: Checkup) -> bool:
    told = checkup.radio.registration
    return told is None or told.sms_possible
