"""All modems of a gateway: their workers' threads, who is woken for what, and the snapshot of each."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import TypeVar

from gateway.directory import ModemView, may_take, takers
from gateway.dispatcher import ModemWorker
from gateway.messages import Lane
from gateway.others import Witness
from gateway.recovery import NEW_THREAD
from gateway.store import StoreError
from gateway.watchdog import Party
from hardware.modem import Modem
from hardware.tracing import Wiretap

T = TypeVar("T")
log = logging.getLogger("simwire.fleet")

WATCH_EVERY = 5.0  # seconds between looks whether the workers get on
STUCK_THREADS = 3  # of one modem that may hang in a call; after that it is only reported


class Fleet:
    """The workers, by name. `wake` and `planned` are safe from any thread."""

    def __init__(self, prefixes: Iterable[str]) -> None:
        self._prefixes = tuple(sorted({prefix for prefix in prefixes if prefix}))
        self._workers: dict[str, ModemWorker] = {}
        self._threads: dict[str, threading.Thread] = {}
        self.on_planned: Callable[[], None] = lambda: None
        """Called when something was planned: the scheduler arms itself by it."""
        self.on_stored: Callable[[], None] = lambda: None
        """Called when a message was stored."""
        self.witness = Witness()
        """Hears what becomes of each part at a modem."""
        self.on_recovery: Callable[[str, str], None] = lambda _modem, _step: None
        """Called with the modem and the step that is taken to bring it back."""
        self._stopping = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="fleet-watch", daemon=True)
        self._changing = threading.Lock()
        """Held while a worker is replaced: what is asked of one meanwhile must reach the other."""
        self._hanging: list[tuple[str, threading.Thread]] = []
        self._without_thread: set[str] = set()
        self._looks = 0

    def add(self, worker: ModemWorker) -> None:
        """Take a worker in, before `start`."""
        self._workers[worker.name] = worker

    def start(self) -> None:
        """One thread per modem, and one that watches that they get on."""
        for worker in self._workers.values():
            self._start(worker)
        self._watcher.start()

    def _start(self, worker: ModemWorker) -> None:
        thread = threading.Thread(target=_run, args=(worker,), name=f"modem-{worker.name}", daemon=True)
        self._threads[worker.name] = thread
        thread.start()

    def stop(self, grace: float) -> bool:
        """Let each worker finish what is on the air, at most `grace` seconds for all; False where one did not.

        A thread that was given up, or is still in the opening of a port, is left behind: it does nothing more when that
        returns.
        """
        self._stopping.set()
        with self._changing:
            for worker in self._workers.values():
                worker.stop()
        deadline = threading.Event()
        timer = threading.Timer(grace, deadline.set)
        timer.daemon = True
        timer.start()
        late = []
        for name, thread in tuple(self._threads.items()):
            if name in self._without_thread:
                continue  # that of the worker before
            while (busy := thread.is_alive() and not self._workers[name].may_be_left) and not deadline.is_set():
                thread.join(0.05)
            late += [name] if busy else []
        timer.cancel()
        if self._watcher.is_alive():
            self._watcher.join(1.0)
        if late:
            what = "did not finish in time; what it was sending is settled at the next start"
            log.warning("modem %s %s", ", ".join(late), what)
        return not late

    # -- the watch ----------------------------------------------------------------------------------------------------

    def _watch(self) -> None:
        while not self._stopping.wait(WATCH_EVERY):
            self._looks += 1
            try:
                self.look()
            except Exception:
                log.exception("a defect of the program: the workers were not looked at; next look in %g s", WATCH_EVERY)

    def look(self) -> None:
        """Replace each worker whose call on its port does not return, or whose thread has ended, on a new thread."""
        for name in tuple(self._workers):
            try:
                with self._changing:
                    if self._stopping.is_set():
                        return
                    self._replace(name)
                if name in self._without_thread:
                    self._workers[name].wait_for_thread(stuck=self._too_many_hang(name))
            except StoreError as error:
                log.warning("modem %s: %s; what it was sending is settled with the next look", name, error)
            except Exception:
                log.exception("modem %s: a defect of the program; next look in %g s", name, WATCH_EVERY)

    def _replace(self, name: str) -> None:
        worker, thread = self._workers[name], self._threads.get(name)
        heir = None
        if worker.overdue() is not None:
            heir = worker.give_up()
            if heir is not None and thread is not None:
                self._hanging.append((name, thread))
        elif thread is not None and not thread.is_alive() and name not in self._without_thread:
            log.error("modem %s: its thread has ended; another one goes on", name)
            heir = worker.bury()
        if heir is not None:
            self._workers[name] = heir
            self.recovering(name, NEW_THREAD)
            self._without_thread.add(name)
        if name in self._without_thread and not (self._too_many_hang(name) or self._workers[name].rests):
            self._without_thread.discard(name)
            self._start(self._workers[name])

    def _too_many_hang(self, name: str) -> bool:
        self._hanging = [(whose, one) for whose, one in self._hanging if one.is_alive()]
        return sum(whose == name for whose, _ in self._hanging) > STUCK_THREADS

    def worker(self, name: str) -> ModemWorker:
        """Who works with the modem of that name now; raises KeyError."""
        return self._workers[name]

    def parties(self) -> list[Party]:
        """Who has to get on: the thread of each modem, whoever is its worker, and the one that watches them."""
        threads = [
            Party(f"the thread of modem {name}", lambda name=name: self._workers[name].progress)  # type: ignore[misc]
            for name in self._workers
        ]
        return [*threads, Party("the watch over the modems' threads", lambda: self._looks)]

    def views(self) -> list[ModemView]:
        """A snapshot of every modem, in the order of the configuration."""
        return [worker.view for worker in self._workers.values()]

    def prefixes(self) -> tuple[str, ...]:
        """Every configured prefix."""
        return self._prefixes

    def wake(self, queue: str, lane: Lane, count: int = 1) -> None:
        """So many messages were stored in `queue`: wake as many idle workers for them, and tell busy ones of codes.

        A busy worker looks at the outbox by itself after its submit; only a more urgent lane must reach it sooner.
        """
        self.on_stored()
        asked = [worker for worker in self._workers.values() if worker.idle or lane is Lane.OTP]
        left_to = takers(queue, self.views(), lane) if asked else set()
        for worker in asked:
            view = worker.view
            if not (worker.name in left_to and view.usable and may_take(view, lane)):
                continue
            if worker.idle:
                if not worker.may_claim(lane):
                    continue  # it waits for its pace, or the end of the quiet hours
                worker.idle = False  # the next message wakes another one
                worker.wake(lane)
                count -= worker.claims(lane)
                if count < 1:
                    return
                continue
            if lane is Lane.OTP:
                worker.wake(lane)

    def planned(self) -> None:
        """Attempts were planned or became ready somewhere: every idle worker looks, and the scheduler arms itself."""
        self.wake_idle()
        self.upcoming()

    def upcoming(self) -> None:
        """Something falls due by and by: the scheduler arms itself, and nobody is woken."""
        self.on_planned()

    def recovering(self, name: str, step: str) -> None:
        """A step was taken to bring a modem back."""
        self.on_recovery(name, step)

    def wake_idle(self) -> None:
        """Every idle worker looks at the outbox; busy ones do so by themselves."""
        for worker in self._workers.values():
            if worker.idle:
                worker.wake()

    def request(self, name: str, action: Callable[[Modem], T]) -> Future[T]:
        """Run `action` on a modem's own thread; raises KeyError for an unknown modem."""
        with self._changing:
            return self._workers[name].request(action)

    def wiretap(self, name: str) -> Wiretap:
        """See `ModemWorker.wiretap`; raises KeyError for an unknown modem."""
        return self._workers[name].wiretap

    def pause(self, name: str) -> None:
        """See `ModemWorker.pause`; the others look at what is left to them."""
        with self._changing:
            self._workers[name].pause()
        self.planned()

    def resume(self, name: str) -> None:
        """See `ModemWorker.resume`."""
        with self._changing:
            self._workers[name].resume()

    def forgive(self, name: str) -> None:
        """See `ModemWorker.forgive`."""
        with self._changing:
            self._workers[name].forgive()


def _run(worker: ModemWorker) -> None:
    try:
        worker.run()
    except Exception:  # the next look finds that it has ended
        log.exception("modem %s: a defect of the program has ended its thread", worker.name)
