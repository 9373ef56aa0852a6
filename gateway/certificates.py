"""The server's certificate: checked when the configuration is read, and taken anew when its files change."""

from __future__ import annotations

import logging
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from hardware.clock import Clock

log = logging.getLogger("simwire.tls")

DAY = 86_400.0
EXPIRES_SOON = 30 * DAY
"""Seconds before its end from which a certificate is warned about."""
LOOK_EVERY = 60.0
"""Seconds between looks whether the files changed."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A certificate with its key, ready to serve."""

    context: ssl.SSLContext
    expires: float
    """Unix time in seconds."""


def load(cert: Path, key: Path, wall: float) -> Loaded:
    """Read a certificate (its chain behind it) and its key, both PEM; `wall` is Unix time in seconds.

    Raises ValueError, in words that name the file, where one cannot be read or used, they do not belong together, or
    the certificate's time is over.
    """
    first = _certificate(cert)
    if b"PRIVATE KEY-----" not in _read(key, "tls_key"):
        raise ValueError(f"tls_key {key} holds no private key in PEM form")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION  # a write then never waits for something to read
    context.set_alpn_protocols(["http/1.1"])

    def no_passphrase() -> str:
        raise ValueError(f"tls_key {key} has a passphrase, which nobody can type here: store the key without one")

    try:
        context.load_cert_chain(cert, key, no_passphrase)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise ValueError(f"tls_key {key} is not the key of the certificate in {cert}") from None
        why = (error.reason or "unknown error").replace("_", " ").lower()
        raise ValueError(f"tls_cert {cert} and tls_key {key} cannot be used: {why}") from None
    except OSError as error:
        raise ValueError(f"tls_cert {cert} or tls_key {key} cannot be read: {error.strerror}") from None
    expires = first.not_valid_after_utc.timestamp()
    if expires <= wall:
        raise ValueError(f"the certificate in tls_cert {cert} ended on {_date(expires)}: renew it")
    return Loaded(context, expires)


def own_certificate(cert: Path) -> bytes:
    """The server's own certificate in DER, without the chain behind it; raises ValueError where there is none."""
    return _certificate(cert).public_bytes(Encoding.DER)


class Certificate:
    """The certificate in force. Belongs to the web server's thread."""

    def __init__(self, cert: Path, key: Path, clock: Clock) -> None:
        """Load it; raises ValueError as `load` does."""
        self._cert, self._key, self._clock = cert, key, clock
        self._stamps = self._stamp()
        now = clock.now()
        self._looked, self._warned = now.boot, 0.0
        self._loaded = load(cert, key, now.wall)
        self._warn(now.wall)

    def context(self) -> ssl.SSLContext:
        """What a new connection is served with. Looks at the files once in a minute at most; new ones that cannot be
        used are told of in the log, once, and the old ones stay in force.
        """
        now = self._clock.now()
        if now.boot - self._looked >= LOOK_EVERY:
            self._looked = now.boot
            stamps = self._stamp()
            if stamps != self._stamps:
                self._stamps = stamps
                self._renew(now.wall)
            self._warn(now.wall)
        return self._loaded.context

    def use(self, cert: Path, key: Path) -> None:
        """Serve these from now on, also where they are the same files with other content; from any thread.

        Raises ValueError as `load` does, and then the old ones stay in force.
        """
        loaded = load(cert, key, self._clock.now().wall)
        self._cert, self._key = cert, key
        self._stamps, self._loaded, self._warned = self._stamp(), loaded, 0.0

    def _renew(self, wall: float) -> None:
        try:
            self._loaded = load(self._cert, self._key, wall)
        except Exception as error:  # noqa: BLE001 - a file may be broken in ways that no library foresees
            log.error("the old TLS certificate stays in force: %s", error)
        else:
            self._warned = 0.0
            log.info("new TLS certificate from %s, good until %s", self._cert, _date(self._loaded.expires))

    def _warn(self, wall: float) -> None:
        """Once a day while the end is near."""
        if self._loaded.expires - wall < EXPIRES_SOON and wall - self._warned >= DAY:
            self._warned = wall
            log.warning("the TLS certificate in %s ends on %s: renew it", self._cert, _date(self._loaded.expires))

    def _stamp(self) -> tuple[tuple[int, ...], ...]:
        """What changes when the files do, their permissions included; empty for one that cannot be looked at."""
        found: list[tuple[int, ...]] = []
        for path in (self._cert, self._key):
            try:
                stat = path.stat()
            except OSError:
                found.append(())
            else:
                found.append((stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns))
        return tuple(found)


def _certificate(path: Path) -> x509.Certificate:
    octets = _read(path, "tls_cert")
    try:
        return x509.load_pem_x509_certificates(octets)[0]
    except ValueError:
        raise ValueError(f"tls_cert {path} holds no certificate in PEM form") from None


def _read(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ValueError(f"{what} {path} cannot be read: {error.strerror}") from None


def _date(wall: float) -> str:
    return datetime.fromtimestamp(wall, UTC).date().isoformat()
