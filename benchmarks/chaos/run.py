"""One run: set everything up, load it, break it, let it settle, and judge."""

from __future__ import annotations

import pickle
import sqlite3
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.chaos import plan
from benchmarks.chaos.clients import Application
from benchmarks.chaos.connection import Connection
from benchmarks.chaos.disk import Disk
from benchmarks.chaos.evidence import Evidence, gather
from benchmarks.chaos.growth import judge_growth
from benchmarks.chaos.injector import Injector
from benchmarks.chaos.oracle import ORDER, Verdict, judge
from benchmarks.chaos.plan import Entry
from benchmarks.chaos.process import GatewayProcess, boot, free_port
from benchmarks.chaos.receiver import WebhookReceiver
from benchmarks.chaos.setting import SCOPES, SECRET, Setting
from benchmarks.chaos.told import BACKLOG_LIFETIME, FATES, Told
from benchmarks.virtual_modems import VirtualModems

PROCESS = "process"
EVIDENCE = "evidence.pickle"
"""In a folder that is kept: what the oracle judged by, to be judged again."""
NETWORK_TRIES = 400.0
"""Seconds after which a message without its report is final: the shortest TP-VP, a minute for the report, and some."""
LIST = 1_000  # recipients of one request


@dataclass(slots=True)
class Outcome:
    """What came of it."""

    verdict: Verdict
    evidence: Evidence
    done: Counter[str]
    struck: Counter[str]
    disk: str
    samples: list[dict[str, float]]
    seconds: float
    settled: float


class Run:
    """Everything that lives as long as a run."""

    def __init__(self, folder: Path, setting: Setting, stack: ExitStack, entries: Sequence[Entry]) -> None:
        self.folder, self.setting = folder, setting
        self.disk = Disk(folder)
        stack.callback(self.disk.close)
        self.modems = VirtualModems(
            folder / "ports",
            setting.modems,
            ",".join(setting.families),
            submit_seconds=setting.submit_seconds,
            delivery_seconds=0.1,
            report_seconds=0.1,
            boot_scale=setting.time_scale,
        )
        stack.callback(self.modems.stop)
        for number, fate in FATES.items():
            self.modems.ask("handset", number=number, **fate)
        self.receiver = WebhookReceiver(SECRET)
        stack.callback(self.receiver.close)
        self.database = self.disk.folder / "simwire.db"
        self.gateway = GatewayProcess(folder, self._configure())
        self.gateway.faked = plan.steps_clock(entries)
        self.gateway.start()
        stack.callback(self._end)
        self.key = self.gateway.make_key(*SCOPES)
        self.samples: list[dict[str, float]] = []
        self._began = time.monotonic()

    def _configure(self) -> Path:
        setting, self._port = self.setting, free_port()
        text = setting.config(self._port, self.receiver.port, self.modems.ports)
        path = self.folder / "config.toml"
        path.write_text(text, encoding="utf-8")
        (self.folder / "hook.secret").write_text(SECRET, encoding="ascii")
        return path

    def _end(self) -> None:
        if self.gateway.up.is_set():
            self.gateway.kill()

    def connection(self) -> Connection:
        """A new application's connection."""
        return Connection(self._port, self.key, self.gateway.up)

    def until_able(self, modems: int, seconds: float = 60) -> None:
        """Wait until so many modems can send; raises RuntimeError where that takes too long."""
        connection, deadline = self.connection(), time.monotonic() + seconds
        while time.monotonic() < deadline:
            _, answer, _ = connection.ask("GET", "/v1/modems")
            if sum(modem["state"] == "ready" for modem in answer["items"]) >= modems:
                connection.drop()
                return
            time.sleep(0.1)
        raise RuntimeError(f"not {modems} modems became ready: {[m['state'] for m in answer['items']]}")

    @contextmanager
    def sampled(self) -> Iterator[None]:
        """Samples of the process, taken until this ends."""
        done = threading.Event()

        def watch() -> None:
            while not done.wait(self.setting.every):
                self.sample()

        watcher = threading.Thread(target=watch, name="sampler", daemon=True)
        watcher.start()
        try:
            yield
        finally:
            done.set()
            watcher.join()

    def sample(self) -> None:
        """One row: the process, the log before the database, and what waits."""
        try:
            taken = self.gateway.sample()
            if taken is None:
                return
            _, threads, files, resident = taken
            spent, _ = self.modems.ask("spent")
            wal = self.database.with_name(self.database.name + "-wal")
            self.samples.append(
                {
                    "second": round(time.monotonic() - self._began),
                    "threads": threads,
                    "descriptors": files,
                    "resident_mb": round(resident / 1e6, 1),
                    "wal_mb": round(wal.stat().st_size / 1e6, 2) if wal.exists() else 0.0,
                    "waiting": self.waiting(),
                    "cpu_gateway": round(self.gateway.cpu(), 1),
                    "cpu_modems": round(spent, 1),
                    "cpu_load": round(time.process_time(), 1),
                }
            )
        except (OSError, RuntimeError):
            return  # it ended just now

    def waiting(self) -> int:
        """Messages that are not final."""
        return self._count("SELECT count(*) FROM messages WHERE final = 0")

    def settle(self) -> float:
        """Wait until everything is final and told, for as long as the setting allows; the seconds it took."""
        began = time.monotonic()
        # What is left of a backlog may wait on.
        still = (
            "SELECT (SELECT count(*) FROM messages WHERE final = 0 AND state <> 'sent'"
            f" AND expires_at - created_at < {BACKLOG_LIFETIME * 1000:.0f})"
            " + (SELECT count(*) FROM deliveries WHERE state = 'waiting')"
        )
        quiet_since, known = began, -1
        while time.monotonic() < began + self.setting.settle:
            time.sleep(0.5)
            sent, busy = self.waiting() if not self.setting.backlog else 0, self._count(still)
            if sent != known or busy:
                known, quiet_since = sent, time.monotonic()
            # What is sent and not reported is final only when the network's last try is over, minutes from now.
            if sent == busy == 0 or (self.setting.settle < NETWORK_TRIES and time.monotonic() - quiet_since > 3):
                break
        return time.monotonic() - began

    def _count(self, query: str) -> int:
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=10)) as cx:
            return int(cx.execute(query).fetchone()[0])


