"""SIM cards: identity, PIN and PUK with their tries, the reference counter, and finite message storage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

from hardware.simulator.octets import mask


class MessageStatus(IntEnum):
    """`<stat>` of a stored message in PDU mode (27.005 3.1)."""

    UNREAD = 0
    READ = 1
    UNSENT = 2
    SENT = 3


@dataclass(slots=True)
class StoredMessage:
    """One record of a store: the service-centre octets and the TPDU."""

    status: MessageStatus
    centre: bytes = field(repr=False)
    tpdu: bytes = field(repr=False)
    since: float = 0.0
    """Boot time in seconds at which it was stored."""


class MessageStore:
    """Numbered places for messages. A full store refuses; nothing is ever overwritten.

    `first` is the lowest index, which is 1 on most modems and 0 on some.
    """

    def __init__(self, capacity: int, first: int = 1) -> None:
        self.capacity, self.first = capacity, first
        self._places: dict[int, StoredMessage] = {}

    def __len__(self) -> int:
        return len(self._places)

    @property
    def full(self) -> bool:
        """Whether `add` would refuse."""
        return len(self._places) >= self.capacity

    def add(self, message: StoredMessage) -> int | None:
        """Put a message into the lowest free place and return its index; None where all are taken."""
        for index in range(self.first, self.first + self.capacity):
            if index not in self._places:
                self._places[index] = message
                return index
        return None

    def get(self, index: int) -> StoredMessage | None:
        """The message at `index`, None for an empty or impossible place."""
        return self._places.get(index)

    def remove(self, index: int) -> bool:
        """Free a place; False where it was free."""
        return self._places.pop(index, None) is not None

    def valid(self, index: int) -> bool:
        """Whether the store has a place of that number."""
        return self.first <= index < self.first + self.capacity

    def items(self) -> list[tuple[int, StoredMessage]]:
        """(index, message) in order of index."""
        return sorted(self._places.items())


class PinState(StrEnum):
    """What +CPIN? says about the card."""

    READY = "READY"
    PIN = "SIM PIN"
    PUK = "SIM PUK"
    BLOCKED = "BLOCKED"


@dataclass(frozen=True, slots=True)
class UssdAnswer:
    """What the network says to a USSD code.

    `mode` is `<m>` of +CUSD: 0 done, 1 an answer is expected, 2 ended by the network, 4 not supported, 5 time-out.
    With mode 1 `replies` maps what the user may answer to what the network says then.
    """

    text: str | None
    mode: int = 0
    replies: Mapping[str, UssdAnswer | str] = field(default_factory=dict)


@dataclass(eq=False)
class SimCard:
    """One card. It keeps its state, the used-up tries too, whichever modem it is put into.

    `tries` and `puk_tries` are what is left; `slots` is the capacity of its message storage; `service_centre` is what
    EF_SMSP holds (AT+CSCA), "" for none; None means the operator's own, written when the card first meets a network.
    """

    imsi: str = "001010000000001"
    iccid: str = "8944100000000000017"
    number: str = "+447700900150"
    pin: str | None = None
    puk: str = "12345678"
    tries: int = 3
    puk_tries: int = 10
    slots: int = 30
    service_centre: str | None = None
    ussd: Mapping[str, UssdAnswer | str] = field(default_factory=dict)
    barred: int | None = None
    """RP cause with which the operator refuses every message of this subscriber: 8 barring, 50 not subscribed."""
    name: str = ""
    last_reference: int = 255
    """The TP-MR used last (EF_SMSS)."""
    verified: bool = False
    """PIN entered since the last reset of the card; the modem clears it."""
    store: MessageStore = field(init=False)

    def __post_init__(self) -> None:
        self.store = MessageStore(self.slots)

    def __repr__(self) -> str:
        return f"SimCard(imsi={self.imsi[:5]}…, number={mask(self.number)}, state={self.state})"

    @property
    def state(self) -> PinState:
        """What the card asks for now."""
        if self.puk_tries == 0:
            return PinState.BLOCKED
        if self.tries == 0:
            return PinState.PUK
        return PinState.READY if self.pin is None or self.verified else PinState.PIN

    def verify(self, pin: str) -> bool:
        """Try a PIN: a wrong one costs a try, a right one restores all three."""
        if self.tries == 0:
            return False
        if pin != self.pin:
            self.tries -= 1
            return False
        self.tries, self.verified = 3, True
        return True

    def spend_try(self) -> None:
        """Count a PIN that was not asked for as a wrong one, as some modems do."""
        self.tries = max(0, self.tries - 1)

    def unblock(self, puk: str, new_pin: str) -> bool:
        """Try the PUK: the tenth wrong one ends the card."""
        if self.puk_tries == 0:
            return False
        if puk != self.puk:
            self.puk_tries -= 1
            return False
        self.pin, self.tries, self.puk_tries, self.verified = new_pin, 3, 10, True
        return True

    def next_reference(self) -> int:
        """The next TP-MR: 255 is followed by 0 (23.040 9.2.3.6)."""
        self.last_reference = (self.last_reference + 1) % 256
        return self.last_reference
