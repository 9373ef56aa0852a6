"""The one write connection: who may use it when, and commits shared by many accepts."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from typing import Any, Generic, TypeVar, cast

from gateway.fibres import Fibre, this_fibre
from gateway.store.errors import StoreDamaged
from gateway.store.soundness import Soundness
from gateway.store.two_lanes import TwoLaneLock

log = logging.getLogger("simwire.store")
T = TypeVar("T")
Item = TypeVar("Item")

Together = Callable[[sqlite3.Connection, Sequence[Item]], Sequence[T | Exception]]
"""Does the same for many callers at once: what each of them gets, or what is raised to that one alone, in their order.

Where it raises instead, nothing of what it did stays, and it is called anew for each of them by itself."""

BATCH = 64  # accepts that share one commit at most
BATCH_SECONDS = 0.005  # and for how long newcomers may join


class _Accept(Generic[Item, T]):
    """One caller on its way through a group commit: a thread that waits, or a fibre that stands aside."""

    def __init__(self, together: Together[Item, T], item: Item, fibre: Fibre | None) -> None:
        self.together, self.item, self.fibre = together, item, fibre
        self.result: T | None = None
        self.error: BaseException | None = None
        self.done = False
        self.leads = False
        self._woken = threading.Lock()  # a fifth of an Event's cost, and there is one of these for each request
        self._woken.acquire()

    def wait(self) -> None:
        """Until it is done, or its thread must lead the next batch."""
        self._woken.acquire()

    def wake(self) -> None:
        """End its waiting, once."""
        if self.fibre is None:
            self._woken.release()
        else:
            self.fibre.host.ready(self.fibre)


class Writer:
    """Serialises all writing of this process to one connection.

    `mark` is for what modems say: it goes before waiting accepts. `accept` is for what clients bring: concurrent ones
    share one synced commit, and those that ask for the same share its statements too (`accept_together`). Both raise
    StoreError subclasses for what a person can mend.
    """

    def __init__(self, connection: sqlite3.Connection, soundness: Soundness) -> None:
        self._connection, self._soundness = connection, soundness
        self._lock = TwoLaneLock()
        self._queue: deque[_Accept[Any, Any]] = deque()
        self._queue_lock = threading.Lock()
        self._leading = False
        self._after_commit: list[Callable[[], None]] = []

    @property
    def progress(self) -> int | None:
        """How many turns there were; None while nobody writes."""
        return self._lock.progress

    def after_commit(self, callback: Callable[[], None]) -> None:
        """Call back once the transaction under way is committed; forgotten when it is rolled back."""
        self._after_commit.append(callback)

    @contextmanager
    def mark(self, *, synced: bool = True) -> Iterator[sqlite3.Connection]:
        """An urgent transaction. Without `synced` a power loss may undo it, though never without what follows it."""
        callbacks: list[Callable[[], None]] = []
        self._lock.acquire(urgent=True)
        try:
            try:
                self._begin(synced)
                yield self._connection
                callbacks = self._commit()
            except BaseException:
                self._rollback()
                raise
            finally:
                if not synced:
                    self._connection.execute("PRAGMA synchronous = FULL")
        except sqlite3.Error as error:
            raise self._soundness.told(error) from error
        finally:
            self._lock.release()
        _tell(callbacks)

    @contextmanager
    def between(self) -> Iterator[sqlite3.Connection]:
        """The connection outside of any transaction, while nobody writes."""
        self._lock.acquire(urgent=False)
        try:
            yield self._connection
        except sqlite3.Error as error:
            raise self._soundness.told(error) from error
        finally:
            self._lock.release()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """A piece of the transaction under way: when it raises, that piece is undone and the rest goes on.

        Whoever catches what it raised must look whether the transaction still exists: a full disk, or a damaged file,
        ends it whole.
        """
        before = len(self._after_commit)
        self._connection.execute("SAVEPOINT one")
        try:
            yield
        except BaseException as error:
            if isinstance(error, sqlite3.Error) and isinstance(self._soundness.told(error), StoreDamaged):
                self._rollback()  # who can go on without this piece must not go on with a damaged file
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK TO one")
                self._connection.execute("RELEASE one")
                del self._after_commit[before:]
            raise
        self._connection.execute("RELEASE one")

    def accept(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """Run `function` in a transaction shared with other accepts; returns after the commit is synced to disk.

        Raises what `function` raised, and then nothing of it is stored.
        """
        return self.accept_together(lambda cx, _: (function(cx),), None)

    def accept_together(self, together: Together[Item, T], item: Item) -> T:
        """`accept`, in one call of `together` with the items of everybody who waits with the same `together`.

        One thread runs it for all of them, in few statements: each statement is a moment in which SQLite lets the
        interpreter go, and many threads want it.
        """
        mine: _Accept[Item, T] = _Accept(together, item, this_fibre())
        with self._queue_lock:
            self._queue.append(mine)
            if mine.fibre is None and not self._leading:
                mine.leads = self._leading = True
        if mine.fibre is not None:
            mine.fibre.host.run_errand(self._lead_for_fibres)
            mine.fibre.stand_aside()
        else:
            if not mine.leads:
                mine.wait()
            if mine.leads:
                self._lead(mine)
        if mine.error is not None:
            raise mine.error
        return cast(T, mine.result)

    # -- group commit -------------------------------------------------------------------------------------------------

    def _lead_for_fibres(self) -> None:
        """Commit a batch where nobody leads: fibres cannot, and whoever else waits is served with them."""
        with self._queue_lock:
            if self._leading or not self._queue:
                return
            self._leading = True
        self._lead(None)

    def _lead(self, mine: _Accept[Any, Any] | None) -> None:
        """Commit batches until the leader's own, if it has one, is done; then let another one lead."""
        while True:
            batch: list[_Accept[Any, Any]] = []
            self._lock.acquire(urgent=False)
            try:
                callbacks = self._run_batch(batch)
            finally:
                self._lock.release()
            _tell(callbacks)
            for accept in batch:
                accept.done = True
            _tell([accept.wake for accept in batch if accept is not mine])
            if mine is None or mine.done:
                break
        with self._queue_lock:
            heir = next((accept for accept in self._queue if accept.fibre is None), None)
            self._leading = heir is not None
            if heir is not None:
                heir.leads = True
                heir.wake()
            fibre = self._queue[0].fibre if self._queue else None
        if heir is None and fibre is not None:
            fibre.host.run_errand(self._lead_for_fibres)

    def _run_batch(self, batch: list[_Accept[Any, Any]]) -> list[Callable[[], None]]:
        try:
            self._begin(synced=True)
            deadline = time.monotonic() + BATCH_SECONDS
            empty = True
            while group := self._next(BATCH - len(batch)):
                batch += group
                empty = not self._run(group, first=empty) and empty
                if time.monotonic() > deadline:
                    break
            return self._commit()
        except BaseException as error:  # noqa: BLE001 - everyone who waits for this commit must hear of it
            with suppress(sqlite3.Error):  # the next transaction says so
                self._rollback()
            while group := self._next(BATCH - len(batch)):
                batch += group
            told = self._told(error)
            for accept in batch:
                accept.error = accept.error or told
            return []

    def _run(self, group: Sequence[_Accept[Any, Any]], *, first: bool) -> bool:
        """Do what a group asks for; whether the transaction holds anything of it.

        The `first` one has no savepoint: where it fails, nothing else is undone with it.
        """
        try:
            with nullcontext() if first else self.alone():
                done = group[0].together(self._connection, [accept.item for accept in group])
        except BaseException as error:
            if first:
                self._rollback()
                self._begin(synced=True)
            elif not self._connection.in_transaction:
                raise  # SQLite gave up the whole transaction (disk full), so nobody's part of it exists any more
            if len(group) == 1:
                group[0].error = self._told(error)
                return False
            empty = first
            for accept in group:
                empty = not self._run((accept,), first=empty) and empty
            return not empty
        for accept, came in zip(group, done, strict=True):
            if isinstance(came, Exception):
                accept.error = came
            else:
                accept.result = came
        return True

    def _told(self, error: BaseException) -> BaseException:
        return self._soundness.told(error) if isinstance(error, sqlite3.Error) else error

    def _next(self, most: int) -> list[_Accept[Any, Any]]:
        """Those who wait for the same as the first in the queue, at most so many."""
        with self._queue_lock:
            if not self._queue or most < 1:
                return []
            wanted = self._queue[0].together
            same = [accept for accept in self._queue if accept.together == wanted][:most]
            if len(same) == len(self._queue):
                self._queue.clear()
            else:
                taken = set(map(id, same))
                self._queue = deque(accept for accept in self._queue if id(accept) not in taken)
            return same

    # -- transaction --------------------------------------------------------------------------------------------------

    def _begin(self, synced: bool) -> None:
        self._soundness.must_hold()
        self._after_commit = []
        if not synced:
            self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.execute("BEGIN IMMEDIATE")

    def _commit(self) -> list[Callable[[], None]]:
        self._connection.execute("COMMIT")
        callbacks, self._after_commit = self._after_commit, []
        return callbacks

    def _rollback(self) -> None:
        self._after_commit = []
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")


def _tell(callbacks: Sequence[Callable[[], None]]) -> None:
    """Call back: what is stored is stored, and who waits for that must hear so, whatever trips here."""
    for callback in callbacks:
        try:
            callback()
        except Exception:
            log.exception("a defect of the program: somebody was not told of what is stored")
