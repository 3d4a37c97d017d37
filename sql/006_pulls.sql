-- What pulls store of ResMan's prospects, how far each property was read, and each pull on record.

-- The newest copy of each prospect, without contact data. No foreign key to property: its check costs as much as all
-- else of storing a lead, so the leads of a deleted property go with its integration row (102_properties.sql), and
-- those of a property that is only disconnected stay.
--   effective_status  status, with the lease's milestone, where it has one, behind a slash: Applicant/LeaseSigned
--   content_hash      of the prospect as it came; '' is unknown, and says nothing of a silent change
--   touched_at        when we last changed it at ResMan ourselves: a pull that began before must not overwrite what we
--                     know since
CREATE TABLE domiq_sync.resman_lead (
    property_id UUID NOT NULL,
    prospect_id TEXT NOT NULL,
    person_id TEXT,
    status TEXT NOT NULL,
    effective_status TEXT NOT NULL,
    last_modified TIMESTAMPTZ,
    last_modified_raw TEXT,
    lost_reason TEXT,
    transaction_source_id TEXT,
    agent_id TEXT,
    lease_status TEXT,
    content_hash TEXT NOT NULL,
    stored_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    read_at TIMESTAMPTZ NOT NULL,
    touched_at TIMESTAMPTZ,
    PRIMARY KEY (property_id, prospect_id)
);

-- Prospects that full reads no longer bring, until they come again or are confirmed to be gone.
--   missed_reads    whole full reads in a row without it
--   found_by_id_at  when ResMan, asked for it by id, still had it
CREATE TABLE domiq_sync.missing_lead (
    property_id UUID NOT NULL REFERENCES public.property (id) ON DELETE CASCADE,
    prospect_id TEXT NOT NULL,
    missed_reads INTEGER NOT NULL DEFAULT 1,
    first_missed_at TIMESTAMPTZ NOT NULL,
    last_missed_at TIMESTAMPTZ NOT NULL,
    found_by_id_at TIMESTAMPTZ,
    PRIMARY KEY (property_id, prospect_id)
);

-- How far each property's pull has come.
--   watermark             the newest lastModified that is safely stored
--   covered_since         the earliest modifiedSince of a pull that was stored: what is older was never asked for
--   window_seconds        the widest window of first contacts whose answer came whole, where a read that reached
--                         window_reach_seconds back was too large for one answer; NULL: one answer does
--   distrust              why the last full read was not believed; NULL: it was, or there was none
CREATE TABLE domiq_sync.watermark (
    property_id UUID PRIMARY KEY REFERENCES public.property (id) ON DELETE CASCADE,
    watermark TIMESTAMPTZ,
    covered_since TIMESTAMPTZ,
    last_pull_at TIMESTAMPTZ,
    last_full_at TIMESTAMPTZ,
    failing_since TIMESTAMPTZ,
    last_error TEXT,
    distrusted_since TIMESTAMPTZ,
    distrust TEXT,
    window_seconds DOUBLE PRECISION,
    window_reach_seconds DOUBLE PRECISION
);

-- Each pull, for the record: what was asked, what came, what was new.
--   overlap_seconds  how far behind the watermark it asked
--   requests         how many answers it took (more than one where one would have been too large)
--   unchanged        fetched, but the same as stored, so not written
--   silent           changed, though lastModified did not move
--   late_seconds     how far behind the watermark the latest newcomer lay, 0 where none did
--   missing          stored, within what a full read asked for, and not in its answer
--   vanished         confirmed to be gone: their links were closed
--   distrust         why a full read was not believed
CREATE TABLE domiq_sync.pull (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    property_id UUID NOT NULL REFERENCES public.property (id) ON DELETE CASCADE,
    full_read BOOLEAN NOT NULL,
    modified_since TIMESTAMPTZ NOT NULL,
    overlap_seconds DOUBLE PRECISION,
    started_at TIMESTAMPTZ NOT NULL,
    finished_at TIMESTAMPTZ NOT NULL,
    requests INTEGER NOT NULL DEFAULT 1,
    fetched INTEGER NOT NULL,
    unchanged INTEGER NOT NULL DEFAULT 0,
    stored INTEGER NOT NULL,
    silent INTEGER NOT NULL DEFAULT 0,
    linked INTEGER NOT NULL,
    late_seconds DOUBLE PRECISION NOT NULL DEFAULT 0,
    missing INTEGER NOT NULL DEFAULT 0,
    vanished INTEGER NOT NULL DEFAULT 0,
    distrust TEXT,
    error TEXT
);
CREATE INDEX pull_property ON domiq_sync.pull (property_id, started_at);
CREATE INDEX pull_late ON domiq_sync.pull (property_id, started_at) WHERE late_seconds > 0;
