-- How many changes the log holds, kept up as it is written, so that nobody has to read it for a figure. What is written
-- is noted, and the notes are folded into totals now and then: whoever reads adds up both, as its snapshot has them.
--
-- A total is that of a home: of the chatbot, or the property, that conversations name. Which property that is, is asked
-- when it is read, so that a chatbot may move. The tables name no conversation by a foreign key, and are written where
-- DomIQ writes by nothing but INSERT: nobody waits for anybody.

-- What each statement on the log has added and taken away.
--   heap  the file of the log that it was written to, which TRUNCATE and VACUUM FULL exchange
CREATE TABLE domiq_sync.log_delta (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    heap OID NOT NULL,
    conversation_id UUID,
    sync_direction TEXT NOT NULL,
    sync_status TEXT NOT NULL,
    changes BIGINT NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);

-- Conversations that went from one home to another, and with them all their changes.
--   kind  of a home: chatbot, property, nowhere (the conversation leads to none), gone (it is not there)
CREATE TABLE domiq_sync.log_move (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    conversation_id UUID NOT NULL,
    from_kind TEXT NOT NULL,
    from_home UUID NOT NULL,
    to_kind TEXT NOT NULL,
    to_home UUID NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
CREATE INDEX log_move_conversation ON domiq_sync.log_move (conversation_id);

-- What was folded.
--   kind  chatbot, property, nowhere, or unnamed: the changes that name no conversation, which the view leaves out
CREATE TABLE domiq_sync.log_total (
    heap OID NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('chatbot', 'property', 'nowhere', 'unnamed')),
    home UUID NOT NULL,
    sync_direction TEXT NOT NULL,
    sync_status TEXT NOT NULL,
    changes BIGINT NOT NULL,
    PRIMARY KEY (heap, kind, home, sync_direction, sync_status)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);

-- That the totals of this file of the log are complete, and when the log was last counted in full. Without its row
-- everybody reads the log.
--   shape       of DomIQ's tables, which says what a home is
--   watch       the triggers that take notes, as they were: domiq_sync.log_watch()
--   misses      up to where what was not noted is accounted for: see total_misses
--   changes     how many the log held
--   differed    by how many the totals had differed from it, all told; drift: where, the first 100. They were set right
--   drifted_at  when they last had, and last_drift: by how many
CREATE TABLE domiq_sync.log_count (
    heap OID PRIMARY KEY,
    shape TEXT NOT NULL,
    watch TEXT NOT NULL,
    misses BIGINT NOT NULL,
    counted_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    changes BIGINT NOT NULL,
    differed BIGINT NOT NULL DEFAULT 0,
    drift JSONB NOT NULL DEFAULT '[]',
    drifted_at TIMESTAMPTZ,
    last_drift BIGINT
);

-- Counts the statements of which no note could be made. A sequence, since it keeps its value when the transaction that
-- drew it fails, and is seen at once: from then on everybody reads the log, until it was counted anew.
CREATE SEQUENCE domiq_sync.total_misses START WITH 1;
