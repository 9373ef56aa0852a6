"""The web server: listens, hands what comes to the WSGI application, ends what is under way before it stops."""

from __future__ import annotations

import errno
import logging
import socket
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from waitress import wasyncore
from waitress.server import BaseWSGIServer, create_server

from gateway.config import ApiConfig
from gateway.watchdog import Party
from gateway.web_batches import Batches
from gateway.web_watch import WebWatch
from hardware.clock import Clock

if TYPE_CHECKING:
    from gateway.certificates import Certificate

CONNECTION_LIMIT = 2_000

Application = Callable[..., Iterable[bytes]]


class WebServer:
    """Waitress on one address, with TLS where there is a certificate."""

    def __init__(self, config: ApiConfig, app: Application, clock: Clock) -> None:
        """Listen; nothing is answered before `start`. Raises OSError that names an address that cannot be had."""
        self._config = config
        self._socket = _listen(config.host, config.port)
        self._watch = WebWatch(app)
        self._batches = Batches(config.threads)
        server = create_server(
            self._watch,
            _dispatcher=self._batches,
            sockets=[self._socket],
            connection_limit=CONNECTION_LIMIT,
            asyncore_use_poll=True,
            max_request_body_size=1024 * 1024,  # the API itself refuses bodies over 256 KiB in its own words
            ident=None,
            url_scheme=config.scheme,
            clear_untrusted_proxy_headers=False,  # gateway.peers reads them, and health refuses where they are
            channel_request_lookahead=1,  # else nobody sees that a client left while its request waits
        )
        assert isinstance(server, BaseWSGIServer), "one socket to listen on"
        self._server = server
        self._batches.serve(server)
        self._watch.server = self._server
        self._certificate: Certificate | None = None
        if config.tls_cert and config.tls_key:
            from gateway import tls  # what reads certificates is 2 MB, which most gateways spare themselves
            from gateway.certificates import Certificate

            self._certificate = Certificate(config.tls_cert, config.tls_key, clock)
            tls.install(self._server, self._certificate, clock)

    @property
    def url(self) -> str:
        """Where it listens."""
        host, port = self._socket.getsockname()[:2]
        return f"{self._config.scheme}://" + (f"[{host}]:{port}" if ":" in host else f"{host}:{port}")

    def start(self) -> None:
        """Serve, on a thread of its own."""
        threading.Thread(target=self._batches.run, name="web", daemon=True).start()

    def hand_to(self, app: Application) -> None:
        """Have another application answer requests that begin from now on."""
        self._watch.app = app

    def renew(self, config: ApiConfig) -> None:
        """Serve the certificate that a configuration names, where TLS is on; raises ValueError where it is no good."""
        if self._certificate is not None and config.tls_cert and config.tls_key:
            self._certificate.use(config.tls_cert, config.tls_key)

    def stop(self, patience: int) -> None:
        """Take no more requests; those under way have `patience` seconds to end."""
        self._batches.shutdown(timeout=patience)  # requests end before their sockets do
        logging.getLogger("waitress").addFilter(_not_broken_off)
        if self._batches.ended:
            self._server.close()
        else:  # whoever wakes the loop later must find its pipe, and not what has that number then
            wasyncore.dispatcher.close(self._server)

    def parties(self) -> list[Party]:
        """Who has to get on, for the watchdog."""
        return [
            Party("the web server's loop", self._watch.loop),
            Party("each thread of the web server", self._watch.threads),
            Party("short requests that wait for their commit", self._batches.progress),
        ]


def _not_broken_off(record: logging.LogRecord) -> bool:
    """Leaves out what Waitress says of a request that took longer than a stop waits: its socket is gone."""
    error = record.exc_info[1] if record.exc_info else None
    return not (isinstance(error, OSError) and error.errno == errno.EBADF)


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket; raises OSError that names the address."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host.strip("[]"), port), family=family, backlog=1024)
    except OSError as error:
        raise OSError(error.errno, f"cannot listen on {host} port {port}: {error.strerror}") from error
