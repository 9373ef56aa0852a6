"""Virtual modems for `simwire simulate` and `simwire demo`: a network, cards with numbers, and ports to open."""

from __future__ import annotations

from pathlib import Path

from hardware.clock import SystemClock
from hardware.simulator import (
    Personality,
    ReceivedMessage,
    SimCard,
    SimulatedModem,
    SimulatedNetwork,
    SimulatorServer,
    UssdAnswer,
)

FIRST_NUMBER = 447_700_900_150
"""The SIMs count up from here, in a range that Ofcom keeps free for drama: these numbers reach nobody."""
SHARE_OF_LINKED = 0.5
"""Radio time of a further submit over a link that is kept (AT+CMMS), as a share of a submit's."""


class VirtualModems:
    """`count` modems of one personality on pseudo-terminals below `links`."""

    def __init__(
        self,
        count: int,
        links: Path,
        personality: Personality,
        *,
        radio_seconds: float,
        delivery_seconds: float = 1.0,
        report_seconds: float = 0.5,
        pin: str | None = None,
    ) -> None:
        self.network = SimulatedNetwork(
            SystemClock(),
            submit_seconds=radio_seconds,
            linked_submit_seconds=radio_seconds * SHARE_OF_LINKED,
            delivery_seconds=delivery_seconds,
            report_seconds=report_seconds,
        )
        self.modems = [
            SimulatedModem(self.network, _card(place, pin), personality, name=f"sim{place}", imei=_imei(place))
            for place in range(1, count + 1)
        ]
        self.server = SimulatorServer(self.network, self.modems, links)
        self._seen: dict[str, int] = {}

    def path(self, modem: SimulatedModem) -> Path:
        """The stable path of a modem."""
        return self.server.path(modem)

    def news(self) -> list[tuple[str, ReceivedMessage]]:
        """What telephones received since the last call: number and message, in order of arrival."""
        return sorted(self.server.call(self._collect), key=lambda one: one[1].received_at.boot)

    def _collect(self) -> list[tuple[str, ReceivedMessage]]:
        found = []
        for number, handset in self.network.handsets.items():
            known = self._seen.get(number, 0)
            found += [(number, message) for message in handset.messages[known:]]
            self._seen[number] = len(handset.messages)
        return found


def _card(place: int, pin: str | None) -> SimCard:
    return SimCard(
        imsi=f"00101{place:010}",
        iccid=_with_check_digit(f"894410{place:012}"),
        number=f"+{FIRST_NUMBER + place - 1}",
        pin=pin,
        ussd={"*100#": "Balance: £10.00", "*#100#": UssdAnswer(f"+{FIRST_NUMBER + place - 1}")},
    )


def _imei(place: int) -> str:
    return _with_check_digit(f"49015420{place:06}")


def _with_check_digit(digits: str) -> str:
    """`digits` and their check digit by Luhn's rule, as IMEI (3GPP TS 23.003 B) and ICCID (ITU-T E.118) end."""
    doubled = (int(digit) * 2 if place % 2 == 0 else int(digit) for place, digit in enumerate(reversed(digits)))
    return digits + str(-sum(value // 10 + value % 10 for value in doubled) % 10)
