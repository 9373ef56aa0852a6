"""`simwire keys`: API keys, made and ended in the database itself; works while the gateway serves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click

from gateway import scopes
from gateway.cli import output
from gateway.cli.failure import Failure, Group
from gateway.cli.options import actor, config_option, json_option
from gateway.config import load
from gateway.messages import Json, Secret
from gateway.store import KeyInfo, Store
from hardware.clock import SystemClock


@click.group(cls=Group)
def keys() -> None:
    """Make and end API keys. These commands open the database by themselves, and `serve` may run meanwhile."""


@keys.command("create")
@click.argument("name")
@config_option()
@click.option(
    "--scope",
    "given",
    multiple=True,
    type=click.Choice(scopes.ALL),
    metavar="SCOPE",
    help=f"What it may do; may be repeated. Without: {' '.join(scopes.APPLICATION)}. All: {' '.join(scopes.ALL)}.",
)
@click.option("--client", metavar="NAME", help="Whose messages it sees and makes; by default its name.")
@json_option
def create(name: str, config: Path, given: tuple[str, ...], client: str | None, as_json: bool) -> None:
    """Make a key called NAME and print it: the only time that it is shown."""
    with opened(config) as store:
        info, key = store.keys.create(name, given or scopes.APPLICATION, SystemClock().now(), client, actor=actor())
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
            "revoked" if info.revoked_at else "in force",
            output.when(moment(info.last_used_at)) or "never used",
            " ".join(sorted(info.scopes)),
        )
        for info in found
    ]
    output.table(("id", "name", "client", "state", "last used", "scopes"), rows, none="no keys")


@keys.command("rotate")
@click.argument("identity", metavar="ID")
@config_option()
@json_option
def rotate(identity: str, config: Path, as_json: bool) -> None:
    """Replace a key: prints the new one, which keeps client, name and scopes; the old one ends."""
    with opened(config) as store:
        try:
            info, key = store.keys.rotate(identity, SystemClock().now(), actor=actor())
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


def _made(info: KeyInfo, key: Secret, *, as_json: bool) -> None:
    if as_json:
        named = {"id": info.id, "client": info.client, "name": info.name}
        output.document({**named, "key": key.reveal(), "scopes": sorted(info.scopes)})
        return
    click.echo(key.reveal())
    words = f"key {info.id} of client {info.client}: {' '.join(sorted(info.scopes))}\nIt is not shown again: keep it."
    output.console(error=True).print(words, soft_wrap=True)


def _document(info: KeyInfo) -> Json:
    return {
        "id": info.id,
        "client": info.client,
        "name": info.name,
        "scopes": sorted(info.scopes),
        "created_at": moment(info.created_at),
        "last_used_at": moment(info.last_used_at),
        "revoked_at": moment(info.revoked_at),
    }


def moment(milliseconds: int | None) -> str | None:
    """A time as the API writes it."""
    if milliseconds is None:
        return None
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _unknown(identity: str) -> Failure:
    return Failure(f"no key in force has the id {identity}; `simwire keys list` shows them")
