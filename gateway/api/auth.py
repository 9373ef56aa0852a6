"""Who asks: API keys, and the peers that may look at health without one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from flask import Request

from gateway.api.problems import Problem
from gateway.peers import FORWARDING, Address, BadForwardingHeader, Network, allowed_from, peer_of
from gateway.policy import Caller
from gateway.scopes import SEE_ALL
from gateway.store import Keys


@dataclass(frozen=True, slots=True)
class Principal:
    """The client behind a key, and what the key may do."""

    caller: Caller
    scopes: frozenset[str]
    name: str
    """The key's."""
    peer: Address
    """Where it is used from."""

    @property
    def actor(self) -> str:
        """As the audit log names it."""
        return f"key:{self.caller.key_id} ({self.name})"

    @property
    def client(self) -> str:
        """Whose things it makes."""
        return self.caller.client

    @property
    def sees(self) -> str | None:
        """The client whose things it sees; None: everybody's."""
        return None if self.scopes & SEE_ALL else self.client

    def may(self, scope: str) -> bool:
        """Whether the key has a scope."""
        return scope in self.scopes or "admin" in self.scopes


class Authenticator:
    """Finds the principal of a request."""

    def __init__(self, keys: Keys, trusted_proxies: Iterable[Network] = ()) -> None:
        self._keys, self._trusted = keys, tuple(trusted_proxies)

    def peer(self, request: Request) -> Address:
        """Where the request comes from, as trusted proxies tell it; raises Problem 400 where one does not."""
        try:
            return peer_of(request.environ.get("REMOTE_ADDR", ""), request.headers, self._trusted)
        except BadForwardingHeader as error:
            raise Problem(400, "bad_forwarding_header", str(error)) from None

    def principal(self, request: Request) -> Principal:
        """Who sent the request.

        Raises Problem: 401 without a key that is known and in force, 403 for one that may not be used from there, 400
        as `peer` does.
        """
        peer = self.peer(request)
        scheme, _, key = request.environ.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() != "bearer" or not key:
            raise _unauthorized("send your key as Authorization: Bearer KEY")
        found = self._keys.authenticate(key.strip())
        if found is None:
            raise _unauthorized("this key is not known, was revoked or has expired")
        networks = found.policy.networks
        if networks and not allowed_from(peer, networks):
            raise Problem(403, "source_not_allowed", f"this key may not be used from {peer}")
        caller = Caller(client=found.client, key_id=found.id, policy=found.policy)
        return Principal(caller, found.scopes, found.name, peer)

    def admit_to_health(self, request: Request) -> Principal | None:
        """Let a loopback peer look without a key (None), unless a proxy stands in between; others need any key."""
        direct = not any(name in request.headers for name in FORWARDING)
        return None if direct and self.peer(request).is_loopback else self.principal(request)


def _unauthorized(detail: str) -> Problem:
    return Problem(401, "unauthorized", detail, {"WWW-Authenticate": "Bearer"})
