-- What follows when a property is connected, changed or disconnected. In triggers, since users do it by SQL as well.

-- Whoever decides: as a command says for its transaction, else the role that is logged in. session_user, since inside
-- of a function of the owner's current_user is the owner.
CREATE OR REPLACE FUNCTION domiq_sync.actor() RETURNS TEXT
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT COALESCE(NULLIF(current_setting('domiq_sync.actor', true), ''), session_user::text)
$$;

-- A property's partition key: its name in lower case with hyphens, made unique by a piece of its id.
CREATE OR REPLACE FUNCTION domiq_sync.fill_integration() RETURNS TRIGGER
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

CALL domiq_sync.ensure_trigger(
    'domiq_sync.integration', 'fill_integration', 'BEFORE INSERT OR UPDATE',
    'EXECUTE FUNCTION domiq_sync.fill_integration()'
);

-- Notes when the sync was switched on, which ends a pause, on record with whoever does it. A property that is connected
-- to another one at ResMan begins anew there: what was read of the old one, what was linked with it and what it calls
-- its agents, sources and reasons say nothing of the new one. Rows of leads are written before links, as everywhere.
CREATE OR REPLACE FUNCTION domiq_sync.note_switching() RETURNS TRIGGER
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    why TEXT;
    before TEXT;
BEGIN
    IF NEW.sync_enabled AND NOT OLD.sync_enabled THEN
        NEW.enabled_at := clock_timestamp();
        UPDATE domiq_sync.pause p SET resumed_at = NEW.enabled_at, resumed_by = domiq_sync.actor()
        WHERE p.property_id = NEW.property_id AND p.resumed_at IS NULL;
        IF FOUND THEN
            INSERT INTO domiq_sync.operator_action (action, actor, property_id)
            VALUES ('resume', domiq_sync.actor(), NEW.property_id);
        END IF;
    END IF;
    IF NEW.resman_account_id <> OLD.resman_account_id
       OR lower(btrim(NEW.resman_property_id, '{} ')) <> lower(btrim(OLD.resman_property_id, '{} ')) THEN
        DELETE FROM domiq_sync.watermark w WHERE w.property_id = NEW.property_id;
        NEW.connected_at := clock_timestamp();
        NEW.agent_id := NULLIF(NEW.agent_id, OLD.agent_id);
        NEW.source_id := NULLIF(NEW.source_id, OLD.source_id);
        NEW.lost_reason_id := NULLIF(NEW.lost_reason_id, OLD.lost_reason_id);
        DELETE FROM domiq_sync.missing_lead m WHERE m.property_id = NEW.property_id;
        DELETE FROM domiq_sync.resman_lead r WHERE r.property_id = NEW.property_id;
        why := 'the property was connected to another one at ResMan';
        before := current_setting('domiq_sync.link_reason', true);
        PERFORM set_config('domiq_sync.link_reason', why, true);
        DELETE FROM domiq_sync.lead_link l WHERE l.property_id = NEW.property_id;
        PERFORM set_config('domiq_sync.link_reason', COALESCE(before, ''), true);
        UPDATE domiq_sync.link_question q SET closed_at = clock_timestamp(), resolution = why
        WHERE q.property_id = NEW.property_id AND q.closed_at IS NULL;
        DELETE FROM domiq_sync.trouble t WHERE t.property_id = NEW.property_id AND t.kind IN ('prospect', 'lead', 'grant');
    END IF;
    RETURN NEW;
END $$;

CALL domiq_sync.ensure_trigger(
    'domiq_sync.integration', 'note_switching', 'BEFORE UPDATE',
    'EXECUTE FUNCTION domiq_sync.note_switching()'
);

-- resman_lead has no foreign key (006_pulls.sql says why): the leads of a property that is deleted go here.
-- Disconnecting a property keeps its leads.
CREATE OR REPLACE FUNCTION domiq_sync.forget_leads() RETURNS TRIGGER
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM domiq_sync.resman_lead r
    WHERE r.property_id = OLD.property_id
      AND NOT EXISTS (SELECT FROM public.property p WHERE p.id = OLD.property_id);
    RETURN NULL;
END $$;

CALL domiq_sync.ensure_trigger(
    'domiq_sync.integration', 'forget_leads', 'AFTER DELETE',
    'EXECUTE FUNCTION domiq_sync.forget_leads()'
);
