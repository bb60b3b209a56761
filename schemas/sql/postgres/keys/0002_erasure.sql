-- Destroying data keys and changing the master key leave nothing behind in the table's files: whatever
-- stays is written to new ones, since a page that is vacuumed keeps the bytes of removed rows in its
-- free space. Only functions of the owner do this; whoever serves removes no row otherwise.

-- Where the keys are gathered under another master key, before they take the place of the others.
CREATE TABLE rewrapped (
    key_id  uuid  NOT NULL PRIMARY KEY,
    wrapped bytea NOT NULL CHECK (length(wrapped) = 72)
);

-- Destroys data keys, and tells how many of them were there.
CREATE FUNCTION destroy(ids uuid[]) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER
SET search_path = keys, pg_temp AS $$
DECLARE
    removed bigint;
BEGIN
    LOCK TABLE keys.data_key IN ACCESS EXCLUSIVE MODE;
    SELECT count(*) INTO removed FROM keys.data_key WHERE key_id = ANY (ids);
    CREATE TEMPORARY TABLE kept ON COMMIT DROP AS
        SELECT key_id, wrapped FROM keys.data_key d
        WHERE NOT EXISTS (SELECT FROM unnest(ids) AS gone (id) WHERE gone.id = d.key_id);
    TRUNCATE keys.data_key;
    INSERT INTO keys.data_key (key_id, wrapped) SELECT key_id, wrapped FROM pg_temp.kept;
    DROP TABLE pg_temp.kept;
    RETURN removed;
END
$$;

-- Keeps every other from storing and destroying keys until the transaction ends.
CREATE FUNCTION hold() RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = keys, pg_temp AS $$
BEGIN
    LOCK TABLE keys.data_key IN SHARE ROW EXCLUSIVE MODE;
    TRUNCATE keys.rewrapped;
END
$$;

-- Puts the keys gathered in the place of the others, which must be the same ones.
CREATE FUNCTION adopt(new_fingerprint bytea) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER
SET search_path = keys, pg_temp AS $$
DECLARE
    adopted bigint;
BEGIN
    LOCK TABLE keys.data_key IN ACCESS EXCLUSIVE MODE;
    IF EXISTS (SELECT FROM keys.data_key d FULL JOIN keys.rewrapped r USING (key_id)
               WHERE d.key_id IS NULL OR r.key_id IS NULL) THEN
        RAISE EXCEPTION 'the keys gathered are not the keys that are there';
    END IF;
    TRUNCATE keys.data_key;
    INSERT INTO keys.data_key (key_id, wrapped) SELECT key_id, wrapped FROM keys.rewrapped;
    GET DIAGNOSTICS adopted = ROW_COUNT;
    TRUNCATE keys.rewrapped;
    UPDATE keys.master SET fingerprint = new_fingerprint;
    RETURN adopted;
END
$$;

REVOKE ALL ON FUNCTION destroy(uuid[]), hold(), adopt(bytea) FROM PUBLIC;

-- Lets a role serve: seal, open, erase and change the master key.
CREATE OR REPLACE FUNCTION let_serve(role name) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('GRANT USAGE ON SCHEMA keys TO %I', role);
    EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA keys TO %I', role);
    EXECUTE format('GRANT INSERT ON keys.data_key, keys.master, keys.rewrapped TO %I', role);
    EXECUTE format('REVOKE DELETE ON keys.data_key FROM %I', role);
    EXECUTE format('GRANT EXECUTE ON FUNCTION keys.destroy(uuid[]), keys.hold(), keys.adopt(bytea) TO %I', role);
END
$$;
