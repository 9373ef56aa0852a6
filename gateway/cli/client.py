"""The one HTTP client of the command line, on the standard library. No proxies and no redirects: a key goes to the
gateway that was named and nowhere else.
"""

from __future__ import annotations

import http.client
import json
import ssl
import urllib.parse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gateway.cli.failure import Failure
from gateway.messages import Json, Secret

ANSWER_TIME = 30.0
"""Seconds that an answer may take, beyond what a long poll asks for."""
LONGEST_WAIT = 60.0
"""Seconds of one long poll, as the API allows."""
BEHIND_A_PROXY = frozenset({502, 503, 504})
"""What proxies answer while the gateway behind them is away (RFC 9110 15.6)."""


class Unreachable(Failure):
    """No gateway answered; whether it did what was asked is not known."""


class Refused(Failure):
    """The gateway answered that it does not do this."""

    def __init__(self, message: str, problem: Json, status: int, retry_after: float | None) -> None:
        super().__init__(message, problem)
        self.status, self.retry_after = status, retry_after


class Gateway:
    """A running gateway at a URL, with a key where one is needed.

    `trust` says which certificates it may show, else the system does.
    """

    def __init__(self, url: str, key: Secret | None, trust: ssl.SSLContext | None = None) -> None:
        parts = urllib.parse.urlsplit(url)
        try:
            port = parts.port
        except ValueError:
            parts, port = urllib.parse.SplitResult("", "", "", "", ""), None
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise Failure(f"{url} is no URL of a gateway; write one like http://127.0.0.1:8080")
        self.url = url.rstrip("/")
        self._base = parts.path.rstrip("/")
        self._secure, self._host, self._port = parts.scheme == "https", parts.hostname, port
        self._key, self._trust = key, trust

    def get(self, path: str, query: Mapping[str, Any] | None = None, *, wait: float = 0.0) -> Json:
        """GET a resource; raises Failure."""
        return self.call("GET", path, query=query, wait=wait)

    def post(self, path: str, body: Json, *, wait: float = 0.0, headers: Mapping[str, str] | None = None) -> Json:
        """POST a JSON body; raises Failure."""
        return self.call("POST", path, body=body, wait=wait, headers=headers)

    def call(
        self,
        method: str,
        path: str,
        *,
        body: Json | None = None,
        query: Mapping[str, Any] | None = None,
        wait: float = 0.0,
        headers: Mapping[str, str] | None = None,
    ) -> Json:
        """One request; its JSON answer. `wait` is how many seconds the request itself asks to wait.

        Raises Failure with the gateway's own words where it refuses, and with what to do where it cannot be reached.
        """
        sent = {"Accept": "application/json", **(headers or {})}
        octets = None
        if body is not None:
            octets = json.dumps(body).encode()
            sent["Content-Type"] = "application/json"
        with self._asking(ANSWER_TIME + wait) as connection:
            connection.request(method, self._target(path, query), octets, sent | self._authorisation)
            answer = connection.getresponse()
            return self._read(answer, answer.read())

    def lines(self, path: str, query: Mapping[str, Any] | None = None) -> Iterator[str]:
        """GET a stream of lines, each as it comes, without the empty ones that only tell that it goes on.

        Raises Failure as `call` does, and where the stream ends before its end.
        """
        with self._asking(ANSWER_TIME) as connection:
            connection.request("GET", self._target(path, query), headers=self._authorisation)
            answer = connection.getresponse()
            if answer.status >= 400:
                self._read(answer, answer.read())
            try:
                for line in answer:
                    if line.strip():
                        yield line.decode()
            except (OSError, http.client.HTTPException):
                raise Failure(f"{self.url} ended the connection before the end; is it still running?") from None

    @property
    def _authorisation(self) -> dict[str, str]:
        return {} if self._key is None else {"Authorization": f"Bearer {self._key.reveal()}"}

    def _target(self, path: str, query: Mapping[str, Any] | None) -> str:
        given = {name: value for name, value in (query or {}).items() if value is not None}
        return f"{self._base}{path}" + (f"?{urllib.parse.urlencode(given)}" if given else "")

    @contextmanager
    def _asking(self, timeout: float) -> Iterator[http.client.HTTPConnection]:
        """A connection, and what goes wrong with it in words."""
        connection = self._connection(timeout)
        try:
            yield connection
        except TimeoutError:
            raise Unreachable(f"{self.url} does not answer; see its log (journalctl -u simwire)") from None
        except ssl.SSLCertVerificationError as error:
            raise Failure(
                f"{self.url} shows a certificate that is not trusted here ({error.verify_message}); "
                "name the file of its CA with --ca-file"
            ) from None
        except (OSError, http.client.HTTPException) as error:
            what = getattr(error, "strerror", None) or type(error).__name__
            raise Unreachable(
                f"no gateway at {self.url} ({what}); is `simwire serve` running? Say where with --url or --config"
            ) from None
        finally:
            connection.close()

    def _connection(self, timeout: float) -> http.client.HTTPConnection:
        if self._secure:
            return http.client.HTTPSConnection(self._host, self._port, timeout=timeout, context=self._trust)
        return http.client.HTTPConnection(self._host, self._port, timeout=timeout)

    def _read(self, answer: http.client.HTTPResponse, octets: bytes) -> Json:
        try:
            document = json.loads(octets) if octets else {}
        except ValueError:
            document = None
        if not isinstance(document, dict):
            if answer.status in BEHIND_A_PROXY:
                raise Unreachable(f"{self.url} answered {answer.status}: a proxy is there, and no gateway behind it")
            raise Failure(f"{self.url} answered {answer.status} with no JSON document; is that a gateway's address?")
        if answer.status >= 400:
            again = answer.headers.get("Retry-After") or ""
            raise Refused(
                _in_words(answer, document), document, answer.status, float(again) if again.isdigit() else None
            )
        return document


def trusting(ca_file: Path) -> ssl.SSLContext:
    """Trust what these certificates (PEM) vouch for, and nothing else; raises Failure."""
    try:
        trust = ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        why = "it holds no certificate in PEM form" if isinstance(error, ssl.SSLError) else error.strerror
        raise Failure(f"the certificates in {ca_file} cannot be used: {why}") from None
    trust.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # the file may hold an intermediate, or the server's own
    return trust


def pinned(certificate: bytes) -> ssl.SSLContext:
    """Trust this one certificate (DER), whatever the name it is reached by; nothing else has its key."""
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trust.check_hostname = False
    trust.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    trust.load_verify_locations(cadata=certificate)
    return trust


def _in_words(answer: http.client.HTTPResponse, problem: Json) -> str:
    """A problem document (RFC 9457) in one or a few lines."""
    said = problem.get("detail") or problem.get("title") or answer.reason
    fields = [f"\n  {one['field']}: {one['message']}" for one in problem.get("errors", ())]
    if len(fields) == 1 and fields[0].strip() == said:
        fields = []
    again = answer.headers.get("Retry-After")
    return f"{said}{''.join(fields)}" + (f"; try again in {again} s" if again else "")
