-- Connected properties and their ResMan accounts.
--
-- All of the machinery's tables are in schema domiq_sync. Dropping the schema removes the machinery and leaves the
-- audit log. No name, e-mail address or phone number of a lead is stored in any of them, but for what the application
-- wrote into the log, in its archive. Each has a primary key: where a publication replicates all tables, PostgreSQL
-- refuses to update or delete rows of one that has none, and so to delete the property or conversation that they
-- belong to.
--
-- migrate has made the schema, since Alembic's own table lies in it. Functions, triggers and views are in the files
-- from 100 on.

-- One row a connected property. Whoever connects a property gives three values; the rest has defaults, and the ids and
-- the zone that are NULL are filled from ResMan at the first pass.
--   enabled_at  when the sync was last switched on. A pull from before it is none of this time: however recent it
--               looks, there is a gap. NULL: switched on before this was kept
CREATE TABLE domiq_sync.integration (
    property_id UUID PRIMARY KEY REFERENCES public.property (id) ON DELETE CASCADE,
    resman_account_id TEXT NOT NULL CHECK (resman_account_id <> ''),
    resman_property_id TEXT NOT NULL CHECK (resman_property_id <> ''),
    partition_key TEXT NOT NULL UNIQUE,
    sync_enabled BOOLEAN NOT NULL DEFAULT TRUE,
    sync_direction TEXT NOT NULL DEFAULT 'both' CHECK (sync_direction IN ('both', 'to_resman', 'from_resman')),
    conflict_policy TEXT NOT NULL DEFAULT 'resman_wins' CHECK (
        conflict_policy IN ('resman_wins', 'domiq_wins', 'furthest_progress', 'manual_review')
    ),
    agent_id TEXT,
    source_id TEXT,
    lost_reason_id TEXT,
    time_zone TEXT,
    connected_at TIMESTAMPTZ NOT NULL DEFAULT NOW(),
    enabled_at TIMESTAMPTZ,
    UNIQUE (resman_account_id, resman_property_id)
);

-- The breaker and the pace of one ResMan account, shared by all workers.
--   max_concurrent  how many requests may be under way at once, over all workers
--   ramp_ms         after an outage: the least time between two requests, which shrinks with each success
--   opened_at       when the breaker last opened: what was to be asked or sent then has to be made up for
CREATE TABLE domiq_sync.account (
    resman_account_id TEXT PRIMARY KEY,
    max_concurrent INTEGER NOT NULL DEFAULT 1 CHECK (max_concurrent BETWEEN 1 AND 16),
    min_interval_ms INTEGER NOT NULL DEFAULT 0 CHECK (min_interval_ms >= 0),
    ramp_ms INTEGER NOT NULL DEFAULT 0 CHECK (ramp_ms >= 0),
    next_request_at TIMESTAMPTZ NOT NULL DEFAULT '-infinity',
    consecutive_failures INTEGER NOT NULL DEFAULT 0,
    opened_at TIMESTAMPTZ,
    open_until TIMESTAMPTZ,
    open_reason TEXT
);

-- An account's slots, each a permit for one request at a time. A slot is an advisory lock, which ends with its holder's
-- session. busy_until tells whoever has the slot next that the session ended before its request did: ResMan may still
-- be working on it until then. fillfactor: each request writes its row twice, and finds room beside it.
CREATE TABLE domiq_sync.account_turn (
    resman_account_id TEXT NOT NULL,
    turn INTEGER NOT NULL,
    holder BIGINT NOT NULL,
    busy_until TIMESTAMPTZ,
    PRIMARY KEY (resman_account_id, turn)
) WITH (fillfactor = 50);
CREATE SEQUENCE domiq_sync.turn_holder;
