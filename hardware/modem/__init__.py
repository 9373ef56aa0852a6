"""One modem: brought up, watched, and made to send and receive. Public names of the package."""

from hardware.modem.driver import Modem
from hardware.modem.inspection import identify, inspect
from hardware.modem.status import (
    CONFIGURED,
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
from hardware.profiles import ReportRoute

__all__ = [
    "CONFIGURED",
    "Hidden",
    "Identity",
    "Inbox",
    "Modem",
    "ModemSettings",
    "ModemState",
    "ModemStatus",
    "NotReady",
    "PinLedger",
    "Registration",
    "ReportRoute",
    "RestartLevel",
    "Secret",
    "StorageLevel",
    "Trouble",
    "identify",
    "inspect",
]
