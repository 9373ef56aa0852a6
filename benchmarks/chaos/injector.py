"""Does what the schedule says, at its time."""

from __future__ import annotations

import sqlite3
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

from benchmarks.chaos.disk import Disk
from benchmarks.chaos.plan import Entry, steps_clock
from benchmarks.chaos.process import FAKETIME, GatewayProcess, another_boot, boot
from benchmarks.chaos.receiver import WebhookReceiver
from benchmarks.chaos.told import SOMETIMES_OFF
from benchmarks.virtual_modems import VirtualModems


class Injector(threading.Thread):
    """A thread that works a schedule off. What happens to the gateway's process happens here and nowhere else."""

    def __init__(
        self,
        entries: Iterable[Entry],
        gateway: GatewayProcess,
        modems: VirtualModems,
        receiver: WebhookReceiver,
        disk: Disk,
        database: Path,
    ) -> None:
        super().__init__(name="injector", daemon=True)
        self._entries = sorted(entries, key=lambda entry: float(entry["at"]))
        self._gateway, self._modems, self._receiver = gateway, modems, receiver
        self._disk, self._database = disk, database
        self._undo: list[tuple[float, Callable[[], None]]] = []
        self._steps = False  # whether a process that is started now sees its clock stepped
        self.done: Counter[str] = Counter()
        """What was done besides arming faults, by name."""
        self.windows: list[tuple[float, float, str, str]] = []
        """(from, to, what, modem or "") of what was done: CLOCK_BOOTTIME in seconds."""
        self.failed: BaseException | None = None
        self.boots: list[float] = []
        """When the gateway was started under another boot id."""

    def run(self) -> None:
        """Everything, then put right what is still wrong."""
        began = time.monotonic()
        try:
            for number, entry in enumerate(self._entries, 1):
                self._wait(began + entry["at"])
                self._steps = steps_clock(self._entries[number:])
                self._do(**{name: value for name, value in entry.items() if name != "at"})
            self._wait(time.monotonic(), everything=True)
            self._modems.ask("clear")
            self._gateway.set_clock(0)
        except BaseException as error:
            self.failed = error
            raise

    def _wait(self, until: float, *, everything: bool = False) -> None:
        while self._undo and (everything or self._undo[0][0] <= until):
            when, action = self._undo.pop(0)
            time.sleep(max(0.0, when - time.monotonic()))
            action()
        time.sleep(max(0.0, until - time.monotonic()))

    def _after(self, seconds: float, action: Callable[[], None]) -> None:
        self._undo.append((time.monotonic() + seconds, action))
        self._undo.sort(key=lambda pair: pair[0])

    def _do(self, what: str, **details: Any) -> None:
        began = boot()
        getattr(self, f"_{what}")(**details)
        if what != "modem":
            self.done[what] += 1
            length = float(details.get("seconds", 0.0))
            self.windows.append((began, max(boot(), began + length), what, details.get("modem", "")))

    # -- modems and network -------------------------------------------------------------------------------------------

    def _modem(self, modem: str, step: str, action: str, parameters: Entry, command: str | None = None) -> None:
        if step == "time":
            self._modems.ask("act", modem=modem, action=action, parameters=parameters)
        else:
            more = {} if command is None else {"command": command}
            self._modems.ask("fault", modem=modem, step=step, action=action, parameters=parameters, **more)

    def _dead_modem(self, modem: str, gone: bool, seconds: float) -> None:
        """Gone or silent for good, until somebody pulls the plug and puts it back."""
        action = "Vanish" if gone else "Silence"
        self._modems.ask("act", modem=modem, action=action, parameters={"seconds": None})
        self._after(seconds, lambda: self._modems.ask("restore" if gone else "power", modem=modem))

    def _congested(self, seconds: float) -> None:
        self._modems.ask("network", congested=True)
        self._after(seconds, lambda: self._modems.ask("network", congested=False))

    def _handsets_off(self, seconds: float) -> None:
        self._handsets("off")
        self._after(seconds, lambda: self._handsets("on"))

    def _handsets(self, state: str) -> None:
        for number in SOMETIMES_OFF:
            self._modems.ask("handset", number=number, state=state)

    def _incoming(self, modem: str, parts: int) -> None:
        number = f"+{447_700_950_000 + int(modem.removeprefix('sim'))}"
        text = "An answer from the street. " * (1 if parts == 1 else 12)
        self._modems.ask("send", sender="+447700900400", text=text, to=number)

    # -- the gateway and what it stands on ----------------------------------------------------------------------------

    def _kill(self, away: float) -> None:
        self._gateway.kill()
        self._back(away)

    def _term(self, away: float) -> None:
        self._gateway.term()
        self._back(away)

    def _boot(self, offset: float, right_after: float) -> None:
        """The machine loses its power, and comes back as another boot, with a clock that is put right later."""
        self._gateway.kill()
        self._gateway.other_boot()
        self._gateway.set_clock(offset)
        self.boots.append(boot())
        self._back(0.0, wrong=bool(offset))
        self._after(right_after, lambda: self._gateway.set_clock(0))

    def _back(self, away: float, *, wrong: bool = False) -> None:
        time.sleep(away)
        self._gateway.faked = wrong or self._steps
        if not self._gateway.faked:
            self._gateway.set_clock(0)
        self._disk.free(self._gateway)
        self._gateway.start()

    def _clock(self, offset: float) -> None:
        self._gateway.set_clock(offset)

    def _disk_full(self, seconds: float) -> None:
        self._disk.fill(self._gateway)
        self._after(seconds, lambda: self._disk.free(self._gateway))

    def _locked(self, seconds: float) -> None:
        """Another program holds the database."""
        with closing(sqlite3.connect(self._database, isolation_level=None, timeout=30)) as other:
            try:
                other.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return  # busy, or the disk is full as well
            time.sleep(seconds)
            other.execute("ROLLBACK")

    def _webhook(self, mode: str, seconds: float) -> None:
        self._receiver.mode = mode
        self._after(seconds, lambda: setattr(self._receiver, "mode", "ok"))


def able() -> dict[str, str]:
    """What of the faults around the gateway cannot be made here, each with its reason."""
    missing = {}
    if not FAKETIME.exists():
        missing["clock"] = f"libfaketime is not installed ({FAKETIME})"
    try:
        words = [*another_boot(Path("/proc/sys/kernel/random/boot_id"), 1), "true"]
        tried = subprocess.run(words, capture_output=True, check=False)
        if tried.returncode != 0:
            missing["boot"] = f"another boot needs name spaces of mounts and of time: {tried.stderr.decode().strip()}"
    except OSError as error:
        missing["boot"] = f"another boot needs unshare: {error.strerror}"
    return missing
