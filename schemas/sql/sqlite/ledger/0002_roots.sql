-- The head counts its commits and carries the Merkle tree; each commit leaves the tree's root.

PRAGMA user_version = 2;

-- How many commits there were.
ALTER TABLE head ADD COLUMN batch INTEGER NOT NULL DEFAULT 0;
-- The roots of the perfect subtrees of the Merkle tree over all entries, largest first. Empty where
-- the entries are older than this column; the next opening for writing fills it.
ALTER TABLE head ADD COLUMN frontier BLOB NOT NULL DEFAULT x'';

-- The root of the Merkle tree (RFC 6962) over the entries up to a position, one for each commit.
CREATE TABLE root (
    position INTEGER NOT NULL PRIMARY KEY,
    root     BLOB    NOT NULL CHECK (length(root) = 32)
) STRICT;

CREATE TRIGGER root_is_never_changed BEFORE UPDATE ON root
BEGIN
    SELECT RAISE(ABORT, 'a root is never changed');
END;

CREATE TRIGGER root_is_never_removed BEFORE DELETE ON root
BEGIN
    SELECT RAISE(ABORT, 'a root is never removed');
END;

CREATE TRIGGER root_is_only_appended BEFORE INSERT ON root
WHEN NEW.position <= (SELECT coalesce(max(position), 0) FROM root)
BEGIN
    SELECT RAISE(ABORT, 'a root is only appended');
END;
