-- The ledger: an append-only, ordered list of entries. schemas/record.md says what leaf_data holds.
-- `dutyledger migrate` runs this in the schema `ledger`, under the role that owns it.

-- One row per entry. leaf_data is the exact text that was hashed; every other column repeats a part
-- of it for the sake of an index or of a reader with nothing but SQL.
CREATE TABLE entry (
    position       bigint      NOT NULL PRIMARY KEY,
    entry_id       uuid        NOT NULL UNIQUE,
    stream_type    text        NOT NULL COLLATE "C",
    stream_id      uuid        NOT NULL,
    version        bigint      NOT NULL,
    event_type     text        NOT NULL,
    schema_version integer     NOT NULL,
    occurred_on    date        NOT NULL,
    recorded_at    timestamptz NOT NULL,
    leaf_data      text        NOT NULL,
    leaf_hash      bytea       NOT NULL CHECK (length(leaf_hash) = 32),
    UNIQUE (stream_id, version, stream_type)
);

-- One row: which ledger this is and how far it goes. A commit moves it from the batch its writer
-- knows, so that of two writers one has to look again.
CREATE TABLE head (
    one         integer     NOT NULL PRIMARY KEY CHECK (one = 1),
    ledger_id   uuid        NOT NULL,
    -- How many commits there were.
    batch       bigint      NOT NULL,
    position    bigint      NOT NULL,
    recorded_at timestamptz NOT NULL,
    -- The roots of the perfect subtrees of the Merkle tree over all entries, largest first.
    frontier    bytea       NOT NULL
) WITH (fillfactor = 10);

-- The root of the Merkle tree (RFC 6962) over the entries up to a position, one for each commit.
CREATE TABLE root (
    position bigint NOT NULL PRIMARY KEY,
    root     bytea  NOT NULL CHECK (length(root) = 32)
);

-- What a repeated request is answered with. Kept for 30 days, or for good where it is lasting.
CREATE TABLE idempotency (
    scope          text        NOT NULL COLLATE "C",
    key            text        NOT NULL COLLATE "C",
    digest         bytea       NOT NULL CHECK (length(digest) = 32),
    first_position bigint      NOT NULL,
    last_position  bigint      NOT NULL,
    created_at     timestamptz NOT NULL,
    lasting        boolean     NOT NULL,
    PRIMARY KEY (scope, key)
);

CREATE INDEX idempotency_by_age ON idempotency (created_at) WHERE NOT lasting;

-- The API keys as they stand. Only hashes: a key itself is shown once, to whom it is issued.
CREATE TABLE api_key (
    key_id       uuid        NOT NULL PRIMARY KEY,
    hash         bytea       NOT NULL UNIQUE CHECK (length(hash) = 32),
    kind         text        NOT NULL,
    principal_id uuid,
    label        text        NOT NULL,
    issued_at    timestamptz NOT NULL,
    expires_at   timestamptz,
    revoked_at   timestamptz
);

-- Not even the owner changes what was recorded.
CREATE FUNCTION never() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are never changed and never removed', TG_TABLE_NAME;
END
$$;

CREATE TRIGGER never BEFORE UPDATE OR DELETE OR TRUNCATE ON entry
    FOR EACH STATEMENT EXECUTE FUNCTION never();
CREATE TRIGGER never BEFORE UPDATE OR DELETE OR TRUNCATE ON root
    FOR EACH STATEMENT EXECUTE FUNCTION never();
CREATE TRIGGER never BEFORE DELETE OR TRUNCATE ON head
    FOR EACH STATEMENT EXECUTE FUNCTION never();

-- Lets a role serve: append and read, and nothing else.
CREATE FUNCTION let_serve(role name) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('GRANT USAGE ON SCHEMA ledger TO %I', role);
    EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA ledger TO %I', role);
    EXECUTE format('GRANT INSERT ON ledger.entry, ledger.root, ledger.head, ledger.idempotency, ledger.api_key TO %I', role);
    EXECUTE format('GRANT UPDATE (batch, position, recorded_at, frontier) ON ledger.head TO %I', role);
    EXECUTE format('GRANT DELETE ON ledger.idempotency TO %I', role);
    EXECUTE format('GRANT UPDATE (revoked_at) ON ledger.api_key TO %I', role);
END
$$;
