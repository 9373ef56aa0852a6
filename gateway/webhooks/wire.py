"""What HTTP is spoken over: a socket that is there, one deadline for all of an exchange, a limit for answers."""

from __future__ import annotations

import http
import http.client
import io
import socket
import time
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

ANSWER_LIMIT = 64 * 1024
"""Octets that are read of an answer, its head included."""
_SWITCHED = http.HTTPStatus.SWITCHING_PROTOCOLS  # nothing in HTTP follows it


def left(deadline: float) -> float:
    """Seconds until the deadline; raises TimeoutError where it is past."""
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise TimeoutError
    return seconds


class Wire:
    """What http.client uses of a socket, each step of it within what is left of one deadline."""

    def __init__(self, opened: socket.socket, deadline: float) -> None:
        self._socket, self.deadline = opened, deadline
        self._read = self._closing = False

    def sendall(self, octets: bytes) -> None:
        """Send all of it."""
        rest = memoryview(octets)
        while rest:
            self._socket.settimeout(left(self.deadline))
            rest = rest[self._socket.send(rest) :]

    def receive_into(self, buffer: WriteableBuffer) -> int:
        """Receive what there is."""
        self._socket.settimeout(left(self.deadline))
        return self._socket.recv_into(buffer)

    def makefile(self, _: str) -> io.BufferedReader:
        """An answer, to be read."""
        self._read = True
        return io.BufferedReader(Octets(self))

    def close(self) -> None:
        """Close the socket, once the answer that is read from it is closed too."""
        self._closing = True
        if not self._read:
            self._socket.close()

    def answer_closed(self) -> None:
        """The answer was read."""
        self._read = False
        if self._closing:
            self._socket.close()


class Octets(io.RawIOBase):
    """The octets of one answer, at most `ANSWER_LIMIT`."""

    def __init__(self, wire: Wire) -> None:
        self._wire, self._room = wire, ANSWER_LIMIT

    def close(self) -> None:
        """Read no more."""
        if not self.closed:
            super().close()
            self._wire.answer_closed()

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """See io.RawIOBase; raises HTTPException where the answer is too long."""
        if self._room <= 0:
            raise http.client.HTTPException("the answer is too long")
        count = self._wire.receive_into(memoryview(buffer)[: self._room])
        self._room -= count
        return count


class Response(http.client.HTTPResponse):
    """The final answer: interim ones before it (RFC 9110 15.2) are read past, and the limit of octets counts them."""

    def begin(self) -> None:
        """Read the head of the answer."""
        super().begin()
        while http.HTTPStatus.CONTINUE <= self.status < http.HTTPStatus.OK and self.status != _SWITCHED:
            self.headers = self.msg = None  # type: ignore[assignment]  # what `begin` takes for "nothing read yet"
            super().begin()


class Connection(http.client.HTTPConnection):
    """HTTP over a wire that is there already; never opens another one."""

    auto_open = 0
    response_class = Response

    def __init__(self, host: str, port: int, standard_port: int, wire: Wire) -> None:
        super().__init__(host, port)
        self.default_port = standard_port  # the Host header names the port only where it is another one
        self.wire = wire
        self.sock = cast(socket.socket, wire)
