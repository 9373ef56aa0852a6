"""API keys: make, list, look, change, rotate, revoke. For keys with the scope admin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.api.operations import Answer, Call, Operation
from gateway.api.render import moment, moment_or_none
from gateway.api.shapes.keys import KeyList, KeyMade, KeyShape
from gateway.api.view import ServiceView
from gateway.keyring import KeyChange, NewKey, Rotation, changed, end_of, policy_of, shown
from gateway.messages import Json, Secret
from gateway.peers import allowed_from
from gateway.refusals import Conflict, NotFound
from gateway.store import KeyInfo
from hardware.clock import Instant


def render(info: KeyInfo, now: Instant) -> Json:
    """A key as JSON, without the key itself."""
    return {
        "id": info.id,
        "client": info.client,
        "name": info.name,
        "scopes": sorted(info.scopes),
        "state": info.state(round(now.wall * 1000)),
        "created_at": moment(info.created_at),
        "last_used_at": moment_or_none(info.last_used_at),
        "expires_at": moment_or_none(info.expires_at),
        "revoked_at": moment_or_none(info.revoked_at),
        **shown(info),
    }


class KeyDesk:
    """The handlers on /v1/keys."""

    def __init__(self, service: ServiceView) -> None:
        self._keys, self._clock = service.store.keys, service.clock
        self._allowed = service.intake.admission.allowed

    def make(self, call: Call) -> Answer:
        """A new key, shown this once."""
        new: NewKey = call.body
        now = self._clock.now()
        info, key = self._keys.create(
            new.name,
            new.scopes,
            now,
            new.client,
            expires_at=end_of(new, now),
            policy=policy_of(new, self._allowed),
            actor=call.principal.actor,
        )
        return 201, self._made(info, key, now)

    def listing(self, _: Call) -> Answer:
        """All of them."""
        now = self._clock.now()
        return 200, {"items": [render(info, now) for info in self._keys.list()]}

    def look(self, _: Call, key_id: str) -> Answer:
        """One of them."""
        return 200, self._shown(key_id)

    def change(self, call: Call, key_id: str) -> Answer:
        """Another name, scopes, end or policy."""
        asked: KeyChange = call.body
        now = self._clock.now()

        def change(before: KeyInfo) -> KeyInfo:
            after = changed(before, asked, now, self._allowed)
            usable = not after.policy.networks or allowed_from(call.principal.peer, after.policy.networks)
            if key_id == call.principal.caller.key_id and not usable:
                raise Conflict("this key changes itself, and could not be used from here any more: use another one")
            return after

        try:
            self._keys.change(key_id, change, now, keep_admin=True, actor=call.principal.actor)
        except KeyError:
            raise _unknown(key_id) from None
        return 200, self._shown(key_id)

    def rotate(self, call: Call, key_id: str) -> Answer:
        """A new key in place of an old one."""
        asked: Rotation = call.body
        now = self._clock.now()
        try:
            info, key = self._keys.rotate(key_id, now, grace=asked.grace, actor=call.principal.actor)
        except KeyError:
            raise _unknown(key_id) from None
        return 201, self._made(info, key, now)

    def revoke(self, call: Call, key_id: str) -> Answer:
        """The end of a key; a revoked one stays so."""
        revoked = self._keys.revoke(key_id, self._clock.now(), keep_admin=True, actor=call.principal.actor)
        if not revoked and self._keys.get(key_id) is None:
            raise _unknown(key_id)
        return 200, self._shown(key_id)

    def _shown(self, key_id: str) -> Json:
        info = self._keys.get(key_id)
        if info is None:
            raise _unknown(key_id)
        return render(info, self._clock.now())

    @staticmethod
    def _made(info: KeyInfo, key: Secret, now: Instant) -> Mapping[str, Any]:
        return {**render(info, now), "key": key.reveal()}


def operations(service: ServiceView) -> tuple[Operation, ...]:
    """The operations on /v1/keys."""
    desk, admin, one = KeyDesk(service), ("admin",), "/v1/keys/{key_id}"
    return (
        Operation(
            "POST", "/v1/keys", "make_key", "Make an API key; it is shown this once", admin, desk.make, 201, KeyMade,
            body=NewKey, secret=True,
        ),
        Operation("GET", "/v1/keys", "list_keys", "All keys, oldest first", admin, desk.listing, 200, KeyList),
        Operation("GET", one, "get_key", "One key", admin, desk.look, 200, KeyShape, refusals=(404,)),
        Operation(
            "PATCH", one, "change_key", "Change what is given of name, scopes, end and limits", admin, desk.change, 200,
            KeyShape, body=KeyChange, refusals=(404, 409),
        ),
        Operation(
            "POST", f"{one}/rotate", "rotate_key", "A new key in place of this one", admin, desk.rotate, 201, KeyMade,
            body=Rotation, body_optional=True, refusals=(404, 409), secret=True,
        ),
        Operation("DELETE", one, "revoke_key", "End a key", admin, desk.revoke, 200, KeyShape, refusals=(404, 409)),
    )  # fmt: skip


def _unknown(key_id: str) -> NotFound:
    return NotFound(f"there is no key {key_id[:40]}")
