-- The ledger: an append-only, ordered list of entries. schemas/record.md says what leaf_data holds.

-- "DLdg": tells the file from any other SQLite file.
PRAGMA application_id = 1145857127;
-- The version of the last migration; every migration sets it.
PRAGMA user_version = 1;

-- One row per entry. leaf_data is the exact text that was hashed; every other column repeats a part
-- of it for the sake of an index or of a reader with nothing but SQL.
CREATE TABLE entry (
    position       INTEGER NOT NULL PRIMARY KEY,
    entry_id       TEXT    NOT NULL,
    stream_type    TEXT    NOT NULL,
    stream_id      TEXT    NOT NULL,
    version        INTEGER NOT NULL,
    event_type     TEXT    NOT NULL,
    schema_version INTEGER NOT NULL,
    occurred_on    TEXT    NOT NULL,
    recorded_at    TEXT    NOT NULL,
    leaf_data      TEXT    NOT NULL,
    leaf_hash      BLOB    NOT NULL CHECK (length(leaf_hash) = 32),
    UNIQUE (stream_type, stream_id, version),
    UNIQUE (entry_id)
) STRICT;

CREATE TRIGGER entry_is_never_changed BEFORE UPDATE ON entry
BEGIN
    SELECT RAISE(ABORT, 'an entry is never changed');
END;

CREATE TRIGGER entry_is_never_removed BEFORE DELETE ON entry
BEGIN
    SELECT RAISE(ABORT, 'an entry is never removed');
END;

-- INSERT OR REPLACE removes rows without firing a DELETE trigger, so an insert that would replace
-- anything is refused here, and with it any gap.
CREATE TRIGGER entry_is_only_appended BEFORE INSERT ON entry
WHEN NEW.position <> (SELECT coalesce(max(position), 0) + 1 FROM entry)
    OR NEW.version <> (
        SELECT coalesce(max(version), 0) + 1 FROM entry
        WHERE stream_type = NEW.stream_type AND stream_id = NEW.stream_id
    )
    OR EXISTS (SELECT 1 FROM entry WHERE entry_id = NEW.entry_id)
BEGIN
    SELECT RAISE(ABORT, 'an entry is only appended at the end of the ledger and of its stream');
END;

-- One row: which ledger this is and how far it goes. The writer moves it from a position it knows,
-- so that two writers could never both append.
CREATE TABLE head (
    one         INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    ledger_id   TEXT    NOT NULL,
    position    INTEGER NOT NULL,
    recorded_at TEXT    NOT NULL
) STRICT;

-- What a repeated request is answered with. Kept for 30 days, or for good where it is lasting.
CREATE TABLE idempotency (
    scope          TEXT    NOT NULL,
    key            TEXT    NOT NULL,
    digest         BLOB    NOT NULL CHECK (length(digest) = 32),
    first_position INTEGER NOT NULL,
    last_position  INTEGER NOT NULL,
    created_at     TEXT    NOT NULL,
    lasting        INTEGER NOT NULL CHECK (lasting IN (0, 1)),
    PRIMARY KEY (scope, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX idempotency_by_age ON idempotency (created_at) WHERE lasting = 0;

-- The API keys as they stand. Only hashes: a key itself is shown once, to whom it is issued.
CREATE TABLE api_key (
    key_id       TEXT NOT NULL PRIMARY KEY,
    hash         BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    kind         TEXT NOT NULL,
    principal_id TEXT,
    label        TEXT NOT NULL,
    issued_at    TEXT NOT NULL,
    expires_at   TEXT,
    revoked_at   TEXT
) STRICT, WITHOUT ROWID;
