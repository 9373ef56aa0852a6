"""`simwire db`: the database file backed up, checked, restored and cleared of what is old."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from pydantic import ValidationError

from gateway.cli import output
from gateway.cli.failure import Failure, Group
from gateway.cli.keys import opened
from gateway.cli.options import actor, config_option, json_option
from gateway.config import RetentionConfig, load
from gateway.messages import Json
from gateway.quantities import compact, seconds
from gateway.store import Keep, StoreError, back_up, examine, restore, stamp, vacuum
from hardware.clock import SystemClock

CLASSES = tuple(RetentionConfig.model_fields)


@click.group(cls=Group)
def db() -> None:
    """The database file. What needs the gateway to be stopped says so."""


@db.command("backup")
@click.argument("target", type=click.Path(path_type=Path), metavar="FILE|DIR")
@config_option()
@click.option("--keep", type=click.IntRange(1), metavar="N", help="In DIR: only the newest N of its backups stay.")
@json_option
def backup(target: Path, config: Path, keep: int | None, as_json: bool) -> None:
    """Copy the database, while the gateway runs or not, and look at the copy. In DIR it is named after the time.

    The key file is no part of it, and without the key file no backup can be used. Keep it, and elsewhere.
    """
    settings = load(config)
    path, key_file = settings.gateway.database, settings.gateway.key_file
    file = _named(target, path.stem)
    if keep is not None and file == target:
        raise click.UsageError("--keep goes with a folder that is there; a FILE is replaced by each backup")
    with _pages("copying") as tell:
        found = back_up(path, key_file, file, settings.limits.disk_reserve, tell)
    removed = _rotate(target, path.stem, keep) if keep is not None else []
    document: Json = {"file": str(file), "octets": found.octets, "schema": found.schema, "key_file": str(key_file)}
    if as_json:
        output.document({**document, "removed": removed})
        return
    words = f"{file}: {found.octets / 10**6:.1f} MB, whole and sound, schema {found.schema}"
    output.console().print(output.shown(words), soft_wrap=True)
    if removed:
        output.console().print(output.shown(f"removed: {', '.join(removed)}"), soft_wrap=True)
    output.console(error=True).print(
        f"Without {output.shown(key_file)} it cannot be read: keep that file too, once, apart from the backups.",
        soft_wrap=True,
    )


@db.command("check")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=False)
@config_option()
@json_option
def check(file: Path | None, config: Path, as_json: bool) -> None:
    """Look at every page, index and row of the database, or of a backup FILE; exit status 1 where it is not sound.

    It may run beside the gateway. A start looks at the same, for two seconds at most.
    """
    gateway = load(config).gateway
    path = file or gateway.database
    with output.progress(f"looking at {path}") as tell:
        try:
            found = examine(path, gateway.key_file, tell if sys.stderr.isatty() else lambda _: None)
        except StoreError as error:
            code = type(error).__name__
            raise Failure(str(error), {"file": str(path), "ok": False, "code": code, "problem": str(error)}) from error
    if file is None:
        with opened(config) as store:
            verdict = store.audit.verify()
        if verdict.broken is not None:
            told = f"the audit log is broken at row {verdict.broken}: {verdict.why}; see simwire audit verify"
            raise Failure(told, {"file": str(path), "ok": False, "code": "AuditBroken", "problem": told})
    if as_json:
        output.document(
            {
                "file": str(path),
                "ok": True,
                "octets": found.octets,
                "schema": found.schema,
                "pending": list(found.pending),
            }
        )
        return
    later = f"; the next start brings it to {found.pending[-1]}" if found.pending else ""
    words = f"{path}: sound, {found.octets / 10**6:.1f} MB, schema {found.schema}{later}"
    output.console().print(output.shown(words), soft_wrap=True)


@db.command("restore")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@config_option()
@click.option("--send-queued", is_flag=True, help="Send what was to be sent then, also where that was done since.")
@json_option
def restore_file(file: Path, config: Path, send_queued: bool, as_json: bool) -> None:
    """Put the backup FILE in place of the database, while the gateway is stopped.

    FILE is looked at first. The database that was there is kept beside, under another name. What was still to be sent
    when the backup was made is cancelled, as most of it has been sent since.
    """
    gateway = load(config).gateway
    with _pages("copying") as tell:
        done = restore(file, gateway.database, gateway.key_file, SystemClock(), actor(), tell, send_queued=send_queued)
    if as_json:
        aside = str(done.aside) if done.aside else None
        output.document({"file": str(gateway.database), "aside": aside, "cancelled": done.withdrawn})
        return
    out = output.console()
    out.print(output.shown(f"{gateway.database} is what {file} was, schema {done.examined.schema}"), soft_wrap=True)
    if done.aside:
        out.print(output.shown(f"what was there is {done.aside}; remove it once all is well"), soft_wrap=True)
    if done.withdrawn:
        out.print(f"{done.withdrawn} messages that were to be sent then are cancelled (reason restored)")
    out.print("Keys revoked and numbers blocked since then must be entered again; then start the gateway.")


@db.command("purge")
@config_option()
@click.option("--older-than", metavar="DURATION", help='Erase what is older, e.g. "30d"; else what [retention] says.')
@click.option("--what", "classes", type=click.Choice(CLASSES), multiple=True, help="Only that; may be repeated.")
@click.option("--dry-run", is_flag=True, help="Say how much would be erased, and erase nothing.")
@click.option("--vacuum", "vacuumed", is_flag=True, help="Give the room back to the disk; needs the gateway stopped.")
@click.option("--clock-is-right", is_flag=True, help="Erase by age though nothing vouches for this machine's clock.")
@json_option
def purge(
    config: Path,
    older_than: str | None,
    classes: tuple[str, ...],
    dry_run: bool,
    vacuumed: bool,
    clock_is_right: bool,
    as_json: bool,
) -> None:
    """Erase now what is old, a few rows at a time, so that a gateway that runs is not held up.

    What is not final stays whatever its age, as with the gateway's own clearing; see [retention].
    """
    settings = load(config)
    keep, clock = _keep(settings.retention, older_than, classes), SystemClock()
    with opened(config) as store:
        store.retention.keep, store.retention.vouched = keep, clock_is_right
        now = clock.now()
        due = store.retention.due(now)
        if missing := [name for name, age in _ages(keep) if name not in due]:
            raise Failure(
                f"nothing vouches for this machine's clock, by which {', '.join(missing)} would be erased: have it "
                "synchronised, or say --clock-is-right"
            )
        total, done = sum(due.values()), 0
        if not dry_run:
            ages = {name: compact(age) for name, age in _ages(keep)}
            try:
                with output.progress("erasing") as tell:
                    for count in store.retention.sweep(now):
                        done += count
                        tell(f"{done} of {total}")
            finally:  # broken off too: what is gone is gone
                store.audit.record(actor(), "database.purge", "database", {"erased": done, "older_than": ages}, now)
    room = vacuum(settings.gateway.database) if vacuumed and not dry_run else None
    if as_json:
        vacuumed_to = None if room is None else {"before": room[0], "after": room[1]}
        output.document({"due": due, "erased": done, "dry_run": dry_run, "vacuum": vacuumed_to})
        return
    output.fields({name: f"{count} rows older than {compact(dict(_ages(keep))[name])}" for name, count in due.items()})
    output.console().print(f"{total} would be erased" if dry_run else f"{done} erased")
    if room is not None:
        output.console().print(f"the file had {room[0] / 10**6:.1f} MB and has {room[1] / 10**6:.1f} MB")


def _named(target: Path, stem: str) -> Path:
    """The file that is meant: in a folder one of its own, that sorts by time."""
    if not target.is_dir():
        if target.name and not target.parent.is_dir():
            raise Failure(f"the folder {target.parent} is not there; make it first")
        return target
    return target / f"{stem}-{stamp(SystemClock().now().wall)}.db"


def _rotate(folder: Path, stem: str, keep: int) -> list[str]:
    """Remove all but the newest backups of a database; the names of those that are gone."""
    digits = "[0-9]" * 8
    backups = sorted(folder.glob(f"{stem}-{digits}T{'[0-9]' * 6}Z.db"))
    old = backups[:-keep]
    for file in old:
        file.unlink()
    return [file.name for file in old]


@contextmanager
def _pages(what: str) -> Iterator[Callable[[int, int], None]]:
    """How far a copy is, in tenths."""
    with output.progress(what) as tell:
        yield lambda left, pages: tell(f"{(pages - left) * 10 // max(pages, 1) * 10} %")


def _keep(configured: RetentionConfig, older_than: str | None, classes: tuple[str, ...]) -> Keep:
    """For how long each class is kept; what was not asked for is kept for ever. Raises UsageError."""
    ages = configured.model_dump()
    if older_than is not None:
        try:
            seconds(older_than)
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="--older-than") from None
        wanted = classes or CLASSES
        try:
            ages = RetentionConfig.model_validate(dict.fromkeys(wanted, older_than)).model_dump()
        except ValidationError as error:
            told = [f"{one['loc'][0]}: {one['msg'].removeprefix('Value error, ')}" for one in error.errors()]
            raise click.UsageError(f"--older-than {older_than}: {'; '.join(told)}; say --what for the others") from None
    return Keep(**{name: age for name, age in ages.items() if not classes or name in classes})


def _ages(keep: Keep) -> list[tuple[str, float]]:
    return [(name, age) for name in CLASSES if (age := getattr(keep, name)) is not None]