def run(setting: Setting, entries: Sequence[Entry], *, keep: Path | None = None) -> Outcome:
    """Run a schedule over a setting and judge what came of it; `keep`: a folder that stays, for a look afterwards."""
    with ExitStack() as stack:
        folder = keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="simwire-chaos-")))
        folder.mkdir(parents=True, exist_ok=True)
        world = Run(folder, setting, stack, entries)
        if any(entry["what"] in ("clock", "boot") for entry in entries):
            setting.load.later = 0.0  # a gateway whose clock is an hour slow rightly waits an hour for its moment
        world.until_able(setting.modems)
        if setting.backlog:
            _queue(world, setting)
        began = time.monotonic()
        injector = Injector(entries, world.gateway, world.modems, world.receiver, world.disk, world.database)
        load = setting.load
        applications = [
            Application(number, setting.seed, load, world.connection, world.modems)
            for number in range(load.applications)
        ]
        threads: list[Injector | Application] = [injector, *applications]
        world.sample()
        with world.sampled():
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            loaded = time.monotonic() - began
            settled = world.settle()
        world.sample()
        rest = world.gateway.sample()
        injector.windows.append((boot(), float("inf"), "term", ""))  # what is left of a backlog may be on the air
        world.gateway.term()
        if rest is not None:
            world.gateway.life.samples.append(rest)
        for thread in threads:
            if thread.failed is not None:
                raise RuntimeError(f"{thread.name} failed") from thread.failed
        evidence = gather(
            load.ledger,
            world.database,
            world.modems,
            world.receiver.events,
            world.gateway.log,
            windows=injector.windows,
            boots=injector.boots,
            lives=world.gateway.lives,
            secrets=[world.key, SECRET],
            storing=setting.storing(),
        )
        if keep is not None:
            (keep / EVIDENCE).write_bytes(pickle.dumps(evidence))
        verdict = judge(evidence)
        for words in world.gateway.trouble:
            verdict.found(PROCESS, words)
        verdict.looked[PROCESS] = len(world.gateway.lives)
        if world.receiver.forged:
            verdict.found(ORDER, f"{world.receiver.forged} webhooks had a signature that is not genuine")
        judge_growth(verdict, world.gateway.lives)
        struck = Counter(f"{step}: {action}" for _, _, step, action, *_ in evidence.faults)
        return Outcome(verdict, evidence, injector.done, struck, world.disk.how, world.samples, loaded, settled)


def _queue(world: Run, setting: Setting) -> None:
    """Fill the outbox before anything else."""
    connection, numbers, ledger = world.connection(), setting.load.numbers, setting.load.ledger
    for start in range(0, setting.backlog, LIST):
        many = [numbers.number() for _ in range(min(LIST, setting.backlog - start))]
        token = numbers.token()
        body = {"to": many, "text": f"{token} a backlog", "priority": "bulk", "lifetime": BACKLOG_LIFETIME}
        asked = boot()
        status, answer, _ = connection.ask("POST", "/v1/messages", body, key=token)
        if status != 202:
            raise RuntimeError(f"the backlog was refused: {status} {answer}")
        for number, item in zip(many, answer["items"], strict=True):
            ledger.told.append(Told(item["id"], number, token, asked, boot(), BACKLOG_LIFETIME))
    connection.drop()
