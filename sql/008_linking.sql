-- Lease milestones in the status map, links that a person decides about, and conflicts and links whose end
-- is on record. No name, e-mail address or phone number is stored in any of these tables either.

-- A ResMan status may carry the lease's milestone behind a slash. Where a milestone has no row, the row of
-- the bare status holds, so only those are shipped that mean something else. A property's own row of a
-- milestone wins over the shipped one, and that over any row of the bare status.
INSERT INTO domiq_sync.resman_status_map (property_id, resman_status, covers, sets) VALUES
    (NULL, 'Applicant/LeaseSigned', '{leased}', 'leased'),
    (NULL, 'Applicant/MovedIn', '{leased}', 'leased'),
    (NULL, 'Applicant/Denied', '{application,lost}', 'application'),
    (NULL, 'Applicant/Cancelled', '{application,lost}', 'application')
ON CONFLICT DO NOTHING;

CREATE OR REPLACE FUNCTION domiq_sync.resman_covers(of_property UUID, of_status TEXT) RETURNS TEXT[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT m.covers FROM domiq_sync.resman_status_map m
            WHERE m.resman_status IN (of_status, split_part(of_status, '/', 1))
              AND (m.property_id = of_property OR m.property_id IS NULL)
            ORDER BY m.resman_status = of_status DESC, m.property_id NULLS LAST LIMIT 1);
END $$;
COMMENT ON FUNCTION domiq_sync.resman_covers IS
    'The lead statuses that a ResMan status covers at a property; NULL for a word that has no meaning there';

-- A row that makes no sense is refused with a sentence that says what would.
CREATE OR REPLACE FUNCTION domiq_sync.check_status_map() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    known CONSTANT TEXT[] := '{new,contacted,qualified,tour_scheduled,application,leased,lost}';
    milestones CONSTANT TEXT[] := '{Applicant/Approved,Applicant/LeaseSigned,Applicant/MovedIn,Applicant/Denied,Applicant/Cancelled,Resident/Former,Resident/Evicted}';
    stranger TEXT;
BEGIN
    IF TG_TABLE_NAME = 'domiq_status_map' THEN
        IF NEW.lead_status <> ALL (known) THEN
            RAISE EXCEPTION 'The row for DomIQ''s status "%" names the lead status "%", which there is not: use one of %.',
                NEW.domiq_status, NEW.lead_status, array_to_string(known, ', ') USING ERRCODE = 'check_violation';
        END IF;
        IF NEW.event_type = '' OR (lower(NEW.event_type) IN ('cancel', 'reactivate') AND NEW.lead_status <> 'lost') THEN
            RAISE EXCEPTION 'The row for DomIQ''s status "%" would post the event "%", which says something else at ResMan: use Contact, Other, Appointment or another event that only tells.',
                NEW.domiq_status, NEW.event_type USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END IF;
    SELECT string_agg(quote_ident(s), ', ') INTO stranger
    FROM unnest(NEW.covers) s WHERE s IS NULL OR s <> ALL (known);
    IF stranger IS NOT NULL OR cardinality(NEW.covers) = 0 THEN
        RAISE EXCEPTION 'The row for ResMan''s status "%" covers %, which is no lead status: use some of %.',
            NEW.resman_status, COALESCE(stranger, 'nothing'), array_to_string(known, ', ') USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.sets <> ALL (NEW.covers) THEN
        RAISE EXCEPTION 'The row for ResMan''s status "%" sets "%", which it does not cover: what it sets must be one of %.',
            NEW.resman_status, NEW.sets, array_to_string(NEW.covers, ', ') USING ERRCODE = 'check_violation';
    END IF;
    IF position('/' IN NEW.resman_status) > 0 AND NEW.resman_status <> ALL (milestones) THEN
        RAISE EXCEPTION 'No lease milestone is called "%": use one of %, or a status alone.',
            NEW.resman_status, array_to_string(milestones, ', ') USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
DROP TRIGGER IF EXISTS check_status_map ON domiq_sync.domiq_status_map;
CREATE TRIGGER check_status_map BEFORE INSERT OR UPDATE ON domiq_sync.domiq_status_map
    FOR EACH ROW EXECUTE FUNCTION domiq_sync.check_status_map();
