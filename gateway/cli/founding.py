"""What `simwire init` makes: folder, PIN files, configuration, database with its key file, first API key."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from gateway.cli.failure import Failure
from gateway.cli.keys import opened
from gateway.cli.options import actor
from gateway.config import Config, ConfigError, load
from gateway.config.writing import Table, Value, written
from gateway.messages import Secret
from gateway.store import KeyInfo, problems_of_place
from hardware.clock import SystemClock

_PRIVATE, _PRIVATE_FOLDER, _SHARED_WITH_GROUP = 0o600, 0o700, 0o640


@dataclass(slots=True)
class Plan:
    """Everything that was decided."""

    config: Path
    data: Path
    """Where database, key file and PIN files are."""
    organisation: str
    country: str
    api: dict[str, Value] = field(default_factory=dict)
    modems: list[dict[str, Value]] = field(default_factory=list)
    pins: dict[str, Secret] = field(default_factory=dict)
    """PINs by the name of their modem."""


def found(plan: Plan, *, replace: bool) -> Config:
    """Make folder, PIN files and configuration; nothing is left of these files where it would not be good.

    Raises Failure where there is one already and it may not be replaced, ConfigError, OSError.
    """
    plan.data.mkdir(mode=_PRIVATE_FOLDER, parents=True, exist_ok=True)
    plan.config.parent.mkdir(parents=True, exist_ok=True)
    beside = plan.data.resolve() == plan.config.parent.resolve()
    gateway: dict[str, Value] = {"organisation": plan.organisation, "country": plan.country}
    if not beside:
        gateway["database"] = str(plan.data.resolve() / "simwire.db")
        gateway["key_file"] = str(plan.data.resolve() / "simwire.key")
    sections: Mapping[str, Table] = {"gateway": gateway, "api": plan.api}
    before: dict[Path, str | None] = {}
    try:
        for modem in plan.modems:
            if (pin := plan.pins.get(str(modem["name"]))) is not None:
                path = plan.data / f"{modem['name']}.pin"
                _put_pin(path, f"{pin.reveal()}\n", plan.data, before, replace=replace)
                modem["pin_file"] = path.name if beside else str(path.resolve())
        return _configuration(plan, written(sections, plan.modems), replace=replace)
    except BaseException:
        _put_back(before, plan.data)
        raise


def _put_pin(path: Path, text: str, data: Path, before: dict[Path, str | None], *, replace: bool) -> None:
    """Write a PIN, and note in `before` what was there; raises Failure where that may not be replaced.

    It may be another configuration's: a wrong PIN in its place would cost that SIM a try.
    """
    try:
        old = path.read_text(encoding="utf-8", errors="surrogateescape")
    except FileNotFoundError:
        old = None
    if old == text:
        return
    if old is not None and not replace:
        raise Failure(f"{path} exists and holds another PIN; --force replaces it, or keep data elsewhere with --data")
    put(path, text, _PRIVATE, data, replace=True)
    before[path] = old


def _put_back(before: Mapping[Path, str | None], data: Path) -> None:
    for path, old in before.items():
        if old is None:
            path.unlink()
        else:
            put(path, old, _PRIVATE, data, replace=True)


def _configuration(plan: Plan, text: str, *, replace: bool) -> Config:
    """Write, look whether it is good, and only then give it its name."""
    path = plan.config
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        put(draft, text, _SHARED_WITH_GROUP, plan.data, replace=False)
        settings = load(draft)
        if problems := problems_of_place(settings.gateway.database, settings.gateway.key_file):
            raise ConfigError(path, problems)
        _name(draft, path, replace=replace)
    except ConfigError as error:
        raise ConfigError(path, error.problems) from None
    finally:
        with suppress(FileNotFoundError):
            draft.unlink()
    return settings


def _name(draft: Path, path: Path, *, replace: bool) -> None:
    """Give a file its name in one step; raises Failure where there is one now that may not be replaced."""
    if replace:
        draft.replace(path)
    else:
        try:
            path.hardlink_to(draft)
        except FileExistsError:
            raise exists_already(path) from None
    _sync_folder(path.parent)


def exists_already(path: Path) -> Failure:
    """A configuration that is kept."""
    return Failure(f"{path} exists; --force replaces it, or name another file with --config")


def put(path: Path, text: str, mode: int, data: Path, *, replace: bool) -> None:
    """Write a file whole or not at all, on disk when this returns.

    What root makes is for whoever has the folder `data`, the service's user: a private file is that user's, one that a
    group may read is that group's.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}") if replace else path
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape") as file:
            os.fchmod(file.fileno(), mode)  # whatever the umask is
            if os.geteuid() == 0:
                owner = data.stat()
                os.fchown(file.fileno(), owner.st_uid if mode == _PRIVATE else -1, owner.st_gid)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)  # the same name where there is nothing to replace
    except BaseException:
        draft.unlink(missing_ok=True)  # a full disk, say: no half of a secret is left
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def first_key(config: Path, name: str, scopes: Sequence[str]) -> tuple[KeyInfo, Secret] | None:
    """Make the database and a first key; None where there is a key in force already."""
    now = SystemClock().now()
    with opened(config) as store:
        if any(info.in_force(round(now.wall * 1000)) for info in store.keys.list()):
            return None
        return store.keys.create(name, scopes, now, actor=actor())
