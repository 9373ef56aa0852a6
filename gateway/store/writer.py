"""The one write connection: who may use it when, and commits shared by many accepts."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar, cast

from gateway.store.errors import StoreDamaged
from gateway.store.soundness import Soundness

T = TypeVar("T")

BATCH = 64  # accepts that share one commit at most
BATCH_SECONDS = 0.005  # and for how long newcomers may join


class TwoLaneLock:
    """A lock that is given to urgent waiters before ordinary ones."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._held = False
        self._urgent_waiting = 0

    @property
    def urgent_waiting(self) -> int:
        """How many urgent ones wait."""
        return self._urgent_waiting

    def acquire(self, *, urgent: bool) -> None:
        """Wait for the lock; urgent ones get it first."""
        with self._condition:
            if urgent:
                self._urgent_waiting += 1
                try:
                    self._condition.wait_for(lambda: not self._held)
                finally:
                    self._urgent_waiting -= 1
            else:
                self._condition.wait_for(lambda: not self._held and not self._urgent_waiting)
            self._held = True

    def release(self) -> None:
        """Give it to the next one."""
        with self._condition:
            self._held = False
            # All of them: a woken ordinary waiter must give way to an urgent one, which then has to be awake too.
            self._condition.notify_all()


class _Accept(Generic[T]):
    """One function on its way through a group commit."""

    def __init__(self, function: Callable[[sqlite3.Connection], T]) -> None:
        self.function = function
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
        """End its `wait`, once."""
        self._woken.release()


class Writer:
    """Serialises all writing of this process to one connection.

    `mark` is for what modems say: it goes before waiting accepts. `accept` is for what clients bring: concurrent ones
    share one synced commit, each but the first in a savepoint of its own. Both raise StoreError subclasses for what a
    person can mend.
    """

    def __init__(self, connection: sqlite3.Connection, soundness: Soundness) -> None:
        self._connection, self._soundness = connection, soundness
        self._lock = TwoLaneLock()
        self._queue: deque[_Accept[Any]] = deque()
        self._queue_lock = threading.Lock()
        self._leading = False
        self._after_commit: list[Callable[[], None]] = []

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
        for callback in callbacks:
            callback()

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
        mine: _Accept[T] = _Accept(function)
        with self._queue_lock:
            self._queue.append(mine)
            mine.leads, self._leading = not self._leading, True
        if not mine.leads:
            mine.wait()
        if mine.leads:
            self._lead(mine)
        if mine.error is not None:
            raise mine.error
        return cast(T, mine.result)

    # -- group commit -------------------------------------------------------------------------------------------------

    def _lead(self, mine: _Accept[Any]) -> None:
        """Commit batches until the leader's own is done, then let the next in the queue lead."""
        while not mine.done:
            batch: list[_Accept[Any]] = []
            self._lock.acquire(urgent=False)
            try:
                callbacks = self._run_batch(batch)
            finally:
                self._lock.release()
            for callback in callbacks:
                callback()
            for accept in batch:
                accept.done = True
                if accept is not mine:
                    accept.wake()
        with self._queue_lock:
            self._leading = bool(self._queue)
            if self._queue:
                self._queue[0].leads = True
                self._queue[0].wake()

    def _run_batch(self, batch: list[_Accept[Any]]) -> list[Callable[[], None]]:
        try:
            self._begin(synced=True)
            deadline = time.monotonic() + BATCH_SECONDS
            empty = True
            while len(batch) < BATCH and (accept := self._next()) is not None:
                batch.append(accept)
                if empty:
                    empty = not self._run_first(accept)
                else:
                    self._run_one(accept)
                if time.monotonic() > deadline:
                    break
            return self._commit()
        except BaseException as error:  # noqa: BLE001 - everyone who waits for this commit must hear of it
            self._rollback()
            while len(batch) < BATCH and (accept := self._next()) is not None:
                batch.append(accept)
            told = self._soundness.told(error) if isinstance(error, sqlite3.Error) else error
            for accept in batch:
                accept.error = accept.error or told
            return []

    def _run_first(self, accept: _Accept[Any]) -> bool:
        """Without a savepoint: where it fails, nothing else is undone with it. Whether the transaction holds it."""
        try:
            accept.result = accept.function(self._connection)
        except BaseException as error:  # noqa: BLE001 - it belongs to whoever asked
            self._rollback()
            accept.error = self._soundness.told(error) if isinstance(error, sqlite3.Error) else error
            self._begin(synced=True)
            return False
        return True

    def _run_one(self, accept: _Accept[Any]) -> None:
        try:
            with self.alone():
                accept.result = accept.function(self._connection)
        except BaseException as error:
            if not self._connection.in_transaction:
                raise  # SQLite gave up the whole transaction (disk full), so nobody's part of it exists any more
            accept.error = self._soundness.told(error) if isinstance(error, sqlite3.Error) else error

    def _next(self) -> _Accept[Any] | None:
        with self._queue_lock:
            return self._queue.popleft() if self._queue else None

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
