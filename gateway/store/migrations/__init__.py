"""The schema, as sqlite-utils migrations. A migration that was released is never changed: the next one follows it.

Wall times are `*_at`, Unix milliseconds; boot times are `*_boot`, milliseconds on the CLOCK_BOOTTIME of the boot that
`meta` names. `messages.seq` is the key inside the database; `messages.id` is what the world sees. The function
`sealed(plain, where)` is there for migrations: the cipher's seal, in hexadecimal.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing

from sqlite_utils import Database as SchemaDatabase
from sqlite_utils.migrations import Migrations

from gateway.store.migrations.first import initial
from gateway.store.migrations.fourth import late
from gateway.store.migrations.second import trust
from gateway.store.migrations.third import flat

migrations = Migrations("simwire")
migrations(name="0001_initial")(initial)
migrations(name="0002_trust")(trust)
migrations(name="0003_flat")(flat)
migrations(name="0004_late")(late)


def names() -> tuple[str, ...]:
    """Every migration that this release knows, in their order."""
    with closing(sqlite3.connect(":memory:")) as empty:
        return tuple(migration.name for migration in migrations.pending(SchemaDatabase(empty)))
