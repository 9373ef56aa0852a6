"""The names that 27.005 gives to storage: SM on the SIM, ME and SR in the modem, MT for both of SM and ME."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hardware.simulator.session import cms
from hardware.simulator.sim import MessageStore, StoredMessage

if TYPE_CHECKING:
    from hardware.simulator.modem import SimulatedModem


def _stores(modem: SimulatedModem, name: str) -> list[tuple[str, MessageStore]]:
    if modem.sim is None:
        raise cms(310)
    match name:
        case "SM":
            return [("SM", modem.sim.store)]
        case "SR":
            return [("SR", modem.reports)]
        case "ME":
            return [("ME", modem.store)]
        case _:
            return [("ME", modem.store), ("SM", modem.sim.store)]


def place(modem: SimulatedModem, name: str, message: StoredMessage) -> tuple[str, int] | None:
    """Put a message into a memory; the memory and index that it got, None where all is full."""
    for actual, store in _stores(modem, name):
        index = store.add(message)
        if index is not None:
            return actual, index
    return None


class StoreView:
    """A memory as the commands see it. In MT the SIM's indexes come after the modem's."""

    def __init__(self, modem: SimulatedModem, name: str) -> None:
        self._modem = modem
        self._stores: list[tuple[int, MessageStore]] = []
        offset = 0
        for _, store in _stores(modem, name):
            self._stores.append((offset, store))
            offset += store.first + store.capacity

    @property
    def capacity(self) -> int:
        """Places in all."""
        return sum(store.capacity for _, store in self._stores)

    def used(self, lag: float = 0.0) -> int:
        """Places taken, without what came within the last `lag` seconds."""
        since = self._modem.network.time() - lag
        return sum(1 for _, message in self.items() if not lag or message.since <= since)

    def items(self) -> list[tuple[int, StoredMessage]]:
        """(index, message) in order."""
        return [(offset + index, message) for offset, store in self._stores for index, message in store.items()]

    def get(self, index: int) -> StoredMessage | None:
        """The message at an index, None for an empty place; refuses with CMS 321 where there is no such place."""
        offset, store = self._at(index)
        return store.get(index - offset)

    def remove(self, index: int) -> None:
        """Free a place; refuses with CMS 321 where there is no such place."""
        offset, store = self._at(index)
        store.remove(index - offset)

    def _at(self, index: int) -> tuple[int, MessageStore]:
        for offset, store in self._stores:
            if store.valid(index - offset):
                return offset, store
        raise cms(321)
