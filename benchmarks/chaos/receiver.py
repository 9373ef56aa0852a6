"""The application's server for webhooks: it keeps what it took, and is at times as bad as servers are."""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
import struct
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

HANG = 30.0  # seconds; the gateway gives up long before


@dataclass(frozen=True, slots=True)
class Event:
    """One event as it arrived."""

    at: float
    """CLOCK_BOOTTIME in seconds."""
    id: int
    kind: str
    subject: str
    taken: bool
    """Whether it was answered with 200."""


class WebhookReceiver:
    """A server on loopback; `mode` may be changed at any time: ok, hang, 500, close, slow."""

    def __init__(self, secret: str) -> None:
        self.events: list[Event] = []
        self.forged = 0
        self.mode = "ok"
        self._secret = secret
        self._released = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                receiver.handle(self, self.rfile.read(int(self.headers["Content-Length"])))

            def log_message(self, *_: Any) -> None:
                """Nothing is written."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a gateway that was killed
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, name="receiver", daemon=True).start()

    def handle(self, request: BaseHTTPRequestHandler, body: bytes) -> None:
        """Take one event, or do what `mode` says."""
        mode = self.mode
        document = json.loads(body)
        data = document["data"]
        subject = data.get("id") or data.get("name") or ""
        if not self._genuine(request.headers["X-Signature"], body):
            self.forged += 1
        taken = mode in ("ok", "slow")
        event = Event(time.clock_gettime(time.CLOCK_BOOTTIME), int(document["id"]), document["type"], subject, taken)
        self.events.append(event)
        if mode == "hang":
            self._released.wait(HANG)
        if mode == "slow":
            self._released.wait(0.3)
        if mode in ("hang", "close"):
            request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # RST
            request.close_connection = True
            return
        request.send_response(200 if taken else 500)
        request.send_header("Content-Length", "0")
        request.end_headers()

    def close(self) -> None:
        """Stop serving."""
        self._released.set()
        self._server.shutdown()
        self._server.server_close()

    def _genuine(self, signature: str, body: bytes) -> bool:
        fields = dict(field.partition("=")[::2] for field in signature.split(","))
        expected = hmac.new(self._secret.encode(), f"{fields['t']}.".encode() + body, hashlib.sha256)
        return hmac.compare_digest(expected.hexdigest(), fields["v1"])
