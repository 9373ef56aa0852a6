"""TP-VP: how long the network may try (3GPP TS 23.040 9.2.3.12)."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import datetime

from hardware.errors import EncodeError

from . import timestamp

_MINUTE, _HOUR, _DAY, _WEEK = 60, 3_600, 86_400, 604_800


def _seconds(octet: int) -> int:
    if octet < 144:
        return (octet + 1) * 5 * _MINUTE
    if octet < 168:
        return 12 * _HOUR + (octet - 143) * 30 * _MINUTE
    if octet < 197:
        return (octet - 166) * _DAY
    return (octet - 192) * _WEEK


_STEPS = tuple(map(_seconds, range(256)))


@dataclass(frozen=True, slots=True)
class RelativeValidity:
    """One octet, counted from when the service centre takes the message: 5 minutes to 63 weeks."""

    octet: int

    def __post_init__(self) -> None:
        if not 0 <= self.octet <= 0xFF:
            raise EncodeError("validity", f"{self.octet} is no octet")

    @classmethod
    def at_most(cls, seconds: float) -> RelativeValidity:
        """The largest step that is not over `seconds`, but at least the smallest there is, 5 minutes."""
        return cls(max(bisect_right(_STEPS, seconds) - 1, 0))

    @classmethod
    def at_least(cls, seconds: float) -> RelativeValidity:
        """The smallest step that is not under `seconds`, but at most the largest there is, 63 weeks."""
        return cls(min(bisect_left(_STEPS, seconds), 255))

    @property
    def seconds(self) -> int:
        """What the octet means."""
        return _STEPS[self.octet]


@dataclass(frozen=True, slots=True)
class AbsoluteValidity:
    """The moment after which the network gives up, as its seven octets."""

    octets: bytes

    def __post_init__(self) -> None:
        if len(self.octets) != timestamp.LENGTH:
            raise EncodeError("validity", f"an absolute validity has 7 octets, not {len(self.octets)}")

    @classmethod
    def at(cls, moment: datetime) -> AbsoluteValidity:
        """Until `moment`, which has a zone; raises EncodeError as `timestamp.encode`."""
        return cls(timestamp.encode(moment))

    @property
    def moment(self) -> datetime | None:
        """The moment with its zone; None where the octets are no date."""
        return timestamp.decode(self.octets)


@dataclass(frozen=True, slots=True)
class EnhancedValidity:
    """Seven octets with a functionality indicator; few service centres honour them (9.2.3.12.3)."""

    octets: bytes

    def __post_init__(self) -> None:
        if len(self.octets) != timestamp.LENGTH:
            raise EncodeError("validity", f"an enhanced validity has 7 octets, not {len(self.octets)}")

    @property
    def single_shot(self) -> bool:
        """Whether the network is to try once only."""
        return bool(self.octets[0] & 0x40)

    @property
    def seconds(self) -> int | None:
        """The length that it gives, None where it gives none or in a reserved way."""
        # Bit 7 announces a further indicator octet, of which none is defined: what follows then cannot be placed.
        if self.octets[0] & 0x80:
            return None
        form = self.octets[0] & 0x07
        if form == 1:
            return _seconds(self.octets[1])
        if form == 2:
            return self.octets[1] or None
        if form == 3:
            hours, minutes, seconds = (10 * (octet & 0x0F) + (octet >> 4) for octet in self.octets[1:4])
            return hours * _HOUR + minutes * _MINUTE + seconds
        return None


Validity = RelativeValidity | AbsoluteValidity | EnhancedValidity
