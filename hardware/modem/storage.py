"""Message storages of the modem and its SIM: chosen, read, emptied, watched (27.005 3.2.2, 3.4.2, 3.4.3, 3.5.4)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace

from hardware.at.answers import (
    StorageChoices,
    StorageUse,
    parse_message,
    parse_messages,
    parse_storage_choices,
    parse_storage_use,
)
from hardware.errors import CommandRejected
from hardware.modem.link import Link, read
from hardware.modem.status import StorageLevel, Trouble
from hardware.profiles import Profile

REPORTS = "SR"
_NEARLY_FULL = 0.8
_OURS = (0, 1, None)  # <stat> unread, read, or not told; 2 and 3 are messages that somebody wrote there to send
_GONE = (321, 21)  # invalid index: somebody was faster

HandOver = Callable[[str, str], None]
"""Takes the memory and the PDU of one stored message; returns when it is safe elsewhere."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a stored message is, as +CMTI and +CDSI say it."""

    memory: str
    index: int


class Storage:
    """Serialises the one selected memory: whoever reads names the memory, here and nowhere else."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._selected: str | None = None
        self._selectable = True  # else there is one memory, whatever the modem calls it
        self._memories: tuple[str, ...] = ()
        self._handed: dict[Place, bytes] = {}
        self._settle = 0.5
        self._report_memory: str | None = None
        self._levels: dict[str, StorageLevel] = {}
        self.taken: set[Place] = set()
        """Where the last sweep found messages."""
        self.stuck: tuple[StorageLevel, ...] = ()
        """Memories that were still full when the last sweep had ended."""

    @property
    def levels(self) -> tuple[StorageLevel, ...]:
        """How full each memory was when it was last selected or asked for."""
        return tuple(self._levels.values())

    def configure(self, profile: Profile) -> None:
        """Choose where messages are received, and what has to be swept."""
        self._settle, self._report_memory = profile.storage_settle, profile.report_memory
        self._selected = None
        self._levels.clear()
        self.stuck = ()
        choices = read(parse_storage_choices, self._link.attempt("AT+CPMS=?", timeout=10))
        groups = _groups(choices)
        self._memories = _swept(groups[0] if groups else ("SM", "ME"), profile)
        self._selectable = True
        if not self._choose(groups, profile) and not any(self._select(name) for name in self._memories):
            self._selectable, self._memories = False, self._memories[:1]
        self.watch()

    def _choose(self, groups: list[tuple[str, ...]], profile: Profile) -> bool:
        """Set the memories with three, two, then one argument; False and as they were where all is refused."""
        common = [name for name in profile.storages if all(name in group for group in groups)]
        choices: list[tuple[str, ...]] = [(name,) * 3 for name in common]
        if groups and not common:
            each = tuple(next((name for name in profile.storages if name in group), group[0]) for group in groups)
            choices = [(*each, *each[-1:] * 3)[:3]]
        for names in choices:
            for count in range(min(3, len(groups) or 3), 0, -1):
                written = ",".join(f'"{name}"' for name in names[:count])
                if self._link.attempt(f"AT+CPMS={written}", prefix="+CPMS", timeout=10) is not None:
                    self._selected = names[0]
                    return True
        return False

    def watch(self) -> bool:
        """Ask how full the memories in use are; whether one is nearly full."""
        told: list[StorageUse] = read(parse_storage_use, self._link.attempt("AT+CPMS?", timeout=10)) or []
        self._levels |= {use.name: StorageLevel(use.name, use.used, use.total) for use in told if use.name}
        return any(level.total and level.used >= _NEARLY_FULL * level.total for level in self.levels)

    def sweep(self, hand_over: HandOver) -> int:
        """Read, hand over and delete what is in every memory; how many messages were handed over."""
        count = 0
        self.taken.clear()
        for memory in self._memories:
            if self._select(memory):
                count += self._sweep(memory, hand_over)
        self.watch()
        if self._full():
            self._link.pause(self._settle)  # counters may lag behind
            self.watch()
        self.stuck = self._full()
        return count

    def _full(self) -> tuple[StorageLevel, ...]:
        return tuple(level for level in self.levels if level.total and level.used >= level.total)

    def _sweep(self, memory: str, hand_over: HandOver) -> int:
        count = 0
        lines = self._link.attempt("AT+CMGL=4", timeout=60)
        for entry in read(parse_messages, lines) or []:
            if entry.index is not None and entry.believable and entry.status in _OURS:
                place = Place(memory, entry.index)
                count += self._take(place, entry.pdu, hand_over)
                self.taken.add(place)
        return count

    def fetch(self, place: Place, hand_over: HandOver, *, report: bool) -> bool:
        """Read, hand over and delete one announced message; False where it is not there."""
        others = (self._report_memory,) if report and self._report_memory else ()
        for memory in (place.memory, *others):
            pdu = self._read(Place(memory, place.index))
            if pdu is not None:
                self._take(Place(memory, place.index), pdu, hand_over)
                return True
        self._link.pause(self._settle)
        pdu = self._read(place)
        if pdu is not None:
            self._take(place, pdu, hand_over)
        return pdu is not None

    def _read(self, place: Place) -> str | None:
        if not self._select(place.memory):
            return None
        found = read(parse_message, self._link.attempt(f"AT+CMGR={place.index}", timeout=10))
        return found.pdu if found is not None and found.believable and found.status in _OURS else None

    def _take(self, place: Place, pdu: str, hand_over: HandOver) -> int:
        seen = hashlib.sha256(pdu.encode()).digest()
        fresh = self._handed.get(place) != seen
        if fresh:
            hand_over(place.memory, pdu)
            self._handed[place] = seen
        if self._delete(place.index):
            self._handed.pop(place, None)
            level = self._levels.get(place.memory)
            if level is not None:
                self._levels[place.memory] = replace(level, used=max(0, level.used - 1))
        return int(fresh)

    def _delete(self, index: int) -> bool:
        try:
            self._link.command(f"AT+CMGD={index}", timeout=10)
        except CommandRejected as refused:
            return refused.code in _GONE
        return True

    def _select(self, memory: str) -> bool:
        if memory == self._selected or not self._selectable:
            return True
        self._selected = None
        lines = self._link.attempt(f'AT+CPMS="{memory}"', timeout=10)
        if lines is None:
            return False
        self._selected = memory
        told: list[StorageUse] = read(parse_storage_use, lines) or []
        if told:
            self._levels[memory] = StorageLevel(memory, told[0].used, told[0].total)
        return True


def storage_full(stuck: tuple[StorageLevel, ...]) -> tuple[str, str, Trouble]:
    """Reason, advice and word for memories that stay full whatever is read and deleted."""
    which = ", ".join(f"{level.memory} ({level.used} of {level.total})" for level in stuck)
    advice = (
        "it still sends, but the network keeps new messages and reports back: delete old messages in a phone, "
        "drafts and sent ones too, or change the SIM"
    )
    return f"the message storage stays full: {which}", advice, Trouble.STORAGE_FULL


def _groups(choices: StorageChoices | None) -> list[tuple[str, ...]]:
    """The lists of +CPMS=?, without those at the end that the modem leaves out."""
    lists = [choices.reading, choices.writing, choices.receiving] if choices is not None else []
    while lists and not lists[-1]:
        lists.pop()
    return lists if all(lists) else []


def _swept(readable: tuple[str, ...], profile: Profile) -> tuple[str, ...]:
    """Every store once, the one where most arrives last so that it stays selected.

    MT stands for SM and ME together, and is read where ME cannot be by itself.
    """
    wanted = [name for name in profile.storages if name in readable and name != "MT"]
    if "ME" not in readable and "MT" in readable:
        wanted = ["MT"]
    return (*((REPORTS,) if REPORTS in readable else ()), *reversed(wanted)) or readable[:1]
