-- What pulls remember.

-- The check of a foreign key costs as much as all else of storing a lead, so the leads of a property that is
-- deleted are removed with its integration row instead. Disconnecting a property keeps its leads.
ALTER TABLE domiq_sync.resman_lead DROP CONSTRAINT IF EXISTS resman_lead_property_id_fkey;
CREATE OR REPLACE FUNCTION domiq_sync.forget_leads() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    DELETE FROM domiq_sync.resman_lead r
    WHERE r.property_id = OLD.property_id
      AND NOT EXISTS (SELECT FROM public.property p WHERE p.id = OLD.property_id);
    RETURN NULL;
END $$;
DROP TRIGGER IF EXISTS forget_leads ON domiq_sync.integration;
CREATE TRIGGER forget_leads AFTER DELETE ON domiq_sync.integration
    FOR EACH ROW EXECUTE FUNCTION domiq_sync.forget_leads();

-- covered_since     the earliest modifiedSince of a pull that was stored: what is older was never asked for
-- window_seconds    the widest window of first contacts whose answer came whole, where a read that reached
--                   window_reach_seconds back was too large for one answer; NULL: one answer does
-- distrust          why the last full read was not believed; NULL: it was, or there was none
ALTER TABLE domiq_sync.watermark
    ADD COLUMN IF NOT EXISTS covered_since TIMESTAMPTZ,
    ADD COLUMN IF NOT EXISTS window_seconds DOUBLE PRECISION,
    ADD COLUMN IF NOT EXISTS window_reach_seconds DOUBLE PRECISION,
    ADD COLUMN IF NOT EXISTS distrust TEXT,
    ADD COLUMN IF NOT EXISTS distrusted_since TIMESTAMPTZ;

-- unchanged          fetched, but the same as stored, so not written
-- silent             changed, though lastModified did not move
-- overlap_seconds    how far behind the watermark it asked
-- late_seconds       how far behind the watermark the latest newcomer lay, 0 where none did
-- requests           how many answers it took (more than one where one would have been too large)
-- missing            stored, within what a full read asked for, and not in its answer
-- vanished           confirmed to be gone: their links were closed
ALTER TABLE domiq_sync.pull
    ADD COLUMN IF NOT EXISTS unchanged INTEGER NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS silent INTEGER NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS overlap_seconds DOUBLE PRECISION,
    ADD COLUMN IF NOT EXISTS late_seconds DOUBLE PRECISION NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS requests INTEGER NOT NULL DEFAULT 1,
    ADD COLUMN IF NOT EXISTS missing INTEGER NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS vanished INTEGER NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS distrust TEXT;
CREATE INDEX IF NOT EXISTS pull_late ON domiq_sync.pull (property_id, started_at) WHERE late_seconds > 0;

-- Prospects that full reads no longer bring, until they come again or are confirmed to be gone.
--   missed_reads   whole full reads in a row without it
--   found_by_id_at when ResMan, asked for it by id, still had it
CREATE TABLE IF NOT EXISTS domiq_sync.missing_lead (
    property_id UUID NOT NULL REFERENCES public.property(id) ON DELETE CASCADE,
    prospect_id TEXT NOT NULL,
    missed_reads INTEGER NOT NULL DEFAULT 1,
    first_missed_at TIMESTAMPTZ NOT NULL,
    last_missed_at TIMESTAMPTZ NOT NULL,
    found_by_id_at TIMESTAMPTZ,
    PRIMARY KEY (property_id, prospect_id)
);

-- The record of links that were closed since their prospect is gone from ResMan, with the pair of statuses last
-- agreed: the conversation's next link goes on from it.
CREATE TABLE IF NOT EXISTS domiq_sync.closed_link (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    conversation_id UUID NOT NULL REFERENCES public.conversation(id) ON DELETE CASCADE,
    property_id UUID NOT NULL,
    prospect_id TEXT NOT NULL,
    person_id TEXT,
    linked_by TEXT NOT NULL,
    linked_at TIMESTAMPTZ NOT NULL,
    was_current BOOLEAN NOT NULL,
    agreed_domiq_status TEXT,
    agreed_resman_status TEXT,
    agreed_at TIMESTAMPTZ,
    reason TEXT NOT NULL,
    first_missed_at TIMESTAMPTZ NOT NULL,
    closed_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    relinked_to TEXT
);
CREATE INDEX IF NOT EXISTS closed_link_conversation ON domiq_sync.closed_link (conversation_id, id);
CREATE INDEX IF NOT EXISTS closed_link_open ON domiq_sync.closed_link (property_id) WHERE relinked_to IS NULL;
CREATE INDEX IF NOT EXISTS closed_link_prospect ON domiq_sync.closed_link (prospect_id);
