"""A gateway in a process of its own with something of everything in it."""

from __future__ import annotations

import http.client
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests

from gateway.config import load
from gateway.policy import Delivery, KeyPolicy
from gateway.scopes import ALL
from gateway.store import Store
from hardware.clock import SystemClock
from tests.acceptance.harness import Gateway, World, until
from tests.contract.document import METHODS, SLOW, Answer, Json, Operation, example

ROOT = Path(__file__).parents[2]
NUMBER = "+447700900123"
GUESSED = "+447700900199"
"""A number at which too many wrong codes were tried."""
SETTINGS = """
lock_after = 5
[[webhook]]
name = "hook1"
url = "http://127.0.0.1:9/nobody-listens"
secret_file = "hook.secret"
allow_private = ["127.0.0.1"]
"""
"""It begins in [otp], the last section of the harness's configuration."""
SHOP = tuple(scope for scope in ALL if scope not in {"admin", "messages:all"})
KEYS = {"everything": ALL, "nothing": (), **{scope: (scope,) for scope in ALL}}
FALLBACK = {"number": "+447700900188", "name": "sim1"}
"""Values of path parameters that no list gives."""


class Served:
    """The gateway, its keys and its document; modem sim2 is paused, so that what waits for it stays queued."""

    def __init__(self, folder: Path) -> None:
        self.world = World(folder)
        (folder / "hook.secret").write_text("a secret of the tests\n", encoding="ascii")
        self._log = folder / "log.txt"
        self.gateway = Gateway(self.world.write_config(SETTINGS))
        try:
            self.gateway.start()
            self._settle()
        except BaseException:
            self.close()
            raise

    def _settle(self) -> None:
        self.url = self.gateway.url
        self.session = requests.Session()
        self.document: Json = self.session.get(f"{self.url}/openapi.json", timeout=10).json()
        self.operations = [
            Operation(self.document, path, method)
            for path, methods in self.document["paths"].items()
            for method in methods
            if method in METHODS
        ]
        self.keys, self.spared = self._make_keys()
        self.gateway.key = self.keys["everything"]
        self._seed()

    def close(self) -> None:
        """End the process and take its modems away."""
        if hasattr(self, "session"):
            self.session.close()
        if self.gateway.process is not None:
            self.gateway.kill()  # a modem that was told to restart may answer nothing for a minute
        self.world.stop()

    def _make_keys(self) -> tuple[dict[str, str], frozenset[str]]:
        """The keys by name, and what they must be spared: their ids and names."""
        gateway = load(self.gateway.config).gateway
        store = Store.open(gateway.database, gateway.key_file, SystemClock())
        try:
            made = {name: store.keys.create(name, scopes, client="tests") for name, scopes in KEYS.items()}
            made["stranger"] = store.keys.create("stranger", SHOP)
            catch = KeyPolicy(delivery=Delivery.CATCH)
            made["catch"] = store.keys.create("catch", SHOP, client="tests", policy=catch)
            info, _ = made["revoked"] = store.keys.create("revoked", ALL)
            store.keys.revoke(info.id)
        finally:
            store.close()
        own = frozenset(one for info, _ in made.values() for one in (info.id, info.name))
        return {"unknown": "sw_unknown"} | {name: key.reveal() for name, (_, key) in made.items()}, own

    def _seed(self) -> None:
        call = self.gateway.call
        self.gateway.until_ready(2)
        handset = self.world.server.call(lambda: self.world.network.handset(NUMBER))
        self.world.server.call(lambda: handset.send("an answer", to="+447700900151"))
        until(lambda: call("GET", "/v1/inbox")[1]["items"], 30, "a received message")
        _, challenge = call("POST", "/v1/otp", {"to": GUESSED, "purpose": "login", "code": "123456"})
        for _ in range(5):
            call("POST", f"/v1/otp/{challenge['id']}/check", {"code": "654321"})
        self.gateway.key = self.keys["catch"]
        assert call("POST", "/v1/messages", {"to": NUMBER, "text": "caught"})[0] == 202
        self.gateway.key = self.keys["everything"]
        assert call("POST", "/v1/modems/sim2/pause")[0] == 200
        assert call("POST", "/v1/messages", {"to": NUMBER, "text": "waits", "modem": "sim2"})[0] == 202

    # -- asking it ----------------------------------------------------------------------------------------------------

    def raw(
        self, method: str, path: str, body: str | None = None, headers: Mapping[str, str | bytes] | None = None
    ) -> Answer:
        """One request with exactly this path and these headers, of which no client mends anything."""
        connection = http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=20)
        given = {**self.authorised("everything"), "Content-Type": "application/json"}
        given |= {"Content-Length": str(len((body or "").encode())), **(headers or {})}
        try:
            connection.putrequest(method, path, skip_accept_encoding=True)
            for name, value in given.items():
                connection.putheader(name, value)
            connection.endheaders((body or "").encode())
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.headers), answer.read().decode())
        finally:
            connection.close()

    def ask(self, method: str, path: str, key: str | None = "everything", **options: Any) -> requests.Response:
        """One request under one of the keys; a dead gateway fails the test here."""
        headers = {**self.authorised(key), **options.pop("headers", {})}
        return self.session.request(method.upper(), self.url + path, headers=headers, timeout=20, **options)

    def authorised(self, key: str | None) -> dict[str, str]:
        """The header that carries a key."""
        return {} if key is None else {"Authorization": f"Bearer {self.keys[key]}"}

    def known(self, path: str) -> dict[str, list[str]]:
        """Real values of the path's parameters, the newest first; read from the lists that the paths above give."""
        found: dict[str, list[str]] = {}
        parts = path.split("/")
        for place, part in enumerate(parts):
            if part.startswith("{"):
                name = part[1:-1]
                listed = [*self._listed("/".join(parts[:place]), name), FALLBACK.get(name, "")]
                found[name] = [one for one in dict.fromkeys(listed) if one and one not in self.spared]
        return found

    def _listed(self, above: str, name: str) -> Iterator[str]:
        if above == "/v1/otp":  # challenges have no list: their messages lead to them
            yield self._challenge()
        elif "get" in self.document["paths"].get(above, {}):
            for item in self.ask("GET", above, params={}).json().get("items", []):
                if value := item.get(name) or item.get("id"):
                    yield str(value)

    def _challenge(self) -> str:
        body = {"to": f"+4477009{zlib.crc32(str(self._count()).encode()) % 10**5:05}", "purpose": "login"}
        return str(self.ask("POST", "/v1/otp", json=body).json().get("id", ""))

    _counted = 0

    def _count(self) -> int:
        self._counted += 1
        return self._counted

    def paths(self, operation: Operation) -> Iterator[str]:
        """The operation's path with real values, the likeliest first."""
        known = self.known(operation.path)
        longest = max((len(values) for values in known.values()), default=1)
        for place in range(max(longest, 1)):
            path = operation.path
            for name, values in known.items():
                path = path.replace(f"{{{name}}}", quote(values[place % len(values)], safe="") if values else "-")
            yield path

    def refill(self, operation: Operation) -> None:
        """Make another of the things that the operation's path names, where the path above makes them."""
        above = operation.path.partition("/{")[0]
        for one in self.operations:
            if one.path == above and one.method == "post":
                self.ask("POST", above, json=self.body(one))

    def path(self, operation: Operation) -> str:
        """The likeliest of them; of a modem that is not there where an answer would take the modem or the network
        seconds, or a minute while it restarts.
        """
        if operation.path.endswith(SLOW):
            return operation.path.replace("{name}", "somebody")
        return next(self.paths(operation))

    def body(self, operation: Operation) -> Json | None:
        """A body as the document shows one; None where there is none."""
        if "requestBody" not in operation.described:
            return None
        schema = operation.described["requestBody"]["content"]["application/json"]["schema"]
        made: Json = example(self.document, schema)
        return made

    def log_size(self) -> int:
        """How far the gateway's log has come, in octets."""
        return self._log.stat().st_size

    def log(self, begin: int) -> str:
        """What the gateway has logged since."""
        return self._log.read_bytes()[begin:].decode("utf-8", "replace")


def until_all(attempt: Callable[[Operation], str | None], operations: list[Operation], seconds: float) -> None:
    """Try each operation until none complains any more; fails with what they say after `seconds`."""
    left = dict.fromkeys(operations, "")

    def none_complains() -> bool:
        for operation in list(left):
            said = attempt(operation)
            if said is None:
                del left[operation]
            else:
                left[operation] = said
        return not left

    try:
        until(none_complains, seconds, "every operation")
    except AssertionError:
        raise AssertionError("\n".join(left.values())) from None
