"""TLS for Waitress, which has none: a channel that speaks it over the same non-blocking socket.

Waitress reads in its own thread and writes in its workers' too, and an SSL object is not for two threads at once: a
lock guards every use of it. It is a leaf: nothing of Waitress is called, and no other lock taken, while it is held.
"""

from __future__ import annotations

import logging
import ssl
import threading
from contextlib import suppress
from socket import socket
from typing import Any

from waitress.server import BaseWSGIServer, MultiSocketServer

from gateway.certificates import Certificate
from gateway.web_batches import Channel
from hardware.clock import Clock

log = logging.getLogger("simwire.tls")

HANDSHAKE_TIME = 10.0
"""Seconds that a client has for its handshake; after them, within the next second, it is hung up on."""
RECORD = 16_384
"""Octets of text in the largest TLS record (RFC 8446 5.1)."""


def install(server: BaseWSGIServer | MultiSocketServer, certificate: Certificate, clock: Clock) -> None:
    """Have every connection that `server` accepts from now on speak TLS."""
    assert isinstance(server, BaseWSGIServer), "one socket to listen on"

    def accepted(server: BaseWSGIServer, sock: socket, *rest: Any, **named: Any) -> None:  # noqa: ANN401 - passed on
        secured = sock
        try:
            sock.getpeername()  # SSLSocket leaves a socket open that was reset before it was wrapped
            secured = certificate.context().wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
            TlsChannel(server, secured, clock, *rest, **named)
        except Exception as error:  # noqa: BLE001 - whatever it is: raised further, it would end the server
            log.log(logging.DEBUG if isinstance(error, OSError) else logging.ERROR, "no TLS: %s", error)
            secured.close()

    server.channel_class = accepted  # type: ignore[assignment]  # Waitress calls it, and keeps no result


class TlsChannel(Channel):
    """One connection."""

    def __init__(self, server: BaseWSGIServer, sock: ssl.SSLSocket, clock: Clock, *rest: Any, **named: Any) -> None:  # noqa: ANN401 - Waitress's own
        self._tls, self._tls_lock = sock, threading.Lock()
        self._clock, self._handshake_ends = clock, clock.boot() + HANDSHAKE_TIME
        self._shaking, self._wants_write, self._over, self._read_already = True, False, False, b""
        super().__init__(server, sock, *rest, **named)
        self.sendbuf_len = RECORD  # more than one record is not taken at once

    # -- what the poll asks -------------------------------------------------------------------------------------------

    def readable(self) -> bool:
        """Whether to wait for something to read; ends a handshake that takes too long."""
        if not self._shaking:
            return bool(super().readable())
        if self._clock.boot() > self._handshake_ends:
            self.will_close = True
        return not (self._wants_write or self.will_close)

    def writable(self) -> bool:
        """Whether to wait for room to write."""
        return self._wants_write or bool(super().writable())

    def handle_read(self) -> None:
        """Something came: a step of the handshake, a part of a record, or what a client says."""
        if self._shaking:
            self._shake()
            return
        octets = self._read()
        if octets is not None:  # else less than a record: no text yet, and not the end either
            self._read_already = octets
            super().handle_read()

    def handle_write(self) -> None:
        """There is room again."""
        if self._shaking and not self.will_close:
            self._shake()
            return
        if self._wants_write:  # a read had to answer first (a key update), and found the socket full
            self._wants_write = False
            self.handle_read()
        if not self._over:
            super().handle_write()

    # -- what Waitress's channel asks of its socket -------------------------------------------------------------------

    def recv(self, buffer_size: int) -> bytes:  # noqa: ARG002 - wasyncore's signature
        """What `handle_read` has read; empty and closed where the client is gone."""
        octets, self._read_already = self._read_already, b""
        if not octets:
            self.handle_close()
        return octets

    def send(self, data: bytes, do_close: bool = True) -> int:
        """Write what can be written now; 0 where that is nothing. Called by workers too.

        After a 0 the same octets come again, perhaps with more behind them, as OpenSSL demands.
        """
        with self._tls_lock:
            if self._over:
                return 0
            try:
                return self._tls.write(data)
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return 0
            except OSError as error:
                log.debug("connection lost: %s", error)
        self.will_close = True
        if do_close:
            self.handle_close()  # takes Waitress's locks: not under ours
        return 0

    def handle_close(self) -> None:
        """Say goodbye (close_notify) where that can be said without waiting, and close.

        Behind the lock nobody uses the SSL object any more: its descriptor may become another connection's.
        """
        with self._tls_lock:
            if not (self._over or self._shaking):
                with suppress(OSError):
                    self._tls.unwrap()
            self._over = True
        super().handle_close()

    # -- TLS ----------------------------------------------------------------------------------------------------------

    def _shake(self) -> None:
        self._wants_write = False
        try:
            with self._tls_lock:
                self._tls.do_handshake()
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLWantWriteError:
            self._wants_write = True
        except OSError as error:  # plain HTTP, an old version, a scanner, or nobody any more
            log.debug("no TLS with %s: %s", self.addr[0], error)
            self.handle_close()
        else:
            self._shaking = False

    def _read(self) -> bytes | None:
        """All the text that has been deciphered; None where there is none yet, empty where the client is gone."""
        with self._tls_lock:
            if self._over:
                return b""
            try:
                # Room for the largest record: nothing deciphered stays behind in OpenSSL, where poll does not see it.
                octets = self._tls.read(RECORD)
            except ssl.SSLWantReadError:
                return None
            except ssl.SSLWantWriteError:
                self._wants_write = True
                return None
            except OSError as error:
                log.debug("connection lost: %s", error)
                return b""
            return octets
