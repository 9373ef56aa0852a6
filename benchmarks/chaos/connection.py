"""An application's connection: kept, broken, and opened again."""

from __future__ import annotations

import http.client
import json
import threading
import time
from itertools import count
from typing import Any

Json = dict[str, Any]
PATIENCE = 90.0
"""Seconds for which a request is made again when no answer came."""


class NoAnswer(Exception):
    """Nobody answered in time: what became of the request is not known."""


class Connection:
    """One kept connection of an application, opened again as often as it breaks."""

    def __init__(self, port: int, key: str, serving: threading.Event) -> None:
        self._port, self._key, self._serving = port, key, serving
        self._http: http.client.HTTPConnection | None = None

    def ask(
        self, method: str, path: str, body: Json | None = None, *, key: str | None = None, patience: float = PATIENCE
    ) -> tuple[int, Json, int]:
        """Status, answer, and how many tries it took; made again where it may be, else NoAnswer."""
        again = method == "GET" or key is not None
        deadline = time.monotonic() + patience
        for tries in count(1):
            try:
                return *self.once(method, path, body, key), tries
            except (OSError, http.client.HTTPException, json.JSONDecodeError):
                self.drop()
                if not again or time.monotonic() > deadline:
                    raise NoAnswer(path) from None
                self._serving.wait(1)
                time.sleep(0.05)
        raise AssertionError("never")

    def once(self, method: str, path: str, body: Json | None, key: str | None) -> tuple[int, Json]:
        """One exchange; raises what the connection raises."""
        self.send(method, path, body, key)
        assert self._http is not None
        answer = self._http.getresponse()
        return answer.status, json.loads(answer.read())

    def send(self, method: str, path: str, body: Json | None, key: str | None) -> None:
        """A request whose answer nobody waits for yet."""
        if self._http is None:
            self._http = http.client.HTTPConnection("127.0.0.1", self._port, timeout=75)
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        if key is not None:
            headers["Idempotency-Key"] = key
        self._http.request(method, path, None if body is None else json.dumps(body), headers)

    def drop(self) -> None:
        """Close it, whatever is under way."""
        if self._http is not None:
            self._http.close()
            self._http = None