DROP TRIGGER IF EXISTS check_status_map ON domiq_sync.resman_status_map;
CREATE TRIGGER check_status_map BEFORE INSERT OR UPDATE ON domiq_sync.resman_status_map
    FOR EACH ROW EXECUTE FUNCTION domiq_sync.check_status_map();

-- Leads whose pair was in step until the map said otherwise are decided about anew, as if ResMan had moved:
-- an agreed status of '' is none. A difference that was accepted before stays accepted.
CREATE OR REPLACE FUNCTION domiq_sync.on_status_map_changed() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    word CONSTANT TEXT := CASE WHEN TG_OP = 'DELETE' THEN OLD.resman_status ELSE NEW.resman_status END;
    place CONSTANT UUID := CASE WHEN TG_OP = 'DELETE' THEN OLD.property_id ELSE NEW.property_id END;
    covered TEXT[];
BEGIN
    IF TG_OP = 'INSERT' THEN
        SELECT m.covers INTO covered FROM domiq_sync.resman_status_map m
        WHERE m.resman_status IN (word, split_part(word, '/', 1))
          AND (m.property_id = place OR m.property_id IS NULL)
          AND (m.resman_status, m.property_id) IS DISTINCT FROM (word, place)
        ORDER BY m.resman_status = word DESC, m.property_id NULLS LAST LIMIT 1;
    ELSE
        covered := OLD.covers;
    END IF;
    UPDATE domiq_sync.lead_link l SET agreed_resman_status = ''
    WHERE (place IS NULL OR l.property_id = place) AND l.is_current
      AND (l.agreed_resman_status = word OR split_part(l.agreed_resman_status, '/', 1) = word)
      AND domiq_sync.lead_status(l.property_id, l.agreed_domiq_status) = ANY (covered)
      AND domiq_sync.lead_status(l.property_id, l.agreed_domiq_status)
          <> ALL (COALESCE(domiq_sync.resman_covers(l.property_id, l.agreed_resman_status), '{}'));
    RETURN NULL;
END $$;
DROP TRIGGER IF EXISTS status_map_changed ON domiq_sync.resman_status_map;
CREATE TRIGGER status_map_changed AFTER INSERT OR UPDATE OR DELETE ON domiq_sync.resman_status_map
    FOR EACH ROW EXECUTE FUNCTION domiq_sync.on_status_map_changed();

-- What a person has to answer about links, and how it ended. See docs/linking.md for the kinds.
ALTER TABLE domiq_sync.link_question
    ADD COLUMN IF NOT EXISTS kind TEXT NOT NULL DEFAULT 'several_people',
    ADD COLUMN IF NOT EXISTS prospect_ids TEXT[] NOT NULL DEFAULT '{}',
    ADD COLUMN IF NOT EXISTS conversation_ids UUID[] NOT NULL DEFAULT '{}',
    ADD COLUMN IF NOT EXISTS closed_at TIMESTAMPTZ,
    ADD COLUMN IF NOT EXISTS resolution TEXT;
CREATE INDEX IF NOT EXISTS link_question_open ON domiq_sync.link_question (property_id) WHERE closed_at IS NULL;

