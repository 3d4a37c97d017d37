-- The outbox: every row of status_sync_log gets its place in the order of changes, and every pending outbound one its
-- delivery, in the transaction that logged it. What a trigger calls is SECURITY DEFINER, since the application's role
-- may see neither domiq_sync nor, under row-level security, the property.
--   lock_timeout    the application waits no longer than this for the sync's tables
--   enable_seqscan  off, since all look-ups are by key: a plan made while the tables are empty would read them whole,
--                   and a session keeps it (10,000 updates at once: 43 s, else 4 s)

-- The last change that was logged of a conversation: no row where none was. It has no settings of its own, so that
-- PostgreSQL inlines it into the query that names it.
DROP FUNCTION IF EXISTS domiq_sync.last_change(UUID);
CREATE FUNCTION domiq_sync.last_change(of_conversation UUID)
RETURNS TABLE (
    change_id UUID, old_status TEXT, new_status TEXT, sync_direction TEXT, sync_status TEXT, outcome TEXT
)
LANGUAGE sql STABLE ROWS 1 AS $$
    SELECT g.id, g.old_status, g.new_status, g.sync_direction, g.sync_status, g.context_data #>> '{sync,outcome}'
    FROM domiq_sync.change ch JOIN public.status_sync_log g ON g.id = ch.change_id
    WHERE ch.conversation_id = of_conversation
    ORDER BY ch.seq DESC LIMIT 1
$$;

-- Gives a logged change its place and, where it is a pending outbound one, its delivery. Repeating it does nothing,
-- so reconciliation calls it too. domiq_sync.captured names a conversation whose row this transaction has locked: it
-- is set where that is so, and a rollback to a savepoint takes back both.
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

-- Whatever goes wrong here must not fail the transaction that logged the change: reconciliation finds a change without
-- its delivery.
CREATE OR REPLACE FUNCTION domiq_sync.on_change_logged() RETURNS TRIGGER
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET lock_timeout = '1s' SET enable_seqscan = off AS $$
BEGIN
    PERFORM domiq_sync.adopt_change(NEW.id, NEW.conversation_id, NEW.sync_direction, NEW.sync_status);
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    RAISE WARNING 'domiq_sync: change % is logged but not queued (%); reconciliation will queue it',
        NEW.id, SQLERRM;
    RETURN NULL;
END $$;

CALL domiq_sync.ensure_trigger(
    'public.status_sync_log', 'domiq_sync_change_logged', 'AFTER INSERT',
    'EXECUTE FUNCTION domiq_sync.on_change_logged()'
);
