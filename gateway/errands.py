"""What operators ask of a modem, done by its worker between two submits."""

from __future__ import annotations

import queue
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import Any, TypeVar

from hardware.modem import Modem, ModemState, NotReady

T = TypeVar("T")


class Errands:
    """`ask` is for any thread, the rest for the worker's. Whoever asks is told something, whatever happens."""

    def __init__(self) -> None:
        self._asked: queue.SimpleQueue[tuple[Callable[[Modem], Any], Future[Any]]] = queue.SimpleQueue()
        self._under_way: Future[Any] | None = None
        self._ended: NotReady | None = None

    def ask(self, action: Callable[[Modem], T]) -> Future[T]:
        """Have `action` done; the future carries its result or its error."""
        future: Future[T] = Future()
        self._asked.put((action, future))
        if self._ended is not None:
            self.refuse(self._ended)
        return future

    def run(self, modem: Modem, before: Callable[[], None], after: Callable[[], None]) -> None:
        """Do what was asked; `before` each deed, and `after` one that was done, before whoever asked hears of it.

        Raises what these two raise; whoever asked is told it too.
        """
        while (asked := self._next()) is not None:
            action, promise = asked
            self._under_way = promise
            try:
                before()
                try:
                    result = action(modem)
                except Exception as error:  # noqa: BLE001 - it belongs to whoever asked
                    promise.set_exception(error)
                    continue
                after()
                promise.set_result(result)
            except Exception as error:
                promise.set_exception(error)
                raise
            except BaseException:  # the thread ends; where it was given up, that is told already
                _fail(promise, NotReady(ModemState.FAILED, "the gateway stops", "ask again when it runs"))
                raise

    def refuse(self, error: NotReady) -> None:
        """Nothing that was asked can be done now."""
        while (asked := self._next()) is not None:
            asked[1].set_exception(error)

    def end(self, error: NotReady) -> None:
        """Nothing that was asked, or will be, is ever done."""
        self._ended = error
        self.refuse(error)

    def pass_on(self, error: NotReady) -> Errands:
        """What waits, for another worker to do. What is under way ends with `error`: its thread comes back no more."""
        if self._under_way is not None:
            _fail(self._under_way, error)
        heir = Errands()
        heir._asked = self._asked
        return heir

    def _next(self) -> tuple[Callable[[Modem], Any], Future[Any]] | None:
        while True:
            try:
                action, future = self._asked.get_nowait()
            except queue.Empty:
                return None
            if future.set_running_or_notify_cancel():
                return action, future


def _fail(promise: Future[Any], error: NotReady) -> None:
    with suppress(InvalidStateError):  # it is told already
        promise.set_exception(error)
