-- The projections: the current state of everything, derived from the ledger and from nothing else.
-- This file may be deleted at any time; `dutyledger projections rebuild` makes it again.
--
-- A change of shape changes this migration and raises SCHEMA in the program: files of another
-- schema are rebuilt, never migrated.

-- "DLpr": tells the file from any other SQLite file.
PRAGMA application_id = 1145860210;
-- SCHEMA in the program.
PRAGMA user_version = 1;

-- One row: which entries the rows below are derived from. It moves in the transaction that writes
-- them.
CREATE TABLE checkpoint (
    one       INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    ledger_id TEXT    NOT NULL,
    position  INTEGER NOT NULL,
    -- The leaf hash of the entry at that position: tells two ledgers apart that began as one.
    leaf_hash BLOB
) STRICT;

-- One row per stream: its state, all its entries folded.
CREATE TABLE stream_row (
    stream_type  TEXT    NOT NULL,
    stream_id    TEXT    NOT NULL,
    partnership_id TEXT,
    -- An authority's capacity.
    capacity     TEXT,
    version      INTEGER NOT NULL,
    -- The position of its last entry.
    position     INTEGER NOT NULL,
    -- A name, a title or a body, for lists.
    name         TEXT,
    state        TEXT    NOT NULL,
    PRIMARY KEY (stream_type, stream_id)
) STRICT;

CREATE INDEX stream_row_by_partnership ON stream_row (partnership_id, stream_type, stream_id);
CREATE INDEX stream_row_by_capacity ON stream_row (stream_type, capacity, stream_id);

-- The members of partnerships, those that have ceased included.
CREATE TABLE member (
    partnership_id TEXT NOT NULL,
    authority_id   TEXT NOT NULL,
    capacity       TEXT NOT NULL,
    standing       TEXT NOT NULL,
    since          TEXT NOT NULL,
    until          TEXT,
    PRIMARY KEY (partnership_id, authority_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX member_by_authority ON member (authority_id, partnership_id);

-- The areas partnerships are for.
CREATE TABLE partnership_area (
    partnership_id TEXT NOT NULL,
    area_id        TEXT NOT NULL,
    PRIMARY KEY (partnership_id, area_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX partnership_area_by_area ON partnership_area (area_id, partnership_id);

-- The authorities recorded for areas.
CREATE TABLE area_authority (
    area_id        TEXT NOT NULL,
    authority_id   TEXT NOT NULL,
    capacity       TEXT NOT NULL,
    from_on        TEXT NOT NULL,
    until          TEXT,
    PRIMARY KEY (area_id, authority_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX area_authority_by_authority ON area_authority (authority_id, area_id);

-- The authorities consulted on strategies.
CREATE TABLE consulted (
    strategy_id    TEXT    NOT NULL,
    version        INTEGER NOT NULL,
    authority_id   TEXT    NOT NULL,
    partnership_id TEXT,
    PRIMARY KEY (strategy_id, version, authority_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX consulted_by_authority ON consulted (authority_id, strategy_id, version);

-- The strategies with a published version, and the newest of them.
CREATE TABLE published (
    strategy_id    TEXT    NOT NULL PRIMARY KEY,
    partnership_id TEXT,
    version        INTEGER NOT NULL,
    published_on   TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

-- When the next review of a strategy is due.
CREATE TABLE review (
    strategy_id    TEXT    NOT NULL PRIMARY KEY,
    partnership_id TEXT    NOT NULL,
    due_on         TEXT    NOT NULL,
    counted_from   TEXT    NOT NULL,
    assumed        INTEGER NOT NULL,
    entry_id       TEXT    NOT NULL,
    covers_until   TEXT,
    fictional      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX review_by_due ON review (due_on, strategy_id);
CREATE INDEX review_by_partnership ON review (partnership_id, strategy_id);

-- What bears on a direction. A row is shown to questions about dates from shown_from up to, and
-- not including, shown_until: authorities may be recorded to end, or to begin, on a later date.
CREATE TABLE trigger_row (
    partnership_id TEXT NOT NULL,
    shown_from     TEXT NOT NULL,
    shown_until    TEXT NOT NULL,
    since          TEXT NOT NULL,
    trigger_id     TEXT NOT NULL,
    authority_id   TEXT NOT NULL,
    duty           TEXT NOT NULL,
    area_id        TEXT NOT NULL,
    json           TEXT NOT NULL,
    PRIMARY KEY (partnership_id, since, trigger_id, shown_from)
) STRICT, WITHOUT ROWID;

CREATE INDEX trigger_row_by_since ON trigger_row (since, trigger_id);

-- The decisions and past facts of strategies whose rows are not met with what is known.
CREATE TABLE mark (
    strategy_id    TEXT    NOT NULL,
    entry_id       TEXT    NOT NULL,
    partnership_id TEXT    NOT NULL,
    place          INTEGER NOT NULL,
    json           TEXT    NOT NULL,
    PRIMARY KEY (strategy_id, entry_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX mark_by_partnership ON mark (partnership_id);

-- The streams a partnership's reviews, triggers and marks were derived from.
CREATE TABLE depends (
    partnership_id TEXT NOT NULL,
    stream_type    TEXT NOT NULL,
    stream_id      TEXT NOT NULL,
    PRIMARY KEY (partnership_id, stream_type, stream_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX depends_by_stream ON depends (stream_type, stream_id);

-- One row: the rule pack the ledger has adopted, under which marks are evaluated.
CREATE TABLE rules (
    one      INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    pack     TEXT    NOT NULL,
    revision INTEGER NOT NULL
) STRICT;

-- One row per entry and partnership it concerns. Nothing of what an entry says stands here.
CREATE TABLE timeline (
    partnership_id      TEXT    NOT NULL,
    position            INTEGER NOT NULL,
    stream_type         TEXT    NOT NULL,
    stream_id           TEXT    NOT NULL,
    version             INTEGER NOT NULL,
    entry_id            TEXT    NOT NULL,
    event_type          TEXT    NOT NULL,
    occurred_on         TEXT    NOT NULL,
    occurred_on_assumed INTEGER NOT NULL,
    recorded_at         TEXT    NOT NULL,
    basis               TEXT    NOT NULL,
    reported            INTEGER NOT NULL,
    principal_kind      TEXT    NOT NULL,
    principal_id        TEXT,
    -- The entry that withdrew it.
    withdrawn_by        TEXT,
    PRIMARY KEY (partnership_id, position)
) STRICT, WITHOUT ROWID;

CREATE INDEX timeline_by_entry ON timeline (entry_id);
