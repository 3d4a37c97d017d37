-- The outbox: every row of status_sync_log gets its place in the order of changes, and every pending
-- outbound one its delivery, in the transaction that logged it. What a trigger calls is SECURITY DEFINER,
-- since the application's role may see neither domiq_sync nor, under row-level security, the property.
--   lock_timeout    the application waits no longer than this for the sync's tables
--   enable_seqscan  off, since all look-ups are by key: a plan made while the tables are empty would
--                   read them whole, and a session keeps it (10,000 updates at once: 43 s, else 4 s)

-- The lead status that one of DomIQ's words stands for; NULL for 'active', NULL and the like. In
-- plpgsql, which keeps its plan: before PostgreSQL 18 an SQL function is planned anew at every call.
CREATE OR REPLACE FUNCTION domiq_sync.lead_status(of_property UUID, of_status TEXT) RETURNS TEXT
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT m.lead_status FROM domiq_sync.domiq_status_map m
            WHERE m.domiq_status = of_status AND (m.property_id = of_property OR m.property_id IS NULL)
            ORDER BY m.property_id NULLS LAST LIMIT 1);
END $$;

CREATE OR REPLACE FUNCTION domiq_sync.property_of(of_conversation UUID) RETURNS UUID
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
BEGIN
    RETURN (SELECT p.property_id FROM domiq_sync.conversation_property p
            WHERE p.conversation_id = of_conversation);
END $$;

-- Gives a logged change its place and, where it is a pending outbound one, its delivery. Repeating
-- it does nothing, so reconciliation calls it too.
CREATE OR REPLACE FUNCTION domiq_sync.adopt_change(
    of_change UUID, of_conversation UUID, direction TEXT, status TEXT
) RETURNS VOID
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
DECLARE
    its_property UUID := domiq_sync.property_of(of_conversation);
    its_seq BIGINT;
    its_lane UUID := COALESCE(of_conversation, of_change);
BEGIN
    INSERT INTO domiq_sync.change (change_id, conversation_id, property_id)
    VALUES (of_change, of_conversation, its_property)
    ON CONFLICT (change_id) DO NOTHING
    RETURNING seq INTO its_seq;
    IF direction = 'to_resman' AND status = 'pending' THEN
        IF its_seq IS NULL THEN
            SELECT c.seq INTO its_seq FROM domiq_sync.change c WHERE c.change_id = of_change;
        END IF;
        INSERT INTO domiq_sync.delivery (change_id, seq, lane, property_id, is_head)
        VALUES (of_change, its_seq, its_lane, its_property,
                NOT EXISTS (SELECT FROM domiq_sync.delivery d WHERE d.lane = its_lane))
        ON CONFLICT (change_id) DO NOTHING;
    END IF;
END $$;

-- Whatever goes wrong here must not fail the transaction that logged the change: reconciliation
-- finds a change without its delivery.
CREATE OR REPLACE FUNCTION domiq_sync.on_change_logged() RETURNS trigger
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

DROP TRIGGER IF EXISTS domiq_sync_change_logged ON public.status_sync_log;
CREATE TRIGGER domiq_sync_change_logged AFTER INSERT ON public.status_sync_log
    FOR EACH ROW EXECUTE FUNCTION domiq_sync.on_change_logged();

-- Logs a change of conversation.status as pending, in the transaction that made it. A status that is
-- no lead status is left alone; one that the sync itself writes is logged by the sync.
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
        before := OLD.status;
    END IF;
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

-- A property's partition key: its name in lower case with hyphens, made unique by a piece of its id.
CREATE OR REPLACE FUNCTION domiq_sync.fill_integration() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    slug TEXT;
BEGIN
    INSERT INTO domiq_sync.account (resman_account_id) VALUES (NEW.resman_account_id)
    ON CONFLICT DO NOTHING;
    IF NEW.partition_key IS NULL THEN
        SELECT trim(BOTH '-' FROM regexp_replace(lower(p.name), '[^a-z0-9]+', '-', 'g')) INTO slug
        FROM public.property p WHERE p.id = NEW.property_id;
        slug := COALESCE(NULLIF(slug, ''), 'property');
        IF EXISTS (SELECT FROM domiq_sync.integration i
                   WHERE i.partition_key = slug AND i.property_id <> NEW.property_id) THEN
            slug := slug || '-' || left(NEW.property_id::text, 8);
        END IF;
        NEW.partition_key := slug;
    END IF;
    RETURN NEW;
END $$;

DROP TRIGGER IF EXISTS fill_integration ON domiq_sync.integration;
CREATE TRIGGER fill_integration BEFORE INSERT OR UPDATE ON domiq_sync.integration
    FOR EACH ROW EXECUTE FUNCTION domiq_sync.fill_integration();
