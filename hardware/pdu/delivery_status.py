"""TP-ST: what became of a message (3GPP TS 23.040 9.2.3.15)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from hardware.errors import EncodeError


class DeliveryOutcome(StrEnum):
    """What a status means for the sender."""

    DELIVERED = "delivered"
    UNCONFIRMED = "unconfirmed"
    REPLACED = "replaced"
    TRYING = "trying"
    PERMANENT = "permanent"
    EXPIRED = "expired"
    TEMPORARY = "temporary"


_EXACT = {
    0x01: DeliveryOutcome.UNCONFIRMED,
    0x02: DeliveryOutcome.REPLACED,
    0x46: DeliveryOutcome.EXPIRED,
    0x66: DeliveryOutcome.EXPIRED,
}
_RANGES = (DeliveryOutcome.DELIVERED, DeliveryOutcome.TRYING, DeliveryOutcome.PERMANENT, DeliveryOutcome.TEMPORARY)
_GROUPS = ("completed", "still trying", "given up for good", "given up")
_TROUBLES = (
    "congestion",
    "recipient busy",
    "no response from recipient",
    "service rejected",
    "quality of service not available",
    "error in recipient",
)
_MEANINGS = {
    0x00: "received by the recipient",
    0x01: "forwarded, the service centre cannot confirm delivery",
    0x02: "replaced by the service centre",
    **{0x20 + offset: f"{trouble}, still trying" for offset, trouble in enumerate(_TROUBLES)},
    0x40: "remote procedure error",
    0x41: "incompatible destination",
    0x42: "connection rejected by recipient",
    0x43: "not obtainable",
    0x44: "quality of service not available",
    0x45: "no interworking available",
    0x46: "validity period expired",
    0x47: "deleted by its sender",
    0x48: "deleted by the service centre's administration",
    0x49: "message does not exist",
    **{0x60 + offset: f"{trouble}, no more attempts" for offset, trouble in enumerate(_TROUBLES)},
    0x66: "validity period expired, no more attempts",
}
_READ_AS = 0x63  # what a receiver makes of the reserved values 0x80-0xFF


@dataclass(frozen=True, slots=True)
class DeliveryStatus:
    """The octet as it came."""

    value: int

    def __post_init__(self) -> None:
        if not 0 <= self.value <= 0xFF:
            raise EncodeError("status", f"{self.value} is no octet")

    @property
    def outcome(self) -> DeliveryOutcome:
        """The outcome; 0x80-0xFF count as 0x63, a temporary error after which nothing more is tried."""
        value = self.value if self.value < 0x80 else _READ_AS
        return _EXACT.get(value, _RANGES[value >> 5])

    @property
    def meaning(self) -> str:
        """The octet in words."""
        if self.value >= 0x80:
            return f"reserved status, read as: {_MEANINGS[_READ_AS]}"
        kind = "specific to the service centre" if self.value & 0x10 else "reserved"
        return _MEANINGS.get(self.value, f"{_GROUPS[self.value >> 5]}, reason {kind} (0x{self.value:02X})")
