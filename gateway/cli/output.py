"""What people see: tables and panels on a terminal, plain lines elsewhere, or one JSON document."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import click
from rich import box
from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from gateway.messages import Json
from hardware.clock import SystemClock

STYLES = {
    "delivered": "green",
    "approved": "green",
    "ready": "green",
    "sent": "cyan",
    "sending": "cyan",
    "queued": "yellow",
    "pending": "yellow",
    "undelivered": "red",
    "failed": "red",
    "expired": "red",
    "denied": "red",
    "locked": "red",
    "unknown": "magenta",
}
"""Colour of each state; what is not here stays plain."""
PLAIN_WIDTH = 160
"""Columns where there is no terminal: rows stay on one line for grep."""


def console(*, error: bool = False) -> Console:
    """Where a command writes; made when it runs, so that it follows a redirection."""
    stream = sys.stderr if error else sys.stdout
    width = None if stream.isatty() else PLAIN_WIDTH
    return Console(file=stream, width=width, highlight=False, markup=False, emoji=False)


def shown(text: object) -> str:
    """Text from outside, made safe for a terminal: control characters and changes of direction become visible."""
    return "".join(char if _harmless(char) else f"\\x{ord(char):02x}" for char in str(text))


def _harmless(char: str) -> bool:
    return char in "\n\u200d" or unicodedata.category(char) not in {"Cc", "Cf", "Cs"}  # U+200D joins emoji


def state(value: object) -> Text:
    """A state in its colour."""
    return Text(shown(value), style=STYLES.get(str(value), ""))


def when(written: object) -> str:
    """A time of the API in local time, to the second; empty for none."""
    if not isinstance(written, str):
        return ""
    return datetime.fromisoformat(written).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def brief(written: object) -> str:
    """`when` for a column: only the time for what is less than a day old."""
    text = when(written)
    day_ago = datetime.fromtimestamp(SystemClock().now().wall - 86_400.0, UTC)
    return text[11:] if isinstance(written, str) and datetime.fromisoformat(written) > day_ago else text


def document(value: Json) -> None:
    """The one JSON document of `--json`."""
    click.echo(json.dumps(value, indent=2))


def table(headings: Sequence[str], rows: Iterable[Sequence[object]], *, none: str) -> None:
    """Rows under headings; the words `none` where there are no rows."""
    rows = list(rows)
    out = console()
    if not rows:
        out.print(none)
        return
    shape = Table(box=box.SIMPLE_HEAD if out.is_terminal else None, pad_edge=False, show_edge=False)
    for heading in headings:
        shape.add_column(heading, overflow="fold", no_wrap=heading == "id")
    for row in rows:
        shape.add_row(*(cell if isinstance(cell, Text) else shown("" if cell is None else cell) for cell in row))
    trimmed(out, shape)


def trimmed(out: Console, renderable: RenderableType) -> None:
    """Print without the spaces that fill a line up to its width."""
    with out.capture() as drawn:
        out.print(renderable)
    out.file.write("".join(f"{line.rstrip()}\n" for line in drawn.get().splitlines()))
    out.file.flush()


def fields(values: Mapping[str, Any]) -> None:
    """Names and values, one a line; what has no value is left out."""
    out = console()
    present = {name: value for name, value in values.items() if value not in (None, "", [], ())}
    width = max((len(name) for name in present), default=0)
    for name, value in present.items():
        cell = value if isinstance(value, Text) else Text(shown(_in_words(value)))
        out.print(Text(f"{name:<{width}}  ", style="dim") + cell, soft_wrap=True)


def _in_words(value: object) -> object:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else value


@contextmanager
def progress(what: str) -> Iterator[Callable[[str], None]]:
    """Tell people how something goes, on standard error: a spinner on a terminal, a line for each change elsewhere."""
    err = console(error=True)
    if err.is_terminal:
        with err.status(f"{what} …") as spinner:
            yield lambda said: spinner.update(f"{what}: {said} …")
        return
    last: list[str] = []

    def line(said: str) -> None:
        if last != [said]:
            last[:] = [said]
            err.print(f"{what}: {said}", soft_wrap=True)

    yield line


@contextmanager
def counted(what: str, total: int) -> Iterator[tuple[Callable[[], None], Callable[[str], None]]]:
    """Tell people how far something of `total` steps is, on standard error: a bar on a terminal, else each tenth in a
    line. Hands out what to call after each step, and what to tell why it goes slowly.
    """
    err = console(error=True)
    if err.is_terminal:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=err, transient=True) as bar:
            task = bar.add_task(what, total=total)
            yield lambda: bar.advance(task), lambda said: bar.update(task, description=f"{what} ({shown(said)})")
        return
    done, last = 0, [""]

    def step() -> None:
        nonlocal done
        done += 1
        if done == total or done * 10 // total > (done - 1) * 10 // total:
            err.print(f"{what}: {done} of {total}", soft_wrap=True)

    def tell(said: str) -> None:
        if last != [said]:
            last[:] = [said]
            err.print(f"{what}: {shown(said)}", soft_wrap=True)

    yield step, tell


def timeline(document: Mapping[str, Any]) -> None:
    """The timeline of a message or a challenge, where its document carries one."""
    if document.get("timeline"):
        console().print()
        table(("after", "state", "what happened"), timeline_rows(document["timeline"]), none="")


def timeline_rows(entries: Iterable[Mapping[str, Any]]) -> list[tuple[object, ...]]:
    """A message's timeline as rows: seconds since the first entry, state, and what happened."""
    rows: list[tuple[object, ...]] = []
    start: datetime | None = None
    for entry in entries:
        at = datetime.fromisoformat(entry["time"])
        start = start or at
        rows.append((f"{(at - start).total_seconds():+8.3f} s", state(entry["state"]), _event(entry)))
    return rows


def _event(entry: Mapping[str, Any]) -> str:
    said = [str(entry[name]).replace("_", " ") for name in ("reason", "result") if entry.get(name)]
    if entry.get("modem"):
        said.append(f"by {entry['modem']}")
    if entry.get("possible_duplicate"):
        said.append("possible duplicate")
    return ", ".join(said)
