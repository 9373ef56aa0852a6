"""Waitress with TLS as the service builds it, before an echo, for tests with real sockets."""

from __future__ import annotations

import http.client
import random
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from waitress.server import BaseWSGIServer, create_server

from gateway import tls
from gateway.certificates import Certificate
from hardware.clock import FakeClock
from tests.gateway import pems

PATIENCE = 30.0
BIG = 8_000_000
CA = pems.make("authority")
SERVER = pems.make("gateway", CA, hosts=("127.0.0.1",))


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it never came to be"
        time.sleep(0.01)


class Echo:
    """Says back what it is told; /big is much, /wait waits until the client is gone."""

    def __init__(self) -> None:
        self.waiting, self.gone = threading.Event(), threading.Event()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path, body = environ["PATH_INFO"], environ["wsgi.input"].read()
        if path == "/wait":
            self.waiting.set()
            until(environ["waitress.client_disconnected"])
            self.gone.set()
        if path == "/big":
            body = random.Random(7).randbytes(BIG)
        start_response("200 OK", [("Content-Length", str(len(body))), ("X-Scheme", environ["wsgi.url_scheme"])])
        return [body]


class Served:
    """A server with TLS in a thread."""

    def __init__(self, folder: Path, app: WSGIApplication) -> None:
        self.folder, self.clock = folder, FakeClock()
        SERVER.write(folder)
        server = create_server(
            app,
            host="127.0.0.1",
            port=0,
            threads=16,
            asyncore_use_poll=True,
            url_scheme="https",
            channel_request_lookahead=1,
        )
        assert isinstance(server, BaseWSGIServer)
        self.server, self.port = server, int(server.getsockname()[1])
        tls.install(server, Certificate(folder / "cert.pem", folder / "key.pem", self.clock), self.clock)
        self._thread = threading.Thread(target=server.run)
        self._thread.start()

    @property
    def channels(self) -> list[tls.TlsChannel]:
        """Connections that the server holds."""
        channels: Any = self.server.active_channels
        return list(channels.values())

    @property
    def open(self) -> int:
        """How many."""
        return len(self.channels)

    def trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cadata=CA.pem.decode())

    def connect(self) -> ssl.SSLSocket:
        plain = socket.create_connection(("127.0.0.1", self.port), PATIENCE)
        return self.trust().wrap_socket(plain, server_hostname="127.0.0.1", suppress_ragged_eofs=False)

    def https(self) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=PATIENCE, context=self.trust())

    def works(self) -> None:
        """Whoever comes now is served."""
        connection = self.https()
        connection.request("POST", "/", b"hello")
        assert connection.getresponse().read() == b"hello"
        connection.close()

    def close(self) -> None:
        trigger: Any = self.server.trigger
        trigger.pull_trigger(lambda: [channel.handle_close() for channel in self.channels])
        with suppress(OSError):  # its loop, awake already, may have closed it before it is woken for that
            trigger.pull_trigger(self.server.close)
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()
        self.server.task_dispatcher.shutdown()
