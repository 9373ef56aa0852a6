"""A virtual modem: octets in, octets out, on the network's time line."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from zlib import crc32

from hardware.simulator.door import SimulatedTransport
from hardware.simulator.execution import Execution
from hardware.simulator.families import GENERIC
from hardware.simulator.faults import (
    Action,
    Fault,
    FaultPlan,
    FillStorage,
    LoseRegistration,
    Reboot,
    Rubbish,
    Silence,
    Step,
    Storm,
    Vanish,
)
from hardware.simulator.network import SimulatedNetwork
from hardware.simulator.parties import Operator
from hardware.simulator.personality import Personality
from hardware.simulator.power import Power
from hardware.simulator.radio import Radio
from hardware.simulator.routing import Routing
from hardware.simulator.session import Session, new_session
from hardware.simulator.sim import MessageStatus, MessageStore, SimCard, StoredMessage, UssdAnswer
from hardware.simulator.submission import Submission

_OUTPUT_LIMIT = 1 << 20


class SimulatedModem:
    """One modem with its SIM (or none) in a network.

    It is switched on and registered when it is made, unless the SIM asks for a PIN. `feed` and `take` are its serial
    line; `transport` is the door for tests, `SimulatorServer` the one for other programs.
    """

    def __init__(
        self,
        network: SimulatedNetwork,
        sim: SimCard | None,
        personality: Personality = GENERIC,
        *,
        name: str = "sim1",
        faults: Iterable[Fault] = (),
        imei: str | None = None,
    ) -> None:
        self.network, self.sim, self.personality, self.name = network, sim, personality, name
        self.imei = imei or _imei(name)
        self.port = f"tty-{name}"
        """The name of its port; a `Vanish` fault may change it."""
        self.generation = 0
        """Counts the times that the port went away: a door that was opened before is dead."""
        self.present = True
        """Whether the port is there now."""
        self.session: Session = new_session(personality)
        self.store = MessageStore(personality.slots, personality.first_index)
        self.reports = MessageStore(personality.slots, personality.first_index)
        """The SR store, where the family has one."""
        self.functionality = 1
        """+CFUN"""
        self.dialogue: UssdAnswer | None = None
        """The USSD menu that waits for a reply."""
        self._output = bytearray()
        self._plan = FaultPlan()
        self._silent = False
        self._held_news: list[str] = []
        self.power = Power(self)
        self.radio = Radio(self)
        self.submission = Submission(self)
        self.routing = Routing(self)
        self.execution = Execution(self)
        if sim is not None:
            network.attach(sim, self.routing)
        self.radio.start(0.0)
        self.power.start_noise()
        for fault in faults:
            self.inject(fault)

    def __repr__(self) -> str:
        return f"SimulatedModem({self.name}, {self.personality.name}, registration={self.radio.status})"

    # The serial line

    def feed(self, octets: bytes) -> None:
        """What a program writes to the port."""
        if not self.present or not self.power.up:
            return
        for octet in octets:
            if self._silent:
                return
            self.execution.octet(octet)

    def take(self, limit: int = 4096) -> bytes:
        """At most `limit` octets of what the modem has said and nobody has read."""
        taken = bytes(self._output[:limit])
        del self._output[:limit]
        return taken

    @property
    def output_waiting(self) -> bool:
        """Whether `take` would return something."""
        return bool(self._output)

    def transport(self, *, chunk: int = 4096) -> SimulatedTransport:
        """Open the in-process door; reads return at most `chunk` octets. PortUnavailable while the port is gone."""
        return SimulatedTransport(self, chunk)

    def say(self, octets: bytes) -> None:
        """Put octets on the line as they are."""
        if self._silent or not self.present:
            return
        self._output += octets
        del self._output[: max(0, len(self._output) - _OUTPUT_LIMIT)]

    def news(self, line: str) -> None:
        """Send an indication, now or when the command that runs is over, as the family does it."""
        if not self.power.up:
            return
        family, execution = self.personality, self.execution
        at_prompt = execution.at_prompt and not family.news_at_prompt
        if at_prompt or (execution.busy and not family.news_inside_answers):
            self._held_news.append(line)
        else:
            self.say(f"\r\n{line}\r\n".encode("latin-1", "replace"))

    @property
    def news_waiting(self) -> int:
        """How many indications are held back while a command runs."""
        return len(self._held_news)

    def flush_news(self) -> None:
        """Send what was held back while a command ran."""
        held, self._held_news = self._held_news, []
        for line in held:
            self.news(line)

    # Faults and control

    def inject(self, fault: Fault) -> None:
        """Arm a fault now."""
        self._plan.add(fault)
        if fault.step is Step.TIME:
            self.network.after(fault.at, partial(self._strike_timed, fault))

    def _strike_timed(self, fault: Fault) -> None:
        self._plan.struck.append(fault)
        self.act(fault.action)

    @property
    def struck(self) -> list[Fault]:
        """The faults that have happened, in order."""
        return self._plan.struck

    def clear_faults(self) -> None:
        """Disarm all faults that have not struck for good."""
        self._plan.clear()

    def faults_at(self, step: Step, command: str | None = None) -> list[Action]:
        """What strikes at a step; those that need no place in a transaction are carried out here already."""
        return [action for action in self._plan.at(step, command) if not self.act(action)]

    def act(self, action: Action) -> bool:
        """Carry out an action that stands for itself; False for one that belongs into a transaction."""
        match action:
            case Rubbish(octets):
                self.say(octets)
            case Storm(lines, times):
                for line in lines * times:
                    self.say(f"\r\n{line}\r\n".encode("latin-1", "replace"))
            case LoseRegistration(status, seconds):
                self.radio.lose(status, seconds)
            case FillStorage():
                self.fill_storage()
            case Reboot():
                self.reboot()
            case Vanish(seconds, name, reboot):
                self.vanish(seconds, name, reboot=reboot)
            case Silence(seconds):
                self.fall_silent(seconds)
            case _:
                return False
        return True

    def fall_silent(self, seconds: float | None = None) -> None:
        """Answer nothing, for some seconds or until power is cycled."""
        self._silent = True
        self.execution.abandon()
        if seconds is not None:
            self.power.timer(seconds, self._speak_again)

    def _speak_again(self) -> None:
        self._silent = False

    def fill_storage(self) -> None:
        """Fill the SIM's and the modem's message storage with read messages."""
        deliver = bytes.fromhex("040B914477009000F1000062112121430000" + "02E834")
        for store in (self.store, *((self.sim.store,) if self.sim else ())):
            while not store.full:
                store.add(StoredMessage(MessageStatus.READ, b"\0", deliver))

    def vanish(self, seconds: float | None = 5.0, name: str | None = None, *, reboot: bool = True) -> None:
        """Take the port away; it is back after `seconds`, under `name` where given, or at `restore` for None."""
        self.generation += 1
        self.present = False
        self._output.clear()
        self.execution.reset()
        if reboot:
            self.power.off()
        if seconds is not None:
            self.network.after(seconds, partial(self.restore, name))

    def restore(self, name: str | None = None) -> None:
        """Bring a vanished port back, under another name where given."""
        if self.present:
            return
        self.port = name or self.port
        self.present = True
        self.power.on(port_there=True)

    def reboot(self) -> None:
        """Restart, as AT+CFUN=1,1 does: settings are lost; a USB family loses its port meanwhile."""
        if self.personality.resets_drop_port:
            self.vanish(self.personality.boot.port, None, reboot=True)
            return
        self.power.off()
        self.power.on(port_there=False)

    def power_cycle(self) -> None:
        """Take the power away and give it back: the one cure for a modem that has fallen silent for good."""
        self._silent = False
        self.reboot()

    def insert(self, sim: SimCard | None) -> None:
        """Put another card in, or None to take it out; the modem restarts."""
        if self.sim is not None:
            self.network.release(self.sim)
        self.sim = sim
        self.power_cycle()
        if sim is not None:
            self.network.attach(sim, self.routing)

    def forget(self) -> None:
        """Lose everything in volatile memory, as a restart does."""
        self._silent = False
        self.functionality = 1
        self._held_news.clear()
        self.execution.reset()
        self.submission.reset()
        self.routing.reset()
        self.radio.stop()
        self.session, self.dialogue = new_session(self.personality), None
        if self.sim is not None:
            self.sim.verified = False
            self.network.detach(self.sim)

    @property
    def operator(self) -> Operator:
        """The operator that it is registered with, or would be."""
        return self.radio.operator


def _imei(name: str) -> str:
    """An IMEI of a test allocation for a modem's name, with its check digit (23.003 B)."""
    digits = f"00101{crc32(name.encode()) % 10**9:09d}"
    total = 0
    for place, digit in enumerate(digits):
        value = int(digit) * (1 + place % 2)
        total += value // 10 + value % 10
    return digits + str(-total % 10)
