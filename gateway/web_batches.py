"""Requests that come together are answered together: on one thread, in one commit, by one waking of the server's loop.

With a thread for each of them, most of what a request costs under load is threads that wait for the interpreter and for
each other (docs/performance.md, P3).
"""

from __future__ import annotations

import threading
import time
from copy import copy
from queue import Empty, SimpleQueue
from typing import Any

from waitress.channel import HTTPChannel
from waitress.server import BaseWSGIServer
from waitress.task import Task, ThreadedTaskDispatcher

from gateway.fibres import Fibre

MOST = 64  # requests in one batch
GATHERING = 0.02  # seconds for which newcomers may join one
FEW = 3  # a batch no larger than that is answered at once, without the detour by the server's loop
SHORT = 4096  # octets of a body at most: more is a request that may take a while by itself
NEVER = 1 << 62  # octets of an answer after which a thread writes it by itself


class Channel(HTTPChannel):
    """One connection."""

    def _flush_some(self, do_close: bool = True) -> bool:
        """Write what can be written now.

        Waitress does so without a lock where it thinks itself alone with the answers, and it is not: with a
        `100 Continue` to write, or with answers that a batch has left to the loop, they would go twice.
        """
        with self.outbuf_lock:
            return bool(super()._flush_some(do_close))  # type: ignore[misc]  # left out of Waitress's stubs


class Batches(ThreadedTaskDispatcher):
    """Waitress's threads, and one more for requests that take no time but for their commit."""

    def __init__(self, threads: int) -> None:
        super().__init__()
        self._short: SimpleQueue[Any] = SimpleQueue()  # of channels; None: no more
        self._server: Any = None
        self._pulled = self._stopping = False
        self._begun = 0
        self.set_thread_count(threads)
        self._thread = threading.Thread(target=self._run, name="web-batches", daemon=True)
        self._thread.start()

    def progress(self) -> int | None:
        """How many short requests were begun; None while none waits."""
        return None if self._short.empty() else self._begun

    def serve(self, server: BaseWSGIServer) -> None:
        """Answer the requests of `server`, before it takes any."""
        self._server = server
        self._patient = copy(server.adj)
        self._patient.send_bytes = NEVER
        server.channel_class = Channel
        server.pull_trigger = self._pull  # type: ignore[method-assign]

    # -- what Waitress asks -------------------------------------------------------------------------------------------

    def add_task(self, task: Task) -> None:
        """A channel has a request."""
        channel: Any = task  # whatever Waitress's stubs call it
        channel.adj = self._server.adj  # an answer that waits for the loop must not wait for this one's, too
        if self._stopping and _is_alone(channel):
            channel.cancel()  # its client sees the connection end at once
        elif _is_short(channel) and not self._stopping:
            self._short.put(channel)
        else:
            super().add_task(task)

    def shutdown(self, cancel_pending: bool = True, timeout: float = 5) -> bool:
        """Begin no more requests but those that wait for a batch; they and those under way have `timeout` seconds."""
        ends = time.monotonic() + timeout
        self.set_thread_count(0)
        self._stopping = True
        self._short.put(None)
        self._thread.join(timeout)
        while cancel_pending and (task := self._next()) is not None:
            task.cancel()
        return super().shutdown(cancel_pending, max(0, ends - time.monotonic()))  # type: ignore[arg-type]

    @property
    def ended(self) -> bool:
        """Whether no thread is in a request any more, after a shutdown."""
        return not (self.threads or self._thread.is_alive())

    # -- the thread ---------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while (first := self._short.get()) is not None:
            begun: list[Any] = []
            try:
                self._answer(first, begun)
            except BaseException:  # no memory for a fibre, say
                self.logger.exception("a defect of the program: requests ended without an answer")
                for channel in begun:
                    if channel.requests:
                        self._hang_up(channel)
            for channel in begun:
                channel.adj = self._server.adj
            self._wake_loop()

    def _answer(self, channel: Any, begun: list[Any]) -> None:  # noqa: ANN401 - Waitress's stubs have no such task
        """Answer a request and those that come while there are any; all of them go as far as their commit first."""
        aside: list[Fibre] = []
        ends = time.monotonic() + GATHERING
        while channel is not None:
            begun.append(channel)
            self._begun += 1
            if (len(begun) > FEW or not self._short.empty()) and not self._stopping and _is_alone(channel):
                channel.adj = self._patient
            fibre = Fibre(self._service)
            fibre.switch(channel)
            if not fibre.dead:
                aside.append(fibre)
            channel = self._next() if len(begun) < MOST and time.monotonic() < ends else None
        if aside:
            self._wake_loop()  # for those that were refused: they need not wait for the others' commit
        while aside:
            for fibre in aside:
                fibre.switch()
            aside = [fibre for fibre in aside if not fibre.dead]
            if aside:
                self._wake_loop()

    def _service(self, channel: Any) -> None:  # noqa: ANN401 - as above
        try:
            channel.service()
        except BaseException:
            self.logger.exception("a defect of the program: a request ended without an answer")
            self._hang_up(channel)

    def _hang_up(self, channel: Any) -> None:  # noqa: ANN401 - as above
        """End the connection of a request that will have no answer: its client sees that, and asks again."""
        channel.cancel()
        self._pulled = True

    def _next(self) -> Any:  # noqa: ANN401 - as above
        """The next request that waits; None where there is none, or no more are wanted."""
        try:
            channel = self._short.get_nowait()
        except Empty:
            return None
        if channel is None:
            self._short.put(None)  # for `_run`
        return channel

    def _pull(self) -> None:
        """Wake the server's loop: at once, or at the end of a batch."""
        if threading.current_thread() is self._thread:
            self._pulled = True
        else:
            self._server.trigger.pull_trigger()

    def _wake_loop(self) -> None:
        if self._pulled:
            self._pulled = False
            self._server.trigger.pull_trigger()


def _is_alone(channel: Any) -> bool:  # noqa: ANN401 - as above
    """Whether a channel has nothing but its one request: what else is to be written must not wait for a batch."""
    return len(channel.requests) == 1 and not channel.total_outbufs_len


def _is_short(channel: Any) -> bool:  # noqa: ANN401 - as above
    """Whether a request waits for nothing but its commit.

    Under an Idempotency-Key it waits for its twin, and that may be on the same thread.
    """
    request = channel.requests[0]
    return (
        request.error is None
        and request.command == "POST"
        and (request.path == "/v1/messages" or request.path.startswith("/v1/otp"))
        and not request.chunked
        and request.content_length < SHORT
        and "IDEMPOTENCY_KEY" not in request.headers
    )
