"""The one HTTP client of the gateway's process, on the standard library.

It connects to the very address that was checked, follows no redirect, asks no proxy, keeps none of the answer, and
gives one exchange one limit of time, whatever the other side does with it.
"""

from __future__ import annotations

import contextlib
import http.client
import queue
import socket
import ssl
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from gateway.addresses import allowed_networks, parse, refusal
from gateway.config import WebhookConfig
from gateway.webhooks.wire import ANSWER_LIMIT, Connection, Wire, left

IDLE = 15.0
"""Seconds for which a connection is kept for the next event; many servers close theirs after 60."""
_PORTS = {"http": 80, "https": 443}
Found = tuple[int, tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]]
Resolve = Callable[[str, int], list[Found]]


class NotSent(Exception):
    """There was no answer; the message says why, in words for people, and never what is behind the host's name."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What of an answer counts."""

    status: int
    retry_after: str | None


def _look_up(host: str, port: int) -> list[Found]:
    return [(one[0], one[4]) for one in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class Client:
    """Posts to one URL over one connection, which it keeps a while. One thread uses it; `abort` is for others."""

    def __init__(self, hook: WebhookConfig, resolve: Resolve = _look_up) -> None:
        parts = urllib.parse.urlsplit(hook.url)
        self._hook, self._resolve = hook, resolve
        self._host, self._secure = hook.host, parts.scheme == "https"
        self._standard_port = _PORTS[parts.scheme]
        self._port = parts.port or self._standard_port
        self._target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._networks = allowed_networks(hook.allow_private)
        self._tls = ssl.create_default_context(cafile=hook.ca_file) if self._secure else None
        self._connection: Connection | None = None
        self._used = 0.0
        self._aborted = threading.Event()
        self._socket: socket.socket | None = None
        self._answers: queue.SimpleQueue[list[Found] | Exception] = queue.SimpleQueue()

    @property
    def origin(self) -> str:
        """Scheme, host and port: what may be shown of a URL whose path may be a secret."""
        parts = urllib.parse.urlsplit(self._hook.url)
        return f"{parts.scheme}://{parts.netloc}"

    def post(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send a body and read the answer; raises NotSent where there is none within the time limit."""
        deadline = time.monotonic() + self._hook.timeout
        with self._in_words():
            kept = self._kept(deadline)
            if kept is not None:
                # A server may have closed a kept connection just now; that says nothing about this event.
                with contextlib.suppress(ConnectionError):
                    return self._exchange(kept, body, headers)
                self.close()
            return self._exchange(self._open(deadline), body, headers)

    def close(self) -> None:
        """Close the connection."""
        connection, self._connection = self._connection, None
        self._socket = None
        if connection is not None:
            connection.close()

    def abort(self) -> None:
        """End the exchange under way, and every later one, with NotSent. From any thread."""
        self._aborted.set()
        self._answers.put(OSError("the gateway stops"))
        if (open_socket := self._socket) is not None:
            with contextlib.suppress(OSError):
                # Not the TLS one's own shutdown, which would change what the other thread is reading.
                socket.socket.shutdown(open_socket, socket.SHUT_RDWR)

    # -- one exchange -------------------------------------------------------------------------------------------------

    def _exchange(self, connection: Connection, body: bytes, headers: Mapping[str, str]) -> Answer:
        self._connection = None  # kept only once the exchange has ended well
        try:
            connection.request("POST", self._target, body, dict(headers))
            response = connection.getresponse()
        except BaseException:
            connection.close()
            raise
        with contextlib.suppress(OSError, http.client.HTTPException):  # the status alone decides
            response.read(ANSWER_LIMIT)
        if response.isclosed() and connection.sock is not None and not self._aborted.is_set():
            self._connection, self._used = connection, time.monotonic()
        else:
            response.close()
            connection.close()
        return Answer(response.status, response.headers.get("Retry-After"))

    def _kept(self, deadline: float) -> Connection | None:
        if self._connection is not None and time.monotonic() - self._used < IDLE:
            self._connection.wire.deadline = deadline
            return self._connection
        self.close()
        return None

    def _open(self, deadline: float) -> Connection:
        found = self._addresses(deadline)
        failed: OSError = OSError("it has no address")
        for place, (family, address) in enumerate(found):
            try:
                opened = self._connect(family, address, left(deadline) / (len(found) - place))
            except ssl.SSLError:
                raise
            except OSError as error:
                failed = error
                continue
            return Connection(
                self._host, self._port, self._standard_port, Wire(self._secured(opened, deadline), deadline)
            )
        raise failed

    def _connect(self, family: int, address: tuple[object, ...], seconds: float) -> socket.socket:
        opened = socket.socket(family, socket.SOCK_STREAM)
        self._socket = opened
        try:
            self._go_on()
            opened.settimeout(seconds)
            opened.connect(address)
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except BaseException:
            opened.close()
            raise
        return opened

    def _secured(self, opened: socket.socket, deadline: float) -> socket.socket:
        if self._tls is None:
            return opened
        try:
            opened.settimeout(left(deadline))
            self._socket = secured = self._tls.wrap_socket(
                opened, server_hostname=self._host.rstrip("."), do_handshake_on_connect=False
            )
            self._go_on()
            secured.do_handshake()
        except BaseException:
            (self._socket or opened).close()
            raise
        return secured

    # -- where to -----------------------------------------------------------------------------------------------------

    def _addresses(self, deadline: float) -> list[Found]:
        """The addresses of the host; raises NotSent where one of them is not allowed."""
        found = self._answer_of_resolver(deadline)
        for _, address in found:
            parsed = parse(str(address[0]))
            problem = (
                f"{address[0]!r} is no address"
                if parsed is None
                else refusal(
                    parsed,
                    self._networks,
                    named=self._hook.host_named,
                    clear_text=self._hook.clear_text_stays_private,
                )
            )
            if problem:
                raise NotSent(f"{self._host} is not sent to: {problem}")
        return found

    def _answer_of_resolver(self, deadline: float) -> list[Found]:
        """Look up the host in a thread of its own: the system's resolver knows no time limit of ours."""
        answers: queue.SimpleQueue[list[Found] | Exception] = queue.SimpleQueue()
        self._answers = answers

        def look_up() -> None:
            try:
                answers.put(self._resolve(self._host, self._port))
            except (OSError, UnicodeError) as error:
                answers.put(error)

        self._go_on()
        threading.Thread(target=look_up, name=f"resolve-{self._hook.name}", daemon=True).start()
        try:
            found = answers.get(timeout=left(deadline))
        except queue.Empty:
            raise NotSent(f"the name {self._host} was not resolved within {self._hook.timeout:g} s") from None
        if isinstance(found, Exception):
            why = getattr(found, "strerror", None) or str(found)
            raise NotSent(f"the name {self._host} cannot be resolved: {why}")
        return found

    def _go_on(self) -> None:
        if self._aborted.is_set():
            raise NotSent("the gateway stops")

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except TimeoutError:
            raise NotSent(f"{self._host} gave no answer within {self._hook.timeout:g} s") from None
        except ssl.SSLCertVerificationError as error:
            raise NotSent(f"the certificate of {self._host} is not trusted: {error.verify_message}") from None
        except ssl.SSLError as error:
            raise NotSent(f"no TLS with {self._host}: {error.reason or 'it broke off'}") from None
        except http.client.RemoteDisconnected:
            raise NotSent(f"{self._host} closed the connection without an answer") from None
        except http.client.HTTPException as error:
            raise NotSent(f"what {self._host} answered is no HTTP ({type(error).__name__})") from None
        except OSError as error:
            raise NotSent(f"{self._host} cannot be reached: {error.strerror or error}") from None