-- What people decided about links; of several rows about one person and one prospect the last holds. No
-- references: the record outlives the conversation.
CREATE TABLE IF NOT EXISTS domiq_sync.link_decision (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    property_id UUID NOT NULL,
    conversation_id UUID NOT NULL,
    user_id UUID,
    prospect_id TEXT NOT NULL,
    verdict TEXT NOT NULL CHECK (verdict IN ('same', 'never')),
    decided_by TEXT NOT NULL,
    decided_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX IF NOT EXISTS link_decision_property ON domiq_sync.link_decision (property_id, id);

-- Links that are no more, as they were when they were closed. relinked_to: where the prospect was gone from
-- ResMan, the one that the conversation was linked with since; that link goes on from the pair last agreed.
CREATE TABLE IF NOT EXISTS domiq_sync.closed_link (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    conversation_id UUID NOT NULL,
    property_id UUID NOT NULL,
    prospect_id TEXT NOT NULL,
    linked_by TEXT NOT NULL,
    linked_at TIMESTAMPTZ NOT NULL,
    agreed_domiq_status TEXT,
    agreed_resman_status TEXT,
    agreed_at TIMESTAMPTZ,
    closed_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    reason TEXT NOT NULL,
    relinked_to TEXT
);
CREATE INDEX IF NOT EXISTS closed_link_conversation ON domiq_sync.closed_link (conversation_id, id);
CREATE INDEX IF NOT EXISTS closed_link_open ON domiq_sync.closed_link (property_id) WHERE relinked_to IS NULL;
CREATE INDEX IF NOT EXISTS closed_link_prospect ON domiq_sync.closed_link (prospect_id);

-- A conflict ends on record: also that of a conversation which is deleted.
ALTER TABLE domiq_sync.conflict
    DROP CONSTRAINT IF EXISTS conflict_conversation_id_fkey,
    ADD COLUMN IF NOT EXISTS resolved_by TEXT;

-- Whoever closes a link says why in the setting domiq_sync.link_reason. That DomIQ deletes a conversation
-- must not fail for what goes wrong here.
CREATE OR REPLACE FUNCTION domiq_sync.on_link_closed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET lock_timeout = '1s' SET enable_seqscan = off AS $$
DECLARE
    why TEXT := COALESCE(NULLIF(current_setting('domiq_sync.link_reason', true), ''), 'the link was closed');
BEGIN
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
    RAISE WARNING 'domiq_sync: the end of the link of conversation % is not on record (%)',
        OLD.conversation_id, SQLERRM;
    RETURN NULL;
END $$;
DROP TRIGGER IF EXISTS link_closed ON domiq_sync.lead_link;
CREATE TRIGGER link_closed AFTER DELETE ON domiq_sync.lead_link
    FOR EACH ROW EXECUTE FUNCTION domiq_sync.on_link_closed();
DROP TRIGGER IF EXISTS link_stepped_back ON domiq_sync.lead_link;
CREATE TRIGGER link_stepped_back AFTER UPDATE OF is_current ON domiq_sync.lead_link
    FOR EACH ROW WHEN (OLD.is_current AND NOT NEW.is_current)
    EXECUTE FUNCTION domiq_sync.on_link_closed();

-- What old_status the next row of a conversation's log must have, for the log to replay its lead status from
-- the first value to the last: where it stands, or, of a state that is no lead status, the last that was
-- logged. A change that nobody logged (capture was off, or failed) is logged first, settled at once, since the
-- next row overtakes it.
CREATE OR REPLACE FUNCTION domiq_sync.close_chain(of_conversation UUID, of_property UUID, stood_at TEXT, how TEXT)
RETURNS TEXT
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
DECLARE
    last_logged TEXT;
BEGIN
    SELECT g.new_status INTO last_logged
    FROM domiq_sync.change ch JOIN public.status_sync_log g ON g.id = ch.change_id
    WHERE ch.conversation_id = of_conversation ORDER BY ch.seq DESC LIMIT 1;
    IF last_logged IS NULL OR last_logged = stood_at THEN
        RETURN stood_at;
    END IF;
    IF domiq_sync.lead_status(of_property, stood_at) IS NULL THEN
        RETURN last_logged;
    END IF;
    INSERT INTO public.status_sync_log (conversation_id, resman_lead_id, old_status, new_status, status_reason,
                                        updated_by, sync_direction, sync_status, context_data)
    VALUES (of_conversation,
            (SELECT l.prospect_id FROM domiq_sync.lead_link l WHERE l.conversation_id = of_conversation),
            last_logged, stood_at, 'no change was logged for it', 'system', 'to_resman', 'success',
            jsonb_build_object('sync', jsonb_build_object('outcome', 'superseded', 'reason', how)));
    RETURN stood_at;
EXCEPTION WHEN OTHERS THEN  -- the next row is logged all the same
    RETURN stood_at;
END $$;

-- As in 005, and the old status continues the chain.
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
