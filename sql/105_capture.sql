-- Logging what the application does to conversation.status and conversation.tour_datetime, in its transaction. The
-- settings of these functions are those of 104_changes.sql, for the same reasons. 110_capture_trigger.sql has the
-- triggers, which can be left out.

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
    IF domiq_sync.gave_up('chain') THEN
        RETURN stood_at;
    END IF;
    SELECT last.new_status INTO last_logged FROM domiq_sync.last_change(of_conversation) AS last;
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
    PERFORM domiq_sync.give_up('chain', SQLSTATE);
    RETURN stood_at;
END $$;

-- Logs a change of conversation.status as pending, in the transaction that made it, and says that the conversation's
-- row is locked, as it is for whoever has just written it. A status that is no lead status is left alone; one that
-- the sync itself writes is logged by the sync; and so is one that the application has logged already and that goes to
-- ResMan by that. The old status continues the chain. What cannot be logged is counted, and does not fail the
-- application's statement: reconciliation finds it.
CREATE OR REPLACE FUNCTION domiq_sync.log_captured(
    of_conversation UUID, stood_at TEXT, stands_at TEXT, is_new BOOLEAN
) RETURNS VOID
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
DECLARE
    its_property UUID;
    its_status TEXT;
    before TEXT;
    announced RECORD;
    logged UUID;
    captured UUID;
    writing CONSTANT TEXT := COALESCE(current_setting('domiq_sync.logging', true), '');
    named_by CONSTANT TEXT := current_setting('domiq_sync.updated_by', true);
BEGIN
    IF domiq_sync.gave_up('capture') THEN
        PERFORM domiq_sync.count_miss();
        RETURN;
    END IF;
    its_property := domiq_sync.property_of(of_conversation);
    its_status := domiq_sync.lead_status(its_property, stands_at);
    IF its_status IS NULL
       OR EXISTS (SELECT FROM domiq_sync.integration i
                  WHERE i.property_id = its_property AND i.sync_direction = 'from_resman') THEN
        RETURN;
    END IF;
    IF NOT is_new AND COALESCE(named_by, '') NOT IN ('resman_user', 'system') THEN
        SELECT a.change_id, a.is_told INTO announced FROM domiq_sync.announced_before(of_conversation, stands_at) AS a;
        IF FOUND THEN
            INSERT INTO domiq_sync.announced_move (change_id) VALUES (announced.change_id) ON CONFLICT DO NOTHING;
            IF announced.is_told THEN
                RETURN;
            END IF;
            logged := announced.change_id;
            before := stands_at;  -- the log stands there already
        END IF;
    END IF;
    PERFORM set_config('domiq_sync.logging', 'trigger', true);
    IF NOT is_new AND logged IS NULL THEN
        before := domiq_sync.close_chain(of_conversation, its_property, stood_at,
                                         'found when the next change was captured, which overtook it');
    END IF;
    PERFORM set_config('domiq_sync.captured', of_conversation::text, true);
    INSERT INTO public.status_sync_log (conversation_id, resman_lead_id, old_status, new_status,
                                        updated_by, sync_direction, sync_status, context_data)
    VALUES (of_conversation,
            (SELECT l.prospect_id FROM domiq_sync.lead_link l WHERE l.conversation_id = of_conversation),
            before, stands_at,
            CASE WHEN named_by IN ('resman_user', 'system') THEN named_by ELSE 'chatbot' END,
            'to_resman', 'pending',
            CASE WHEN its_status = 'tour_scheduled' THEN domiq_sync.tour_record(of_conversation) END)
    RETURNING id INTO captured;
    PERFORM set_config('domiq_sync.logging', writing, true);
    IF its_status = 'tour_scheduled' THEN
        PERFORM set_config('domiq_sync.tour_logged', of_conversation || ' ' || captured, true);
    END IF;
    IF logged IS NOT NULL THEN
        UPDATE domiq_sync.change
        SET same_as = logged, ruled_at = clock_timestamp(), notified_at = clock_timestamp() WHERE change_id = captured;
    END IF;
EXCEPTION WHEN OTHERS THEN
    PERFORM domiq_sync.give_up('capture', SQLSTATE);
    PERFORM domiq_sync.count_miss();
    RAISE WARNING 'domiq_sync: the status of conversation % was not captured (SQLSTATE %); reconciliation will find it',
        of_conversation, SQLSTATE;
END $$;

-- A tour's time as it is kept: what JSON makes of it, and where it has a zone, in UTC, whatever the session's is.
CREATE OR REPLACE FUNCTION domiq_sync.tour_text(shown TEXT) RETURNS TEXT
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET TimeZone = 'UTC' AS $$
BEGIN
    IF shown ~ 'T.*[0-9][+-][0-9:]+$' THEN
        RETURN to_jsonb(shown::timestamptz) #>> '{}';
    END IF;
    RETURN shown;
