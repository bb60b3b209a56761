-- The vault: the data keys of sealed texts, each wrapped under the master key, in a file apart from
-- the ledger so that removing a row here makes a text unreadable for ever while its hash stands.

-- "DLvt": tells the file from any other SQLite file.
PRAGMA application_id = 1145861748;
-- The version of the last migration; every migration sets it.
PRAGMA user_version = 1;

CREATE TABLE data_key (
    key_id  TEXT NOT NULL PRIMARY KEY,
    wrapped BLOB NOT NULL
) STRICT, WITHOUT ROWID;
