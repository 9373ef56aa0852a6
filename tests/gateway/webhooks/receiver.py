"""A real HTTP server on loopback that keeps what it is sent and answers what it is told to."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Sent:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes
    peer: int
    """The port that it came from: the same one means the same connection."""

    @property
    def document(self) -> Any:
        return json.loads(self.body)

    @property
    def subject(self) -> str:
        return str(self.document["data"].get("id"))


@dataclass
class Reply:
    """What is answered."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"ok"


class Receiver:
    """`answer` decides, with each request as it came; `hold` keeps every answer back until `release`."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.sent: list[Sent] = []
        self.answer: Callable[[Sent], Reply] = lambda _: Reply()
        self._come = threading.Condition()
        self._released = threading.Event()
        self._released.set()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                sent = Sent(self.path, dict(self.headers.items()), body, self.client_address[1])
                reply = receiver.take(sent)
                self.send_response(reply.status)
                for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(reply.body)

            def log_message(self, *_: object) -> None:
                return

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

            def handle_error(self, *_: object) -> None:
                return  # connections that the other side broke off are the subject here

        self._server = Server(("127.0.0.1", 0), Handler)
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def take(self, sent: Sent) -> Reply:
        with self._come:
            self.sent.append(sent)
            self._come.notify_all()
        self._released.wait(60)
        return self.answer(sent)

    def hold(self) -> None:
        self._released.clear()

    def release(self) -> None:
        self._released.set()

    def wait_until(self, condition: Callable[[], bool], seconds: float = 30.0) -> None:
        """Until what has come fulfils a condition."""
        with self._come:
            assert self._come.wait_for(condition, seconds), f"not within {seconds} s; {len(self.sent)} came"

    def wait_for(self, count: int) -> None:
        """Until so many requests have come."""
        self.wait_until(lambda: len(self.sent) >= count)

    def kinds(self, subject: str) -> list[str]:
        return [one.document["type"] for one in self.sent if one.subject == subject]

    def close(self) -> None:
        self.release()
        self._server.shutdown()
        self._server.server_close()


def read_request(connection: socket.socket) -> None:
    """Read a request whose body is {}."""
    octets = b""
    while not octets.endswith(b"{}"):
        come = connection.recv(65536)
        if not come:
            raise ConnectionError
        octets += come


class RawServer:
    """Accepts connections and leaves the rest to `serve`, for servers that do not keep to HTTP."""

    def __init__(self, serve: Callable[[socket.socket], None]) -> None:
        self._serve = serve
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._run, args=(connection,), daemon=True).start()

    def _run(self, connection: socket.socket) -> None:
        with connection:
            try:
                self._serve(connection)
            except OSError:
                return

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
