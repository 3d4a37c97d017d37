-- Deliveries that joined their lane in turn, so that a claim need not look through the lane.
--   in_turn  queued, with a place drawn just then, by a transaction that had the conversation's row locked. Such
--            deliveries of a lane become visible in the order of seq, so the first of them is its only head among
--            them, and only deliveries that are not in turn can stand before it or be in flight beside it. Not in
--            turn is whatever the application logs itself, what reconciliation finds, what is put back, and
--            what was there before this column
ALTER TABLE domiq_sync.delivery ADD COLUMN IF NOT EXISTS in_turn BOOLEAN NOT NULL DEFAULT FALSE;

-- All that a claim of a delivery in turn looks at of its lane. It is all but empty: while a long transaction keeps
-- PostgreSQL from clearing dead entries, delivery_lane and delivery_one_in_flight hold some of every delivery
-- that the lane ever had, and this holds none.
CREATE INDEX IF NOT EXISTS delivery_out_of_turn ON domiq_sync.delivery (lane, seq) WHERE NOT in_turn;

-- No update of a delivery can be a heap-only one, since each changes a column of some index: free space that is kept in
-- its pages for them is wasted. Without it what is claimed together lies together.
ALTER TABLE domiq_sync.delivery SET (fillfactor = 100);

-- As in 005. domiq_sync.captured names a conversation whose row this transaction has locked: it is set where that is so,
-- and a rollback to a savepoint takes back both.
CREATE OR REPLACE FUNCTION domiq_sync.adopt_change(
    of_change UUID, of_conversation UUID, direction TEXT, status TEXT
) RETURNS VOID
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
DECLARE
    its_property UUID := domiq_sync.property_of(of_conversation);
    its_seq BIGINT;
    its_lane UUID := COALESCE(of_conversation, of_change);
    is_in_turn BOOLEAN := COALESCE(current_setting('domiq_sync.captured', true) = of_conversation::text, FALSE);
BEGIN
    INSERT INTO domiq_sync.change (change_id, conversation_id, property_id)
    VALUES (of_change, of_conversation, its_property)
    ON CONFLICT (change_id) DO NOTHING
    RETURNING seq INTO its_seq;
    IF direction = 'to_resman' AND status = 'pending' THEN
        IF its_seq IS NULL THEN
            SELECT c.seq INTO its_seq FROM domiq_sync.change c WHERE c.change_id = of_change;
            is_in_turn := FALSE;
        END IF;
        INSERT INTO domiq_sync.delivery (change_id, seq, lane, property_id, in_turn, is_head)
        VALUES (of_change, its_seq, its_lane, its_property, is_in_turn,
                NOT EXISTS (SELECT FROM domiq_sync.delivery d WHERE d.lane = its_lane))
        ON CONFLICT (change_id) DO NOTHING;
    END IF;
END $$;

-- As in 008, and it says that the conversation's row is locked, as it is for whoever has just written it.
CREATE OR REPLACE FUNCTION domiq_sync.capture_status() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET lock_timeout = '1s' SET enable_seqscan = off AS $$
DECLARE
    its_property UUID;
    before TEXT;
    named_by CONSTANT TEXT := current_setting('domiq_sync.updated_by', true);
BEGIN
    IF current_setting('domiq_sync.origin', true) = 'resman' THEN
        RETURN NULL;
    END IF;
    its_property := domiq_sync.property_of(NEW.id);
    IF domiq_sync.lead_status(its_property, NEW.status) IS NULL
       OR EXISTS (SELECT FROM domiq_sync.integration i
                  WHERE i.property_id = its_property AND i.sync_direction = 'from_resman') THEN
        RETURN NULL;
    END IF;
    IF TG_OP = 'UPDATE' THEN
        before := domiq_sync.close_chain(NEW.id, its_property, OLD.status,
                                         'found when the next change was captured, which overtook it');
    END IF;
    PERFORM set_config('domiq_sync.captured', NEW.id::text, true);
    INSERT INTO public.status_sync_log (conversation_id, resman_lead_id, old_status, new_status,
                                        updated_by, sync_direction, sync_status)
    VALUES (NEW.id,
            (SELECT l.prospect_id FROM domiq_sync.lead_link l WHERE l.conversation_id = NEW.id),
            before, NEW.status,
            CASE WHEN named_by IN ('resman_user', 'system') THEN named_by ELSE 'chatbot' END,
            'to_resman', 'pending');
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    RAISE WARNING 'domiq_sync: the status of conversation % was not captured (%); reconciliation will find it',
        NEW.id, SQLERRM;
    RETURN NULL;
END $$;
