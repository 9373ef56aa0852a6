"""`simwire audit`: who did what to the gateway; read from the database itself, while the gateway serves or not."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

import click

from gateway.cli import output
from gateway.cli.failure import Failure, Group
from gateway.cli.keys import moment, opened
from gateway.cli.options import config_option, json_option
from gateway.config import load
from gateway.store import Store


@click.group(cls=Group)
def audit() -> None:
    """The audit log. These commands open the database by themselves, and `serve` may run meanwhile."""


@audit.command("list")
@config_option()
@click.option("--limit", type=click.IntRange(1, 100_000), default=50, show_default=True, metavar="N")
@click.option("--cursor", metavar="TEXT", help="The next page: next_cursor of the page before.")
@json_option
def list_rows(config: Path, limit: int, cursor: str | None, as_json: bool) -> None:
    """What was done, the newest first."""
    with _database(config) as store:
        try:
            rows, more = store.audit.list(limit, cursor)
        except ValueError as error:
            raise Failure(str(error)) from None
    items = [
        {
            "id": row.id,
            "time": moment(row.at),
            "actor": row.actor,
            "action": row.action,
            "subject": row.subject,
            "details": row.details,
            "hash": row.hash.hex(),
        }
        for row in rows
    ]
    if as_json:
        output.document({"items": items, "next_cursor": more})
        return
    headings = ("id", "time", "actor", "action", "subject", "details")
    shown = [[*(one[name] for name in headings[:-1]), _words(one["details"])] for one in items]
    output.table(headings, [[row[0], output.when(row[1]), *row[2:]] for row in shown], none="nothing was recorded")
    if more:
        output.console(error=True).print(f"more: --cursor {more}", soft_wrap=True)


@audit.command("verify")
@config_option()
@json_option
def verify(config: Path, as_json: bool) -> None:
    """Check that no row was changed, removed, moved or added by others; exit status 1 where one was."""
    with _database(config) as store:
        verdict = store.audit.verify()
    document = {"rows": verdict.rows, "ok": verdict.broken is None, "broken": verdict.broken, "why": verdict.why}
    document["hash"] = verdict.hash
    if verdict.broken is not None:
        raise Failure(f"the audit log is broken at row {verdict.broken}: {verdict.why}", document)
    if as_json:
        output.document(document)
    else:
        newest = f"; the newest has hash {verdict.hash}" if verdict.hash else ""
        output.console().print(f"good: {verdict.rows} rows, each as it was written{newest}", soft_wrap=True)


def _database(config: Path) -> AbstractContextManager[Store]:
    """The database of a configuration, which is not made where there is none; raises Failure."""
    path = load(config).gateway.database
    if not path.exists():
        raise Failure(f"there is no database {path} yet, and so no audit log")
    return opened(config)


def _words(details: object) -> str:
    if not isinstance(details, dict):
        return str(details)
    return ", ".join(f"{name}={value}" for name, value in details.items() if value not in (None, "", [], {}))
