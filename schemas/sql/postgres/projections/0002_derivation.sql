-- By which derivation the rows were made: DERIVATION in the program. See
-- schemas/sql/sqlite/projections.
ALTER TABLE checkpoint ADD COLUMN derivation bigint NOT NULL DEFAULT 0;

-- SCHEMA in the program.
UPDATE shape SET number = 2;
