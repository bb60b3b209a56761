-- By which derivation the rows were made: DERIVATION in the program. The same entries come to other
-- rows where it is another, so rows of an older one are emptied and made again from the ledger.
ALTER TABLE checkpoint ADD COLUMN derivation INTEGER NOT NULL DEFAULT 0;

-- SCHEMA in the program.
PRAGMA user_version = 2;
