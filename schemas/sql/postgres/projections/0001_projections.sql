-- The projections: the current state of everything, derived from the ledger and from nothing else.
-- `dutyledger migrate` runs this in the schema `projections`, under the role that owns it. All of it
-- may be dropped at any time: `dutyledger migrate` makes it again, and it fills from the ledger.
--
-- The tables are those of schemas/sql/sqlite/projections, which says what they are for. A change of
-- shape changes both, and raises SCHEMA in the program: a schema of another number is dropped and
-- made anew, never altered. Text is compared byte by byte, as on SQLite.

-- One row: SCHEMA in the program.
CREATE TABLE shape (
    one    bigint NOT NULL PRIMARY KEY CHECK (one = 1),
    number bigint NOT NULL
);
INSERT INTO shape VALUES (1, 1);

-- One row: which entries the rows below are derived from, and which process may move it.
CREATE TABLE checkpoint (
    one       bigint      NOT NULL PRIMARY KEY CHECK (one = 1),
    ledger_id text        NOT NULL,
    position  bigint      NOT NULL,
    leaf_hash bytea,
    -- Whose turn it is to write the rows: a new value for every turn taken, so that whoever has lost
    -- one is never taken for whoever has it now.
    holder    text        NOT NULL DEFAULT '',
    -- When the turn may be taken by another, by this server's clock.
    held_till timestamptz NOT NULL DEFAULT '-infinity'
) WITH (fillfactor = 10);

CREATE TABLE stream_row (
    stream_type    text   NOT NULL COLLATE "C",
    stream_id      text   NOT NULL COLLATE "C",
    partnership_id text            COLLATE "C",
    capacity       text            COLLATE "C",
    version        bigint NOT NULL,
    position       bigint NOT NULL,
    name           text,
    state          text   NOT NULL,
    PRIMARY KEY (stream_type, stream_id)
) WITH (fillfactor = 70);

CREATE INDEX stream_row_by_partnership ON stream_row (partnership_id, stream_type, stream_id);
CREATE INDEX stream_row_by_capacity ON stream_row (stream_type, capacity, stream_id);

CREATE TABLE member (
    partnership_id text NOT NULL COLLATE "C",
    authority_id   text NOT NULL COLLATE "C",
    capacity       text NOT NULL,
    standing       text NOT NULL,
    since          text NOT NULL,
    until          text,
    PRIMARY KEY (partnership_id, authority_id)
);

CREATE INDEX member_by_authority ON member (authority_id, partnership_id);

CREATE TABLE partnership_area (
    partnership_id text NOT NULL COLLATE "C",
    area_id        text NOT NULL COLLATE "C",
    PRIMARY KEY (partnership_id, area_id)
);

CREATE INDEX partnership_area_by_area ON partnership_area (area_id, partnership_id);

CREATE TABLE area_authority (
    area_id      text NOT NULL COLLATE "C",
    authority_id text NOT NULL COLLATE "C",
    capacity     text NOT NULL,
    from_on      text NOT NULL,
    until        text,
    PRIMARY KEY (area_id, authority_id)
);

CREATE INDEX area_authority_by_authority ON area_authority (authority_id, area_id);

CREATE TABLE consulted (
    strategy_id    text   NOT NULL COLLATE "C",
    version        bigint NOT NULL,
    authority_id   text   NOT NULL COLLATE "C",
    partnership_id text            COLLATE "C",
    PRIMARY KEY (strategy_id, version, authority_id)
);

CREATE INDEX consulted_by_authority ON consulted (authority_id, strategy_id, version);

CREATE TABLE published (
    strategy_id    text   NOT NULL COLLATE "C" PRIMARY KEY,
    partnership_id text            COLLATE "C",
    version        bigint NOT NULL,
    published_on   text   NOT NULL
);

CREATE TABLE review (
    strategy_id    text    NOT NULL COLLATE "C" PRIMARY KEY,
    partnership_id text    NOT NULL COLLATE "C",
    due_on         text    NOT NULL COLLATE "C",
    counted_from   text    NOT NULL,
    assumed        boolean NOT NULL,
    entry_id       text    NOT NULL,
    covers_until   text,
    fictional      boolean NOT NULL
);

CREATE INDEX review_by_due ON review (due_on, strategy_id);
CREATE INDEX review_by_partnership ON review (partnership_id, strategy_id);

CREATE TABLE trigger_row (
    partnership_id text NOT NULL COLLATE "C",
    shown_from     text NOT NULL COLLATE "C",
    shown_until    text NOT NULL COLLATE "C",
    since          text NOT NULL COLLATE "C",
    trigger_id     text NOT NULL COLLATE "C",
    authority_id   text NOT NULL COLLATE "C",
    duty           text NOT NULL,
    area_id        text NOT NULL COLLATE "C",
    json           text NOT NULL,
    PRIMARY KEY (partnership_id, since, trigger_id, shown_from)
);

CREATE INDEX trigger_row_by_since ON trigger_row (since, trigger_id);

CREATE TABLE mark (
    strategy_id    text   NOT NULL COLLATE "C",
    entry_id       text   NOT NULL COLLATE "C",
    partnership_id text   NOT NULL COLLATE "C",
    place          bigint NOT NULL,
    json           text   NOT NULL,
    PRIMARY KEY (strategy_id, entry_id)
);

CREATE INDEX mark_by_partnership ON mark (partnership_id);

CREATE TABLE depends (
    partnership_id text NOT NULL COLLATE "C",
    stream_type    text NOT NULL COLLATE "C",
    stream_id      text NOT NULL COLLATE "C",
    PRIMARY KEY (partnership_id, stream_type, stream_id)
);

CREATE INDEX depends_by_stream ON depends (stream_type, stream_id);

CREATE TABLE rules (
    one      bigint NOT NULL PRIMARY KEY CHECK (one = 1),
    pack     text   NOT NULL,
    revision bigint NOT NULL
);

CREATE TABLE timeline (
    partnership_id      text    NOT NULL COLLATE "C",
    position            bigint  NOT NULL,
    stream_type         text    NOT NULL COLLATE "C",
    stream_id           text    NOT NULL COLLATE "C",
    version             bigint  NOT NULL,
    entry_id            text    NOT NULL COLLATE "C",
    event_type          text    NOT NULL,
    occurred_on         text    NOT NULL,
    occurred_on_assumed boolean NOT NULL,
    recorded_at         text    NOT NULL,
    basis               text    NOT NULL,
    reported            boolean NOT NULL,
    principal_kind      text    NOT NULL,
    principal_id        text,
    withdrawn_by        text,
    PRIMARY KEY (partnership_id, position)
);

CREATE INDEX timeline_by_entry ON timeline (entry_id);

-- The elements of a JSON array, under the name and the columns they have on SQLite. PostgreSQL's own
-- function of this name takes a json and answers an object's members.
CREATE FUNCTION json_each(rows text) RETURNS TABLE (key bigint, value jsonb)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS 'SELECT ordinality - 1, element
        FROM jsonb_array_elements(CAST(rows AS jsonb)) WITH ORDINALITY AS each (element, ordinality)';

-- Lets a role serve: read the rows, and write them when it is its turn.
CREATE FUNCTION let_serve(role name) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('GRANT USAGE ON SCHEMA projections TO %I', role);
    EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA projections TO %I', role);
    EXECUTE format(
        'GRANT INSERT, UPDATE, DELETE ON projections.checkpoint, projections.stream_row,
             projections.member, projections.partnership_area, projections.area_authority,
             projections.consulted, projections.published, projections.review,
             projections.trigger_row, projections.mark, projections.depends, projections.rules,
             projections.timeline TO %I', role);
END
$$;
