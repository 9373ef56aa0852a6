"""`simwire keys`: API keys, made, changed and ended in the database itself; works while the gateway serves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import click

from gateway import scopes
from gateway.cli import output
from gateway.cli.failure import Failure, Group
from gateway.cli.limits import asked_for, in_words, policy_options, read, scope_option
from gateway.cli.options import actor, config_option, json_option
from gateway.config import load
from gateway.keyring import KeyChange, NewKey, Rotation, changed, end_of, policy_of, shown
from gateway.limits import Destinations
from gateway.messages import Json, Secret
from gateway.quantities import rfc3339
from gateway.store import KeyInfo, Store
from hardware.clock import SystemClock


@click.group(cls=Group)
def keys() -> None:
    """Make, change and end API keys. These commands open the database by themselves, and `serve` may run meanwhile."""


@keys.command("create")
@click.argument("name")
@config_option()
@scope_option(" ".join(scopes.APPLICATION))
@click.option("--client", metavar="NAME", help="Whose messages it sees and makes; by default its name.")
@policy_options
@json_option
def create(
    name: str, config: Path, given: tuple[str, ...], client: str | None, as_json: bool, **limits: object
) -> None:
    """Make a key called NAME and print it: the only time that it is shown."""
    now = SystemClock().now()
    new = read(NewKey, {"name": name, "client": client, "scopes": given or scopes.APPLICATION, **asked_for(limits)})
    ends, policy = end_of(new, now), policy_of(new, allowed(config))
    with opened(config) as store:
        info, key = store.keys.create(
            new.name, new.scopes, now, new.client, expires_at=ends, policy=policy, actor=actor()
        )
    _made(info, key, as_json=as_json)


@keys.command("list")
@config_option()
@json_option
def list_keys(config: Path, as_json: bool) -> None:
    """All keys, never the keys themselves."""
    with opened(config) as store:
        found = store.keys.list()
    if as_json:
        output.document({"items": [_document(info) for info in found]})
        return
    rows = [
        (
            info.id,
            info.name,
            info.client,
            _state(info).replace("_", " "),
            output.when(moment(info.last_used_at)) or "never used",
            output.when(moment(info.expires_at)) or "never",
            " ".join(sorted(info.scopes)),
            in_words(info),
        )
        for info in found
    ]
    output.table(("id", "name", "client", "state", "last used", "ends", "scopes", "limits"), rows, none="no keys")


@keys.command("set")
@click.argument("identity", metavar="ID")
@config_option()
@click.option("--name", help="Another name.")
@scope_option("as before")
@policy_options
@json_option
def set_key(
    identity: str, config: Path, name: str | None, given: tuple[str, ...], as_json: bool, **limits: object
) -> None:
    """Change what is given of a key and leave the rest; `none` takes a limit away.

    A safer delivery (redirect, and catch most of all) holds for what is queued already too.
    """
    now = SystemClock().now()
    asked = {"name": name, "scopes": given or None}
    change = read(KeyChange, {**{field: value for field, value in asked.items() if value}, **asked_for(limits)})
    if not change.model_fields_set:
        raise click.UsageError("say what to change; see simwire keys set --help")
    may_go_to = allowed(config)
    with opened(config) as store:
        try:
            info = store.keys.change(
                identity, lambda before: changed(before, change, now, may_go_to), now, actor=actor()
            )
        except KeyError:
            raise _unknown(identity) from None
    if as_json:
        output.document(_document(info))
        return
    words = f"key {info.id} of client {info.client}: {in_words(info) or 'no limits'}; it holds within seconds"
    output.console().print(words, soft_wrap=True)


@keys.command("rotate")
@click.argument("identity", metavar="ID")
@config_option()
@click.option("--grace", metavar="DURATION", help="For how long the old key goes on: 24h. Without: not at all.")
@json_option
def rotate(identity: str, config: Path, grace: str | None, as_json: bool) -> None:
    """Replace a key: prints the new one, which keeps client, name, scopes and limits; the old one ends."""
    asked = read(Rotation, {"grace": grace} if grace else {})
    with opened(config) as store:
        try:
            info, key = store.keys.rotate(identity, SystemClock().now(), grace=asked.grace, actor=actor())
        except KeyError:
            raise _unknown(identity) from None
    _made(info, key, as_json=as_json)


@keys.command("revoke")
@click.argument("identity", metavar="ID")
@config_option()
@json_option
def revoke(identity: str, config: Path, as_json: bool) -> None:
    """End a key."""
    with opened(config) as store:
        if not store.keys.revoke(identity, SystemClock().now(), actor=actor()):
            raise _unknown(identity)
    if as_json:
        output.document({"id": identity, "revoked": True})
        return
    output.console().print(f"{identity} is revoked; a running gateway refuses it within seconds", soft_wrap=True)


@contextmanager
def opened(config: Path) -> Iterator[Store]:
    """The database of a configuration, beside a gateway that serves it."""
    gateway = load(config).gateway
    with closing(Store.open(gateway.database, gateway.key_file, SystemClock())) as store:
        yield store


def allowed(config: Path) -> Destinations:
    """What the gateway of a configuration sends to."""
    return Destinations(load(config).allowed_countries)


def _made(info: KeyInfo, key: Secret, *, as_json: bool) -> None:
    if as_json:
        output.document({**_document(info), "key": key.reveal()})
        return
    click.echo(key.reveal())
    ends = f", until {output.when(moment(info.expires_at))}" if info.expires_at is not None else ""
    limits = f"\n{in_words(info)}" if in_words(info) else ""
    may = " ".join(sorted(info.scopes))
    words = f"key {info.id} of client {info.client}{ends}: {may}{limits}\nIt is not shown again: keep it."
    output.console(error=True).print(words, soft_wrap=True)


def _document(info: KeyInfo) -> Json:
    return {
        "id": info.id,
        "client": info.client,
        "name": info.name,
        "scopes": sorted(info.scopes),
        "state": _state(info),
        "created_at": moment(info.created_at),
        "last_used_at": moment(info.last_used_at),
        "expires_at": moment(info.expires_at),
        "revoked_at": moment(info.revoked_at),
        **shown(info),
    }


def _state(info: KeyInfo) -> str:
    return info.state(round(SystemClock().now().wall * 1000))


def moment(milliseconds: int | None) -> str | None:
    """A time as the API writes it."""
    return None if milliseconds is None else rfc3339(milliseconds)


def _unknown(identity: str) -> Failure:
    return Failure(f"no key in force has the id {identity}; `simwire keys list` shows them")
