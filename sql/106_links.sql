-- What follows when a link is closed, or a newer conversation of the same lead speaks for it.

-- Whoever closes a link says why in the setting domiq_sync.link_reason. That DomIQ deletes a conversation
-- must not fail for what goes wrong here.
CREATE OR REPLACE FUNCTION domiq_sync.on_link_closed() RETURNS TRIGGER
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET lock_timeout = '100ms' SET enable_seqscan = off AS $$
DECLARE
    why TEXT := COALESCE(NULLIF(current_setting('domiq_sync.link_reason', true), ''), 'the link was closed');
BEGIN
    IF domiq_sync.gave_up('link') THEN
        RETURN NULL;
    END IF;
    IF TG_OP = 'UPDATE' THEN
        why := 'a newer conversation of the lead speaks for it';
    ELSE
        IF NOT EXISTS (SELECT FROM public.conversation c WHERE c.id = OLD.conversation_id) THEN
            why := 'the conversation was deleted';
        END IF;
        INSERT INTO domiq_sync.closed_link (conversation_id, property_id, prospect_id, linked_by, linked_at,
                                            agreed_domiq_status, agreed_resman_status, agreed_at, reason)
        VALUES (OLD.conversation_id, OLD.property_id, OLD.prospect_id, OLD.linked_by, OLD.linked_at,
                OLD.agreed_domiq_status, OLD.agreed_resman_status, OLD.agreed_at, why);
    END IF;
    UPDATE domiq_sync.conflict SET resolved_at = clock_timestamp(), resolution = why
    WHERE conversation_id = OLD.conversation_id AND resolved_at IS NULL;
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    PERFORM domiq_sync.give_up('link', SQLSTATE);
    RAISE WARNING 'domiq_sync: the end of the link of conversation % is not on record (SQLSTATE %)',
        OLD.conversation_id, SQLSTATE;
    RETURN NULL;
END $$;

CALL domiq_sync.ensure_trigger(
    'domiq_sync.lead_link', 'link_closed', 'AFTER DELETE',
    'EXECUTE FUNCTION domiq_sync.on_link_closed()'
);
CALL domiq_sync.ensure_trigger(
    'domiq_sync.lead_link', 'link_stepped_back', 'AFTER UPDATE OF is_current',
    'WHEN (OLD.is_current AND NOT NEW.is_current) EXECUTE FUNCTION domiq_sync.on_link_closed()'
);
