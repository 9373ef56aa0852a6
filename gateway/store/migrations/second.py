"""Events and webhooks, policies of keys, abuse limits, caught messages, the audit log."""

from __future__ import annotations

from sqlite_utils import Database as SchemaDatabase

_EVENTS = """
CREATE TABLE events (
    id INTEGER PRIMARY KEY AUTOINCREMENT, -- the order in which clients see them; never given again
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    client TEXT,                      -- NULL: no client's own (inbox, modems)
    subject TEXT NOT NULL,            -- what it is about: id of a message, challenge, received message; modem's name
    body BLOB NOT NULL                -- sealed JSON
) STRICT
"""

_DELIVERIES = """
CREATE TABLE deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT, -- the order of one endpoint's events; never given again: replays name it
    event INTEGER NOT NULL REFERENCES events(id),
    endpoint TEXT NOT NULL,           -- name of a configured webhook
    subject TEXT NOT NULL,            -- events of one subject arrive in order
    state TEXT NOT NULL,              -- waiting, done, dead
    attempts INTEGER NOT NULL DEFAULT 0,
    next_boot INTEGER NOT NULL,       -- not before, on the boot clock
    until_at INTEGER NOT NULL,        -- given up then; for people, and for another boot
    until_boot INTEGER NOT NULL,      -- the same on the boot clock
    accepted_boot INTEGER NOT NULL,   -- number of the boot in which it was queued
    status INTEGER,                   -- HTTP status of the newest attempt
    error TEXT,                       -- what went wrong in the newest attempt
    done_at INTEGER
) STRICT
"""

_GUESSES = """
CREATE TABLE guesses (
    client TEXT NOT NULL,
    recipient TEXT NOT NULL,
    failures INTEGER NOT NULL,        -- wrong codes in a row, over challenges
    newest_at INTEGER NOT NULL,
    locked_until INTEGER,             -- no code is judged or sent before
    locked_boot INTEGER,              -- the same on the boot clock
    accepted_boot INTEGER NOT NULL,   -- number of the boot that locked_boot counts in
    stopped_at INTEGER,               -- too many: until an operator clears it
    delivery INTEGER NOT NULL,        -- of the codes that were guessed at: what tests do locks nobody out
    PRIMARY KEY (client, recipient, delivery)
) STRICT, WITHOUT ROWID
"""

_REPLACE_TYPES = """
CREATE TABLE replace_types (
    type INTEGER PRIMARY KEY,         -- 1-7 (23.040 9.2.3.9)
    client TEXT NOT NULL,
    purpose TEXT NOT NULL,
    UNIQUE (client, purpose)
) STRICT
"""

_BLOCKED = """
CREATE TABLE blocked_numbers (
    recipient TEXT PRIMARY KEY,
    reason TEXT NOT NULL,             -- opted_out, blocked, blocked_all
    note BLOB,                        -- sealed: what the operator wrote about it
    by TEXT,                          -- the operator; NULL: the person, by an incoming word
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID
"""

_CAUGHT = """
CREATE TABLE caught (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    client TEXT NOT NULL,
    recipient TEXT NOT NULL,
    message_id TEXT NOT NULL,
    body BLOB NOT NULL,               -- sealed JSON: text, data, code
    caught_at INTEGER NOT NULL
) STRICT
"""

_AUDIT = """
CREATE TABLE audit (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    details TEXT NOT NULL,            -- JSON; no secret, numbers masked
    hash BLOB NOT NULL                -- keyed, over the row and the hash of the row before
) STRICT
"""
_AUDIT_IS_APPEND_ONLY = tuple(
    f"CREATE TRIGGER audit_no_{name} BEFORE {verb} BEGIN SELECT raise(ABORT, 'the audit log is append-only'); END"
    for name, verb in (
        ("update", "UPDATE ON audit"),
        ("delete", "DELETE ON audit"),
        # INSERT OR REPLACE removes the row that is in its way; without `recursive_triggers` no DELETE trigger is asked.
        ("replace", "INSERT ON audit WHEN EXISTS (SELECT 1 FROM audit WHERE id = NEW.id)"),
    )
)
# The log's end is sealed in the transaction that makes the table: where it is missing later, somebody took it away.
_AUDIT_BEGINS = """
INSERT INTO meta VALUES ('audit_head', sealed('{"count": 0, "hash": ""}', 'meta.value audit_head'))
"""

