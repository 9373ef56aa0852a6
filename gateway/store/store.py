"""The store as one thing: what the service builds and everything else is handed parts of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from gateway.store.audit import Audit
from gateway.store.blocked import BlockedNumbers
from gateway.store.canaries import Canaries
from gateway.store.case import Settings
from gateway.store.centres import Centres
from gateway.store.challenges import Challenges
from gateway.store.cipher import Cipher
from gateway.store.database import RESERVE, Database
from gateway.store.deliveries import Deliveries
from gateway.store.dossier import Dossier
from gateway.store.erasure import Erasure
from gateway.store.events import Events
from gateway.store.idempotency import Idempotency
from gateway.store.inbox import InboxStore
from gateway.store.keys import Keys
from gateway.store.outbox import Outbox
from gateway.store.pins import PinAttempts
from gateway.store.raised import RaisedAlarms
from gateway.store.retention import Retention
from gateway.store.sim_usage import SimUsage
from gateway.store.stats import Stats
from gateway.store.usage import Usage
from hardware.clock import Clock


class Store:
    """One database with everything that lives in it."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self.database, self.settings = database, settings
        self.cipher: Cipher = database.cipher
        self.events = Events(database)
        self.deliveries = Deliveries(database, self.events)
        self.outbox = Outbox(database, settings, self.events)
        self.challenges = Challenges(database, self.outbox, self.events, settings)
        self.outbox.also_expires.append(self.challenges.expire_due)
        self.caught = self.outbox.caught
        self.inbox = InboxStore(database, self.events)
        self.audit = Audit(database)
        self.keys = Keys(database, self.audit)
        self.blocked = BlockedNumbers(database, self.outbox, self.events, self.audit)
        self.usage = Usage(database)
        self.stats = Stats(database)
        self.pins = PinAttempts(database)
        self.centres = Centres(database)
        self.canaries = Canaries(database)
        self.raised = RaisedAlarms(database)
        self.idempotency = Idempotency(database)
        self.sim_usage = SimUsage(database)
        self.retention = Retention(database)
        self.dossier = Dossier(database, self.outbox, self.challenges, self.inbox, self.blocked)
        self.erasure = Erasure(database, self.outbox, self.challenges, self.inbox)

    @classmethod
    def open(
        cls,
        path: Path,
        key_file: Path,
        clock: Clock,
        settings: Settings | None = None,
        *,
        reserve: int = RESERVE,
        checked: bool = False,
        on_progress: Callable[[], None] | None = None,
    ) -> Store:
        """Open, or make, the database; `reserve`: octets of disk that accepting leaves free; `checked`: look first
        whether its pages are sound; see `Database.open` for it and `on_progress`.

        Raises the StoreError subclasses of `Database.open`.
        """
        database = Database.open(path, key_file, clock, checked=checked, on_progress=on_progress)
        database.reserve = reserve
        return cls(database, settings or Settings())

    def close(self) -> None:
        """Close every connection."""
        self.database.close()
