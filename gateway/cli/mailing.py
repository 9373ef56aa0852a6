"""`simwire send --csv`: what was asked for, and what people see of it; the work is `gateway.cli.bulk`'s."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from gateway.cli import batch, output
from gateway.cli.bulk import Interrupted, Line, Run, good, modems_of, reckoned
from gateway.cli.client import Gateway
from gateway.cli.failure import Failure
from gateway.cli.sheet import Template, read_rows
from gateway.cli.signals import StopSignals
from gateway.config import load
from gateway.messages import Json
from gateway.quantities import Rate, rate, roughly

F = TypeVar("F", bound=Callable[..., Any])

SHOWN = 20
"""Rows that are named one by one at most; the report names all."""
REPORT = ("row", "number", "id", "state", "reason")
DELIMITERS = {"tab": "\t", "comma": ",", "semicolon": ";"}


def _rate(_: click.Context, __: click.Parameter, value: str | None) -> Rate | None:
    try:
        return rate(value) if value else None
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def _delimiter(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    found = DELIMITERS.get(value, value) if value else None
    if found is not None and (len(found) != 1 or found in '\r\n"'):
        raise click.BadParameter("one character, or tab, comma, semicolon")
    return found


def table_options(command: F) -> F:
    """What belongs to --csv."""
    file, new = click.Path(exists=True, dir_okay=False, path_type=Path), click.Path(dir_okay=False, path_type=Path)
    options = (
        click.option("--csv", "table", type=file, metavar="FILE", help="One message for each row of this table."),
        click.option(
            "--template", metavar="TEXT", help="With --csv: the text, with {column} for gaps; @FILE reads it."
        ),
        click.option("--to-column", metavar="NAME", help="The column of numbers; by default the one that looks so."),
        click.option("--delimiter", callback=_delimiter, metavar="CHAR", help="By default , ; or tab, whichever fits."),
        click.option("--csv-encoding", default="utf-8", show_default=True, metavar="NAME", help="How FILE is written."),
        click.option("--batch", "name", metavar="NAME", help="Of one batch a number gets one message; FILE's name."),
        click.option("--state", type=new, metavar="FILE", help="Where it is kept what was taken; beside the table."),
        click.option("--dry-run", is_flag=True, help="Say what would be sent, its parts, cost and time; send nothing."),
        click.option("--price", type=click.FloatRange(0), metavar="N", help="Of one part; else [messages] price."),
        click.option("--skip-bad", is_flag=True, help="Leave out rows that cannot be sent; without it, none is sent."),
        click.option("--repeat-numbers", is_flag=True, help="A number may get several messages, with other texts."),
        click.option("--rate", "pace", callback=_rate, metavar="N/TIME", help='At most so fast, e.g. "30/1m".'),
        click.option("--report", type=new, metavar="FILE", help="Write row, number, id and state of each as CSV."),
    )
    wrapped: Any = command
    for option in reversed(options):
        wrapped = option(wrapped)
    return wrapped  # type: ignore[no-any-return]  # click's decorators return what they were given


@dataclass(frozen=True, slots=True)
class Table:
    """What was asked for with --csv."""

    table: Path
    template: str | None
    to_column: str | None
    delimiter: str | None
    csv_encoding: str
    name: str | None
    state: Path | None
    dry_run: bool
    price: float | None
    skip_bad: bool
    repeat_numbers: bool
    pace: Rate | None
    report: Path | None


def send_table(gateway: Gateway, asked: Table, body: Json, wait: float | None, *, as_json: bool) -> None:
    """A message to each row; raises Failure, and UsageError."""
    if body.get("priority") == "otp":
        raise click.UsageError("codes are not sent from tables: see simwire otp create")
    _fitting_report(asked)
    template = Template(_text_of(asked.template))
    lines = [
        Line(row, row.number, "bad" if row.problem else "waiting", row.problem)
        for row in read_rows(
            asked.table,
            template,
            to_column=asked.to_column,
            delimiter=asked.delimiter,
            encoding=asked.csv_encoding,
        )
    ]
    if not lines:
        raise Failure(f"{asked.table} has headings and no rows below them")
    price = asked.price if asked.price is not None else _price()
    name = asked.name or batch.name_of(asked.table)
    options = {"priority": "bulk", **body, "tags": [f"batch:{name}", *body.get("tags", ())]}
    with closing(StopSignals()) as stop:
        run = Run(
            *(gateway, batch.Batch(name, asked.table), lines, options, stop, asked.repeat_numbers, asked.pace),
            said=lambda _: None,
        )
        try:
            _counted(run, "looking at rows", run.look)
            if asked.dry_run:
                _reckon(run, price, skip_bad=asked.skip_bad, as_json=as_json)
                return
            _refuse_bad(run, skip_bad=asked.skip_bad)
            _hand_over(run, asked, wait)
        except Interrupted as why:
            _ended(run, asked, wait, as_json=as_json, why=str(why) or "broken off")
            return
        finally:
            if asked.report is not None:
                _write_report(asked.report, lines)
    _ended(run, asked, wait, as_json=as_json)


def _fitting_report(asked: Table) -> None:
    """Look, before anything is sent, whether the report can be written; raises UsageError and Failure."""
    report = asked.report
    if report is None:
        return
    if report.exists() and report.samefile(asked.table):
        raise click.UsageError("--report would replace the table: name another file")
    if not os.access(report.parent, os.W_OK):
        raise Failure(
            f"nothing was sent, as the report cannot be written: the folder {report.parent} is not there, or not yours"
        )


def _hand_over(run: Run, asked: Table, wait: float | None) -> None:
    path = asked.state or asked.table.with_name(f"{asked.table.name}.{run.batch.name}.state")
    made_of: Mapping[str, str | bool] = {
        "template": batch.fingerprint(_text_of(asked.template)),
        "repeat_numbers": asked.repeat_numbers,
    }
    with batch.opened(path, run.batch.name, made_of) as run.batch:
        _counted(run, "handing over", run.hand_over)
        if wait:
            _counted(run, "waiting", lambda advance: run.wait(wait, advance))


def _counted(run: Run, what: str, step: Callable[[Callable[[], None]], None]) -> None:
    with output.counted(what, len(run.lines)) as (advance, run.said):
        step(advance)


def _text_of(template: str | None) -> str:
    """The template itself; raises UsageError where there is none, and Failure for a slip that would be sent."""
    if template is None:
        raise click.UsageError("--csv goes with --template TEXT, or --template @FILE")
    if template.startswith("@") and not template.startswith("@@"):
        try:
            return Path(template[1:]).read_text(encoding="utf-8-sig").removesuffix("\n")
        except UnicodeDecodeError:
            raise Failure(f"{template[1:]} is not UTF-8; store it so") from None
    with suppress(OSError, ValueError):
        if Path(template).is_file():
            raise Failure(f"{template!r} is the name of a file: write --template @{template} to send what is in it")
    return template.removeprefix("@") if template.startswith("@@") else template


def _price() -> float:
    """What the configuration says that a part costs, where one is named."""
    path = click.get_current_context().params.get("config")
    return load(path).messages.price if isinstance(path, Path) else 0.0


def _refuse_bad(run: Run, *, skip_bad: bool) -> None:
    bad = [line for line in run.lines if line.state == "bad"]
    if bad and not skip_bad:
        raise Failure(
            f"nothing was sent, as {_rows(bad)} cannot be:\n{_listed(bad)}\n"
            "Mend them, or send the others with --skip-bad",
            {"code": "bad_rows", "title": f"{len(bad)} rows cannot be sent", **run.in_short()},
        )


def _reckon(run: Run, price: float, *, skip_bad: bool, as_json: bool) -> None:
    modems = modems_of(run.gateway)
    told = reckoned(run.lines, price, modems or 1, run.rate)
    short = run.in_short()
    bad, twice = ([line for line in run.lines if line.state == state] for state in ("bad", "duplicate"))
    if as_json:
        output.document({**short, "dry_run": True, **told, "modems": modems})
    else:
        encodings = ", ".join(f"{count} in {name}" for name, count in told["encodings"].items())
        output.fields(
            {
                "batch": run.batch.name,
                "rows": len(run.lines),
                "messages": f"{told['messages']} ({encodings})" if encodings else 0,
                "parts": f"{told['parts']}, at most {told['longest']} a message",
                "ucs2": f"forced by {output.shown(told['forcing'])}" if told["forcing"] else None,
                "cost": f"{told['cost']:.2f} at {price:g} a part" if told["cost"] is not None else None,
                "time": f"about {roughly(told['seconds'])} by {_modems(modems)}, beside quotas and quiet hours",
                "bad": _rows(bad) if bad else None,
                "duplicates": _rows(twice) if twice else None,
            }
        )
        for lines in (bad, twice):
            if lines:
                output.console(error=True).print(_listed(lines), soft_wrap=True)
    if bad and not skip_bad:
        click.get_current_context().exit(1)


def _modems(modems: int | None) -> str:
    if modems is None:
        return "one modem (this key may not see how many there are)"
    return f"{modems} modem{'s'[: modems != 1]}" if modems else "one modem (none is ready now)"


def _ended(run: Run, asked: Table, wait: float | None, *, as_json: bool, why: str | None = None) -> None:
    """Say what became of it; exit status 1 where that is not all that was asked for."""
    short = run.in_short()
    lines = run.lines
    if as_json:
        output.document({**short, "interrupted": why})
    else:
        err = output.console(error=True)
        output.fields(
            {
                "batch": run.batch.name,
                "rows": short["rows"],
                "accepted": f"{short['accepted']} ({short['earlier']} of them by an earlier run)",
                **{
                    name: count
                    for name, count in sorted(short["states"].items())
                    if name not in {"accepted", "waiting"}
                },
                "left": short["left"] or None,
                "see them": f"simwire messages list --tag {run.batch.tag}" if short["accepted"] else None,
            }
        )
        for state in ("bad", "refused", "duplicate"):
            if found := [line for line in lines if line.state == state]:
                err.print(output.shown(_listed(found)), soft_wrap=True)
        if why is not None:
            err.print(f"{output.shown(why)}: run the same command again to go on; what was accepted is not sent again")
    if why is not None or not good(lines, skip_bad=asked.skip_bad, waited=bool(wait)):
        click.get_current_context().exit(1)


def _rows(lines: list[Line]) -> str:
    return f"{len(lines)} row{'s'[: len(lines) != 1]}"


def _listed(lines: list[Line]) -> str:
    told = [f"  row {line.row.place}: {line.reason}" for line in lines[:SHOWN]]
    more = [f"  and {len(lines) - SHOWN} more; --report FILE names all"] if len(lines) > SHOWN else []
    return "\n".join([*told, *more])


def _write_report(path: Path, lines: list[Line]) -> None:
    """All rows as CSV, whole or not at all."""
    text = io.StringIO(newline="")
    rows = csv.writer(text)
    rows.writerow(REPORT)
    rows.writerows((line.row.place, line.number, line.identity, line.state, line.reason) for line in lines)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_text(text.getvalue(), encoding="utf-8", newline="")
    beside.replace(path)