EXCEPTION WHEN OTHERS THEN  -- of a column that is no time
    RETURN shown;
END $$;

-- What a change to a status that has tours says of the conversation's: NULL where DomIQ has no such column.
CREATE OR REPLACE FUNCTION domiq_sync.tour_record(of_conversation UUID) RETURNS JSONB
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object('tour', jsonb_build_object('is', domiq_sync.tour_text(c.shown ->> 'tour_datetime')))
    FROM (SELECT to_jsonb(o) AS shown FROM public.conversation o WHERE o.id = of_conversation) AS c
    WHERE c.shown ? 'tour_datetime'
$$;

-- Why a change has the same status before and after. The times are DomIQ's own.
CREATE OR REPLACE FUNCTION domiq_sync.tour_reason(was TEXT, is_now TEXT) RETURNS TEXT
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN is_now IS NULL THEN 'the tour of ' || replace(was, 'T', ' ') || ' was called off'
                WHEN was IS NULL THEN 'the tour was set for ' || replace(is_now, 'T', ' ')
                ELSE 'the tour moved from ' || replace(was, 'T', ' ') || ' to ' || replace(is_now, 'T', ' ') END
$$;

-- Logs that a tour moved while the status stayed, as log_captured logs a change of status, as a change with the same
-- status before and after. Only where the status has tours, so that ResMan was told of one. What one transaction does
-- to a tour is one move, and part of the change to the status where that is its own as well. Of a status that nobody
-- logged, that change is logged instead: it says where the tour stands.
CREATE OR REPLACE FUNCTION domiq_sync.log_tour(of_conversation UUID, stands_at TEXT, was TEXT, is_now TEXT) RETURNS VOID
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
DECLARE
    its_property UUID;
    last_logged TEXT;
    captured UUID;
    writing CONSTANT TEXT := COALESCE(current_setting('domiq_sync.logging', true), '');
    named_by CONSTANT TEXT := current_setting('domiq_sync.updated_by', true);
    own CONSTANT TEXT := COALESCE(current_setting('domiq_sync.tour_logged', true), '');
