-- The entries that name a destroyed key are read at every start, and are few among many.

CREATE INDEX entry_of_erasure ON entry (stream_id, version) WHERE stream_type = 'erasure';
