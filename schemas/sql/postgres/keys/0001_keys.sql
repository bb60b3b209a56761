-- The keys of sealed texts, wrapped under the master key, which is in no database. This schema is
-- left out of the ledger's dump: `pg_dump --exclude-schema=keys`.

CREATE TABLE data_key (
    key_id  uuid  NOT NULL PRIMARY KEY,
    wrapped bytea NOT NULL CHECK (length(wrapped) = 72)
);

-- One row: by what the master key is known, so that every server of a ledger has the same one.
CREATE TABLE master (
    one         integer NOT NULL PRIMARY KEY CHECK (one = 1),
    fingerprint bytea   NOT NULL CHECK (length(fingerprint) = 32)
);

-- Lets a role serve: seal, open and erase.
CREATE FUNCTION let_serve(role name) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('GRANT USAGE ON SCHEMA keys TO %I', role);
    EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA keys TO %I', role);
    EXECUTE format('GRANT INSERT, DELETE ON keys.data_key TO %I', role);
    EXECUTE format('GRANT INSERT ON keys.master TO %I', role);
END
$$;
