"""The only SQL of the project: messages, challenges, inbox, keys and PIN attempts in one SQLite file."""

from __future__ import annotations

from gateway.store.accepting import Prepared, queue_of
from gateway.store.audit import GATEWAY, Audit, AuditRow, Verdict
from gateway.store.blocked import Block, BlockedNumber, BlockedNumbers
from gateway.store.case import Settings, Slot
from gateway.store.caught import Caught, CaughtFilter, CaughtStore
from gateway.store.challenge import NUMBER_LOCKED, Challenge, ChallengeState, CheckResult, NewChallenge
from gateway.store.challenges import Challenges
from gateway.store.copies import Examined, Restored, back_up, examine, restore, stamp, vacuum
from gateway.store.database import Database
from gateway.store.deliveries import DeadDelivery, Deliveries, Delivery, Ended, Waiting
from gateway.store.dossier import PAGE, Page
from gateway.store.erasure import Erased
from gateway.store.errors import (
    Conflict,
    KeyFileError,
    StaleAttempt,
    StoreBusy,
    StoreDamaged,
    StoreError,
    StoreFailed,
    StoreFull,
    StoreLocked,
    StoreNewer,
)
from gateway.store.events import Events, Sight, StoredEvent, Subscription
from gateway.store.files import problems_of_place, serving
from gateway.store.guesses import Guesses
from gateway.store.idempotency import Idempotency, Remembered
from gateway.store.inbox import InboxStore
from gateway.store.keys import KeyInfo, Keys
from gateway.store.matching import ReportOutcome
from gateway.store.outbox import Outbox
from gateway.store.pins import PinAttempts
from gateway.store.queries import MessageFilter
from gateway.store.replacing import last_sim, type_for
from gateway.store.retention import Keep
from gateway.store.shown import Received
from gateway.store.sim_usage import SimUsage
from gateway.store.stats import Group, Statistics, percentile
from gateway.store.store import Store
from gateway.store.strays import LATE
from gateway.store.usage import Usage, Used

__all__ = [
    "LATE",
    "GATEWAY",
    "NUMBER_LOCKED",
    "PAGE",
    "Audit",
    "AuditRow",
    "Block",
    "BlockedNumber",
    "BlockedNumbers",
    "Caught",
    "CaughtFilter",
    "CaughtStore",
    "Challenge",
    "ChallengeState",
    "Challenges",
    "CheckResult",
    "Conflict",
    "Database",
    "Group",
    "Guesses",
    "Erased",
    "Examined",
    "Restored",
    "back_up",
    "examine",
    "restore",
    "stamp",
    "vacuum",
    "DeadDelivery",
    "Deliveries",
    "Delivery",
    "Ended",
    "Events",
    "Idempotency",
    "InboxStore",
    "Keep",
    "KeyFileError",
    "KeyInfo",
    "Keys",
    "MessageFilter",
    "NewChallenge",
    "Outbox",
    "Page",
    "PinAttempts",
    "Prepared",
    "Received",
    "Remembered",
    "ReportOutcome",
    "Settings",
    "Sight",
    "Slot",
    "StaleAttempt",
    "Statistics",
    "Store",
    "StoreBusy",
    "StoreDamaged",
    "StoreError",
    "StoreFailed",
    "StoreFull",
    "StoreLocked",
    "StoreNewer",
    "Usage",
    "Used",
    "StoredEvent",
    "percentile",
    "problems_of_place",
    "serving",
    "last_sim",
    "queue_of",
    "type_for",
    "SimUsage",
    "Verdict",
    "Subscription",
    "Waiting",
]
