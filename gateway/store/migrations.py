"""The schema, as sqlite-utils migrations. A migration that was released is never changed: the next one follows it.

Wall times are `*_at`, Unix milliseconds; boot times are `*_boot`, milliseconds on the CLOCK_BOOTTIME of the boot that
`meta` names. `messages.seq` is the key inside the database; `messages.id` is what the world sees.
"""

from __future__ import annotations

from sqlite_utils import Database as SchemaDatabase
from sqlite_utils.migrations import Migrations

migrations = Migrations("simwire")

_META = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID
"""

_MESSAGES = """
CREATE TABLE messages (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    client TEXT NOT NULL,
    recipient TEXT NOT NULL,
    country TEXT,
    lane INTEGER NOT NULL,
    state TEXT NOT NULL,
    reason TEXT,
    final INTEGER NOT NULL DEFAULT 0,
    parts INTEGER NOT NULL,
    encoding TEXT NOT NULL,
    body BLOB,                        -- sealed text and segments; NULL once erased
    report INTEGER NOT NULL,
    replace_type INTEGER,
    flash INTEGER NOT NULL,
    silent INTEGER NOT NULL,
    on_unknown TEXT NOT NULL,
    home TEXT NOT NULL,               -- home queue
    wanted TEXT,                      -- the modem that the client asked for
    modem TEXT,                       -- the modem that had it last
    attempts INTEGER NOT NULL DEFAULT 0,
    withdrawn TEXT,                   -- reason; nothing more of it may leave
    challenge_id TEXT REFERENCES challenges(id),
    client_ref TEXT,
    tags TEXT NOT NULL DEFAULT '[]',
    warnings TEXT NOT NULL DEFAULT '[]',
    created_at INTEGER NOT NULL,
    not_before_at INTEGER,
    expires_at INTEGER NOT NULL,
    expires_boot INTEGER NOT NULL,
    spare INTEGER NOT NULL,           -- milliseconds of the lifetime that must be left for a part to be sent
    check_boot INTEGER NOT NULL,      -- when expiry looks at it next
    accepted_boot INTEGER NOT NULL,   -- number of the boot of acceptance
    sent_at INTEGER,
    sent_boot INTEGER,
    delivered_at INTEGER
) STRICT
"""

_ATTEMPTS = """
CREATE TABLE attempts (
    id INTEGER PRIMARY KEY,
    message INTEGER NOT NULL REFERENCES messages(seq),
    part INTEGER NOT NULL,            -- from 1
    generation INTEGER NOT NULL,      -- from 0; each sending of the whole message by one SIM is one
    number INTEGER NOT NULL,          -- how many attempts the part has had, this one included
    step INTEGER NOT NULL DEFAULT 0,  -- steps of the retry schedule taken so far
    hopped INTEGER NOT NULL DEFAULT 0,-- whether this step has already used another modem
    kind TEXT NOT NULL,
    lane INTEGER NOT NULL,
    position INTEGER NOT NULL,
    state TEXT NOT NULL,
    queue TEXT NOT NULL,
    avoid TEXT,                       -- modem that may not take it before due_boot
    due_boot INTEGER,                 -- waiting: ready then; ready with avoid: avoid ends then
    due_at INTEGER,
    concat_reference INTEGER NOT NULL,
    without TEXT NOT NULL DEFAULT '',
    report INTEGER NOT NULL DEFAULT 1,-- whether a status report is waited for
    recipient_tail TEXT NOT NULL,
    modem TEXT,
    imsi TEXT,
    mr INTEGER,                       -- TP-MR
    claimed_at INTEGER,
    submitted_at INTEGER,
    submitted_boot INTEGER,
    result_at INTEGER,
    result TEXT,
    code INTEGER,
    report_status INTEGER,            -- newest TP-ST that counts
    reported_at INTEGER
) STRICT
"""

_TIMELINE = """
CREATE TABLE timeline (
    id INTEGER PRIMARY KEY,
    message INTEGER NOT NULL REFERENCES messages(seq),
    at INTEGER NOT NULL,
    state TEXT NOT NULL,
    reason TEXT,
    modem TEXT,
    attempt INTEGER,
    part INTEGER,
    result TEXT,
    duplicate INTEGER NOT NULL DEFAULT 0
) STRICT
"""

_REPORTS = """
CREATE TABLE reports (
    id INTEGER PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE,      -- keyed hash of SIM and raw octets: the same report twice is one
    imsi TEXT NOT NULL,
    mr INTEGER NOT NULL,
    recipient_tail TEXT NOT NULL,
    status INTEGER NOT NULL,
    service_centre_at INTEGER,
    discharged_at INTEGER,
    received_at INTEGER NOT NULL,
    outcome TEXT NOT NULL,            -- matched, unmatched, ambiguous
    attempt INTEGER REFERENCES attempts(id),
    raw BLOB NOT NULL                 -- sealed
) STRICT
"""

_SIMS = """
CREATE TABLE sims (
    imsi TEXT PRIMARY KEY,
    offset_ms INTEGER,                -- service centre's clock minus ours, learned; NULL: not known
    last_report_at INTEGER,
    silent INTEGER NOT NULL DEFAULT 0 -- messages in a row whose report never came
) STRICT, WITHOUT ROWID
"""

_CHALLENGES = """
CREATE TABLE challenges (
    id TEXT PRIMARY KEY,
    client TEXT NOT NULL,
    recipient TEXT NOT NULL,
    purpose TEXT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT,
    code_hash BLOB NOT NULL,
    failures INTEGER NOT NULL,
    max_failures INTEGER NOT NULL,
    sends INTEGER NOT NULL,
    message_id TEXT,                  -- the newest
    client_ref TEXT,
    details BLOB NOT NULL,            -- sealed JSON of the OTP engine: binding, context, locale, template, length
    created_at INTEGER NOT NULL,
    sent_at INTEGER NOT NULL,
    sent_boot INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    expires_boot INTEGER NOT NULL,
    accepted_boot INTEGER NOT NULL,
    closed_at INTEGER
) STRICT
"""

_INBOX = """
CREATE TABLE inbox_parts (
    id INTEGER PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE,      -- keyed hash of SIM and raw octets: taken in twice is shown once
    message TEXT REFERENCES inbox(id),
    joins BLOB,                       -- keyed hash of what the parts of one long message share; NULL: stands alone
    content BLOB NOT NULL,            -- keyed hash of what the part says
    sequence INTEGER NOT NULL,
    total INTEGER NOT NULL,
    body BLOB NOT NULL,               -- sealed raw PDU
    modem TEXT NOT NULL,
    imsi TEXT NOT NULL,
    received_at INTEGER NOT NULL
) STRICT
"""

_INBOX_MESSAGES = """
CREATE TABLE inbox (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    sender TEXT NOT NULL,
    body BLOB NOT NULL,               -- sealed JSON: text, data, ports
    parts INTEGER NOT NULL,
    missing INTEGER NOT NULL,         -- parts that never came
    readable INTEGER NOT NULL,        -- 0: kept raw, no decoder could read it
    modem TEXT NOT NULL,
    imsi TEXT NOT NULL,
    sent_at INTEGER,                  -- TP-SCTS
    received_at INTEGER NOT NULL
) STRICT
"""

_KEYS = """
CREATE TABLE keys (
    id TEXT PRIMARY KEY,
    client TEXT NOT NULL,
    name TEXT NOT NULL,
    hash BLOB NOT NULL UNIQUE,
    scopes TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    last_used_at INTEGER,
    revoked_at INTEGER
) STRICT, WITHOUT ROWID
"""

_PIN_ATTEMPTS = """
CREATE TABLE pin_attempts (
    card BLOB NOT NULL,               -- keyed hash of ICCID or IMEI
    pin BLOB NOT NULL,                -- keyed hash
    outcome TEXT NOT NULL,            -- begun, accepted, refused
    at INTEGER NOT NULL,
    PRIMARY KEY (card, pin)
) STRICT, WITHOUT ROWID
"""

_IDEMPOTENCY = """
CREATE TABLE idempotency (
    client TEXT NOT NULL,
    key BLOB NOT NULL,                -- keyed hash of the header
    request BLOB NOT NULL,            -- keyed hash of path and canonical body
    status INTEGER NOT NULL,
    answer BLOB NOT NULL,             -- sealed
    created_at INTEGER NOT NULL,
    PRIMARY KEY (client, key)
) STRICT, WITHOUT ROWID
"""

_TAGS = """
CREATE TABLE message_tags (
    tag TEXT NOT NULL,
    message INTEGER NOT NULL REFERENCES messages(seq),
    PRIMARY KEY (tag, message)
) STRICT, WITHOUT ROWID
"""

_INDEXES = (
    "CREATE INDEX attempts_ready ON attempts(queue, lane, position) WHERE state = 'ready'",
    "CREATE INDEX attempts_due ON attempts(due_boot) WHERE due_boot IS NOT NULL",
    "CREATE INDEX attempts_message ON attempts(message)",
    "CREATE INDEX attempts_reference ON attempts(imsi, mr, submitted_at) WHERE mr IS NOT NULL",
    "CREATE INDEX attempts_claimed ON attempts(message) WHERE state = 'claimed'",
    "CREATE INDEX attempts_submitting ON attempts(imsi, submitted_at) WHERE state = 'submitting'",
    "CREATE INDEX attempts_unknown ON attempts(imsi, submitted_at) WHERE state = 'unknown'",
    "CREATE INDEX messages_open ON messages(check_boot) WHERE final = 0",
    "CREATE INDEX messages_codes ON messages(state, sent_boot) WHERE final = 0 AND lane = 0",
    "CREATE INDEX messages_client ON messages(client)",
    "CREATE INDEX messages_client_state ON messages(client, state)",
    "CREATE INDEX messages_recipient ON messages(recipient, client)",
    "CREATE INDEX messages_challenge ON messages(challenge_id) WHERE challenge_id IS NOT NULL",
    "CREATE INDEX timeline_message ON timeline(message)",
    "CREATE INDEX reports_open ON reports(imsi, mr) WHERE outcome <> 'matched'",
    "CREATE INDEX reports_young ON reports(received_at) WHERE outcome <> 'matched'",
    "CREATE INDEX challenges_open ON challenges(client, recipient, purpose) WHERE state = 'pending'",
    "CREATE INDEX challenges_expiry ON challenges(expires_boot) WHERE state = 'pending'",
    "CREATE INDEX challenges_recipient ON challenges(recipient, created_at)",
    "CREATE INDEX inbox_joins ON inbox_parts(joins, sequence) WHERE joins IS NOT NULL",
    "CREATE INDEX inbox_waiting ON inbox_parts(joins) WHERE joins IS NOT NULL AND message IS NULL",
    "CREATE INDEX inbox_sender ON inbox(sender)",
    "CREATE INDEX idempotency_age ON idempotency(created_at)",
)


@migrations(name="0001_initial")
def _initial(db: SchemaDatabase) -> None:
    """Everything of the first release."""
    tables = (
        *(_META, _CHALLENGES, _MESSAGES, _TAGS, _ATTEMPTS, _TIMELINE, _REPORTS, _SIMS),
        *(_INBOX_MESSAGES, _INBOX, _KEYS, _PIN_ATTEMPTS, _IDEMPOTENCY),
    )
    for statement in (*tables, *_INDEXES):
        db.execute(statement)


_EVENTS = """
CREATE TABLE events (
    id INTEGER PRIMARY KEY,           -- the order in which clients see them
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    client TEXT,                      -- NULL: no client's own (inbox, modems)
    subject TEXT NOT NULL,            -- what it is about: id of a message, challenge, received message; modem's name
    body BLOB NOT NULL                -- sealed JSON
) STRICT
"""

_DELIVERIES = """
CREATE TABLE deliveries (
    id INTEGER PRIMARY KEY,           -- the order of one endpoint's events
    event INTEGER NOT NULL REFERENCES events(id),
    endpoint TEXT NOT NULL,           -- name of a configured webhook
    subject TEXT NOT NULL,            -- events of one subject arrive in order
    state TEXT NOT NULL,              -- waiting, done, dead
    attempts INTEGER NOT NULL DEFAULT 0,
    next_at INTEGER NOT NULL,         -- not before
    until_at INTEGER NOT NULL,        -- given up then
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
    PRIMARY KEY (client, recipient)
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
    f"CREATE TRIGGER audit_no_{verb.lower()} BEFORE {verb} ON audit"
    " BEGIN SELECT raise(ABORT, 'the audit log is append-only'); END"
    for verb in ("UPDATE", "DELETE")
)

_SIM_RECIPIENTS = """
CREATE TABLE sim_recipients (
    imsi TEXT NOT NULL,
    period INTEGER NOT NULL,          -- begin of the month that is counted, Unix milliseconds
    recipient TEXT NOT NULL,
    PRIMARY KEY (imsi, period, recipient)
) STRICT, WITHOUT ROWID
"""


@migrations(name="0002_trust")
def _trust(db: SchemaDatabase) -> None:
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
        # Keyed hash of the end user's address, for limits.
        "ALTER TABLE challenges ADD COLUMN peer BLOB",
        *(_EVENTS, _DELIVERIES, _GUESSES, _REPLACE_TYPES, _BLOCKED, _CAUGHT, _AUDIT, *_AUDIT_IS_APPEND_ONLY),
        _SIM_RECIPIENTS,
        # Taken by the network without a reference: rare, and counted in the SIM's quotas.
        (
            "CREATE INDEX attempts_unreferenced ON attempts(imsi, submitted_at)"
            " WHERE mr IS NULL AND state IN ('accepted', 'delivered', 'undelivered')"
        ),
        "CREATE INDEX deliveries_due ON deliveries(endpoint, next_at) WHERE state = 'waiting'",
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
