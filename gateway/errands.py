"""What operators ask of a modem, done by its worker between two submits."""

from __future__ import annotations

import queue
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from hardware.modem import Modem, NotReady

T = TypeVar("T")


class Errands:
    """`ask` is for any thread, the rest for the worker's."""

    def __init__(self) -> None:
        self._asked: queue.SimpleQueue[tuple[Callable[[Modem], Any], Future[Any]]] = queue.SimpleQueue()

    def ask(self, action: Callable[[Modem], T]) -> Future[T]:
        """Have `action` done; the future carries its result or its error."""
        future: Future[T] = Future()
        self._asked.put((action, future))
        return future

    def run(self, modem: Modem, before: Callable[[], None], after: Callable[[], None]) -> None:
        """Do what was asked; `before` each deed, and `after` one that was done, before whoever asked hears of it."""
        while (future := self._next()) is not None:
            action, promise = future
            before()
            try:
                result = action(modem)
            except Exception as error:  # noqa: BLE001 - it belongs to whoever asked
                promise.set_exception(error)
            else:
                after()
                promise.set_result(result)

    def refuse(self, error: NotReady) -> None:
        """Nothing that was asked can be done now."""
        while (future := self._next()) is not None:
            future[1].set_exception(error)

    def _next(self) -> tuple[Callable[[Modem], Any], Future[Any]] | None:
        while True:
            try:
                action, future = self._asked.get_nowait()
            except queue.Empty:
                return None
            if future.set_running_or_notify_cancel():
                return action, future