_SIM_RECIPIENTS = """
CREATE TABLE sim_recipients (
    imsi TEXT NOT NULL,
    period INTEGER NOT NULL,          -- begin of the month that is counted, Unix milliseconds
    recipient TEXT NOT NULL,
    PRIMARY KEY (imsi, period, recipient)
) STRICT, WITHOUT ROWID
"""


def trust(db: SchemaDatabase) -> None:
    """Events and webhooks, policies of keys, abuse limits, caught messages, the audit log."""
    for statement in (
        "ALTER TABLE keys ADD COLUMN expires_at INTEGER",
        "ALTER TABLE keys ADD COLUMN policy TEXT NOT NULL DEFAULT '{}'",
        "ALTER TABLE messages ADD COLUMN key_id TEXT",
        # Frozen at acceptance: live, redirect, catch (gateway.policy.Delivery).
        "ALTER TABLE messages ADD COLUMN delivery INTEGER NOT NULL DEFAULT 0",
        # Where it really goes; NULL: to its recipient.
        "ALTER TABLE messages ADD COLUMN sent_to TEXT",
        "ALTER TABLE challenges ADD COLUMN key_id TEXT",
        # That of the key it was started with: live, redirect, catch.
        "ALTER TABLE challenges ADD COLUMN delivery INTEGER NOT NULL DEFAULT 0",
        # Keyed hash of the end user's address, for limits.
        "ALTER TABLE challenges ADD COLUMN peer BLOB",
        *(_EVENTS, _DELIVERIES, _GUESSES, _REPLACE_TYPES, _BLOCKED, _CAUGHT, _AUDIT, *_AUDIT_IS_APPEND_ONLY),
        _AUDIT_BEGINS,
        _SIM_RECIPIENTS,
        # Taken by the network without a reference: rare, and counted in the SIM's quotas.
        (
            "CREATE INDEX attempts_unreferenced ON attempts(imsi, submitted_at)"
            " WHERE mr IS NULL AND state IN ('accepted', 'delivered', 'undelivered')"
        ),
        "CREATE INDEX deliveries_due ON deliveries(endpoint, next_boot) WHERE state = 'waiting'",
        "CREATE INDEX deliveries_order ON deliveries(endpoint, subject, id) WHERE state = 'waiting'",
        "CREATE INDEX deliveries_dead ON deliveries(endpoint) WHERE state = 'dead'",
        "CREATE INDEX deliveries_ended ON deliveries(done_at) WHERE done_at IS NOT NULL",
        "CREATE INDEX deliveries_event ON deliveries(event)",
        # Those that wait for their time to be caught do not count as queue.
        "CREATE INDEX messages_caught ON messages(seq) WHERE final = 0 AND delivery = 2",
        "CREATE INDEX caught_client ON caught(client, recipient)",
        "CREATE INDEX caught_message ON caught(message_id)",
        # What is deleted is looked for by every table that points at it.
        "CREATE INDEX reports_attempt ON reports(attempt) WHERE attempt IS NOT NULL",
        "CREATE INDEX tags_message ON message_tags(message)",
        "CREATE INDEX inbox_parts_message ON inbox_parts(message) WHERE message IS NOT NULL",
        # Texts that are still to be erased: a message enters it when it is final, never when it is accepted.
        (
            "CREATE INDEX messages_texts ON messages(coalesce(not_before_at, created_at))"
            " WHERE final = 1 AND lane > 0 AND body IS NOT NULL"
        ),
        # What is kept about a number.
        "CREATE INDEX messages_sent_to ON messages(sent_to) WHERE sent_to IS NOT NULL",
        "CREATE INDEX caught_recipient ON caught(recipient)",
        "CREATE INDEX guesses_recipient ON guesses(recipient)",
    ):
        db.execute(statement)
