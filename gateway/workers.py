"""Makes the worker of each configured modem: its port, its driver, what its SIM may send, how its power is cycled."""

from __future__ import annotations

from datetime import tzinfo

from gateway.allowance import Allowance
from gateway.config import Config, ModemConfig
from gateway.directory import ModemView
from gateway.dispatcher import ModemWorker
from gateway.healing import PowerSwitch
from gateway.incoming import ModemInbox
from gateway.others import Others
from gateway.quiet import QuietHours
from gateway.quota import QuotaRules
from gateway.retry import RetryPolicy
from gateway.simulated import Simulated
from gateway.store import Store
from gateway.texts import zone_of
from hardware.clock import Clock, SystemClock
from hardware.discovery import PortSearch, opener_with
from hardware.modem import Modem, ModemSettings, Secret
from hardware.power_switch import CommandSwitch, HelperSwitch, UsbPlaces
from hardware.transport import Transport


class Workshop:
    """Where workers are made; runs the simulated modems of the configuration, where it has any."""

    def __init__(self, config: Config, store: Store, others: Others, clock: Clock) -> None:
        self._config, self._store, self._others, self._clock = config, store, others, clock
        self._ports, self._places = PortSearch(SystemClock()), UsbPlaces()
        names = [modem.name for modem in config.modem if modem.port == "simulator"]
        self._simulated = Simulated(names, clock) if names else None

    def worker(self, modem: ModemConfig) -> ModemWorker:
        """One for a modem of the configuration; it does nothing yet. Raises ValueError where its PIN cannot be read."""
        pin = modem.read_pin()
        settings = ModemSettings(
            pin=Secret(pin.reveal()) if pin else None,
            smsc=modem.smsc,
            reports=modem.reports,
            imei=modem.imei,
            iccid=modem.iccid,
            time_scale=modem.time_scale,
        )
        store = self._store

        def make(transport: Transport, inbox: ModemInbox) -> Modem:
            return Modem(transport, settings, inbox, store.pins, self._clock, known_centre=store.centres.known)

        simulated = self._simulated if modem.port == "simulator" else None
        port = str(simulated.path(modem.name)) if simulated is not None else modem.port
        opened = opener_with(modem.baudrate, rtscts=modem.rtscts)
        others = [other.port for other in self._config.modem if other is not modem]

        def opener() -> Transport:
            return self._ports.open(port, opened, imei=modem.imei, iccid=modem.iccid, skip=others)

        view = ModemView(
            modem.name, "absent", port=modem.port, prefixes=modem.prefixes, reserve_for_otp=modem.reserve_for_otp
        )
        return ModemWorker(
            view,
            opener,
            make,
            store,
            self._others,
            self._clock,
            retries_of(self._config),
            Allowance(*allowed(modem, self._config), store.sim_usage, self._clock),
            scale=modem.time_scale,
            switch=self._switch(modem),
            balance=modem.balance.rule if modem.balance is not None else None,
        )

    def _switch(self, modem: ModemConfig) -> PowerSwitch | None:
        if modem.power_command:
            return CommandSwitch(modem.power_command)
        helper = self._config.gateway.usb_power_socket
        return HelperSwitch(helper, modem.name, modem.usb_port, self._places) if helper is not None else None

    def stop(self) -> None:
        """Take the simulated modems away."""
        if self._simulated is not None:
            self._simulated.stop()


def retries_of(config: Config) -> RetryPolicy:
    """What workers are told of retries."""
    return RetryPolicy(config.retries.schedule, config.retries.max_attempts)


def allowed(modem: ModemConfig, config: Config) -> tuple[QuotaRules, QuietHours | None, tzinfo]:
    """What the SIM of a modem may send."""
    return modem.quotas, config.messages.quiet_hours, zone_of(config.gateway.timezone)
