-- Where settled rows of the log go once they are old, and what is on record of an erasure.

-- The log's archive: its columns as they were, and what the sync knew of each row.
--   seq, property_id, logged_at  as in domiq_sync.change
--   change                       that whole row
--   rules                        what each rule decided, as in domiq_sync.rule_decision
-- A partition for each month (UTC) of created_at, made when it is needed (132_log_archive.sql).
CREATE TABLE domiq_sync.status_sync_log_archive (
    id UUID NOT NULL,
    conversation_id UUID,
    resman_lead_id VARCHAR(100),
    old_status VARCHAR(50),
    new_status VARCHAR(50),
    status_reason TEXT,
    updated_by VARCHAR(100),
    sync_direction VARCHAR(20),
    sync_status VARCHAR(50),
    context_data JSONB,
    created_at TIMESTAMPTZ NOT NULL,
    seq BIGINT NOT NULL,
    property_id UUID,
    logged_at TIMESTAMPTZ NOT NULL,
    change JSONB NOT NULL,
    rules JSONB NOT NULL,
    archived_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (id, created_at)
) PARTITION BY RANGE (created_at);
CREATE INDEX status_sync_log_archive_conversation ON domiq_sync.status_sync_log_archive (conversation_id, seq);
CREATE INDEX status_sync_log_archive_logged ON domiq_sync.status_sync_log_archive (logged_at);

-- The conversations that have rows in the archive. A foreign key of the archive's own would lock conversation against
-- writers whenever a month is added.
--   living  the same, until the conversation is deleted; then NULL, until its rows have gone from the archive as well
CREATE TABLE domiq_sync.archived_conversation (
    conversation_id UUID PRIMARY KEY,
    living UUID UNIQUE REFERENCES public.conversation (id) ON DELETE SET NULL
);
CREATE INDEX archived_conversation_gone ON domiq_sync.archived_conversation (conversation_id) WHERE living IS NULL;

-- How many prospects the pulls brought that are no longer on record one by one.
ALTER TABLE domiq_sync.watermark ADD COLUMN stored_before BIGINT NOT NULL DEFAULT 0;

-- That somebody was erased: when, by whom, and how much of what. Nothing of them.
--   reference  a keyed hash of what was asked for; the key is not in the database
CREATE TABLE domiq_sync.erasure (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    erased_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    erased_by TEXT NOT NULL,
    subject TEXT NOT NULL CHECK (subject IN ('conversation', 'person')),
    reference TEXT NOT NULL,
    conversations INTEGER NOT NULL,
    counts JSONB NOT NULL
);
CREATE INDEX erasure_reference ON domiq_sync.erasure (reference);
