"""The schema of the first release."""

from __future__ import annotations

from sqlite_utils import Database as SchemaDatabase

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


def initial(db: SchemaDatabase) -> None:
    """Everything of the first release."""
    tables = (
        *(_META, _CHALLENGES, _MESSAGES, _TAGS, _ATTEMPTS, _TIMELINE, _REPORTS, _SIMS),
        *(_INBOX_MESSAGES, _INBOX, _KEYS, _PIN_ATTEMPTS, _IDEMPOTENCY),
    )
    for statement in (*tables, *_INDEXES):
        db.execute(statement)
