-- Since when a property takes part, and since when a lead diverges.

-- When the sync was last switched on. A pull from before it is none of this spell: however recent it looks,
-- there is a gap. NULL: switched on before this was kept.
ALTER TABLE domiq_sync.integration ADD COLUMN IF NOT EXISTS enabled_at TIMESTAMPTZ;

-- In a trigger, since a user may switch a property by SQL as well. A property that is connected to another
-- one at ResMan begins anew there: how far the old one was read says nothing of it.
CREATE OR REPLACE FUNCTION domiq_sync.note_switching() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NEW.sync_enabled AND NOT OLD.sync_enabled THEN
        NEW.enabled_at := clock_timestamp();
    END IF;
    IF (NEW.resman_account_id, NEW.resman_property_id) <> (OLD.resman_account_id, OLD.resman_property_id) THEN
        DELETE FROM domiq_sync.watermark w WHERE w.property_id = NEW.property_id;
    END IF;
    RETURN NEW;
END $$;

DROP TRIGGER IF EXISTS note_switching ON domiq_sync.integration;
CREATE TRIGGER note_switching BEFORE UPDATE ON domiq_sync.integration
    FOR EACH ROW EXECUTE FUNCTION domiq_sync.note_switching();

-- Linked leads whose two statuses disagree with nothing to explain it, since they were first seen so. Without a
-- foreign key: whoever notes them must not fail because a conversation is deleted just then, and the next one
-- forgets it.
CREATE TABLE IF NOT EXISTS domiq_sync.divergence (
    conversation_id UUID PRIMARY KEY,
    property_id UUID NOT NULL,
    first_seen_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp()
);
