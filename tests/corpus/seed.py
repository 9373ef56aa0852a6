"""Record the simulator's families into the corpus: `python -m tests.corpus.seed` writes simulator-NAME.jsonl.

Their headers say that they are of the simulator. They keep the player and the table honest, and are examples of what
a contributed trace looks like; they say nothing about a device.
"""

from __future__ import annotations

import contextlib

from hardware.clock import FakeClock
from hardware.errors import HardwareError
from hardware.modem import Modem, ModemSettings, Secret
from hardware.simulator import PERSONALITIES, SimCard, SimulatedModem, SimulatedNetwork, UssdAnswer
from hardware.tracing import Header, Recording, Tap, TappedTransport, Wiretap
from tests.contract.bench import HANDSET, OWN, Hooks, Ledger, Recorder, submit_pdu
from tests.corpus.play import HERE

PIN = "4711"
LOCKED = ("generic", "huawei")
"""Families whose card asks for its PIN."""
NOTE = "made by tests/corpus/seed.py with the simulator; no device took part"
_CHUNK = 64  # octets that a read gives at most, as a USB endpoint at full speed does


def recorded(name: str, *, mask: bool = True, text: str = "Your code is 123456", chunk: int = _CHUNK) -> str:
    """The lines of a trace: from power-on over a sent message, USSD and a received message to a look round."""
    clock = FakeClock()
    network = SimulatedNetwork(clock)
    pin = PIN if name in LOCKED else None
    card = SimCard(number=OWN, pin=pin, ussd={"*100#": UssdAnswer("Credit: 12.50")})
    simulated = SimulatedModem(network, card, PERSONALITIES[name])
    simulated.reboot()
    clock.advance(simulated.personality.boot.port)
    network.run_due()
    tap, wiretap = Tap(), Wiretap()
    wiretap.attach(tap)
    begun = clock.boot()
    transport = TappedTransport(simulated.transport(chunk=chunk), wiretap, clock)
    driver = Modem(transport, ModemSettings(pin=Secret(PIN) if pin else None), Recorder(), Ledger(), clock)
    driver.bring_up()
    driver.submit(submit_pdu(text), Hooks())
    _serve(driver, clock, 10)
    with contextlib.suppress(HardwareError):  # the trace shows it
        driver.ussd("*100#")
    network.send_from(HANDSET, text, OWN)
    _serve(driver, clock, 10)
    driver.refresh()
    status = driver.status
    driver.close()
    identity = status.identity
    header = Header(
        "simwire",
        mask,
        "simulator",
        identity.manufacturer,
        identity.model,
        identity.revision,
        status.profile,
        note=NOTE,
    )
    recording = Recording(tap, header, begun, fresh=True)
    return recording.head + recording.more(0) + recording.end(clock.boot())


def _serve(driver: Modem, clock: FakeClock, seconds: float) -> None:
    until = clock.boot() + seconds
    while clock.boot() < until:
        driver.service(1.0)


def main() -> None:
    """Write one file for each family."""
    for name in PERSONALITIES:
        (HERE / f"simulator-{name}.jsonl").write_text(recorded(name), encoding="ascii")


if __name__ == "__main__":
    main()
