"""Many rows into a table by few steps of SQLite, which lets the interpreter go for each: under load others take it."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain

MOST = 64  # rows of one statement


def insert(cx: sqlite3.Connection, into: str, values: str, rows: Sequence[Sequence[object]]) -> None:
    """Insert rows in their order; `into` names the table and its columns, `values` is one row with its placeholders.

    Statements come in sizes of powers of two, so that there are few of them to keep prepared.
    """
    place = 0
    while left := len(rows) - place:
        size = min(MOST, 1 << left.bit_length() - 1)
        cx.execute(_statement(into, values, size), list(chain.from_iterable(rows[place : place + size])))
        place += size


@lru_cache(maxsize=64)
def _statement(into: str, values: str, size: int) -> str:
    return f"INSERT INTO {into} VALUES {', '.join([values] * size)}"  # noqa: S608 - no input in it
