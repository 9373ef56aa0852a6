"""Short requests are begun by the web server's loop itself, and stand aside while they wait for their commit.

They wait for nothing else. With a thread for each of them, most of what a request costs under load is threads that wait
for the interpreter and for each other (docs/performance.md, P3).
"""

from __future__ import annotations

import threading
import time
from collections import deque
from contextlib import suppress
from copy import copy
from queue import Empty, SimpleQueue
from typing import Any

from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.server import BaseWSGIServer
from waitress.task import Task, ThreadedTaskDispatcher

from gateway.fibres import Errand, Fibre, this_fibre

MOST = 64  # requests that are begun in one round of the loop
ROUND = 0.02  # seconds after which a round begins no more: the sockets have their turn
ASIDE = 512  # requests that wait for their commit at most
PATIENCE = 0.03  # seconds for which the loop waits for a commit: to go on meanwhile only makes both slower
SHORT = 4096  # octets of a body at most: more is a request that may take a while by itself
NEVER = 1 << 62  # octets of an answer after which it is written before it is whole


class Channel(HTTPChannel):
    """One connection."""

    def _flush_some(self, do_close: bool = True) -> bool:
        """Write what can be written now.

        Waitress does so without a lock where it thinks itself alone with the answers, and it is not: a thread that has
        answered writes a `100 Continue` for the next request, and both would go twice.
        """
        with self.outbuf_lock:
            return bool(super()._flush_some(do_close))  # type: ignore[misc]  # left out of Waitress's stubs