BEGIN
    IF domiq_sync.gave_up('capture') THEN
        PERFORM domiq_sync.count_miss();
        RETURN;
    END IF;
    its_property := domiq_sync.property_of(of_conversation);
    IF was IS NOT DISTINCT FROM is_now
       OR domiq_sync.lead_status(its_property, stands_at) IS DISTINCT FROM 'tour_scheduled'
       OR EXISTS (SELECT FROM domiq_sync.integration i
                  WHERE i.property_id = its_property AND i.sync_direction = 'from_resman') THEN
        RETURN;
    END IF;
    IF starts_with(own, of_conversation || ' ') THEN
        UPDATE public.status_sync_log g
        SET context_data = jsonb_set(g.context_data, '{tour,is}', COALESCE(to_jsonb(is_now), 'null')),
            status_reason = CASE WHEN domiq_sync.is_tour_move(g.context_data)
                                 THEN domiq_sync.tour_reason(g.context_data #>> '{tour,was}', is_now)
                                 ELSE g.status_reason END
        WHERE g.id = split_part(own, ' ', 2)::uuid AND g.sync_status = 'pending' AND g.context_data ? 'tour';
        IF FOUND THEN
            RETURN;
        END IF;
    END IF;
    SELECT last.new_status INTO last_logged FROM domiq_sync.last_change(of_conversation) AS last;
    IF domiq_sync.word(last_logged) <> domiq_sync.word(stands_at) THEN
        IF NOT domiq_sync.awaits_move(of_conversation, stands_at) THEN
            PERFORM domiq_sync.log_captured(of_conversation, last_logged, stands_at, FALSE);
        END IF;
        RETURN;
    END IF;
    PERFORM domiq_sync.use_up_announced(of_conversation, stands_at);
    PERFORM set_config('domiq_sync.logging', 'trigger', true);
    PERFORM set_config('domiq_sync.captured', of_conversation::text, true);
    INSERT INTO public.status_sync_log (conversation_id, resman_lead_id, old_status, new_status, status_reason,
                                        updated_by, sync_direction, sync_status, context_data)
    VALUES (of_conversation,
            (SELECT l.prospect_id FROM domiq_sync.lead_link l WHERE l.conversation_id = of_conversation),
            stands_at, stands_at, domiq_sync.tour_reason(was, is_now),
            CASE WHEN named_by IN ('resman_user', 'system') THEN named_by ELSE 'chatbot' END,
            'to_resman', 'pending',
            jsonb_build_object('tour', jsonb_build_object('was', was, 'is', is_now)))
    RETURNING id INTO captured;
    PERFORM set_config('domiq_sync.logging', writing, true);
    PERFORM set_config('domiq_sync.tour_logged', of_conversation || ' ' || captured, true);
EXCEPTION WHEN OTHERS THEN
    PERFORM domiq_sync.give_up('capture', SQLSTATE);
    PERFORM domiq_sync.count_miss();
    RAISE WARNING 'domiq_sync: the tour of conversation % was not captured (SQLSTATE %); reconciliation will find it',
        of_conversation, SQLSTATE;
END $$;

-- A row with equal statuses that the application has just logged may announce the tour's move: then it is used up, and
-- announces no later move to this status. Both are kept; whichever is delivered first tells ResMan of the new time, and
-- the other finds it told.
CREATE OR REPLACE FUNCTION domiq_sync.use_up_announced(of_conversation UUID, stands_at TEXT) RETURNS VOID
LANGUAGE sql SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
    INSERT INTO domiq_sync.announced_move (change_id)
    SELECT n.change_id
    FROM (SELECT * FROM domiq_sync.change ch WHERE ch.conversation_id = of_conversation
          ORDER BY ch.seq DESC LIMIT 20) AS n
    CROSS JOIN LATERAL (SELECT * FROM public.status_sync_log l WHERE l.id = n.change_id OFFSET 0) AS g
    WHERE n.logged_by = 'application' AND n.same_as IS NULL
      AND n.logged_at > clock_timestamp() - interval '10 minutes'
      AND domiq_sync.word(g.old_status) = domiq_sync.word(stands_at)
      AND domiq_sync.word(g.new_status) = domiq_sync.word(stands_at)
      AND NOT EXISTS (SELECT FROM domiq_sync.announced_move m WHERE m.change_id = n.change_id)
    ORDER BY n.seq LIMIT 1
    ON CONFLICT DO NOTHING
$$;

-- One more that was not captured: see 020_capture_misses.sql.
CREATE OR REPLACE FUNCTION domiq_sync.count_miss() RETURNS VOID
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM nextval('domiq_sync.capture_misses');
EXCEPTION WHEN OTHERS THEN
    RAISE WARNING 'domiq_sync: what was not captured cannot be counted (SQLSTATE %)', SQLSTATE;
END $$;

-- The trigger has no WHEN and names no column, so that DomIQ may alter the type of status, and drop or rename it: then
-- nothing is captured, and its statements go on. A session that was there before such an ALTER has plans for the old
-- type (datatype_mismatch), and reads the row as JSON; so it does where a column is gone by now, or has no equality.
-- Tours are looked at where the trigger says so (110_capture_trigger.sql), which it does where DomIQ has them: a column
-- that is not there would cost every update an exception.
CREATE OR REPLACE FUNCTION domiq_sync.capture_status() RETURNS TRIGGER
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET lock_timeout = '100ms' SET enable_seqscan = off AS $$
DECLARE
    is_new CONSTANT BOOLEAN := TG_OP = 'INSERT';
    stands_at TEXT;
    stood_at TEXT;
    tour_moved BOOLEAN := FALSE;
BEGIN
    BEGIN
        stands_at := NEW.status;
        IF NOT is_new THEN
            stood_at := OLD.status;
            IF TG_NARGS > 0 THEN
                tour_moved := NEW.tour_datetime IS DISTINCT FROM OLD.tour_datetime;
            END IF;
        END IF;
    EXCEPTION WHEN datatype_mismatch OR undefined_column OR undefined_function THEN
        IF NOT to_jsonb(NEW) ? 'status' THEN
            RAISE;
        END IF;
        stands_at := to_jsonb(NEW) ->> 'status';
        IF NOT is_new THEN
            stood_at := to_jsonb(OLD) ->> 'status';
            tour_moved := TG_NARGS > 0
                          AND to_jsonb(NEW) ->> 'tour_datetime' IS DISTINCT FROM to_jsonb(OLD) ->> 'tour_datetime';
        END IF;
    END;
    IF (stands_at IS NOT DISTINCT FROM stood_at AND NOT tour_moved)
       OR current_setting('domiq_sync.origin', true) = 'resman' THEN
        RETURN NULL;
    END IF;
    IF stands_at IS DISTINCT FROM stood_at THEN
        PERFORM domiq_sync.log_captured(NEW.id, stood_at, stands_at, is_new);
    ELSE
        PERFORM domiq_sync.log_tour(NEW.id, stands_at, domiq_sync.tour_text(to_jsonb(OLD) ->> 'tour_datetime'),
                                    domiq_sync.tour_text(to_jsonb(NEW) ->> 'tour_datetime'));
    END IF;
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    PERFORM domiq_sync.count_miss();
    RAISE WARNING 'domiq_sync: a status was not captured (SQLSTATE %); reconciliation will find it', SQLSTATE;
    RETURN NULL;
END $$;
