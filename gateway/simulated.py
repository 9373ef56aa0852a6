"""Virtual modems for `port = "simulator"`: real pseudo-terminals, nobody's phone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from hardware.clock import Clock

FIRST_NUMBER = 447_700_900_149  # the simulated SIMs' numbers follow it, in a range kept free for drama


class Simulated:
    """The simulated modems of a configuration, which run from when this is made."""

    def __init__(self, names: Sequence[str], clock: Clock) -> None:
        from hardware.simulator import SimCard, SimulatedModem, SimulatedNetwork, SimulatorServer  # memory of few

        network = SimulatedNetwork(clock)
        modems = [
            SimulatedModem(
                network,
                SimCard(
                    imsi=f"00101{n:010}",
                    iccid=f"894410{n:012}0",
                    number=f"+{FIRST_NUMBER + n}",
                    ussd={"*100#": "Balance: £10.00"},
                ),
                name=name,
                imei=f"490154{n:08}0",
            )
            for n, name in enumerate(names, 1)
        ]
        self._links = TemporaryDirectory(prefix="simwire-")
        self._server = SimulatorServer(network, modems, self._links.name)
        self._server.start()

    def path(self, name: str) -> Path:
        """The port of a modem."""
        return self._server.path(name)

    def stop(self) -> None:
        """Take the modems and their ports away."""
        self._server.stop()
        self._links.cleanup()
