"""A person at a terminal program: types, and reads what the virtual modem says within some simulated seconds."""

from __future__ import annotations

from dataclasses import dataclass, field

from hardware.clock import FakeClock
from hardware.simulator import GENERIC, Fault, Handset, Personality, SimCard, SimulatedModem, SimulatedNetwork
from hardware.simulator.composing import compose
from hardware.simulator.octets import Address
from hardware.simulator.tpdu import Submit, write_submit

PHONE = "+447700900101"
OTHER_PHONE = "+447700900102"


def tpdu(
    text: str | bytes = "hello",
    to: str = PHONE,
    *,
    report: bool = False,
    validity: int | None = None,
    pid: int = 0,
    part: int = 0,
    flags: int = 0,
    reference: int = 0,
) -> bytes:
    """An SMS-SUBMIT of one part."""
    piece = compose(text)[part]
    first = 0x01 | flags | (0x20 if report else 0) | (0x40 if piece.has_header else 0)
    if validity is not None:
        first |= 0x10
    vp = b"" if validity is None else bytes([validity])
    return write_submit(Submit(first, reference, Address.of(to), pid, piece.dcs, vp, piece.length, piece.octets))


@dataclass
class Terminal:
    """A modem with echo off and +CMEE=1, and the door to it."""

    modem: SimulatedModem
    clock: FakeClock
    chunk: int = 4096
    seen: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.transport = self.modem.transport(chunk=self.chunk)
        self.raw("ATE0V1+CMEE=1\r")

    @property
    def network(self) -> SimulatedNetwork:
        return self.modem.network

    def reopen(self) -> None:
        self.transport = self.modem.transport(chunk=self.chunk)

    def read(self, seconds: float) -> bytes:
        """Everything that comes within that time."""
        end, heard = self.clock.boot() + seconds, b""
        while self.clock.boot() < end or self.modem.output_waiting:
            heard += self.transport.read(end - self.clock.boot())
        return heard

    def raw(self, text: str | bytes, seconds: float = 0.1) -> bytes:
        self.transport.write(text.encode("latin-1") if isinstance(text, str) else text)
        return self.read(seconds)

    def ask(self, command: str, seconds: float = 0.1) -> list[str]:
        """The lines of the answer, and what else came meanwhile."""
        return self.lines(self.raw(f"{command}\r", seconds))

    @staticmethod
    def lines(heard: bytes) -> list[str]:
        return [line for line in heard.decode("latin-1").replace("\r", "\n").split("\n") if line]

    def wait(self, seconds: float) -> list[str]:
        return self.lines(self.read(seconds))

    def submit(self, pdu: bytes, seconds: float = 10.0, *, prefix: str = "00") -> list[str]:
        """AT+CMGS through to its final result, and what came in the seconds after Ctrl-Z."""
        prompt = self.raw(f"AT+CMGS={len(pdu)}\r")
        if not prompt.endswith(b"> "):
            return self.lines(prompt)
        return self.lines(self.raw(f"{prefix}{pdu.hex().upper()}\x1a", seconds))

    def phone(self, number: str = PHONE) -> Handset:
        return self.network.handset(number)


def terminal(
    personality: Personality = GENERIC,
    *faults: Fault,
    sim: SimCard | None = None,
    network: SimulatedNetwork | None = None,
    name: str = "sim1",
    chunk: int = 4096,
) -> Terminal:
    clock = FakeClock() if network is None else network.clock
    assert isinstance(clock, FakeClock)
    network = network or SimulatedNetwork(clock)
    modem = SimulatedModem(network, sim or SimCard(), personality, name=name, faults=faults)
    return Terminal(modem, clock, chunk)