class Batches(ThreadedTaskDispatcher):
    """Waitress's threads, its loop as the host of short requests, and a thread that commits for them."""

    def __init__(self, threads: int) -> None:
        super().__init__()
        self._server: Any = None
        self._loop: int | None = None
        """Identity of the loop's thread."""
        self._short: deque[Any] = deque()  # channels whose request is to be begun
        self._ready: deque[Fibre] = deque()  # those that stood aside and have their turn
        self._aside = self._turns = 0
        self._spare: list[Fibre] = []  # that rest: a new one maps and unmaps memory
        self._wanted: set[Errand] = set()  # in this round
        self._errands: SimpleQueue[tuple[int, Errand] | None] = SimpleQueue()  # numbered; 0: the loop does not wait
        self._asked = self._done = 0  # the last number that was given, and that is done
        self._told: SimpleQueue[int] = SimpleQueue()  # the same, for the loop to wait for
        self._called = self._stopping = self._over = False
        self._idle = threading.Event()
        self._idle.set()
        self.set_thread_count(threads)
        self._commits = threading.Thread(target=self._run_errands, name="web-commits", daemon=True)
        self._commits.start()

    def progress(self) -> int | None:
        """How many turns short requests had; None while none waits for one."""
        return self._turns if self._aside else None

    def serve(self, server: BaseWSGIServer) -> None:
        """Answer the requests of `server`, before it takes any."""
        self._server = server
        self._patient = copy(server.adj)
        self._patient.send_bytes = NEVER
        server.channel_class = Channel
        server.pull_trigger = self._pull  # type: ignore[method-assign]

    def run(self) -> None:
        """The server's loop, until it is closed."""
        self._loop = threading.get_ident()
        connections = self._server._map  # noqa: SLF001 - what Waitress's own loop takes
        patience = self._server.adj.asyncore_loop_timeout
        while connections:
            busy = self._ready or (self._short and (self._aside < ASIDE or self._over))
            wasyncore.loop(0 if busy else patience, use_poll=True, map=connections, count=1)
            self._round()
        for fibre in self._spare:
            fibre.switch(None)

    # -- what Waitress asks -------------------------------------------------------------------------------------------

    def add_task(self, task: Task) -> None:
        """A channel has a request."""
        channel: Any = task  # whatever Waitress's stubs call it
        channel.adj = self._server.adj  # an answer of which the next request is known already must not wait for it
        alone = _is_alone(channel)
        if alone and threading.get_ident() == self._loop and _is_short(channel):
            self._idle.clear()  # before it is looked whether a stop has come, which looks at this afterwards
            if not self._stopping:
                self._short.append(channel)
                return
        if alone and self._stopping:
            channel.cancel()  # its client sees the connection end at once
        else:
            super().add_task(task)

    def shutdown(self, cancel_pending: bool = True, timeout: float = 5) -> bool:
        """Begin no more requests but those that the loop has taken; they and those under way have `timeout` seconds."""
        ends = time.monotonic() + timeout
        self.set_thread_count(0)
        self._stopping = True
        self._idle.wait(timeout)
        self._over = True
        self._errands.put(None)
        self._commits.join(max(0, ends - time.monotonic()))
        self._call()
        return super().shutdown(cancel_pending, max(0, ends - time.monotonic()))  # type: ignore[arg-type]

    @property
    def ended(self) -> bool:
        """Whether nothing is in a request any more, nor may wake the loop, after a shutdown."""
        return not (self.threads or self._commits.is_alive()) and self._idle.is_set()

    # -- what fibres ask ----------------------------------------------------------------------------------------------

    def run_errand(self, errand: Errand) -> None:
        """See `Host`: the thread that commits does it."""
        if threading.get_ident() == self._loop:
            self._wanted.add(errand)
        else:
            self._errands.put((0, errand))

    def ready(self, fibre: Fibre) -> None:
        """Give a fibre its next turn, from any thread."""
        self._ready.append(fibre)
        self._call()

    # -- the loop -----------------------------------------------------------------------------------------------------

    def _round(self) -> None:
        self._called = True  # nobody need wake what is awake
        self._give_turns()
        ends = time.monotonic() + ROUND
        for _ in range(min(MOST, len(self._short))):
            if self._aside >= ASIDE or time.monotonic() > ends:
                break
            self._turn(None, self._short.popleft())
        while self._commit():
            self._give_turns()
        while self._over and self._short:
            self._short.popleft().cancel()  # its client sees the connection end, and asks again
        if not (self._short or self._aside):
            self._idle.set()
        self._called = False

    def _give_turns(self) -> None:
        for _ in range(len(self._ready)):
            fibre = self._ready.popleft()
            self._aside -= 1
            self._turn(fibre)

    def _commit(self) -> bool:
        """Have done what fibres asked for in this round; whether it is done already."""
        if not self._wanted:
            return False
        held_up = self._asked != self._done  # by a disk, say: who waited for it once need not do so again
        for errand in self._wanted:
            self._asked += 1
            self._errands.put((self._asked, errand))
        self._wanted.clear()
        if held_up:
            return False
        ends = time.monotonic() + PATIENCE
        with suppress(Empty):
            while self._told.get(timeout=max(0.0, ends - time.monotonic())) < self._asked:
                pass
        return self._done == self._asked

    def _turn(self, fibre: Fibre | None, *begun: Any) -> None:  # noqa: ANN401 - Waitress's stubs have no such task
        """Let a fibre go on; or one that rests, or a new one, begin with a channel."""
        self._turns += 1
        try:
            if fibre is None:
                fibre = self._spare.pop() if self._spare else Fibre(self._serve, self)
            fibre.switch(*begun)
        except BaseException:  # no memory for its stack, say
            self.logger.exception("a request ended without an answer")
            for channel in begun:
                channel.cancel()
        if fibre is not None and fibre.aside:
            self._aside += 1

    def _serve(self, channel: Any) -> None:  # noqa: ANN401 - as above
        """Answer requests in a fibre, one after the other, until nothing is brought along or enough others rest."""
        this = this_fibre()
        assert this is not None
        while channel:
            self._service(channel)
            if len(self._spare) >= MOST:
                break
            self._spare.append(this)
            channel = None  # else a connection that is closed would live as long as this rests
            channel = this.rest()

    def _service(self, channel: Any) -> None:  # noqa: ANN401 - as above
        """Answer a request."""
        try:
            channel.adj = self._patient  # the answer leaves as a whole
            channel.service()
            if channel.connected:
                channel.adj = self._server.adj
                channel.handle_write()
        except BaseException:
            self.logger.exception("a defect of the program: a request ended without an answer")
            channel.cancel()

    def _pull(self) -> None:
        """Wake the loop, where it is not what asks."""
        if threading.get_ident() != self._loop:
            self._server.trigger.pull_trigger()

    def _call(self) -> None:
        """Wake the loop, once in a round."""
        if not self._called:
            self._called = True
            with suppress(OSError):  # it is closed: nobody waits for anything any more
                self._server.trigger.pull_trigger()

    # -- the thread that commits --------------------------------------------------------------------------------------

    def _run_errands(self) -> None:
        while (asked := self._errands.get()) is not None:
            number, errand = asked
            try:
                errand()
            except BaseException:
                self.logger.exception("a defect of the program: requests wait in vain")
            if number:
                self._done = number
                self._told.put(number)


def _is_alone(channel: Any) -> bool:  # noqa: ANN401 - as above
    """Whether a channel has nothing but its one request: what else is to be written must not wait for the loop."""
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
