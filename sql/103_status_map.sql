-- What the status map says, and what follows when it is changed. In plpgsql, which keeps its plan: before PostgreSQL 18
-- an SQL function is planned anew at every call.

-- A word as words are compared: without case, and without white space around it. Of letters beyond ASCII the case
-- counts, in every database alike (sync/status_map.py has the same rule).
CREATE OR REPLACE FUNCTION domiq_sync.word(of_status TEXT) RETURNS TEXT
LANGUAGE sql IMMUTABLE AS $$
    SELECT lower(btrim(of_status, E' \t\n\r\f\v') COLLATE "C")
$$;

-- The lead status that one of DomIQ's words stands for; NULL for 'active', NULL and the like.
CREATE OR REPLACE FUNCTION domiq_sync.lead_status(of_property UUID, of_status TEXT) RETURNS TEXT
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT m.lead_status FROM domiq_sync.domiq_status_map m
            WHERE domiq_sync.word(m.domiq_status) = domiq_sync.word(of_status)
              AND (m.property_id = of_property OR m.property_id IS NULL)
            ORDER BY m.property_id NULLS LAST LIMIT 1);
END $$;

CREATE OR REPLACE FUNCTION domiq_sync.resman_covers(of_property UUID, of_status TEXT) RETURNS TEXT[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT m.covers FROM domiq_sync.resman_status_map m
            WHERE domiq_sync.word(m.resman_status)
                  IN (domiq_sync.word(of_status), domiq_sync.word(split_part(of_status, '/', 1)))
              AND (m.property_id = of_property OR m.property_id IS NULL)
            ORDER BY domiq_sync.word(m.resman_status) = domiq_sync.word(of_status) DESC, m.property_id NULLS LAST
            LIMIT 1);
END $$;
COMMENT ON FUNCTION domiq_sync.resman_covers IS
'The lead statuses that a ResMan status covers at a property; NULL for a word that has no meaning there';

-- A row that makes no sense is refused with a sentence that says what would.
CREATE OR REPLACE FUNCTION domiq_sync.check_status_map() RETURNS TRIGGER
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    known CONSTANT TEXT[] := '{new,contacted,qualified,tour_scheduled,application,leased,lost}';
    milestones CONSTANT TEXT[] := ARRAY[
        'Applicant/Approved', 'Applicant/LeaseSigned', 'Applicant/MovedIn', 'Applicant/Denied', 'Applicant/Cancelled',
        'Resident/Former', 'Resident/Evicted'];
    stranger TEXT;
BEGIN
    IF TG_TABLE_NAME = 'domiq_status_map' THEN
        IF NEW.lead_status <> ALL (known) THEN
            RAISE EXCEPTION USING ERRCODE = 'check_violation', MESSAGE = format(
                'The row for DomIQ''s status "%s" names the lead status "%s", which there is not: use one of %s.',
                NEW.domiq_status, NEW.lead_status, array_to_string(known, ', '));
        END IF;
        IF NEW.event_type = '' OR (lower(NEW.event_type) IN ('cancel', 'reactivate') AND NEW.lead_status <> 'lost') THEN
            RAISE EXCEPTION USING ERRCODE = 'check_violation', MESSAGE = format(
                'The row for DomIQ''s status "%s" would post the event "%s", which says something else at ResMan: '
                'use Contact, Other, Appointment or another event that only tells.',
                NEW.domiq_status, NEW.event_type);
        END IF;
        RETURN NEW;
    END IF;
    SELECT string_agg(quote_ident(s), ', ') INTO stranger
    FROM unnest(NEW.covers) s WHERE s IS NULL OR s <> ALL (known);
    IF stranger IS NOT NULL OR cardinality(NEW.covers) = 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'check_violation', MESSAGE = format(
            'The row for ResMan''s status "%s" covers %s, which is no lead status: use some of %s.',
            NEW.resman_status, COALESCE(stranger, 'nothing'), array_to_string(known, ', '));
    END IF;
    IF NEW.sets <> ALL (NEW.covers) THEN
        RAISE EXCEPTION USING ERRCODE = 'check_violation', MESSAGE = format(
            'The row for ResMan''s status "%s" sets "%s", which it does not cover: what it sets must be one of %s.',
            NEW.resman_status, NEW.sets, array_to_string(NEW.covers, ', '));
    END IF;
    IF position('/' IN NEW.resman_status) > 0 AND NEW.resman_status <> ALL (milestones) THEN
        RAISE EXCEPTION USING ERRCODE = 'check_violation', MESSAGE = format(
            'No lease milestone is called "%s": use one of %s, or a status alone.',
            NEW.resman_status, array_to_string(milestones, ', '));
    END IF;
    RETURN NEW;
END $$;

CALL domiq_sync.ensure_trigger(
    'domiq_sync.domiq_status_map', 'check_status_map', 'BEFORE INSERT OR UPDATE',
    'EXECUTE FUNCTION domiq_sync.check_status_map()'
);
CALL domiq_sync.ensure_trigger(
    'domiq_sync.resman_status_map', 'check_status_map', 'BEFORE INSERT OR UPDATE',
    'EXECUTE FUNCTION domiq_sync.check_status_map()'
);

-- Leads whose pair was in step until the map said otherwise are decided about anew, as if ResMan had moved:
-- an agreed status of '' is none. A difference that was accepted before stays accepted.
CREATE OR REPLACE FUNCTION domiq_sync.on_status_map_changed() RETURNS TRIGGER
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    word CONSTANT TEXT := domiq_sync.word(
        CASE WHEN TG_OP = 'DELETE' THEN OLD.resman_status ELSE NEW.resman_status END);
    of_property CONSTANT UUID := CASE WHEN TG_OP = 'DELETE' THEN OLD.property_id ELSE NEW.property_id END;
    covered TEXT[];
BEGIN
    IF TG_OP = 'INSERT' THEN
        SELECT m.covers INTO covered FROM domiq_sync.resman_status_map m
        WHERE domiq_sync.word(m.resman_status) IN (word, split_part(word, '/', 1))
          AND (m.property_id = of_property OR m.property_id IS NULL)
          AND (m.resman_status, m.property_id) IS DISTINCT FROM (NEW.resman_status, of_property)
        ORDER BY domiq_sync.word(m.resman_status) = word DESC, m.property_id NULLS LAST LIMIT 1;
    ELSE
        covered := OLD.covers;
    END IF;
    UPDATE domiq_sync.lead_link l SET agreed_resman_status = ''
    WHERE (of_property IS NULL OR l.property_id = of_property) AND l.is_current
      AND word IN (domiq_sync.word(l.agreed_resman_status),
                   domiq_sync.word(split_part(l.agreed_resman_status, '/', 1)))
      AND domiq_sync.lead_status(l.property_id, l.agreed_domiq_status) = ANY (covered)
      AND domiq_sync.lead_status(l.property_id, l.agreed_domiq_status)
          <> ALL (COALESCE(domiq_sync.resman_covers(l.property_id, l.agreed_resman_status), '{}'));
    RETURN NULL;
END $$;

CALL domiq_sync.ensure_trigger(
    'domiq_sync.resman_status_map', 'status_map_changed', 'AFTER INSERT OR DELETE OR UPDATE',
    'EXECUTE FUNCTION domiq_sync.on_status_map_changed()'
);
