"""One modem: brought up, watched, and made to send and receive. Public names of the package."""

from hardware.modem.checkup import CardSight, Checkup, MessageSight, RadioSight
from hardware.modem.driver import Modem
from hardware.modem.inspection import identify, inspect
from hardware.modem.status import (
    CONFIGURED,
    REGISTRATIONS,
    Hidden,
    Identity,
    Inbox,
    ModemSettings,
    ModemState,
    ModemStatus,
    NotReady,
    PinLedger,
    Registration,
    RestartLevel,
    Secret,
    StorageLevel,
    Trouble,
)
from hardware.modem.visit import Trial, Visit
from hardware.profiles import ReportRoute

__all__ = [
    "CONFIGURED",
    "REGISTRATIONS",
    "CardSight",
    "Checkup",
    "Hidden",
    "Identity",
    "Inbox",
    "MessageSight",
    "Modem",
    "ModemSettings",
    "ModemState",
    "ModemStatus",
    "NotReady",
    "PinLedger",
    "RadioSight",
    "Registration",
    "ReportRoute",
    "RestartLevel",
    "Secret",
    "StorageLevel",
    "Trial",
    "Trouble",
    "Visit",
    "identify",
    "inspect",
]
