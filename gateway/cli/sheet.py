"""A table of people and a text with gaps: what each row of a CSV file is to be sent. Pure but for reading the file."""

from __future__ import annotations

import codecs
import csv
import difflib
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from string import Formatter

from gateway.cli.failure import Failure
from gateway.messages import Secret

DELIMITERS = ",;\t"
"""What stands between cells, unless another is named."""
NUMBER_COLUMNS = ("to", "number", "phone", "phone number", "phone_number", "mobile", "telephone", "tel", "msisdn")
"""Columns that numbers are looked for in, where none is named."""
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_SEPARATOR_LINE = re.compile(r"sep=(.)\r?\n", re.IGNORECASE)  # Excel puts it in front, and does not count it
_BY_SPREADSHEET = re.compile(r"\+?\d([.,]\d+)?E\+?\d+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its place as a spreadsheet counts (the headings are row 1), and what it comes to."""

    place: int
    number: str = ""
    text: Secret = field(default_factory=lambda: Secret(""), repr=False)
    problem: str | None = None
    """Why nothing can be sent; None where something can."""


class Template:
    """A text with gaps, `Dear {name}`; two braces stand for one. Raises Failure where it makes no sense."""

    def __init__(self, text: str) -> None:
        self._pieces: list[tuple[str, str | None]] = []
        try:
            for literal, gap, form, conversion in Formatter().parse(text):
                if form or conversion:
                    raise ValueError(f"write {{{gap}}} without {'!' if conversion else ':'}")
                self._pieces.append((literal, gap.strip() if gap is not None else None))
        except ValueError as error:
            raise Failure(
                f"the template cannot be read: {error}; gaps are names of columns like {{name}}, and {{{{ is a brace"
            ) from None
        if any(gap == "" for _, gap in self._pieces):
            raise Failure("the template has a gap {} without a name; write the name of a column into it")
        self.columns = tuple(dict.fromkeys(gap for _, gap in self._pieces if gap is not None))

    def filled(self, values: dict[str, str]) -> str:
        """The text for one row."""
        return "".join(literal + (values[gap] if gap is not None else "") for literal, gap in self._pieces)


def read_rows(
    path: Path,
    template: Template,
    *,
    to_column: str | None = None,
    delimiter: str | None = None,
    encoding: str = "utf-8",
) -> list[Row]:
    """Every row of a CSV file that is not empty. Raises Failure, with the row, for a file that cannot be read."""
    text = _decoded(path, encoding)
    if found := _SEPARATOR_LINE.match(text):
        text, delimiter = text[found.end() :], delimiter or found[1]
    records = _records(path, text, delimiter or _guessed(text))
    _, headings = next(records, (0, []))
    headings = [heading.strip() for heading in headings]
    if not any(headings):
        raise Failure(f"{path} is empty: its first row must be the names of the columns")
    number_at = _column(path, headings, to_column)
    at = {name: _named(path, headings, name, "the template") for name in template.columns}
    return [
        _row(place, cells, headings, number_at, at, template)
        for place, cells in records
        if any(cell.strip() for cell in cells)
    ]


def _decoded(path: Path, encoding: str) -> str:
    octets = path.read_bytes()
    encoding = next((found for bom, found in _BOMS if octets.startswith(bom)), encoding)
    try:
        return octets.decode(encoding)
    except UnicodeDecodeError as error:
        line = octets[: error.start].count(b"\n") + 1
        raise Failure(
            f"{path}: line {line} is not {encoding}; say how it is written, e.g. --csv-encoding cp1252 for a file of "
            "Excel on Windows, or store it as CSV UTF-8"
        ) from None
    except LookupError:
        raise Failure(f"there is no encoding {encoding!r}; names are utf-8, cp1252, iso-8859-15, utf-16 …") from None


def _guessed(text: str) -> str:
    """The delimiter that makes the most of the headings."""

    def columns(delimiter: str) -> int:
        try:
            return len(next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), []))
        except csv.Error:
            return 0

    return max(DELIMITERS, key=columns)


def _records(path: Path, text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Row and cells; a cell may hold line ends, and is one row all the same."""
    place = 0
    try:
        for place, cells in enumerate(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True), 1):
            yield place, cells
    except csv.Error as error:
        raise Failure(f"{path}: row {place + 1} cannot be read: {error}; is a quotation mark left open?") from None


def _column(path: Path, headings: Sequence[str], name: str | None) -> int:
    if name is not None:
        return _named(path, headings, name, "--to-column")
    found = [place for place, heading in enumerate(headings) if heading.lower() in NUMBER_COLUMNS]
    if len(found) != 1:
        which = "several columns that may be" if found else "no column that is known as"
        raise Failure(
            f"{path} has {which} the numbers to send to; name it with --to-column. There are: {', '.join(headings)}"
        )
    return found[0]


def _named(path: Path, headings: Sequence[str], name: str, who: str) -> int:
    places = [place for place, heading in enumerate(headings) if heading == name]
    if len(places) > 1:
        raise Failure(f"{path} has {len(places)} columns {name!r}, and {who} names it; rename one of them")
    if not places:
        near = difflib.get_close_matches(name, headings, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(headings)}"
        raise Failure(f"{path} has no column {name!r}, which {who} names; {hint}")
    return places[0]


def _row(
    place: int, cells: Sequence[str], headings: Sequence[str], number_at: int, at: dict[str, int], template: Template
) -> Row:
    padded = [*(cell.strip() for cell in cells), *("" for _ in range(len(headings) - len(cells)))]
    number = padded[number_at]
    if any(padded[len(headings) :]):
        told = f"has {len(cells)} cells, and there are {len(headings)} columns: put what holds a delimiter in quotes"
        return Row(place, number, problem=told)
    if not number:
        return Row(place, problem=f"no number in column {headings[number_at]!r}")
    if _BY_SPREADSHEET.fullmatch(number):
        told = f"a spreadsheet wrote the number as {number}: format its column as text, and put the number in again"
        return Row(place, number, problem=told)
    lacking = [name for name, where in at.items() if not padded[where]]
    if lacking:
        return Row(place, number, problem=f"nothing in column {', '.join(map(repr, lacking))}, which the text needs")
    text = template.filled({name: padded[where] for name, where in at.items()})
    return Row(place, number, Secret(text), None if text.strip() else "the text is empty")
