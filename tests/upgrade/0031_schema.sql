-- A DomIQ database with the sync as it stood at revision 0031, with the shipped rows, as pg_dump wrote what the
-- version of that time (29359be) had migrated, but for its comments and settings. Frozen, as 0014_schema.sql is.

SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;

CREATE SCHEMA domiq_sync;

CREATE FUNCTION domiq_sync.adopt_change(of_change uuid, of_conversation uuid, direction text, status text, status_before text, status_after text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
DECLARE
    its_property UUID := domiq_sync.property_of(of_conversation);
    its_seq BIGINT;
    its_lane UUID := COALESCE(of_conversation, of_change);
    is_in_turn BOOLEAN := COALESCE(current_setting('domiq_sync.captured', true) = of_conversation::text, FALSE);
    its_writer CONSTANT TEXT := COALESCE(NULLIF(current_setting('domiq_sync.logging', true), ''), 'application');
    its_first UUID;
    of_a_tour BOOLEAN := FALSE;
BEGIN
    IF status_before = status_after THEN
        SELECT domiq_sync.is_tour_move(g.context_data) INTO of_a_tour
        FROM public.status_sync_log g WHERE g.id = of_change;
    END IF;
    IF its_writer IN ('application', 'adopted') AND NOT of_a_tour THEN
        its_first := domiq_sync.logged_before(of_change, of_conversation, status_before, status_after);
    END IF;
    IF its_writer = 'adopted' AND its_first IS NULL AND NOT of_a_tour THEN
        its_first := domiq_sync.neighbour_alike(of_change, of_conversation, status_before, status_after);
    END IF;
    INSERT INTO domiq_sync.change (change_id, conversation_id, property_id, logged_by, same_as, ruled_at, notified_at)
    VALUES (of_change, of_conversation, its_property, its_writer, its_first,
            CASE WHEN its_first IS NOT NULL OR of_a_tour THEN clock_timestamp() END,
            CASE WHEN its_first IS NOT NULL OR of_a_tour THEN clock_timestamp() END)
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
        PERFORM domiq_sync.wake_sleepers();
    END IF;
END $$;

CREATE FUNCTION domiq_sync.announced_before(of_conversation uuid, status_after text) RETURNS TABLE(change_id uuid, is_told boolean)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
BEGIN
    IF domiq_sync.gave_up('announced') THEN
        RETURN;
    END IF;
    RETURN QUERY
        SELECT n.change_id, COALESCE(
            g.sync_direction = 'from_resman'
            OR (g.sync_direction = 'to_resman' AND (g.sync_status = 'pending' OR g.context_data ? 'sync')), FALSE)
        FROM (SELECT ch.change_id, ch.seq, ch.logged_at, ch.logged_by, ch.same_as, row_number() OVER () = 1 AS is_last
              FROM (SELECT * FROM domiq_sync.change ch WHERE ch.conversation_id = of_conversation
                    ORDER BY ch.seq DESC LIMIT 20) AS ch) AS n
        JOIN public.status_sync_log g ON g.id = n.change_id
        WHERE n.logged_by = 'application' AND n.same_as IS NULL
          AND domiq_sync.word(g.new_status) = domiq_sync.word(status_after)
          AND (n.is_last OR n.logged_at > clock_timestamp() - interval '10 minutes')
          AND NOT EXISTS (SELECT FROM domiq_sync.announced_move m WHERE m.change_id = n.change_id)
        ORDER BY n.seq LIMIT 1;
EXCEPTION WHEN OTHERS THEN  -- the move is logged all the same
    PERFORM domiq_sync.give_up('announced', SQLSTATE);
    RETURN;
END $$;

CREATE FUNCTION domiq_sync.awaits_move(of_conversation uuid, status_now text) RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    RETURN COALESCE((
        SELECT ch.logged_by = 'application' AND ch.same_as IS NULL
               AND ch.logged_at > clock_timestamp() - interval '1 minute'
               AND domiq_sync.word(g.new_status) IS DISTINCT FROM domiq_sync.word(status_now)
               AND NOT EXISTS (SELECT FROM domiq_sync.announced_move m WHERE m.change_id = ch.change_id)
        FROM domiq_sync.change ch JOIN public.status_sync_log g ON g.id = ch.change_id
        WHERE ch.conversation_id = of_conversation ORDER BY ch.seq DESC LIMIT 1), FALSE);
END $$;

CREATE FUNCTION domiq_sync.capture_status() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET lock_timeout TO '100ms'
    SET enable_seqscan TO 'off'
    AS $$
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

CREATE FUNCTION domiq_sync.changes_since(moment timestamp with time zone) RETURNS SETOF uuid
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET jit TO 'off'
    AS $$
DECLARE
    its_status VARCHAR;
    its_end VARCHAR;
BEGIN
    FOR its_status, its_end IN
        SELECT s, e FROM domiq_sync.new_statuses() AS s, unnest('{pending,success,failed,NULL}'::varchar[]) AS e
    LOOP
        IF its_status IS NULL AND its_end IS NULL THEN
            RETURN QUERY SELECT g.id FROM public.status_sync_log g
                WHERE g.new_status IS NULL AND g.sync_status IS NULL AND g.created_at >= moment;
        ELSIF its_status IS NULL THEN
            RETURN QUERY SELECT g.id FROM public.status_sync_log g
                WHERE g.new_status IS NULL AND g.sync_status = its_end AND g.created_at >= moment;
        ELSIF its_end IS NULL THEN
            RETURN QUERY SELECT g.id FROM public.status_sync_log g
                WHERE g.new_status = its_status AND g.sync_status IS NULL AND g.created_at >= moment;
        ELSE
            RETURN QUERY SELECT g.id FROM public.status_sync_log g
                WHERE g.new_status = its_status AND g.sync_status = its_end AND g.created_at >= moment;
        END IF;
    END LOOP;
END $$;

CREATE FUNCTION domiq_sync.check_status_map() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

CREATE FUNCTION domiq_sync.close_chain(of_conversation uuid, of_property uuid, stood_at text, how text) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
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

CREATE FUNCTION domiq_sync.compared_leads() RETURNS TABLE(conversation_id uuid, property_id uuid, prospect_id text, domiq_status text, resman_status text, agreed_at timestamp with time zone, written_at timestamp with time zone, verdict text, cause text)
    LANGUAGE sql STABLE
    AS $$
    SELECT l.conversation_id, l.property_id, l.prospect_id, l.domiq_status, l.resman_status, l.agreed_at,
           l.written_at, v.verdict,
           CASE WHEN v.verdict <> 'diverged' THEN NULL
                WHEN NOT l.is_dated THEN 'undated'
                WHEN l.agreed_domiq_status = l.domiq_status AND l.agreed_resman_status = l.resman_status
                    THEN 'settled'
                WHEN l.agreed_resman_status IS NOT DISTINCT FROM l.resman_status AND l.push_failed
                    THEN 'push_failed'
                WHEN i.sync_direction = 'to_resman' AND l.agreed_resman_status IS DISTINCT FROM l.resman_status
                    OR i.sync_direction = 'from_resman' AND l.agreed_resman_status = l.resman_status
                    THEN 'direction'
                ELSE 'moved' END
    FROM domiq_sync.linked_leads() AS l
    JOIN domiq_sync.integration i ON i.property_id = l.property_id
    LEFT JOIN domiq_sync.domiq_meaning d
        ON d.property_id = l.property_id AND d.domiq_status = domiq_sync.word(l.domiq_status)
    LEFT JOIN domiq_sync.resman_meaning m
        ON m.property_id = l.property_id AND m.resman_status = domiq_sync.word(l.resman_status)
    -- a lease milestone without a row of its own means what the bare status means
    LEFT JOIN domiq_sync.resman_meaning b
        ON b.property_id = l.property_id AND b.resman_status = domiq_sync.word(split_part(l.resman_status, '/', 1))
    CROSS JOIN LATERAL (SELECT COALESCE(m.covers, b.covers) AS covers) AS s
    CROSS JOIN LATERAL (SELECT CASE
        WHEN d.lead_status IS NULL THEN 'not_a_lead'
        WHEN s.covers IS NULL THEN 'unknown_word'
        WHEN d.lead_status = ANY (s.covers) THEN 'agrees'
        WHEN l.in_conflict THEN 'conflict'
        WHEN l.open_outbound THEN 'open_change'
        WHEN d.lead_status IN ('application', 'leased')
             AND split_part(l.resman_status, '/', 1) IN ('Prospect', 'Applicant')
             AND l.agreed_domiq_status = l.domiq_status AND l.agreed_resman_status = l.resman_status
            THEN 'awaiting'
        ELSE 'diverged' END AS verdict) AS v
$$;

CREATE FUNCTION domiq_sync.context_object(context_data jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE
    AS $$
    SELECT CASE WHEN jsonb_typeof(context_data) = 'object' THEN context_data
                WHEN context_data IS NULL THEN '{}'::jsonb
                ELSE jsonb_build_object('original', context_data) END
$$;

CREATE FUNCTION domiq_sync.count_logged() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET lock_timeout TO '100ms'
    SET enable_seqscan TO 'off'
    AS $$
BEGIN
    IF domiq_sync.gave_up('totals') THEN
        PERFORM domiq_sync.note_total_miss('55P03');
        RETURN NULL;
    END IF;
    IF TG_OP = 'INSERT' THEN
        INSERT INTO domiq_sync.log_delta (heap, conversation_id, sync_direction, sync_status, changes)
        SELECT pg_relation_filenode(TG_RELID), a.conversation_id, COALESCE(a.sync_direction, ''),
               COALESCE(a.sync_status, ''), count(*)
        FROM added a GROUP BY 2, 3, 4;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO domiq_sync.log_delta (heap, conversation_id, sync_direction, sync_status, changes)
        SELECT pg_relation_filenode(TG_RELID), r.conversation_id, COALESCE(r.sync_direction, ''),
               COALESCE(r.sync_status, ''), - count(*)
        FROM removed r GROUP BY 2, 3, 4;
    ELSE
        INSERT INTO domiq_sync.log_delta (heap, conversation_id, sync_direction, sync_status, changes)
        SELECT pg_relation_filenode(TG_RELID), u.conversation_id, COALESCE(u.sync_direction, ''),
               COALESCE(u.sync_status, ''), sum(u.changes)
        FROM (SELECT a.conversation_id, a.sync_direction, a.sync_status, 1 AS changes FROM added a
              UNION ALL
              SELECT r.conversation_id, r.sync_direction, r.sync_status, -1 FROM removed r) AS u
        GROUP BY 2, 3, 4 HAVING sum(u.changes) <> 0;
    END IF;
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    PERFORM domiq_sync.give_up('totals', SQLSTATE);
    PERFORM domiq_sync.note_total_miss(SQLSTATE);
    RETURN NULL;
END $$;

CREATE FUNCTION domiq_sync.count_miss() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    PERFORM nextval('domiq_sync.capture_misses');
EXCEPTION WHEN OTHERS THEN
    RAISE WARNING 'domiq_sync: what was not captured cannot be counted (SQLSTATE %)', SQLSTATE;
END $$;

CREATE FUNCTION domiq_sync.count_of_total_misses() RETURNS bigint
    LANGUAGE sql STABLE
    AS $$
    SELECT s.last_value - CASE WHEN s.is_called THEN 0 ELSE 1 END FROM domiq_sync.total_misses s
$$;

CREATE FUNCTION domiq_sync.count_truncated() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET lock_timeout TO '100ms'
    SET enable_seqscan TO 'off'
    AS $$
BEGIN
    -- Where this transaction made the file, TRUNCATE may keep it.
    DELETE FROM domiq_sync.log_delta d WHERE d.heap = pg_relation_filenode(TG_RELID);
    INSERT INTO domiq_sync.log_count (heap, shape, watch, misses, changes, drifted_at, last_drift)
    SELECT pg_relation_filenode(TG_RELID), k.shape, k.watch, k.misses, 0, k.drifted_at, k.last_drift
    FROM domiq_sync.log_count k ORDER BY k.counted_at DESC LIMIT 1
    ON CONFLICT (heap) DO NOTHING;
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN  -- the file is another one: that alone has it counted
    RETURN NULL;
END $$;

CREATE FUNCTION domiq_sync.counted_pages(first_page bigint, end_page bigint) RETURNS TABLE(kind text, home uuid, sync_direction text, sync_status text, changes bigint)
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    RETURN QUERY EXECUTE format(
        'SELECT COALESCE(h.kind, ''unnamed''), COALESCE(h.home, ''00000000-0000-0000-0000-000000000000''),
                COALESCE(g.sync_direction::text, ''''), COALESCE(g.sync_status::text, ''''), count(*)
         FROM public.status_sync_log g
         LEFT JOIN domiq_sync.conversation_home h ON h.conversation_id = g.conversation_id
         WHERE g.ctid >= ''(%s,0)''::tid AND g.ctid < ''(%s,0)''::tid
           AND (g.conversation_id IS NULL OR h.conversation_id IS NOT NULL)
         GROUP BY 1, 2, 3, 4', first_page, end_page);
END $$;

CREATE FUNCTION domiq_sync.database_shape() RETURNS TABLE(name text, source text, property text, kind text, home text, moved text)
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    own_column CONSTANT BOOLEAN := EXISTS (
        SELECT FROM pg_attribute WHERE attrelid = 'public.conversation'::regclass
        AND attname = 'property_id' AND atttypid = 'uuid'::regtype AND NOT attisdropped);
    through_chatbot CONSTANT BOOLEAN := EXISTS (
        SELECT FROM pg_attribute WHERE attrelid = 'public.conversation'::regclass
        AND attname = 'chatbot_id' AND NOT attisdropped)
        AND EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass('public.chatbot')
                    AND attname = 'property_id' AND NOT attisdropped);
    joined CONSTANT TEXT := 'public.conversation c LEFT JOIN public.chatbot b ON b.id = c.chatbot_id';
    none CONSTANT TEXT := '''00000000-0000-0000-0000-000000000000''::uuid';
BEGIN
    IF own_column AND NOT through_chatbot THEN
        RETURN QUERY SELECT 'own', 'public.conversation c', 'c.property_id',
            'CASE WHEN c.property_id IS NULL THEN ''nowhere'' ELSE ''property'' END',
            format('COALESCE(c.property_id, %s)', none), 'OLD.property_id IS DISTINCT FROM NEW.property_id';
    ELSIF own_column THEN
        RETURN QUERY SELECT 'both', joined, 'COALESCE(c.property_id, b.property_id)',
            'CASE WHEN c.property_id IS NOT NULL THEN ''property''
                  WHEN c.chatbot_id IS NOT NULL THEN ''chatbot'' ELSE ''nowhere'' END',
            format('COALESCE(c.property_id, c.chatbot_id, %s)', none),
            'OLD.property_id IS DISTINCT FROM NEW.property_id OR OLD.chatbot_id IS DISTINCT FROM NEW.chatbot_id';
    ELSE
        RETURN QUERY SELECT 'chatbot', joined, 'b.property_id',
            'CASE WHEN c.chatbot_id IS NULL THEN ''nowhere'' ELSE ''chatbot'' END',
            format('COALESCE(c.chatbot_id, %s)', none), 'OLD.chatbot_id IS DISTINCT FROM NEW.chatbot_id';
    END IF;
END $$;

CREATE PROCEDURE domiq_sync.ensure_trigger(IN on_table regclass, IN trigger_name text, IN event text, IN action text, IN scope text DEFAULT 'FOR EACH ROW'::text)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    wanted CONSTANT TEXT := format('CREATE TRIGGER %I %s ON %s %s %s',
                                   trigger_name, event, on_table, scope, action);
    found CONSTANT TEXT := (SELECT pg_get_triggerdef(t.oid) FROM pg_trigger t
                            WHERE t.tgrelid = on_table AND t.tgname = trigger_name);
    filling CONSTANT TEXT := '[[:space:]()]|::text';
BEGIN
    IF lower(regexp_replace(found, filling, '', 'g')) = lower(regexp_replace(wanted, filling, '', 'g')) THEN
        IF (SELECT t.tgenabled FROM pg_trigger t WHERE t.tgrelid = on_table AND t.tgname = trigger_name)
           NOT IN ('O', 'A') THEN
            EXECUTE format('ALTER TABLE %s ENABLE TRIGGER %I', on_table, trigger_name);
        END IF;
        RETURN;
    END IF;
    IF found IS NOT NULL THEN
        EXECUTE format('DROP TRIGGER %I ON %s', trigger_name, on_table);
    END IF;
    EXECUTE wanted;
END $$;

CREATE FUNCTION domiq_sync.fill_integration() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

CREATE FUNCTION domiq_sync.fold_log(parts integer, part integer) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    AS $$
DECLARE
    notes BIGINT;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtextextended('domiq_sync.log_totals', 0)) THEN
        RETURN NULL;
    END IF;
    WITH deltas AS (
        DELETE FROM domiq_sync.log_delta d
        WHERE parts = 1 OR mod(abs(hashtext(COALESCE(d.conversation_id::text, ''))::bigint), parts) = part
        RETURNING 1
    ), moves AS (
        DELETE FROM domiq_sync.log_move m
        WHERE parts = 1 OR mod(abs(hashtext(m.conversation_id::text)::bigint), parts) = part
        RETURNING 1
    ), folded AS (
        INSERT INTO domiq_sync.log_total AS t (heap, kind, home, sync_direction, sync_status, changes)
        SELECT domiq_sync.log_heap(), u.kind, u.home, u.sync_direction, u.sync_status, sum(u.changes)
        FROM domiq_sync.unfolded_change u
        WHERE parts = 1 OR mod(abs(hashtext(COALESCE(u.conversation_id::text, ''))::bigint), parts) = part
        GROUP BY 2, 3, 4, 5 HAVING sum(u.changes) <> 0
        ON CONFLICT (heap, kind, home, sync_direction, sync_status)
        DO UPDATE SET changes = t.changes + EXCLUDED.changes
    ), others AS (
        DELETE FROM domiq_sync.log_total t WHERE t.heap <> domiq_sync.log_heap()
    )
    SELECT (SELECT count(*) FROM deltas) + (SELECT count(*) FROM moves) INTO notes;
    RETURN notes;
END $$;

CREATE FUNCTION domiq_sync.forget_announced() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
BEGIN
    DELETE FROM domiq_sync.announced_move m WHERE m.change_id = OLD.change_id;
    RETURN NULL;
END $$;

CREATE FUNCTION domiq_sync.forget_archived() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET lock_timeout TO '100ms'
    SET enable_seqscan TO 'off'
    AS $$
BEGIN
    IF domiq_sync.gave_up('archive') THEN
        RETURN NULL;
    END IF;
    DELETE FROM domiq_sync.status_sync_log_archive a WHERE a.conversation_id = OLD.conversation_id;
    DELETE FROM domiq_sync.archived_conversation k WHERE k.conversation_id = OLD.conversation_id;
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    PERFORM domiq_sync.give_up('archive', SQLSTATE);
    RAISE WARNING 'domiq_sync: the archive of conversation % is not deleted yet (SQLSTATE %); housekeeping will do it',
        OLD.conversation_id, SQLSTATE;
    RETURN NULL;
END $$;

CREATE FUNCTION domiq_sync.forget_leads() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    DELETE FROM domiq_sync.resman_lead r
    WHERE r.property_id = OLD.property_id
      AND NOT EXISTS (SELECT FROM public.property p WHERE p.id = OLD.property_id);
    RETURN NULL;
END $$;

CREATE FUNCTION domiq_sync.gave_up(what text) RETURNS boolean
    LANGUAGE sql STABLE
    AS $$
    SELECT COALESCE(position(what IN current_setting('domiq_sync.gave_up', true)) > 0, FALSE)
$$;

CREATE FUNCTION domiq_sync.give_up(what text, state text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    IF state = '55P03' THEN
        PERFORM set_config('domiq_sync.gave_up',
                           concat_ws(' ', NULLIF(current_setting('domiq_sync.gave_up', true), ''), what), true);
    END IF;
END $$;

CREATE FUNCTION domiq_sync.is_tour_move(context_data jsonb) RETURNS boolean
    LANGUAGE sql IMMUTABLE
    AS $$ SELECT context_data -> 'tour' -> 'was' IS NOT NULL $$;

CREATE FUNCTION domiq_sync.kept_totals() RETURNS TABLE(property_id uuid, is_named boolean, sync_direction text, sync_status text, changes bigint)
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_nestloop TO 'off'
    SET enable_mergejoin TO 'off'
    SET enable_sort TO 'off'
    SET jit TO 'off'
    AS $$
BEGIN
    RETURN QUERY
        SELECT CASE h.kind WHEN 'property' THEN h.home ELSE b.property_id END, h.kind <> 'unnamed',
               NULLIF(h.sync_direction, ''), NULLIF(h.sync_status, ''), sum(h.changes)::bigint
        FROM domiq_sync.home_total h
        LEFT JOIN domiq_sync.chatbot_property b ON b.chatbot_id = h.home AND h.kind = 'chatbot'
        GROUP BY 1, 2, 3, 4 HAVING sum(h.changes) <> 0;
END $$;

CREATE FUNCTION domiq_sync.last_change(of_conversation uuid) RETURNS TABLE(change_id uuid, old_status text, new_status text, sync_direction text, sync_status text, outcome text)
    LANGUAGE sql STABLE ROWS 1
    AS $$
    SELECT g.id, g.old_status, g.new_status, g.sync_direction, g.sync_status, g.context_data #>> '{sync,outcome}'
    FROM domiq_sync.change ch JOIN public.status_sync_log g ON g.id = ch.change_id
    WHERE ch.conversation_id = of_conversation
    ORDER BY ch.seq DESC LIMIT 1
$$;

CREATE FUNCTION domiq_sync.lead_status(of_property uuid, of_status text) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    RETURN (SELECT m.lead_status FROM domiq_sync.domiq_status_map m
            WHERE domiq_sync.word(m.domiq_status) = domiq_sync.word(of_status)
              AND (m.property_id = of_property OR m.property_id IS NULL)
            ORDER BY m.property_id NULLS LAST LIMIT 1);
END $$;

CREATE FUNCTION domiq_sync.linked_leads() RETURNS TABLE(conversation_id uuid, property_id uuid, prospect_id text, agreed_domiq_status text, agreed_resman_status text, agreed_at timestamp with time zone, domiq_status text, resman_status text, lost_reason text, last_modified timestamp with time zone, written_at timestamp with time zone, domiq_is_newer boolean, is_dated boolean, dated_by_us boolean, in_conflict boolean, open_outbound boolean, under_way boolean, push_failed boolean, has_moved boolean)
    LANGUAGE sql STABLE
    AS $$
    SELECT l.conversation_id, l.property_id, l.prospect_id, l.agreed_domiq_status, l.agreed_resman_status,
           l.agreed_at, c.status::text, r.effective_status, r.lost_reason, r.last_modified,
           greatest(r.stored_at, r.touched_at, c.updated_at),
           l.agreed_at IS NULL AND c.created_at > r.last_modified,
           l.agreed_at IS NOT NULL OR r.last_modified IS NOT NULL,
           l.agreed_at IS NULL AND r.touched_at IS NOT NULL
               AND EXISTS (SELECT FROM domiq_sync.delivery d WHERE d.lane = l.conversation_id),
           EXISTS (SELECT FROM domiq_sync.conflict k
                   WHERE k.conversation_id = l.conversation_id AND k.resolved_at IS NULL),
           EXISTS (SELECT FROM domiq_sync.delivery d JOIN public.status_sync_log g ON g.id = d.change_id
                   WHERE d.lane = l.conversation_id AND NOT domiq_sync.is_tour_move(g.context_data)),
           EXISTS (SELECT FROM domiq_sync.delivery d
                   WHERE d.lane = l.conversation_id AND d.state IN ('in_flight', 'unknown')),
           COALESCE((SELECT last.sync_status = 'failed' AND last.sync_direction = 'to_resman'
                            AND last.new_status = c.status::text
                     FROM domiq_sync.last_change(l.conversation_id) AS last), FALSE),
           l.agreed_domiq_status IS DISTINCT FROM c.status::text
               OR l.agreed_resman_status IS DISTINCT FROM r.effective_status
               OR EXISTS (SELECT FROM domiq_sync.conflict k
                          WHERE k.conversation_id = l.conversation_id AND k.resolved_at IS NULL)
               OR EXISTS (SELECT FROM domiq_sync.delivery d
                          WHERE d.lane = l.conversation_id AND d.property_id = l.property_id
                            AND d.last_outcome IN ('conflict', 'resman_moved'))
    FROM domiq_sync.lead_link l
    JOIN domiq_sync.resman_lead r ON r.property_id = l.property_id AND r.prospect_id = l.prospect_id
    JOIN public.conversation c ON c.id = l.conversation_id
    WHERE l.is_current
$$;

CREATE FUNCTION domiq_sync.log_captured(of_conversation uuid, stood_at text, stands_at text, is_new boolean) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
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

CREATE FUNCTION domiq_sync.log_heap() RETURNS oid
    LANGUAGE sql STABLE
    AS $$ SELECT pg_relation_filenode('public.status_sync_log'::regclass) $$;

CREATE FUNCTION domiq_sync.log_tour(of_conversation uuid, stands_at text, was text, is_now text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
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

CREATE FUNCTION domiq_sync.log_watch() RETURNS text
    LANGUAGE sql STABLE
    AS $$
    SELECT CASE WHEN count(*) = 6 THEN string_agg(t.oid::text || ':' || t.xmin::text, ' ' ORDER BY t.oid) END
    FROM pg_catalog.pg_trigger t
    WHERE t.tgenabled IN ('O', 'A') AND (
        (t.tgrelid = 'public.status_sync_log'::regclass
         AND t.tgname IN ('domiq_sync_count_insert', 'domiq_sync_count_update', 'domiq_sync_count_delete',
                          'domiq_sync_count_truncate'))
        OR (t.tgrelid = 'public.conversation'::regclass
            AND t.tgname IN ('domiq_sync_home_moved', 'domiq_sync_home_came_or_went')))
$$;

CREATE FUNCTION domiq_sync.logged_before(of_change uuid, of_conversation uuid, status_before text, status_after text) RETURNS uuid
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
DECLARE
    of_a_tour CONSTANT BOOLEAN := COALESCE(domiq_sync.word(status_before) = domiq_sync.word(status_after), FALSE);
BEGIN
    IF of_conversation IS NULL THEN
        RETURN NULL;
    END IF;
    RETURN (
        SELECT n.change_id
        FROM (SELECT ch.change_id, ch.seq, ch.logged_at, ch.logged_by, ch.same_as, row_number() OVER () = 1 AS is_last
              FROM (SELECT * FROM domiq_sync.change ch
                    WHERE ch.conversation_id = of_conversation AND ch.change_id <> of_change
                    ORDER BY ch.seq DESC LIMIT 20) AS ch) AS n
        JOIN public.status_sync_log g ON g.id = n.change_id
        WHERE n.logged_by IN ('trigger', 'sync') AND n.same_as IS NULL AND g.sync_direction = 'to_resman'
          AND domiq_sync.word(g.new_status) = domiq_sync.word(status_after)
          AND domiq_sync.is_tour_move(g.context_data) = of_a_tour
          -- an older move to the same status is another one, if it came from elsewhere
          AND (n.is_last OR status_before IS NULL
               OR domiq_sync.word(g.old_status) = domiq_sync.word(status_before))
          AND (n.logged_at > clock_timestamp() - interval '10 minutes'
               OR (n.is_last AND NOT of_a_tour
                   AND domiq_sync.word(g.old_status) = domiq_sync.word(status_before)))
          AND NOT EXISTS (SELECT FROM domiq_sync.change t WHERE t.same_as = n.change_id)
        ORDER BY n.seq LIMIT 1);
END $$;

CREATE FUNCTION domiq_sync.logged_or_archived() RETURNS TABLE(id uuid, conversation_id uuid, resman_lead_id text, old_status text, new_status text, status_reason text, updated_by text, sync_direction text, sync_status text, context_data jsonb, created_at timestamp with time zone)
    LANGUAGE sql STABLE
    AS $$
    SELECT g.id, g.conversation_id, g.resman_lead_id::text, g.old_status::text, g.new_status::text,
           g.status_reason::text, g.updated_by::text, g.sync_direction::text, g.sync_status::text,
           g.context_data::jsonb, g.created_at::timestamptz
    FROM public.status_sync_log g
    UNION ALL
    SELECT a.id, a.conversation_id, a.resman_lead_id::text, a.old_status::text, a.new_status::text, a.status_reason,
           a.updated_by::text, a.sync_direction::text, a.sync_status::text, a.context_data, a.created_at
    FROM domiq_sync.status_sync_log_archive a
$$;

CREATE FUNCTION domiq_sync.logged_tour(context_data jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE
    AS $$
    SELECT COALESCE(context_data #> '{tour,is}', context_data #> '{sync,tour,time}')
$$;

CREATE FUNCTION domiq_sync.make_archive_month(of_month date) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET "TimeZone" TO 'UTC'
    AS $$
DECLARE
    its_first CONSTANT DATE := date_trunc('month', of_month)::date;
    its_name CONSTANT TEXT := to_char(its_first, '"status_sync_log_archive_"YYYY"_"MM');
BEGIN
    IF to_regclass(format('domiq_sync.%I', its_name)) IS NOT NULL THEN
        RETURN FALSE;
    END IF;
    EXECUTE format('CREATE TABLE domiq_sync.%I (LIKE domiq_sync.status_sync_log_archive INCLUDING ALL)', its_name);
    EXECUTE format(
        'ALTER TABLE domiq_sync.status_sync_log_archive ATTACH PARTITION domiq_sync.%I FOR VALUES FROM (%L) TO (%L)',
        its_name, its_first, (its_first + interval '1 month')::date);
    RETURN TRUE;
END $$;

CREATE FUNCTION domiq_sync.neighbour_alike(of_change uuid, of_conversation uuid, status_before text, status_after text) RETURNS uuid
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
BEGIN
    RETURN (
        WITH newest AS (
            SELECT ch.change_id, ch.seq, ch.same_as, g.old_status, g.new_status, g.created_at, g.ctid AS place,
                   domiq_sync.is_tour_move(g.context_data) AS of_a_tour,
                   row_number() OVER (ORDER BY ch.seq DESC) = 1 AS is_last
            FROM (SELECT * FROM domiq_sync.change ch
                  WHERE ch.conversation_id = of_conversation AND ch.change_id <> of_change
                  ORDER BY ch.seq DESC LIMIT 20) AS ch
            JOIN public.status_sync_log g ON g.id = ch.change_id
        )
        SELECT n.change_id
        FROM newest n CROSS JOIN (SELECT g.created_at, g.ctid AS place FROM public.status_sync_log g
                                  WHERE g.id = of_change) AS own
        WHERE n.same_as IS NULL AND domiq_sync.word(n.new_status) = domiq_sync.word(status_after)
          AND (NOT n.of_a_tour OR domiq_sync.word(status_before) = domiq_sync.word(status_after))
          AND (domiq_sync.word(n.old_status) = domiq_sync.word(status_before)
               OR COALESCE(domiq_sync.word(n.old_status), domiq_sync.word(n.new_status))
                  = domiq_sync.word(n.new_status)
               OR COALESCE(domiq_sync.word(status_before), domiq_sync.word(status_after))
                  = domiq_sync.word(status_after))
          AND NOT EXISTS (SELECT FROM domiq_sync.change t WHERE t.same_as = n.change_id)
          AND (n.is_last OR NOT EXISTS (
              SELECT FROM newest AS between_them
              WHERE (between_them.created_at, between_them.place)
                    BETWEEN least((n.created_at, n.place), (own.created_at, own.place))
                        AND greatest((n.created_at, n.place), (own.created_at, own.place))
                AND between_them.change_id <> n.change_id AND NOT between_them.of_a_tour))
        ORDER BY n.seq DESC LIMIT 1);
END $$;

CREATE FUNCTION domiq_sync.new_statuses() RETURNS SETOF character varying
    LANGUAGE plpgsql STABLE ROWS 10
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET jit TO 'off'
    AS $$
BEGIN
    RETURN QUERY
        WITH RECURSIVE found AS (
            (SELECT g.new_status FROM public.status_sync_log g WHERE g.new_status IS NOT NULL
             ORDER BY g.new_status LIMIT 1)
            UNION ALL
            SELECT (SELECT g.new_status FROM public.status_sync_log g WHERE g.new_status > found.new_status
                    ORDER BY g.new_status LIMIT 1)
            FROM found WHERE found.new_status IS NOT NULL
        )
        SELECT found.new_status FROM found WHERE found.new_status IS NOT NULL UNION ALL SELECT NULL;
END $$;

CREATE FUNCTION domiq_sync.newest_logged_status(of_conversation uuid) RETURNS text
    LANGUAGE sql STABLE
    AS $$
    SELECT g.new_status FROM domiq_sync.change ch JOIN public.status_sync_log g ON g.id = ch.change_id
    WHERE ch.conversation_id = of_conversation ORDER BY ch.logged_at DESC, ch.seq DESC LIMIT 1
$$;

CREATE FUNCTION domiq_sync.note_home() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET lock_timeout TO '100ms'
    SET enable_seqscan TO 'off'
    AS $$
        DECLARE
            moved domiq_sync.log_move;
        BEGIN
            IF domiq_sync.gave_up('totals') THEN
                PERFORM domiq_sync.note_total_miss('55P03');
                RETURN NULL;
            END IF;
            moved.from_kind := 'gone';
            moved.from_home := '00000000-0000-0000-0000-000000000000';
            moved.to_kind := moved.from_kind;
            moved.to_home := moved.from_home;
            IF TG_OP <> 'INSERT' THEN
                moved.conversation_id := OLD.id;
                moved.from_kind := CASE WHEN OLD.chatbot_id IS NULL THEN 'nowhere' ELSE 'chatbot' END;
                moved.from_home := COALESCE(OLD.chatbot_id, '00000000-0000-0000-0000-000000000000'::uuid);
            ELSIF NOT EXISTS (SELECT FROM domiq_sync.log_move m WHERE m.conversation_id = NEW.id) THEN
                RETURN NULL;
            END IF;
            IF TG_OP <> 'DELETE' THEN
                moved.conversation_id := NEW.id;
                moved.to_kind := CASE WHEN NEW.chatbot_id IS NULL THEN 'nowhere' ELSE 'chatbot' END;
                moved.to_home := COALESCE(NEW.chatbot_id, '00000000-0000-0000-0000-000000000000'::uuid);
            END IF;
            INSERT INTO domiq_sync.log_move (conversation_id, from_kind, from_home, to_kind, to_home)
            VALUES (moved.conversation_id, moved.from_kind, moved.from_home, moved.to_kind, moved.to_home);
            RETURN NULL;
        EXCEPTION WHEN OTHERS THEN
            PERFORM domiq_sync.give_up('totals', SQLSTATE);
            PERFORM domiq_sync.note_total_miss(SQLSTATE);
            RETURN NULL;
        END $$;

CREATE FUNCTION domiq_sync.note_switching() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    why TEXT;
    before TEXT;
BEGIN
    IF NEW.sync_enabled AND NOT OLD.sync_enabled THEN
        NEW.enabled_at := clock_timestamp();
        UPDATE domiq_sync.pause p SET resumed_at = NEW.enabled_at, resumed_by = session_user
        WHERE p.property_id = NEW.property_id AND p.resumed_at IS NULL;
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

CREATE FUNCTION domiq_sync.note_total_miss(state text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    PERFORM nextval('domiq_sync.total_misses');
    RAISE WARNING 'domiq_sync: the totals of status_sync_log lack a statement (SQLSTATE %); they are counted anew',
        state;
EXCEPTION WHEN OTHERS THEN
    RAISE WARNING 'domiq_sync: what is missing in the totals of status_sync_log cannot be noted (SQLSTATE %)', SQLSTATE;
END $$;

CREATE FUNCTION domiq_sync.on_change_logged() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET lock_timeout TO '100ms'
    SET enable_seqscan TO 'off'
    AS $$
BEGIN
    IF domiq_sync.gave_up('queue') THEN
        RETURN NULL;
    END IF;
    PERFORM domiq_sync.adopt_change(NEW.id, NEW.conversation_id, NEW.sync_direction, NEW.sync_status,
                                    NEW.old_status, NEW.new_status);
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    PERFORM domiq_sync.give_up('queue', SQLSTATE);
    RAISE WARNING 'domiq_sync: change % is logged but not queued (SQLSTATE %); reconciliation will queue it',
        NEW.id, SQLSTATE;
    RETURN NULL;
END $$;

CREATE FUNCTION domiq_sync.on_link_closed() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET lock_timeout TO '100ms'
    SET enable_seqscan TO 'off'
    AS $$
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

CREATE FUNCTION domiq_sync.on_status_map_changed() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

CREATE FUNCTION domiq_sync.pending_changes() RETURNS SETOF uuid
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET jit TO 'off'
    AS $$
DECLARE
    its_status VARCHAR;
BEGIN
    FOR its_status IN SELECT * FROM domiq_sync.new_statuses() LOOP
        IF its_status IS NULL THEN
            RETURN QUERY SELECT g.id FROM public.status_sync_log g
                WHERE g.new_status IS NULL AND g.sync_status = 'pending' AND g.sync_direction = 'to_resman';
        ELSE
            RETURN QUERY SELECT g.id FROM public.status_sync_log g
                WHERE g.new_status = its_status AND g.sync_status = 'pending' AND g.sync_direction = 'to_resman';
        END IF;
    END LOOP;
END $$;

CREATE FUNCTION domiq_sync.property_of(of_conversation uuid) RETURNS uuid
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
BEGIN
    RETURN (SELECT p.property_id FROM domiq_sync.conversation_property p
            WHERE p.conversation_id = of_conversation);
END $$;

CREATE FUNCTION domiq_sync.property_totals() RETURNS TABLE(property_id uuid, is_named boolean, sync_direction text, sync_status text, changes bigint)
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    IF domiq_sync.totals_are_counted() THEN
        RETURN QUERY SELECT * FROM domiq_sync.kept_totals();
    ELSE
        RETURN QUERY
            SELECT p.property_id, p.conversation_id IS NOT NULL, g.sync_direction::text, g.sync_status::text, count(*)
            FROM public.status_sync_log g
            LEFT JOIN domiq_sync.conversation_property p ON p.conversation_id = g.conversation_id
            GROUP BY 1, 2, 3, 4;
    END IF;
END $$;

CREATE FUNCTION domiq_sync.resman_covers(of_property uuid, of_status text) RETURNS text[]
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    RETURN (SELECT m.covers FROM domiq_sync.resman_status_map m
            WHERE domiq_sync.word(m.resman_status)
                  IN (domiq_sync.word(of_status), domiq_sync.word(split_part(of_status, '/', 1)))
              AND (m.property_id = of_property OR m.property_id IS NULL)
            ORDER BY domiq_sync.word(m.resman_status) = domiq_sync.word(of_status) DESC, m.property_id NULLS LAST
            LIMIT 1);
END $$;

COMMENT ON FUNCTION domiq_sync.resman_covers(of_property uuid, of_status text) IS 'The lead statuses that a ResMan status covers at a property; NULL for a word that has no meaning there';

CREATE FUNCTION domiq_sync.sequences_behind() RETURNS TABLE(sequence_name text, stands_at bigint, used bigint)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    it RECORD;
    is_called BOOLEAN;
BEGIN
    FOR it IN
        SELECT s.oid::regclass::text AS name,
               format('SELECT max(%I) FROM %s', a.attname, d.refobjid::regclass) AS highest
        FROM pg_class s
        JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = s.oid AND d.deptype IN ('a', 'i')
            AND d.refclassid = 'pg_class'::regclass
        JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
        WHERE s.relkind = 'S' AND s.relnamespace = 'domiq_sync'::regnamespace
        UNION ALL VALUES
        ('domiq_sync.turn_holder', 'SELECT max(holder) FROM domiq_sync.account_turn'),
        ('domiq_sync.capture_misses', 'SELECT max(total) FROM domiq_sync.capture_gap'),
        -- by an index each: those in flight, and the last that were tried
        ('domiq_sync.lease_token', 'SELECT greatest(
             (SELECT max(lease_token) FROM domiq_sync.delivery WHERE state = ''in_flight''),
             (SELECT max(lease_token) FROM (SELECT lease_token FROM domiq_sync.attempt
                                            ORDER BY id DESC LIMIT 100) AS tried))')
    LOOP
        EXECUTE it.highest INTO used;
        EXECUTE format('SELECT last_value, is_called FROM %s', it.name) INTO stands_at, is_called;
        IF used > stands_at OR used = stands_at AND NOT is_called THEN
            sequence_name := it.name;
            RETURN NEXT;
        END IF;
    END LOOP;
END $$;

CREATE FUNCTION domiq_sync.set_sequences_right() RETURNS SETOF text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    it RECORD;
    misplaced RECORD;
    new_place BIGINT;
    last_in_order TIMESTAMPTZ;
BEGIN
    IF NOT EXISTS (SELECT FROM domiq_sync.sequences_behind()) THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('domiq_sync.sequences', 0));
    FOR it IN SELECT * FROM domiq_sync.sequences_behind() LOOP
        PERFORM setval(it.sequence_name::regclass, it.used);
        RETURN NEXT it.sequence_name;
        CONTINUE WHEN it.sequence_name <> 'domiq_sync.change_seq_seq';
        SELECT c.logged_at INTO last_in_order FROM domiq_sync.change c ORDER BY c.seq DESC LIMIT 1;
        FOR misplaced IN
            SELECT c.change_id, c.conversation_id FROM domiq_sync.change c
            WHERE c.seq <= it.stands_at AND c.logged_at > last_in_order ORDER BY c.logged_at, c.seq
        LOOP
            UPDATE domiq_sync.change c SET seq = DEFAULT WHERE c.change_id = misplaced.change_id
            RETURNING c.seq INTO new_place;
            UPDATE domiq_sync.delivery d SET seq = new_place, in_turn = FALSE, is_head = FALSE
            WHERE d.change_id = misplaced.change_id;
        END LOOP;
    END LOOP;
END $$;

CREATE FUNCTION domiq_sync.set_totals_right(counted jsonb, accounted_misses bigint) RETURNS jsonb
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    AS $$
DECLARE
    its_heap CONSTANT OID := domiq_sync.log_heap();
    is_first CONSTANT BOOLEAN := NOT EXISTS (SELECT FROM domiq_sync.log_count k WHERE k.heap = its_heap);
    found JSONB;
    off_by BIGINT;
BEGIN
    WITH drift AS (
        SELECT x.kind, x.home, x.sync_direction, x.sync_status,
               sum(x.kept)::bigint AS kept, sum(x.logged)::bigint AS logged
        FROM (SELECT t.kind, t.home, t.sync_direction, t.sync_status, t.changes AS kept, 0 AS logged
              FROM domiq_sync.home_total t
              UNION ALL
              SELECT c.kind, c.home, c.sync_direction, c.sync_status, 0, c.changes
              FROM jsonb_to_recordset(counted)
                   AS c(kind TEXT, home UUID, sync_direction TEXT, sync_status TEXT, changes BIGINT)) AS x
        GROUP BY 1, 2, 3, 4 HAVING sum(x.kept) <> sum(x.logged)
    ), mended AS (
        INSERT INTO domiq_sync.log_total AS t (heap, kind, home, sync_direction, sync_status, changes)
        SELECT its_heap, d.kind, d.home, d.sync_direction, d.sync_status, d.logged - d.kept FROM drift d
        ON CONFLICT (heap, kind, home, sync_direction, sync_status)
        DO UPDATE SET changes = t.changes + EXCLUDED.changes
    )
    SELECT COALESCE(jsonb_agg(to_jsonb(d) ORDER BY abs(d.logged - d.kept) DESC), '[]'),
           COALESCE(sum(abs(d.logged - d.kept)), 0)
    INTO found, off_by FROM drift d;
    IF is_first THEN  -- nothing was promised yet
        found := '[]';
        off_by := 0;
    END IF;
    DELETE FROM domiq_sync.log_count k WHERE k.heap <> its_heap;
    INSERT INTO domiq_sync.log_count AS k (heap, shape, watch, misses, changes, differed, drift, drifted_at, last_drift)
    SELECT its_heap, s.name, domiq_sync.log_watch(), accounted_misses,
           COALESCE((SELECT sum(c.changes) FROM jsonb_to_recordset(counted) AS c(changes BIGINT)), 0),
           off_by, (SELECT COALESCE(jsonb_agg(f.value), '[]') FROM jsonb_array_elements(found)
                    WITH ORDINALITY AS f(value, place) WHERE f.place <= 100),
           CASE WHEN off_by > 0 THEN clock_timestamp() END, NULLIF(off_by, 0)
    FROM domiq_sync.database_shape() AS s WHERE domiq_sync.log_watch() IS NOT NULL
    ON CONFLICT (heap) DO UPDATE
    SET shape = EXCLUDED.shape, watch = EXCLUDED.watch, misses = EXCLUDED.misses, changes = EXCLUDED.changes,
        differed = EXCLUDED.differed, drift = EXCLUDED.drift, counted_at = EXCLUDED.counted_at,
        drifted_at = COALESCE(EXCLUDED.drifted_at, k.drifted_at),
        last_drift = COALESCE(EXCLUDED.last_drift, k.last_drift);
    RETURN found;
END $$;

CREATE FUNCTION domiq_sync.success_totals() RETURNS TABLE(property_id uuid, success bigint, failed bigint, logged bigint)
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_nestloop TO 'off'
    SET enable_mergejoin TO 'off'
    SET enable_sort TO 'off'
    SET jit TO 'off'
    AS $$
BEGIN
    RETURN QUERY
        SELECT CASE h.kind WHEN 'property' THEN h.home ELSE b.property_id END,
               COALESCE(sum(h.changes) FILTER (WHERE h.sync_status = 'success'), 0)::bigint,
               COALESCE(sum(h.changes) FILTER (WHERE h.sync_status = 'failed'), 0)::bigint, sum(h.changes)::bigint
        FROM domiq_sync.home_total h
        LEFT JOIN domiq_sync.chatbot_property b ON b.chatbot_id = h.home AND h.kind = 'chatbot'
        WHERE h.kind <> 'unnamed'
        GROUP BY 1
        HAVING sum(h.changes) <> 0 OR sum(h.changes) FILTER (WHERE h.sync_status = 'success') <> 0
               OR sum(h.changes) FILTER (WHERE h.sync_status = 'failed') <> 0;
END $$;

CREATE FUNCTION domiq_sync.totals_are_counted() RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    RETURN EXISTS (SELECT FROM domiq_sync.log_count k
                   WHERE k.heap = domiq_sync.log_heap() AND k.misses = domiq_sync.count_of_total_misses()
                     AND k.watch = domiq_sync.log_watch());
END $$;

CREATE FUNCTION domiq_sync.tour_reason(was text, is_now text) RETURNS text
    LANGUAGE sql IMMUTABLE
    AS $$
    SELECT CASE WHEN is_now IS NULL THEN 'the tour of ' || replace(was, 'T', ' ') || ' was called off'
                WHEN was IS NULL THEN 'the tour was set for ' || replace(is_now, 'T', ' ')
                ELSE 'the tour moved from ' || replace(was, 'T', ' ') || ' to ' || replace(is_now, 'T', ' ') END
$$;

CREATE FUNCTION domiq_sync.tour_record(of_conversation uuid) RETURNS jsonb
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    SELECT jsonb_build_object('tour', jsonb_build_object('is', domiq_sync.tour_text(c.shown ->> 'tour_datetime')))
    FROM (SELECT to_jsonb(o) AS shown FROM public.conversation o WHERE o.id = of_conversation) AS c
    WHERE c.shown ? 'tour_datetime'
$$;

CREATE FUNCTION domiq_sync.tour_text(shown text) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET "TimeZone" TO 'UTC'
    AS $_$
BEGIN
    IF shown ~ 'T.*[0-9][+-][0-9:]+$' THEN
        RETURN to_jsonb(shown::timestamptz) #>> '{}';
    END IF;
    RETURN shown;
EXCEPTION WHEN OTHERS THEN  -- of a column that is no time
    RETURN shown;
END $_$;

CREATE FUNCTION domiq_sync.uncaptured_conversations(of_property uuid) RETURNS TABLE(conversation_id uuid, status text, began_at timestamp with time zone)
    LANGUAGE sql STABLE
    AS $$
    SELECT c.id, c.status::text, c.created_at
    FROM domiq_sync.conversation_property cp
    JOIN public.conversation c ON c.id = cp.conversation_id
    LEFT JOIN domiq_sync.lead_link l ON l.conversation_id = c.id
    LEFT JOIN LATERAL domiq_sync.last_change(c.id) AS last ON TRUE
    WHERE cp.property_id = of_property
      AND domiq_sync.lead_status(cp.property_id, c.status::text) IS NOT NULL
      AND c.status::text IS DISTINCT FROM last.new_status
      AND NOT domiq_sync.awaits_move(c.id, c.status::text)
      -- by the clock as well, since a sequence that was set back puts the newest among the first
      AND c.status::text IS DISTINCT FROM domiq_sync.newest_logged_status(c.id)
      AND CASE WHEN l.conversation_id IS NOT NULL THEN l.is_current AND last.new_status IS NOT NULL
               ELSE domiq_sync.lead_status(cp.property_id, c.status::text) NOT IN ('lost', 'leased')
                    AND EXISTS (SELECT FROM public."user" u
                                WHERE u.id = c.user_id AND (u.email IS NOT NULL OR u.phone IS NOT NULL))
                    AND NOT EXISTS (SELECT FROM domiq_sync.conversation_property cp2
                                    JOIN public.conversation newer ON newer.id = cp2.conversation_id
                                    WHERE cp2.property_id = cp.property_id AND newer.user_id = c.user_id
                                      AND (newer.created_at, newer.id) > (c.created_at, c.id)
                                      AND domiq_sync.lead_status(cp2.property_id, newer.status::text) IS NOT NULL)
          END
$$;

CREATE FUNCTION domiq_sync.uncaptured_tours(of_property uuid) RETURNS TABLE(conversation_id uuid, status text, was text, is_now text, began_at timestamp with time zone)
    LANGUAGE sql STABLE
    AS $$
    SELECT c.id, c.status::text, last.tour #>> '{}', shown.tour, c.created_at
    FROM domiq_sync.conversation_property cp
    JOIN public.conversation c ON c.id = cp.conversation_id
    LEFT JOIN domiq_sync.lead_link l ON l.conversation_id = c.id
    CROSS JOIN LATERAL (
        SELECT domiq_sync.word(g.new_status) AS status, domiq_sync.logged_tour(g.context_data) AS tour
        FROM domiq_sync.change ch JOIN public.status_sync_log g ON g.id = ch.change_id
        WHERE ch.conversation_id = c.id ORDER BY ch.seq DESC LIMIT 1) AS last
    CROSS JOIN LATERAL (
        SELECT domiq_sync.logged_tour(g.context_data) AS tour
        FROM domiq_sync.change ch JOIN public.status_sync_log g ON g.id = ch.change_id
        WHERE ch.conversation_id = c.id ORDER BY ch.logged_at DESC, ch.seq DESC LIMIT 1) AS newest
    CROSS JOIN LATERAL (
        SELECT r.row_shown ->> 'tour_datetime' AS tour
        FROM (SELECT to_jsonb(c) AS row_shown) AS r WHERE r.row_shown ? 'tour_datetime') AS shown
    WHERE cp.property_id = of_property AND COALESCE(l.is_current, TRUE)
      AND domiq_sync.word(c.status::text) IN (
          SELECT m.domiq_status FROM domiq_sync.domiq_meaning m
          WHERE m.property_id = of_property AND m.lead_status = 'tour_scheduled')
      AND last.status = domiq_sync.word(c.status::text)
      AND last.tour #>> '{}' IS DISTINCT FROM shown.tour AND newest.tour #>> '{}' IS DISTINCT FROM shown.tour
      AND last.tour IS NOT NULL AND newest.tour IS NOT NULL
      AND COALESCE((last.tour #>> '{}' ~ 'T.*[+-]') = (shown.tour ~ 'T.*[+-]'), TRUE)
$$;

CREATE FUNCTION domiq_sync.unfolded_changes() RETURNS TABLE(kind text, home uuid, sync_direction text, sync_status text, changes bigint)
    LANGUAGE plpgsql STABLE ROWS 100
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    AS $$
BEGIN
    RETURN QUERY SELECT u.kind, u.home, u.sync_direction, u.sync_status, u.changes FROM domiq_sync.unfolded_change u;
END $$;

CREATE FUNCTION domiq_sync.use_up_announced(of_conversation uuid, stands_at text) RETURNS void
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
    INSERT INTO domiq_sync.announced_move (change_id)
    SELECT n.change_id
    FROM (SELECT * FROM domiq_sync.change ch WHERE ch.conversation_id = of_conversation
          ORDER BY ch.seq DESC LIMIT 20) AS n
    JOIN public.status_sync_log g ON g.id = n.change_id
    WHERE n.logged_by = 'application' AND n.same_as IS NULL
      AND n.logged_at > clock_timestamp() - interval '10 minutes'
      AND domiq_sync.word(g.old_status) = domiq_sync.word(stands_at)
      AND domiq_sync.word(g.new_status) = domiq_sync.word(stands_at)
      AND NOT EXISTS (SELECT FROM domiq_sync.announced_move m WHERE m.change_id = n.change_id)
    ORDER BY n.seq LIMIT 1
    ON CONFLICT DO NOTHING
$$;

CREATE FUNCTION domiq_sync.waits_for(of_state text, of_outcome text, decided text) RETURNS text
    LANGUAGE sql IMMUTABLE
    AS $$
    SELECT CASE WHEN of_state NOT IN ('waiting', 'unknown') THEN NULL
                WHEN of_outcome = 'conflict' THEN 'conflict'
                WHEN of_outcome LIKE 'not_configured%' THEN 'settings'
                WHEN of_outcome IN ('no_contact', 'no_name') THEN 'contact'
                WHEN of_outcome = 'in_doubt' AND decided IS NULL THEN 'doubt' END
$$;

CREATE FUNCTION domiq_sync.wake_sleepers() RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    IF current_setting('domiq_sync.woken', true) = 'yes'
       OR NOT EXISTS (SELECT FROM domiq_sync.sleeper s WHERE s.until > clock_timestamp())
       OR pg_notification_queue_usage() > 0.5 THEN
        RETURN;
    END IF;
    PERFORM set_config('domiq_sync.woken', 'yes', true), pg_notify('domiq_sync_due', '');
EXCEPTION WHEN OTHERS THEN  -- the change is queued all the same: workers look every second
    RETURN;
END $$;

CREATE FUNCTION domiq_sync.word(of_status text) RETURNS text
    LANGUAGE sql IMMUTABLE
    AS $$
    SELECT lower(btrim(of_status, E' \t\n\r\f\v') COLLATE "C")
$$;

CREATE FUNCTION public.conversation_derive_status() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF NEW.is_book_tour AND NOT COALESCE(OLD.is_book_tour, FALSE) THEN
        NEW.status := 'tour_scheduled';
    ELSIF NEW.pre_qualified AND NOT COALESCE(OLD.pre_qualified, FALSE) THEN
        NEW.status := 'qualified';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION public.conversation_notify() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF NEW.status IN ('qualified', 'tour_scheduled') AND NEW.status IS DISTINCT FROM OLD.status THEN
        INSERT INTO public.lead_notification (conversation_id, property_manager_id, notification_type, status)
        SELECT NEW.id, a.property_manager_id, NEW.status, 'pending'
        FROM public.chatbot b
        JOIN public.property_manager_assignment a ON a.property_id = b.property_id AND a.is_primary
        WHERE b.id = NEW.chatbot_id;
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION public.conversation_touch() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    NEW.updated_at := NOW();
    RETURN NEW;
END $$;

CREATE FUNCTION public.status_sync_is_counted() RETURNS boolean
    LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    the_view CONSTANT REGCLASS := to_regclass('public.status_sync_success_rate');
    reader CONSTANT NAME := COALESCE(NULLIF(current_setting('role', true), 'none'), session_user);
BEGIN
    IF to_regclass('domiq_sync.log_count') IS NULL OR the_view IS NULL
       OR NOT has_table_privilege(reader, the_view, 'SELECT') THEN
        RETURN FALSE;
    END IF;
    IF EXISTS (SELECT FROM pg_class v WHERE v.oid = the_view
               AND array_to_string(v.reloptions, ' ') ~* ('security_' || 'invoker=(true|on|1|yes)'))
       AND NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = reader AND (r.rolsuper OR r.rolbypassrls))
       AND EXISTS (SELECT FROM pg_class t
                   WHERE t.oid IN (to_regclass('public.status_sync_log'), to_regclass('public.conversation'),
                                   to_regclass('public.chatbot'))
                     AND t.relrowsecurity
                     AND (t.relforcerowsecurity OR NOT pg_has_role(reader, t.relowner, 'USAGE'))) THEN
        RETURN FALSE;
    END IF;
    RETURN domiq_sync.totals_are_counted();
END $$;

CREATE FUNCTION public.status_sync_totals() RETURNS TABLE(property_id uuid, success bigint, failed bigint, logged bigint)
    LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    IF public.status_sync_is_counted() THEN
        RETURN QUERY SELECT * FROM domiq_sync.success_totals();
    END IF;
END $$;

CREATE FUNCTION public.uuid_generate_v4() RETURNS uuid
    LANGUAGE sql PARALLEL SAFE
    AS $$SELECT gen_random_uuid()$$;

CREATE TABLE domiq_sync.account (
    resman_account_id text NOT NULL,
    max_concurrent integer DEFAULT 1 NOT NULL,
    min_interval_ms integer DEFAULT 0 NOT NULL,
    ramp_ms integer DEFAULT 0 NOT NULL,
    next_request_at timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    consecutive_failures integer DEFAULT 0 NOT NULL,
    opened_at timestamp with time zone,
    open_until timestamp with time zone,
    open_reason text,
    pull_budget real DEFAULT 1 NOT NULL,
    CONSTRAINT account_max_concurrent_check CHECK (((max_concurrent >= 1) AND (max_concurrent <= 16))),
    CONSTRAINT account_min_interval_ms_check CHECK ((min_interval_ms >= 0)),
    CONSTRAINT account_pull_budget_check CHECK (((pull_budget >= (0)::double precision) AND (pull_budget <= (100)::double precision))),
    CONSTRAINT account_ramp_ms_check CHECK ((ramp_ms >= 0))
);

CREATE TABLE domiq_sync.account_turn (
    resman_account_id text NOT NULL,
    turn integer NOT NULL,
    holder bigint NOT NULL,
    busy_until timestamp with time zone,
    epoch integer DEFAULT 0 NOT NULL
)
WITH (fillfactor='50');

CREATE TABLE domiq_sync.alembic_version (
    version_num character varying(32) NOT NULL
);

CREATE TABLE domiq_sync.alert (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    property_id uuid,
    kind text NOT NULL,
    phase text DEFAULT 'open'::text NOT NULL,
    figures jsonb NOT NULL,
    scope text[] DEFAULT '{}'::text[] NOT NULL,
    opened_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    suspected_at timestamp with time zone NOT NULL,
    told_at timestamp with time zone,
    turns integer DEFAULT 0 NOT NULL,
    good_since timestamp with time zone,
    closed_at timestamp with time zone,
    reopened integer DEFAULT 0 NOT NULL,
    CONSTRAINT alert_phase_check CHECK ((phase = ANY (ARRAY['suspect'::text, 'open'::text, 'closed'::text])))
);

CREATE TABLE domiq_sync.alert_complaint (
    notification_id uuid NOT NULL,
    settled_at timestamp with time zone NOT NULL
);

CREATE TABLE domiq_sync.alert_turn (
    alert_id uuid NOT NULL,
    n integer NOT NULL,
    turn text NOT NULL,
    said_at timestamp with time zone NOT NULL,
    subject text NOT NULL,
    body text NOT NULL,
    CONSTRAINT alert_turn_turn_check CHECK ((turn = ANY (ARRAY['opened'::text, 'reopened'::text, 'widened'::text, 'reminder'::text, 'recovered'::text, 'retired'::text])))
);

CREATE TABLE domiq_sync.alert_watch (
    only_row boolean DEFAULT true NOT NULL,
    looked_at timestamp with time zone NOT NULL,
    CONSTRAINT alert_watch_only_row_check CHECK (only_row)
);

CREATE TABLE domiq_sync.announced_move (
    change_id uuid NOT NULL
);

CREATE TABLE domiq_sync.archived_conversation (
    conversation_id uuid NOT NULL,
    living uuid
);

CREATE TABLE domiq_sync.attempt (
    id bigint NOT NULL,
    change_id uuid NOT NULL,
    lease_token bigint NOT NULL,
    worker text NOT NULL,
    action text NOT NULL,
    outcome text NOT NULL,
    detail jsonb,
    started_at timestamp with time zone NOT NULL,
    duration_ms integer NOT NULL
);

ALTER TABLE domiq_sync.attempt ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME domiq_sync.attempt_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE domiq_sync.capture_gap (
    id bigint NOT NULL,
    noticed_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    misses bigint NOT NULL,
    total bigint NOT NULL,
    since timestamp with time zone
);

ALTER TABLE domiq_sync.capture_gap ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME domiq_sync.capture_gap_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE SEQUENCE domiq_sync.capture_misses
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

CREATE TABLE domiq_sync.change (
    change_id uuid NOT NULL,
    seq bigint NOT NULL,
    conversation_id uuid,
    property_id uuid,
    logged_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    caused_by uuid,
    cause_rule_id uuid,
    chain_depth integer DEFAULT 0 NOT NULL,
    notified_at timestamp with time zone,
    ruled_at timestamp with time zone,
    logged_by text,
    same_as uuid
);

ALTER TABLE domiq_sync.change ALTER COLUMN seq ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME domiq_sync.change_seq_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE domiq_sync.channel (
    channel text NOT NULL,
    min_interval_ms integer NOT NULL,
    next_send_at timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    consecutive_failures integer DEFAULT 0 NOT NULL,
    open_until timestamp with time zone,
    open_reason text,
    CONSTRAINT channel_min_interval_ms_check CHECK ((min_interval_ms >= 0))
);

CREATE TABLE public.chatbot (
    id uuid DEFAULT public.uuid_generate_v4() NOT NULL,
    property_id uuid NOT NULL,
    name character varying(255) NOT NULL
);

CREATE VIEW domiq_sync.chatbot_property AS
 SELECT id AS chatbot_id,
    property_id
   FROM public.chatbot b;

CREATE TABLE domiq_sync.closed_link (
    id bigint NOT NULL,
    conversation_id uuid NOT NULL,
    property_id uuid NOT NULL,
    prospect_id text NOT NULL,
    linked_by text NOT NULL,
    linked_at timestamp with time zone NOT NULL,
    agreed_domiq_status text,
    agreed_resman_status text,
    agreed_at timestamp with time zone,
    closed_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    reason text NOT NULL,
    relinked_to text
);

ALTER TABLE domiq_sync.closed_link ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME domiq_sync.closed_link_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE domiq_sync.conflict (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    property_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    prospect_id text NOT NULL,
    domiq_status text,
    resman_status text NOT NULL,
    opened_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    resolved_at timestamp with time zone,
    resolution text,
    resolved_by text
);

CREATE TABLE public.conversation (
    id uuid DEFAULT public.uuid_generate_v4() NOT NULL,
    chatbot_id uuid NOT NULL,
    user_id uuid,
    start_time timestamp with time zone DEFAULT now(),
    end_time timestamp with time zone,
    is_qualified boolean DEFAULT false,
    is_book_tour boolean DEFAULT false,
    tour_type character varying(50),
    tour_datetime timestamp without time zone,
    ai_intent_summary text,
    move_in_date date,
    price_range_min numeric(10,2),
    price_range_max numeric(10,2),
    occupants_count integer,
    has_pets boolean,
    pre_qualified boolean DEFAULT false,
    source character varying(100),
    status character varying(50) DEFAULT 'active'::character varying,
    lead_score integer,
    created_at timestamp with time zone DEFAULT now(),
    updated_at timestamp with time zone DEFAULT now()
);

CREATE VIEW domiq_sync.conversation_home AS
 SELECT id AS conversation_id,
        CASE
            WHEN (chatbot_id IS NULL) THEN 'nowhere'::text
            ELSE 'chatbot'::text
        END AS kind,
    COALESCE(chatbot_id, '00000000-0000-0000-0000-000000000000'::uuid) AS home
   FROM public.conversation c;

CREATE VIEW domiq_sync.conversation_property AS
 SELECT c.id AS conversation_id,
    b.property_id
   FROM (public.conversation c
     LEFT JOIN public.chatbot b ON ((b.id = c.chatbot_id)));

CREATE TABLE domiq_sync.daily_count (
    day date NOT NULL,
    counted_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

COMMENT ON TABLE domiq_sync.daily_count IS 'The UTC days whose figures were counted, and when';

CREATE TABLE domiq_sync.daily_figure (
    day date NOT NULL,
    property text NOT NULL,
    sync_direction text NOT NULL,
    changes bigint NOT NULL,
    success bigint NOT NULL,
    failed bigint NOT NULL,
    pending bigint NOT NULL,
    success_rate double precision,
    timed bigint NOT NULL,
    latency_p50 double precision,
    latency_p95 double precision,
    within_10s bigint NOT NULL,
    within_1min bigint NOT NULL,
    funnel jsonb NOT NULL,
    moves jsonb NOT NULL,
    time_in_status jsonb NOT NULL,
    reasons jsonb NOT NULL,
    requests bigint,
    throttled bigint NOT NULL
);

COMMENT ON TABLE domiq_sync.daily_figure IS 'The figures of each UTC day by property and direction: docs/report.md';

CREATE TABLE domiq_sync.daily_property (
    day date NOT NULL,
    property text NOT NULL,
    conflicts_opened bigint NOT NULL,
    conflicts_decided bigint NOT NULL,
    compared bigint,
    in_step bigint,
    awaiting bigint,
    diverged bigint
);

COMMENT ON TABLE domiq_sync.daily_property IS 'How each connected property stood on each UTC day: docs/report.md';

CREATE TABLE domiq_sync.daily_total (
    id bigint NOT NULL,
    day date NOT NULL,
    property text NOT NULL,
    sync_direction text,
    sync_status text,
    changes bigint NOT NULL
);

ALTER TABLE domiq_sync.daily_total ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME domiq_sync.daily_total_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE domiq_sync.delivery (
    change_id uuid NOT NULL,
    seq bigint NOT NULL,
    lane uuid NOT NULL,
    property_id uuid,
    is_head boolean NOT NULL,
    in_turn boolean DEFAULT false NOT NULL,
    state text DEFAULT 'ready'::text NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    postponements integer DEFAULT 0 NOT NULL,
    next_attempt_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    lease_token bigint,
    worker text,
    last_outcome text,
    enqueued_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    posted_at timestamp with time zone,
    posted jsonb,
    read_backs integer DEFAULT 0 NOT NULL,
    decided text,
    decided_by text,
    CONSTRAINT delivery_decided_check CHECK ((decided = ANY (ARRAY['arrived'::text, 'send_again'::text]))),
    CONSTRAINT delivery_state_check CHECK ((state = ANY (ARRAY['ready'::text, 'in_flight'::text, 'unknown'::text, 'waiting'::text])))
);

CREATE TABLE domiq_sync.divergence (
    conversation_id uuid NOT NULL,
    property_id uuid NOT NULL,
    first_seen_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

CREATE TABLE domiq_sync.domiq_status_map (
    property_id uuid,
    domiq_status text NOT NULL,
    lead_status text NOT NULL,
    event_type text NOT NULL,
    id bigint NOT NULL,
    CONSTRAINT domiq_status_map_lead_status_check CHECK ((lead_status = ANY (ARRAY['new'::text, 'contacted'::text, 'qualified'::text, 'tour_scheduled'::text, 'application'::text, 'leased'::text, 'lost'::text])))
);

CREATE TABLE domiq_sync.integration (
    property_id uuid NOT NULL,
    resman_account_id text NOT NULL,
    resman_property_id text NOT NULL,
    partition_key text NOT NULL,
    sync_enabled boolean DEFAULT true NOT NULL,
    sync_direction text DEFAULT 'both'::text NOT NULL,
    conflict_policy text DEFAULT 'resman_wins'::text NOT NULL,
    agent_id text,
    source_id text,
    lost_reason_id text,
    time_zone text,
    connected_at timestamp with time zone DEFAULT now() NOT NULL,
    enabled_at timestamp with time zone,
    tour_times text DEFAULT 'local'::text NOT NULL,
    CONSTRAINT integration_conflict_policy_check CHECK ((conflict_policy = ANY (ARRAY['resman_wins'::text, 'domiq_wins'::text, 'furthest_progress'::text, 'manual_review'::text]))),
    CONSTRAINT integration_resman_account_id_check CHECK ((resman_account_id <> ''::text)),
    CONSTRAINT integration_resman_property_id_check CHECK ((resman_property_id <> ''::text)),
    CONSTRAINT integration_sync_direction_check CHECK ((sync_direction = ANY (ARRAY['both'::text, 'to_resman'::text, 'from_resman'::text]))),
    CONSTRAINT integration_tour_times_check CHECK ((tour_times = ANY (ARRAY['local'::text, 'utc'::text])))
);

COMMENT ON COLUMN domiq_sync.integration.agent_id IS 'An agentId (v1 GetEmployees.ID)';

COMMENT ON COLUMN domiq_sync.integration.source_id IS 'A transactionSourceId (v1 GetProspectSources.ID)';

COMMENT ON COLUMN domiq_sync.integration.time_zone IS 'IANA name; DomIQ''s tour times are read in it';

CREATE VIEW domiq_sync.domiq_meaning AS
 SELECT DISTINCT ON (i.property_id, (domiq_sync.word(m.domiq_status))) i.property_id,
    domiq_sync.word(m.domiq_status) AS domiq_status,
    m.lead_status
   FROM (domiq_sync.integration i
     JOIN domiq_sync.domiq_status_map m ON (((m.property_id = i.property_id) OR (m.property_id IS NULL))))
  ORDER BY i.property_id, (domiq_sync.word(m.domiq_status)), m.property_id;

ALTER TABLE domiq_sync.domiq_status_map ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME domiq_sync.domiq_status_map_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE domiq_sync.erasure (
    id bigint NOT NULL,
    erased_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    erased_by text NOT NULL,
    subject text NOT NULL,
    reference text NOT NULL,
    conversations integer NOT NULL,
    counts jsonb NOT NULL,
    CONSTRAINT erasure_subject_check CHECK ((subject = ANY (ARRAY['conversation'::text, 'person'::text])))
);

ALTER TABLE domiq_sync.erasure ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME domiq_sync.erasure_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE domiq_sync.log_total (
    heap oid NOT NULL,
    kind text NOT NULL,
    home uuid NOT NULL,
    sync_direction text NOT NULL,
    sync_status text NOT NULL,
    changes bigint NOT NULL,
    CONSTRAINT log_total_kind_check CHECK ((kind = ANY (ARRAY['chatbot'::text, 'property'::text, 'nowhere'::text, 'unnamed'::text])))
)
WITH (fillfactor='50', autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='2000');

CREATE VIEW domiq_sync.home_total AS
 SELECT t.kind,
    t.home,
    t.sync_direction,
    t.sync_status,
    t.changes
   FROM domiq_sync.log_total t
  WHERE (t.heap = ( SELECT domiq_sync.log_heap() AS log_heap))
UNION ALL
 SELECT u.kind,
    u.home,
    u.sync_direction,
    u.sync_status,
    u.changes
   FROM domiq_sync.unfolded_changes() u(kind, home, sync_direction, sync_status, changes);

CREATE TABLE domiq_sync.installation (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    timeline integer
);

CREATE TABLE domiq_sync.lead_link (
    conversation_id uuid NOT NULL,
    property_id uuid NOT NULL,
    prospect_id text NOT NULL,
    person_id text,
    is_current boolean DEFAULT true NOT NULL,
    linked_by text NOT NULL,
    linked_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    agreed_domiq_status text,
    agreed_resman_status text,
    agreed_at timestamp with time zone,
    CONSTRAINT lead_link_linked_by_check CHECK ((linked_by = ANY (ARRAY['stored_id'::text, 'email'::text, 'phone'::text, 'name'::text, 'created'::text, 'manual'::text])))
);

CREATE SEQUENCE domiq_sync.lease_token
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

CREATE TABLE domiq_sync.link_decision (
    id bigint NOT NULL,
    property_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    user_id uuid,
    prospect_id text NOT NULL,
    verdict text NOT NULL,
    decided_by text NOT NULL,
    decided_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT link_decision_verdict_check CHECK ((verdict = ANY (ARRAY['same'::text, 'never'::text])))
);

ALTER TABLE domiq_sync.link_decision ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME domiq_sync.link_decision_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE domiq_sync.link_question (
    property_id uuid NOT NULL,
    prospect_id text NOT NULL,
    kind text DEFAULT 'several_people'::text NOT NULL,
    reason text NOT NULL,
    candidates integer NOT NULL,
    prospect_ids text[] DEFAULT '{}'::text[] NOT NULL,
    conversation_ids uuid[] DEFAULT '{}'::uuid[] NOT NULL,
    asked_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    closed_at timestamp with time zone,
    resolution text
);

CREATE TABLE domiq_sync.log_count (
    heap oid NOT NULL,
    shape text NOT NULL,
    watch text NOT NULL,
    misses bigint NOT NULL,
    counted_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    changes bigint NOT NULL,
    differed bigint DEFAULT 0 NOT NULL,
    drift jsonb DEFAULT '[]'::jsonb NOT NULL,
    drifted_at timestamp with time zone,
    last_drift bigint
);

CREATE TABLE domiq_sync.log_delta (
    id bigint NOT NULL,
    heap oid NOT NULL,
    conversation_id uuid,
    sync_direction text NOT NULL,
    sync_status text NOT NULL,
    changes bigint NOT NULL
)
WITH (autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='2000');

COMMENT ON COLUMN domiq_sync.log_delta.sync_status IS 'An empty text is NULL in the log; of sync_direction too.';

ALTER TABLE domiq_sync.log_delta ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME domiq_sync.log_delta_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE domiq_sync.log_move (
    id bigint NOT NULL,
    conversation_id uuid NOT NULL,
    from_kind text NOT NULL,
    from_home uuid NOT NULL,
    to_kind text NOT NULL,
    to_home uuid NOT NULL
)
WITH (autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='2000');

ALTER TABLE domiq_sync.log_move ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME domiq_sync.log_move_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE domiq_sync.missing_lead (
    property_id uuid NOT NULL,
    prospect_id text NOT NULL,
    missed_reads integer DEFAULT 1 NOT NULL,
    first_missed_at timestamp with time zone NOT NULL,
    last_missed_at timestamp with time zone NOT NULL,
    found_by_id_at timestamp with time zone
);

CREATE TABLE domiq_sync.notification (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    property_id uuid,
    change_id uuid,
    preference_id uuid,
    rule_id uuid,
    alert_id uuid,
    dedup_key text,
    channel text NOT NULL,
    recipient text NOT NULL,
    template_id text,
    urgent boolean DEFAULT false NOT NULL,
    is_digest boolean DEFAULT false NOT NULL,
    digest_id uuid,
    subject text NOT NULL,
    body text NOT NULL,
    state text NOT NULL,
    state_reason text,
    attempts integer DEFAULT 0 NOT NULL,
    next_attempt_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    lease_token bigint,
    worker text,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    sending_at timestamp with time zone,
    settled_at timestamp with time zone,
    retried_at timestamp with time zone,
    read_at timestamp with time zone,
    report_id uuid,
    CONSTRAINT notification_channel_check CHECK ((channel = ANY (ARRAY['email'::text, 'sms'::text, 'slack'::text, 'in_app'::text, 'operator'::text]))),
    CONSTRAINT notification_state_check CHECK ((state = ANY (ARRAY['pending'::text, 'in_flight'::text, 'delivered'::text, 'undeliverable'::text, 'unknown'::text, 'digested'::text, 'suppressed'::text])))
);

CREATE TABLE domiq_sync.notification_settings (
    property_id uuid NOT NULL,
    quiet_from time without time zone,
    quiet_until time without time zone,
    quiet_channels text[] DEFAULT '{email,sms,slack}'::text[] NOT NULL,
    urgent_breaks_quiet boolean DEFAULT true NOT NULL,
    most_single integer DEFAULT 5 NOT NULL,
    window_minutes integer DEFAULT 15 NOT NULL,
    CONSTRAINT notification_settings_check CHECK (((quiet_from IS NULL) = (quiet_until IS NULL))),
    CONSTRAINT notification_settings_most_single_check CHECK ((most_single >= 1)),
    CONSTRAINT notification_settings_window_minutes_check CHECK ((window_minutes >= 1))
);

CREATE TABLE domiq_sync.partition_mark (
    asset text NOT NULL,
    partition_key text NOT NULL,
    state text NOT NULL,
    marked_at timestamp with time zone NOT NULL
);

CREATE TABLE domiq_sync.pause (
    id bigint NOT NULL,
    property_id uuid NOT NULL,
    paused_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    paused_by text NOT NULL,
    because text NOT NULL,
    resumed_at timestamp with time zone,
    resumed_by text,
    CONSTRAINT pause_because_check CHECK ((because <> ''::text)),
    CONSTRAINT pause_paused_by_check CHECK ((paused_by <> ''::text))
);

COMMENT ON TABLE domiq_sync.pause IS 'Pauses of properties: domiq-sync pause and resume';

COMMENT ON COLUMN domiq_sync.pause.paused_by IS 'Who paused it: a login, or what --by said';

COMMENT ON COLUMN domiq_sync.pause.because IS 'Why, in the words of whoever paused it';

COMMENT ON COLUMN domiq_sync.pause.resumed_at IS 'When sync_enabled became true again; NULL: it is paused';

COMMENT ON COLUMN domiq_sync.pause.resumed_by IS 'Who resumed it; a database role, where SQL or connect did';

ALTER TABLE domiq_sync.pause ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME domiq_sync.pause_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE domiq_sync.pull (
    id bigint NOT NULL,
    property_id uuid NOT NULL,
    full_read boolean NOT NULL,
    modified_since timestamp with time zone NOT NULL,
    overlap_seconds double precision,
    started_at timestamp with time zone NOT NULL,
    finished_at timestamp with time zone NOT NULL,
    requests integer DEFAULT 1 NOT NULL,
    fetched integer NOT NULL,
    unchanged integer DEFAULT 0 NOT NULL,
    stored integer NOT NULL,
    silent integer DEFAULT 0 NOT NULL,
    linked integer NOT NULL,
    late_seconds double precision DEFAULT 0 NOT NULL,
    missing integer DEFAULT 0 NOT NULL,
    vanished integer DEFAULT 0 NOT NULL,
    distrust text,
    error text
);

CREATE TABLE domiq_sync.pull_claim (
    property_id uuid NOT NULL,
    worker text,
    claimed_until timestamp with time zone,
    failures integer DEFAULT 0 NOT NULL,
    rests_until timestamp with time zone,
    news real DEFAULT 0 NOT NULL,
    news_at timestamp with time zone,
    requests integer DEFAULT 1 NOT NULL,
    applied_at timestamp with time zone
)
WITH (fillfactor='50');

ALTER TABLE domiq_sync.pull ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME domiq_sync.pull_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE domiq_sync.pull_pace (
    resman_account_id text NOT NULL,
    free_at timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL
)
WITH (fillfactor='50');

CREATE TABLE domiq_sync.report_page (
    id uuid NOT NULL,
    made_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    file_name text NOT NULL,
    html text NOT NULL
);

COMMENT ON TABLE domiq_sync.report_page IS 'Pages of reports that notices carry: docs/report.md';

CREATE TABLE domiq_sync.request_count (
    day date NOT NULL,
    resman_account_id text NOT NULL,
    resman_property_id text NOT NULL,
    api text NOT NULL,
    requests bigint NOT NULL,
    CONSTRAINT request_count_api_check CHECK ((api = ANY (ARRAY['v1'::text, 'v2'::text])))
)
WITH (fillfactor='50');

CREATE TABLE domiq_sync.resman_lead (
    property_id uuid NOT NULL,
    prospect_id text NOT NULL,
    person_id text,
    status text NOT NULL,
    effective_status text NOT NULL,
    last_modified timestamp with time zone,
    last_modified_raw text,
    lost_reason text,
    transaction_source_id text,
    agent_id text,
    lease_status text,
    content_hash text NOT NULL,
    stored_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    read_at timestamp with time zone NOT NULL,
    touched_at timestamp with time zone,
    posted_at timestamp with time zone
);

CREATE TABLE domiq_sync.resman_status_map (
    property_id uuid,
    resman_status text NOT NULL,
    covers text[] NOT NULL,
    sets text NOT NULL,
    id bigint NOT NULL,
    CONSTRAINT resman_status_map_check CHECK ((sets = ANY (covers)))
);

CREATE VIEW domiq_sync.resman_meaning AS
 SELECT DISTINCT ON (i.property_id, (domiq_sync.word(m.resman_status))) i.property_id,
    domiq_sync.word(m.resman_status) AS resman_status,
    m.covers
   FROM (domiq_sync.integration i
     JOIN domiq_sync.resman_status_map m ON (((m.property_id = i.property_id) OR (m.property_id IS NULL))))
  ORDER BY i.property_id, (domiq_sync.word(m.resman_status)), m.property_id;

ALTER TABLE domiq_sync.resman_status_map ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME domiq_sync.resman_status_map_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE domiq_sync.restored (
    id bigint NOT NULL,
    noticed_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    since timestamp with time zone,
    evidence text NOT NULL
);

ALTER TABLE domiq_sync.restored ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME domiq_sync.restored_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE domiq_sync.rule_not_held (
    change_id uuid NOT NULL,
    rule_ids uuid[] NOT NULL,
    which integer[] NOT NULL,
    whys text[] NOT NULL
);

CREATE TABLE domiq_sync.rule_run (
    change_id uuid NOT NULL,
    rule_id uuid NOT NULL,
    property_id uuid NOT NULL,
    outcome text NOT NULL,
    why text NOT NULL,
    done jsonb NOT NULL,
    run_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT rule_run_outcome_check CHECK ((outcome = ANY (ARRAY['ran'::text, 'skipped'::text, 'stopped'::text, 'failed'::text, 'invalid'::text])))
);

CREATE VIEW domiq_sync.rule_decision AS
 SELECT rule_run.change_id,
    rule_run.rule_id,
        CASE
            WHEN (rule_run.outcome <> ALL (ARRAY['failed'::text, 'invalid'::text])) THEN true
            ELSE NULL::boolean
        END AS held,
    rule_run.outcome,
    rule_run.why,
    rule_run.done
   FROM domiq_sync.rule_run
UNION ALL
 SELECT n.change_id,
    r.rule_id,
    false AS held,
    'not_held'::text AS outcome,
    n.whys[r.which] AS why,
    '{}'::jsonb AS done
   FROM (domiq_sync.rule_not_held n
     CROSS JOIN LATERAL UNNEST(n.rule_ids, n.which) r(rule_id, which));

COMMENT ON VIEW domiq_sync.rule_decision IS 'What each rule decided about each change that triggered it, why, and what it did';

CREATE UNLOGGED TABLE domiq_sync.sleeper (
    name text NOT NULL,
    until timestamp with time zone NOT NULL
)
WITH (fillfactor='50');

CREATE VIEW domiq_sync.status_sync_log_all AS
 SELECT id,
    conversation_id,
    resman_lead_id,
    old_status,
    new_status,
    status_reason,
    updated_by,
    sync_direction,
    sync_status,
    context_data,
    created_at
   FROM domiq_sync.logged_or_archived() logged_or_archived(id, conversation_id, resman_lead_id, old_status, new_status, status_reason, updated_by, sync_direction, sync_status, context_data, created_at);

COMMENT ON VIEW domiq_sync.status_sync_log_all IS 'status_sync_log with what was moved to its archive';

CREATE TABLE domiq_sync.status_sync_log_archive (
    id uuid NOT NULL,
    conversation_id uuid,
    resman_lead_id character varying(100),
    old_status character varying(50),
    new_status character varying(50),
    status_reason text,
    updated_by character varying(100),
    sync_direction character varying(20),
    sync_status character varying(50),
    context_data jsonb,
    created_at timestamp with time zone NOT NULL,
    seq bigint NOT NULL,
    property_id uuid,
    logged_at timestamp with time zone NOT NULL,
    change jsonb NOT NULL,
    rules jsonb NOT NULL,
    archived_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
)
PARTITION BY RANGE (created_at);

COMMENT ON TABLE domiq_sync.status_sync_log_archive IS 'Settled rows of status_sync_log that housekeeping moved; domiq_sync.status_sync_log_all has both';

CREATE TABLE domiq_sync.status_sync_log_archive_2026_03 (
    id uuid CONSTRAINT status_sync_log_archive_id_not_null NOT NULL,
    conversation_id uuid,
    resman_lead_id character varying(100),
    old_status character varying(50),
    new_status character varying(50),
    status_reason text,
    updated_by character varying(100),
    sync_direction character varying(20),
    sync_status character varying(50),
    context_data jsonb,
    created_at timestamp with time zone CONSTRAINT status_sync_log_archive_created_at_not_null NOT NULL,
    seq bigint CONSTRAINT status_sync_log_archive_seq_not_null NOT NULL,
    property_id uuid,
    logged_at timestamp with time zone CONSTRAINT status_sync_log_archive_logged_at_not_null NOT NULL,
    change jsonb CONSTRAINT status_sync_log_archive_change_not_null NOT NULL,
    rules jsonb CONSTRAINT status_sync_log_archive_rules_not_null NOT NULL,
    archived_at timestamp with time zone DEFAULT clock_timestamp() CONSTRAINT status_sync_log_archive_archived_at_not_null NOT NULL
);

CREATE TABLE domiq_sync.task (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    kind text NOT NULL,
    property_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    change_id uuid NOT NULL,
    rule_id uuid NOT NULL,
    action integer NOT NULL,
    title text NOT NULL,
    detail text,
    assignee_role text,
    priority text NOT NULL,
    due_at timestamp with time zone,
    time_zone text,
    state text DEFAULT 'open'::text NOT NULL,
    state_changed_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT task_kind_check CHECK ((kind = ANY (ARRAY['follow_up'::text, 'task'::text]))),
    CONSTRAINT task_priority_check CHECK ((priority = ANY (ARRAY['low'::text, 'medium'::text, 'high'::text, 'urgent'::text]))),
    CONSTRAINT task_state_check CHECK ((state = ANY (ARRAY['open'::text, 'done'::text, 'cancelled'::text])))
);

COMMENT ON TABLE domiq_sync.task IS 'Follow-ups and tasks that workflow rules made. DomIQ reads the open ones and sets state and state_changed_at; due_at AT TIME ZONE time_zone is when one falls due by the property''s clock';

COMMENT ON COLUMN domiq_sync.task.action IS 'The place of what made it among the effects of its rule, from 1';

CREATE TABLE domiq_sync.threshold (
    id bigint NOT NULL,
    property_id uuid,
    lowest_success_rate double precision,
    most_failures integer,
    least_volume integer,
    least_failures integer,
    window_hours double precision,
    oldest_pending_minutes double precision,
    most_diverged integer,
    diverged_minutes double precision,
    no_pull_minutes double precision,
    no_push_minutes double precision,
    recover_minutes double precision,
    reopen_minutes double precision,
    reminder_hours double precision,
    set_by text,
    set_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT threshold_diverged_minutes_check CHECK (((diverged_minutes >= (0)::double precision) AND (diverged_minutes <= (525600)::double precision))),
    CONSTRAINT threshold_least_failures_check CHECK ((least_failures >= 1)),
    CONSTRAINT threshold_least_volume_check CHECK ((least_volume >= 1)),
    CONSTRAINT threshold_lowest_success_rate_check CHECK (((lowest_success_rate >= (0)::double precision) AND (lowest_success_rate <= (100)::double precision))),
    CONSTRAINT threshold_most_diverged_check CHECK ((most_diverged >= 0)),
    CONSTRAINT threshold_most_failures_check CHECK ((most_failures >= 0)),
    CONSTRAINT threshold_no_pull_minutes_check CHECK (((no_pull_minutes > (0)::double precision) AND (no_pull_minutes <= (525600)::double precision))),
    CONSTRAINT threshold_no_push_minutes_check CHECK (((no_push_minutes > (0)::double precision) AND (no_push_minutes <= (525600)::double precision))),
    CONSTRAINT threshold_oldest_pending_minutes_check CHECK (((oldest_pending_minutes > (0)::double precision) AND (oldest_pending_minutes <= (525600)::double precision))),
    CONSTRAINT threshold_recover_minutes_check CHECK (((recover_minutes >= (0)::double precision) AND (recover_minutes <= (525600)::double precision))),
    CONSTRAINT threshold_reminder_hours_check CHECK (((reminder_hours > (0)::double precision) AND (reminder_hours <= (8760)::double precision))),
    CONSTRAINT threshold_reopen_minutes_check CHECK (((reopen_minutes >= (0)::double precision) AND (reopen_minutes <= (525600)::double precision))),
    CONSTRAINT threshold_window_hours_check CHECK (((window_hours > (0)::double precision) AND (window_hours <= (8760)::double precision)))
);

ALTER TABLE domiq_sync.threshold ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME domiq_sync.threshold_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE SEQUENCE domiq_sync.total_misses
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

CREATE TABLE domiq_sync.trouble (
    kind text NOT NULL,
    key text NOT NULL,
    property_id uuid NOT NULL,
    sentence text NOT NULL,
    since timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    seen_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    times integer DEFAULT 1 NOT NULL
);

CREATE SEQUENCE domiq_sync.turn_holder
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

CREATE TABLE public.status_sync_log (
    id uuid DEFAULT public.uuid_generate_v4() NOT NULL,
    conversation_id uuid,
    resman_lead_id character varying(100),
    old_status character varying(50),
    new_status character varying(50),
    status_reason text,
    updated_by character varying(100),
    sync_direction character varying(20),
    sync_status character varying(50),
    context_data jsonb,
    created_at timestamp with time zone DEFAULT now(),
    CONSTRAINT chk_status_sync_direction CHECK (((sync_direction)::text = ANY ((ARRAY['to_resman'::character varying, 'from_resman'::character varying])::text[]))),
    CONSTRAINT chk_status_sync_status CHECK (((sync_status)::text = ANY ((ARRAY['pending'::character varying, 'success'::character varying, 'failed'::character varying])::text[]))),
    CONSTRAINT chk_status_updated_by CHECK (((updated_by)::text = ANY ((ARRAY['chatbot'::character varying, 'resman_user'::character varying, 'system'::character varying])::text[]))),
    CONSTRAINT status_sync_log_sync_direction_check CHECK (((sync_direction)::text = ANY ((ARRAY['to_resman'::character varying, 'from_resman'::character varying])::text[]))),
    CONSTRAINT status_sync_log_sync_status_check CHECK (((sync_status)::text = ANY ((ARRAY['pending'::character varying, 'success'::character varying, 'failed'::character varying])::text[]))),
    CONSTRAINT status_sync_log_updated_by_check CHECK (((updated_by)::text = ANY ((ARRAY['chatbot'::character varying, 'resman_user'::character varying, 'system'::character varying])::text[])))
);

COMMENT ON TABLE public.status_sync_log IS 'Audit log of all status changes and syncs between DomIQ and ResMan';

CREATE VIEW domiq_sync.unfolded_change AS
 WITH delta AS (
         SELECT d.conversation_id,
            d.sync_direction,
            d.sync_status,
            (sum(d.changes))::bigint AS changes
           FROM domiq_sync.log_delta d
          WHERE (d.heap = ( SELECT domiq_sync.log_heap() AS log_heap))
          GROUP BY d.conversation_id, d.sync_direction, d.sync_status
         HAVING (sum(d.changes) <> (0)::numeric)
        ), flow AS (
         SELECT f.conversation_id,
            f.kind,
            f.home,
            sum(f.sign) AS sign
           FROM ( SELECT m.conversation_id,
                    m.from_kind AS kind,
                    m.from_home AS home,
                    '-1'::integer AS sign
                   FROM domiq_sync.log_move m
                UNION ALL
                 SELECT m.conversation_id,
                    m.to_kind,
                    m.to_home,
                    1
                   FROM domiq_sync.log_move m) f
          WHERE (f.kind <> 'gone'::text)
          GROUP BY f.conversation_id, f.kind, f.home
         HAVING (sum(f.sign) <> 0)
        ), moved AS (
         SELECT DISTINCT flow.conversation_id
           FROM flow
        ), folded AS (
         SELECT b.conversation_id,
            b.sync_direction,
            b.sync_status,
            (sum(b.changes))::bigint AS changes
           FROM ( SELECT moved.conversation_id,
                    g.sync_direction,
                    g.sync_status,
                    g.changes
                   FROM (moved
                     CROSS JOIN LATERAL ( SELECT COALESCE(l.sync_direction, ''::character varying) AS sync_direction,
                            COALESCE(l.sync_status, ''::character varying) AS sync_status,
                            count(*) AS changes
                           FROM public.status_sync_log l
                          WHERE (l.conversation_id = moved.conversation_id)
                          GROUP BY COALESCE(l.sync_direction, ''::character varying), COALESCE(l.sync_status, ''::character varying)) g)
                UNION ALL
                 SELECT delta.conversation_id,
                    delta.sync_direction,
                    delta.sync_status,
                    (- delta.changes)
                   FROM (delta
                     JOIN moved USING (conversation_id))) b
          GROUP BY b.conversation_id, b.sync_direction, b.sync_status
         HAVING (sum(b.changes) <> (0)::numeric)
        )
 SELECT delta.conversation_id,
    h.kind,
    h.home,
    delta.sync_direction,
    delta.sync_status,
    delta.changes
   FROM (delta
     JOIN domiq_sync.conversation_home h ON ((h.conversation_id = delta.conversation_id)))
UNION ALL
 SELECT delta.conversation_id,
    'unnamed'::text AS kind,
    '00000000-0000-0000-0000-000000000000'::uuid AS home,
    delta.sync_direction,
    delta.sync_status,
    delta.changes
   FROM delta
  WHERE (delta.conversation_id IS NULL)
UNION ALL
 SELECT flow.conversation_id,
    flow.kind,
    flow.home,
    folded.sync_direction,
    folded.sync_status,
    (flow.sign * folded.changes) AS changes
   FROM (flow
     JOIN folded USING (conversation_id));

CREATE TABLE domiq_sync.watermark (
    property_id uuid NOT NULL,
    watermark timestamp with time zone,
    covered_since timestamp with time zone,
    last_pull_at timestamp with time zone,
    last_full_at timestamp with time zone,
    failing_since timestamp with time zone,
    last_error text,
    distrusted_since timestamp with time zone,
    distrust text,
    window_seconds double precision,
    window_reach_seconds double precision,
    stored_before bigint DEFAULT 0 NOT NULL
);

CREATE TABLE domiq_sync.whole_sweep (
    only_row boolean DEFAULT true NOT NULL,
    began_at timestamp with time zone NOT NULL,
    CONSTRAINT whole_sweep_only_row_check CHECK (only_row)
);

CREATE TABLE domiq_sync.worker (
    name text NOT NULL,
    job text NOT NULL,
    run_id text,
    started_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    seen_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    lag_seconds real
);

CREATE TABLE public.company (
    id uuid DEFAULT public.uuid_generate_v4() NOT NULL,
    name character varying(255) NOT NULL,
    created_at timestamp with time zone DEFAULT now()
);

CREATE TABLE public.lead_notification (
    id uuid DEFAULT public.uuid_generate_v4() NOT NULL,
    conversation_id uuid,
    property_manager_id uuid,
    notification_type character varying(50),
    status character varying(50),
    sent_at timestamp with time zone,
    read_at timestamp with time zone
);

CREATE TABLE public.message (
    id uuid DEFAULT public.uuid_generate_v4() NOT NULL,
    conversation_id uuid NOT NULL,
    sender_type character varying(20),
    message_text text,
    "timestamp" timestamp with time zone DEFAULT now(),
    CONSTRAINT message_sender_type_check CHECK (((sender_type)::text = ANY ((ARRAY['user'::character varying, 'bot'::character varying])::text[])))
);

CREATE TABLE public.property (
    id uuid DEFAULT public.uuid_generate_v4() NOT NULL,
    company_id uuid NOT NULL,
    name character varying(255) NOT NULL,
    address character varying(255) NOT NULL,
    city character varying(100) NOT NULL,
    state character varying(50) NOT NULL,
    zip_code character varying(20) NOT NULL,
    property_type character varying(50),
    units_count integer,
    hubspot_property_id character varying(100),
    created_at timestamp with time zone DEFAULT now(),
    updated_at timestamp with time zone DEFAULT now()
);

CREATE TABLE public.property_manager (
    id uuid DEFAULT public.uuid_generate_v4() NOT NULL,
    company_id uuid NOT NULL,
    first_name character varying(100) NOT NULL,
    last_name character varying(100) NOT NULL,
    email character varying(255),
    phone character varying(50),
    role character varying(50),
    access_level character varying(50)
);

CREATE TABLE public.property_manager_assignment (
    id uuid DEFAULT public.uuid_generate_v4() NOT NULL,
    property_id uuid NOT NULL,
    property_manager_id uuid NOT NULL,
    is_primary boolean DEFAULT false,
    start_date date DEFAULT CURRENT_DATE,
    end_date date,
    permissions jsonb,
    notification_preferences jsonb
);

CREATE TABLE public.status_notification_preferences (
    id uuid DEFAULT public.uuid_generate_v4() NOT NULL,
    property_id uuid,
    status_type character varying(50),
    notification_method character varying(50),
    recipients jsonb,
    template_id character varying(100),
    is_active boolean DEFAULT true,
    created_at timestamp with time zone DEFAULT now(),
    CONSTRAINT chk_notification_method CHECK (((notification_method)::text = ANY ((ARRAY['email'::character varying, 'sms'::character varying, 'slack'::character varying, 'in_app'::character varying])::text[]))),
    CONSTRAINT status_notification_preferences_notification_method_check CHECK (((notification_method)::text = ANY ((ARRAY['email'::character varying, 'sms'::character varying, 'slack'::character varying, 'in_app'::character varying])::text[])))
);

COMMENT ON TABLE public.status_notification_preferences IS 'Stores notification preferences for status changes';

CREATE VIEW public.status_sync_success_rate AS
 SELECT t.property_id,
    (((t.success)::double precision / (NULLIF(t.logged, 0))::double precision) * (100)::double precision) AS sync_success_rate,
    t.failed AS failed_status_updates
   FROM public.status_sync_totals() t(property_id, success, failed, logged)
UNION ALL
 SELECT b.property_id,
    (((count(*) FILTER (WHERE ((ssl.sync_status)::text = 'success'::text)))::double precision / (NULLIF(count(*), 0))::double precision) * (100)::double precision) AS sync_success_rate,
    count(*) FILTER (WHERE ((ssl.sync_status)::text = 'failed'::text)) AS failed_status_updates
   FROM ((public.conversation c
     LEFT JOIN public.chatbot b ON ((b.id = c.chatbot_id)))
     JOIN ( SELECT g.conversation_id,
            g.sync_status
           FROM public.status_sync_log g
         LIMIT
                CASE
                    WHEN public.status_sync_is_counted() THEN 0
                    ELSE NULL::integer
                END) ssl ON ((ssl.conversation_id = c.id)))
  GROUP BY b.property_id;

CREATE TABLE public.status_workflow_rules (
    id uuid DEFAULT public.uuid_generate_v4() NOT NULL,
    property_id uuid,
    trigger_status character varying(50),
    target_status character varying(50),
    conditions jsonb,
    actions jsonb,
    is_active boolean DEFAULT true,
    created_at timestamp with time zone DEFAULT now()
);

COMMENT ON TABLE public.status_workflow_rules IS 'Defines workflow rules for status transitions and automation';

CREATE TABLE public."user" (
    id uuid DEFAULT public.uuid_generate_v4() NOT NULL,
    first_name character varying(100) NOT NULL,
    last_name character varying(100) NOT NULL,
    email character varying(255),
    phone character varying(50),
    lead_source character varying(100),
    created_at timestamp with time zone DEFAULT now()
);

ALTER TABLE ONLY domiq_sync.status_sync_log_archive ATTACH PARTITION domiq_sync.status_sync_log_archive_2026_03 FOR VALUES FROM ('2026-03-01 00:00:00+00') TO ('2026-04-01 00:00:00+00');

INSERT INTO domiq_sync.alembic_version VALUES
	('0031');

INSERT INTO domiq_sync.channel VALUES
	('email', 200, '-infinity', 0, NULL, NULL),
	('sms', 1000, '-infinity', 0, NULL, NULL),
	('slack', 1100, '-infinity', 0, NULL, NULL),
	('operator', 1000, '-infinity', 0, NULL, NULL),
	('in_app', 0, '-infinity', 0, NULL, NULL);

INSERT INTO domiq_sync.domiq_status_map OVERRIDING SYSTEM VALUE VALUES
	(NULL, 'new', 'new', 'Contact', 1),
	(NULL, 'contacted', 'contacted', 'Contact', 2),
	(NULL, 'qualified', 'qualified', 'Other', 3),
	(NULL, 'tour_scheduled', 'tour_scheduled', 'Appointment', 4),
	(NULL, 'application', 'application', 'Application', 5),
	(NULL, 'leased', 'leased', 'Other', 6),
	(NULL, 'lost', 'lost', 'Cancel', 7),
	(NULL, 'initial_contact', 'new', 'Contact', 8),
	(NULL, 'engaged', 'contacted', 'Contact', 9),
	(NULL, 'follow_up_needed', 'contacted', 'Contact', 10),
	(NULL, 'tour_booked', 'tour_scheduled', 'Appointment', 11),
	(NULL, 'application_started', 'application', 'Application', 12);

INSERT INTO domiq_sync.installation VALUES
	('84a1994f-3586-42c6-a85b-15b631ef41ef', NULL);

INSERT INTO domiq_sync.log_count VALUES
	(18024, 'chatbot', '19132:1015 19133:1015 19134:1015 19135:1015 19160:1015 19161:1015', 0, '2026-11-30 20:40:51.630302+00', 0, 0, '[]', NULL, NULL);

INSERT INTO domiq_sync.resman_status_map OVERRIDING SYSTEM VALUE VALUES
	(NULL, 'Prospect', '{new,contacted,qualified,tour_scheduled}', 'contacted', 1),
	(NULL, 'Applicant', '{application}', 'application', 2),
	(NULL, 'Resident', '{leased}', 'leased', 3),
	(NULL, 'Lost', '{lost}', 'lost', 4),
	(NULL, 'Applicant/LeaseSigned', '{leased}', 'leased', 5),
	(NULL, 'Applicant/MovedIn', '{leased}', 'leased', 6),
	(NULL, 'Applicant/Denied', '{application,lost}', 'application', 7),
	(NULL, 'Applicant/Cancelled', '{application,lost}', 'application', 8);

SELECT pg_catalog.setval('domiq_sync.attempt_id_seq', 1, false);

SELECT pg_catalog.setval('domiq_sync.capture_gap_id_seq', 1, false);

SELECT pg_catalog.setval('domiq_sync.capture_misses', 1, false);

SELECT pg_catalog.setval('domiq_sync.change_seq_seq', 1, false);

SELECT pg_catalog.setval('domiq_sync.closed_link_id_seq', 1, false);

SELECT pg_catalog.setval('domiq_sync.daily_total_id_seq', 1, false);

SELECT pg_catalog.setval('domiq_sync.domiq_status_map_id_seq', 12, true);

SELECT pg_catalog.setval('domiq_sync.erasure_id_seq', 1, false);

SELECT pg_catalog.setval('domiq_sync.lease_token', 1, false);

SELECT pg_catalog.setval('domiq_sync.link_decision_id_seq', 1, false);

SELECT pg_catalog.setval('domiq_sync.log_delta_id_seq', 1, false);

SELECT pg_catalog.setval('domiq_sync.log_move_id_seq', 1, false);

SELECT pg_catalog.setval('domiq_sync.pause_id_seq', 1, false);

SELECT pg_catalog.setval('domiq_sync.pull_id_seq', 1, false);

SELECT pg_catalog.setval('domiq_sync.resman_status_map_id_seq', 8, true);

SELECT pg_catalog.setval('domiq_sync.restored_id_seq', 1, false);

SELECT pg_catalog.setval('domiq_sync.threshold_id_seq', 1, false);

SELECT pg_catalog.setval('domiq_sync.total_misses', 1, false);

SELECT pg_catalog.setval('domiq_sync.turn_holder', 1, false);

ALTER TABLE ONLY domiq_sync.account
    ADD CONSTRAINT account_pkey PRIMARY KEY (resman_account_id);

ALTER TABLE ONLY domiq_sync.account_turn
    ADD CONSTRAINT account_turn_pkey PRIMARY KEY (resman_account_id, turn);

ALTER TABLE ONLY domiq_sync.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);

ALTER TABLE ONLY domiq_sync.alert_complaint
    ADD CONSTRAINT alert_complaint_pkey PRIMARY KEY (notification_id, settled_at);

ALTER TABLE ONLY domiq_sync.alert
    ADD CONSTRAINT alert_pkey PRIMARY KEY (id);

ALTER TABLE ONLY domiq_sync.alert_turn
    ADD CONSTRAINT alert_turn_pkey PRIMARY KEY (alert_id, n);

ALTER TABLE ONLY domiq_sync.alert_watch
    ADD CONSTRAINT alert_watch_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY domiq_sync.announced_move
    ADD CONSTRAINT announced_move_pkey PRIMARY KEY (change_id);

ALTER TABLE ONLY domiq_sync.archived_conversation
    ADD CONSTRAINT archived_conversation_living_key UNIQUE (living);

ALTER TABLE ONLY domiq_sync.archived_conversation
    ADD CONSTRAINT archived_conversation_pkey PRIMARY KEY (conversation_id);

ALTER TABLE ONLY domiq_sync.attempt
    ADD CONSTRAINT attempt_pkey PRIMARY KEY (id);

ALTER TABLE ONLY domiq_sync.capture_gap
    ADD CONSTRAINT capture_gap_pkey PRIMARY KEY (id);

ALTER TABLE ONLY domiq_sync.change
    ADD CONSTRAINT change_pkey PRIMARY KEY (change_id);

ALTER TABLE ONLY domiq_sync.channel
    ADD CONSTRAINT channel_pkey PRIMARY KEY (channel);

ALTER TABLE ONLY domiq_sync.closed_link
    ADD CONSTRAINT closed_link_pkey PRIMARY KEY (id);

ALTER TABLE ONLY domiq_sync.conflict
    ADD CONSTRAINT conflict_pkey PRIMARY KEY (id);

ALTER TABLE ONLY domiq_sync.daily_count
    ADD CONSTRAINT daily_count_pkey PRIMARY KEY (day);

ALTER TABLE ONLY domiq_sync.daily_figure
    ADD CONSTRAINT daily_figure_pkey PRIMARY KEY (day, property, sync_direction);

ALTER TABLE ONLY domiq_sync.daily_property
    ADD CONSTRAINT daily_property_pkey PRIMARY KEY (day, property);

ALTER TABLE ONLY domiq_sync.daily_total
    ADD CONSTRAINT daily_total_pkey PRIMARY KEY (id);

ALTER TABLE ONLY domiq_sync.delivery
    ADD CONSTRAINT delivery_pkey PRIMARY KEY (change_id);

ALTER TABLE ONLY domiq_sync.divergence
    ADD CONSTRAINT divergence_pkey PRIMARY KEY (conversation_id);

ALTER TABLE ONLY domiq_sync.domiq_status_map
    ADD CONSTRAINT domiq_status_map_pkey PRIMARY KEY (id);

ALTER TABLE ONLY domiq_sync.erasure
    ADD CONSTRAINT erasure_pkey PRIMARY KEY (id);

ALTER TABLE ONLY domiq_sync.installation
    ADD CONSTRAINT installation_pkey PRIMARY KEY (id);

ALTER TABLE ONLY domiq_sync.integration
    ADD CONSTRAINT integration_partition_key_key UNIQUE (partition_key);

ALTER TABLE ONLY domiq_sync.integration
    ADD CONSTRAINT integration_pkey PRIMARY KEY (property_id);

ALTER TABLE ONLY domiq_sync.integration
    ADD CONSTRAINT integration_resman_account_id_resman_property_id_key UNIQUE (resman_account_id, resman_property_id);

ALTER TABLE ONLY domiq_sync.lead_link
    ADD CONSTRAINT lead_link_pkey PRIMARY KEY (conversation_id);

ALTER TABLE ONLY domiq_sync.link_decision
    ADD CONSTRAINT link_decision_pkey PRIMARY KEY (id);

ALTER TABLE ONLY domiq_sync.link_question
    ADD CONSTRAINT link_question_pkey PRIMARY KEY (property_id, prospect_id);

ALTER TABLE ONLY domiq_sync.log_count
    ADD CONSTRAINT log_count_pkey PRIMARY KEY (heap);

ALTER TABLE ONLY domiq_sync.log_delta
    ADD CONSTRAINT log_delta_pkey PRIMARY KEY (id);

ALTER TABLE ONLY domiq_sync.log_move
    ADD CONSTRAINT log_move_pkey PRIMARY KEY (id);

ALTER TABLE ONLY domiq_sync.log_total
    ADD CONSTRAINT log_total_pkey PRIMARY KEY (heap, kind, home, sync_direction, sync_status);

ALTER TABLE ONLY domiq_sync.missing_lead
    ADD CONSTRAINT missing_lead_pkey PRIMARY KEY (property_id, prospect_id);

ALTER TABLE ONLY domiq_sync.notification
    ADD CONSTRAINT notification_change_id_preference_id_recipient_key UNIQUE (change_id, preference_id, recipient);

ALTER TABLE ONLY domiq_sync.notification
    ADD CONSTRAINT notification_pkey PRIMARY KEY (id);

ALTER TABLE ONLY domiq_sync.notification_settings
    ADD CONSTRAINT notification_settings_pkey PRIMARY KEY (property_id);

ALTER TABLE ONLY domiq_sync.partition_mark
    ADD CONSTRAINT partition_mark_pkey PRIMARY KEY (asset, partition_key);

ALTER TABLE ONLY domiq_sync.pause
    ADD CONSTRAINT pause_pkey PRIMARY KEY (id);

ALTER TABLE ONLY domiq_sync.pull_claim
    ADD CONSTRAINT pull_claim_pkey PRIMARY KEY (property_id);

ALTER TABLE ONLY domiq_sync.pull_pace
    ADD CONSTRAINT pull_pace_pkey PRIMARY KEY (resman_account_id);

ALTER TABLE ONLY domiq_sync.pull
    ADD CONSTRAINT pull_pkey PRIMARY KEY (id);

ALTER TABLE ONLY domiq_sync.report_page
    ADD CONSTRAINT report_page_pkey PRIMARY KEY (id);

ALTER TABLE ONLY domiq_sync.request_count
    ADD CONSTRAINT request_count_pkey PRIMARY KEY (day, resman_account_id, resman_property_id, api);

ALTER TABLE ONLY domiq_sync.resman_lead
    ADD CONSTRAINT resman_lead_pkey PRIMARY KEY (property_id, prospect_id);

ALTER TABLE ONLY domiq_sync.resman_status_map
    ADD CONSTRAINT resman_status_map_pkey PRIMARY KEY (id);

ALTER TABLE ONLY domiq_sync.restored
    ADD CONSTRAINT restored_evidence_key UNIQUE (evidence);

ALTER TABLE ONLY domiq_sync.restored
    ADD CONSTRAINT restored_pkey PRIMARY KEY (id);

ALTER TABLE ONLY domiq_sync.rule_not_held
    ADD CONSTRAINT rule_not_held_pkey PRIMARY KEY (change_id);

ALTER TABLE ONLY domiq_sync.rule_run
    ADD CONSTRAINT rule_run_pkey PRIMARY KEY (change_id, rule_id);

ALTER TABLE ONLY domiq_sync.sleeper
    ADD CONSTRAINT sleeper_pkey PRIMARY KEY (name);

ALTER TABLE ONLY domiq_sync.status_sync_log_archive
    ADD CONSTRAINT status_sync_log_archive_pkey PRIMARY KEY (id, created_at);

ALTER TABLE ONLY domiq_sync.status_sync_log_archive_2026_03
    ADD CONSTRAINT status_sync_log_archive_2026_03_pkey PRIMARY KEY (id, created_at);

ALTER TABLE ONLY domiq_sync.task
    ADD CONSTRAINT task_change_id_rule_id_action_key UNIQUE (change_id, rule_id, action);

ALTER TABLE ONLY domiq_sync.task
    ADD CONSTRAINT task_pkey PRIMARY KEY (id);

ALTER TABLE ONLY domiq_sync.threshold
    ADD CONSTRAINT threshold_pkey PRIMARY KEY (id);

ALTER TABLE ONLY domiq_sync.trouble
    ADD CONSTRAINT trouble_pkey PRIMARY KEY (kind, property_id, key);

ALTER TABLE ONLY domiq_sync.watermark
    ADD CONSTRAINT watermark_pkey PRIMARY KEY (property_id);

ALTER TABLE ONLY domiq_sync.whole_sweep
    ADD CONSTRAINT whole_sweep_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY domiq_sync.worker
    ADD CONSTRAINT worker_pkey PRIMARY KEY (name);

ALTER TABLE ONLY public.chatbot
    ADD CONSTRAINT chatbot_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.chatbot
    ADD CONSTRAINT chatbot_property_id_key UNIQUE (property_id);

ALTER TABLE ONLY public.company
    ADD CONSTRAINT company_name_key UNIQUE (name);

ALTER TABLE ONLY public.company
    ADD CONSTRAINT company_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.conversation
    ADD CONSTRAINT conversation_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.lead_notification
    ADD CONSTRAINT lead_notification_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.message
    ADD CONSTRAINT message_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.property_manager_assignment
    ADD CONSTRAINT property_manager_assignment_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.property_manager
    ADD CONSTRAINT property_manager_email_key UNIQUE (email);

ALTER TABLE ONLY public.property_manager
    ADD CONSTRAINT property_manager_phone_key UNIQUE (phone);

ALTER TABLE ONLY public.property_manager
    ADD CONSTRAINT property_manager_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.property
    ADD CONSTRAINT property_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.status_notification_preferences
    ADD CONSTRAINT status_notification_preferences_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.status_sync_log
    ADD CONSTRAINT status_sync_log_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.status_workflow_rules
    ADD CONSTRAINT status_workflow_rules_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public."user"
    ADD CONSTRAINT user_email_key UNIQUE (email);

ALTER TABLE ONLY public."user"
    ADD CONSTRAINT user_phone_key UNIQUE (phone);

ALTER TABLE ONLY public."user"
    ADD CONSTRAINT user_pkey PRIMARY KEY (id);

CREATE INDEX alert_closed ON domiq_sync.alert USING btree (closed_at) WHERE (phase = 'closed'::text);

CREATE UNIQUE INDEX alert_live ON domiq_sync.alert USING btree (COALESCE(property_id, '00000000-0000-0000-0000-000000000000'::uuid), kind) WHERE (phase <> 'closed'::text);

CREATE INDEX archived_conversation_gone ON domiq_sync.archived_conversation USING btree (conversation_id) WHERE (living IS NULL);

CREATE INDEX attempt_change ON domiq_sync.attempt USING btree (change_id, id);

CREATE INDEX change_conversation ON domiq_sync.change USING btree (conversation_id, seq);

CREATE INDEX change_property ON domiq_sync.change USING btree (property_id, logged_at);

CREATE INDEX change_same_as ON domiq_sync.change USING btree (same_as) WHERE (same_as IS NOT NULL);

CREATE INDEX change_seq ON domiq_sync.change USING btree (seq);

CREATE INDEX change_unnotified ON domiq_sync.change USING btree (property_id, logged_at, seq) WHERE (notified_at IS NULL);

CREATE INDEX change_unruled ON domiq_sync.change USING btree (property_id, logged_at, seq) WHERE (ruled_at IS NULL);

CREATE INDEX change_unruled_conversation ON domiq_sync.change USING btree (conversation_id, seq) WHERE (ruled_at IS NULL);

CREATE INDEX closed_link_conversation ON domiq_sync.closed_link USING btree (conversation_id, id);

CREATE INDEX closed_link_open ON domiq_sync.closed_link USING btree (property_id) WHERE (relinked_to IS NULL);

CREATE INDEX closed_link_prospect ON domiq_sync.closed_link USING btree (prospect_id);

CREATE UNIQUE INDEX conflict_open ON domiq_sync.conflict USING btree (conversation_id) WHERE (resolved_at IS NULL);

CREATE INDEX conflict_opened ON domiq_sync.conflict USING btree (opened_at);

CREATE INDEX conflict_resolved ON domiq_sync.conflict USING btree (resolved_at) WHERE (resolved_at IS NOT NULL);

CREATE INDEX daily_total_day ON domiq_sync.daily_total USING btree (day);

CREATE INDEX delivery_due ON domiq_sync.delivery USING btree (property_id, next_attempt_at, seq) WHERE is_head;

CREATE INDEX delivery_lane ON domiq_sync.delivery USING btree (lane, seq);

CREATE UNIQUE INDEX delivery_one_in_flight ON domiq_sync.delivery USING btree (lane) WHERE (state = 'in_flight'::text);

CREATE INDEX delivery_out_of_turn ON domiq_sync.delivery USING btree (lane, seq) WHERE (NOT in_turn);

CREATE INDEX delivery_property ON domiq_sync.delivery USING btree (property_id, enqueued_at);

CREATE INDEX delivery_queued ON domiq_sync.delivery USING btree (lane) WHERE (NOT is_head);

CREATE UNIQUE INDEX domiq_status_map_key ON domiq_sync.domiq_status_map USING btree (COALESCE(property_id, '00000000-0000-0000-0000-000000000000'::uuid), domiq_status);

CREATE INDEX erasure_reference ON domiq_sync.erasure USING btree (reference);

CREATE UNIQUE INDEX lead_link_current ON domiq_sync.lead_link USING btree (property_id, prospect_id) WHERE is_current;

CREATE INDEX lead_link_prospect ON domiq_sync.lead_link USING btree (property_id, prospect_id);

CREATE INDEX link_decision_property ON domiq_sync.link_decision USING btree (property_id, id);

CREATE INDEX link_question_open ON domiq_sync.link_question USING btree (property_id) WHERE (closed_at IS NULL);

CREATE INDEX log_move_conversation ON domiq_sync.log_move USING btree (conversation_id);

CREATE INDEX notification_alert ON domiq_sync.notification USING btree (alert_id) WHERE (alert_id IS NOT NULL);

CREATE UNIQUE INDEX notification_dedup ON domiq_sync.notification USING btree (dedup_key);

CREATE INDEX notification_digest ON domiq_sync.notification USING btree (digest_id) WHERE (digest_id IS NOT NULL);

CREATE INDEX notification_due ON domiq_sync.notification USING btree (channel, next_attempt_at) WHERE (state = ANY (ARRAY['pending'::text, 'in_flight'::text]));

CREATE INDEX notification_property ON domiq_sync.notification USING btree (property_id);

CREATE INDEX notification_told ON domiq_sync.notification USING btree (channel, recipient, settled_at) WHERE (state = ANY (ARRAY['delivered'::text, 'unknown'::text]));

CREATE INDEX notification_trouble ON domiq_sync.notification USING btree (settled_at) WHERE (state = ANY (ARRAY['undeliverable'::text, 'unknown'::text]));

CREATE INDEX notification_unread ON domiq_sync.notification USING btree (created_at) WHERE ((channel = 'in_app'::text) AND (state = 'delivered'::text) AND (read_at IS NULL));

CREATE INDEX notification_waiting ON domiq_sync.notification USING btree (channel, recipient, next_attempt_at) WHERE (state = 'pending'::text);

CREATE UNIQUE INDEX pause_open ON domiq_sync.pause USING btree (property_id) WHERE (resumed_at IS NULL);

CREATE INDEX pause_property ON domiq_sync.pause USING btree (property_id);

CREATE INDEX pull_late ON domiq_sync.pull USING btree (property_id, started_at) WHERE (late_seconds > (0)::double precision);

CREATE INDEX pull_property ON domiq_sync.pull USING btree (property_id, started_at);

CREATE UNIQUE INDEX resman_status_map_key ON domiq_sync.resman_status_map USING btree (COALESCE(property_id, '00000000-0000-0000-0000-000000000000'::uuid), resman_status);

CREATE INDEX rule_run_troubled ON domiq_sync.rule_run USING btree (property_id, run_at) WHERE (outcome = ANY (ARRAY['failed'::text, 'stopped'::text]));

CREATE INDEX status_sync_log_archive_conversation ON ONLY domiq_sync.status_sync_log_archive USING btree (conversation_id, seq);

CREATE INDEX status_sync_log_archive_2026_03_conversation_id_seq_idx ON domiq_sync.status_sync_log_archive_2026_03 USING btree (conversation_id, seq);

CREATE INDEX status_sync_log_archive_logged ON ONLY domiq_sync.status_sync_log_archive USING btree (logged_at);

CREATE INDEX status_sync_log_archive_2026_03_logged_at_idx ON domiq_sync.status_sync_log_archive_2026_03 USING btree (logged_at);

CREATE INDEX task_conversation ON domiq_sync.task USING btree (conversation_id);

CREATE INDEX task_open ON domiq_sync.task USING btree (property_id, due_at) WHERE (state = 'open'::text);

CREATE INDEX task_property ON domiq_sync.task USING btree (property_id);

CREATE UNIQUE INDEX threshold_key ON domiq_sync.threshold USING btree (COALESCE(property_id, '00000000-0000-0000-0000-000000000000'::uuid));

CREATE INDEX worker_run ON domiq_sync.worker USING btree (run_id);

CREATE INDEX idx_conversation_chatbot ON public.conversation USING btree (chatbot_id);

CREATE INDEX idx_conversation_user ON public.conversation USING btree (user_id);

CREATE INDEX idx_message_conversation ON public.message USING btree (conversation_id);

CREATE INDEX idx_status_notification_preferences_property ON public.status_notification_preferences USING btree (property_id, status_type);

CREATE INDEX idx_status_sync_log_conversation ON public.status_sync_log USING btree (conversation_id);

CREATE INDEX idx_status_sync_log_status ON public.status_sync_log USING btree (new_status, sync_status, created_at);

CREATE INDEX idx_status_workflow_rules_property ON public.status_workflow_rules USING btree (property_id, is_active);

ALTER INDEX domiq_sync.status_sync_log_archive_conversation ATTACH PARTITION domiq_sync.status_sync_log_archive_2026_03_conversation_id_seq_idx;

ALTER INDEX domiq_sync.status_sync_log_archive_logged ATTACH PARTITION domiq_sync.status_sync_log_archive_2026_03_logged_at_idx;

ALTER INDEX domiq_sync.status_sync_log_archive_pkey ATTACH PARTITION domiq_sync.status_sync_log_archive_2026_03_pkey;

CREATE TRIGGER check_status_map BEFORE INSERT OR UPDATE ON domiq_sync.domiq_status_map FOR EACH ROW EXECUTE FUNCTION domiq_sync.check_status_map();

CREATE TRIGGER check_status_map BEFORE INSERT OR UPDATE ON domiq_sync.resman_status_map FOR EACH ROW EXECUTE FUNCTION domiq_sync.check_status_map();

CREATE TRIGGER fill_integration BEFORE INSERT OR UPDATE ON domiq_sync.integration FOR EACH ROW EXECUTE FUNCTION domiq_sync.fill_integration();

CREATE TRIGGER forget_announced AFTER DELETE ON domiq_sync.change FOR EACH ROW EXECUTE FUNCTION domiq_sync.forget_announced();

CREATE TRIGGER forget_archived AFTER UPDATE OF living ON domiq_sync.archived_conversation FOR EACH ROW WHEN ((new.living IS NULL)) EXECUTE FUNCTION domiq_sync.forget_archived();

CREATE TRIGGER forget_leads AFTER DELETE ON domiq_sync.integration FOR EACH ROW EXECUTE FUNCTION domiq_sync.forget_leads();

CREATE TRIGGER link_closed AFTER DELETE ON domiq_sync.lead_link FOR EACH ROW EXECUTE FUNCTION domiq_sync.on_link_closed();

CREATE TRIGGER link_stepped_back AFTER UPDATE OF is_current ON domiq_sync.lead_link FOR EACH ROW WHEN ((old.is_current AND (NOT new.is_current))) EXECUTE FUNCTION domiq_sync.on_link_closed();

CREATE TRIGGER note_switching BEFORE UPDATE ON domiq_sync.integration FOR EACH ROW EXECUTE FUNCTION domiq_sync.note_switching();

CREATE TRIGGER status_map_changed AFTER INSERT OR DELETE OR UPDATE ON domiq_sync.resman_status_map FOR EACH ROW EXECUTE FUNCTION domiq_sync.on_status_map_changed();

CREATE TRIGGER conversation_derive_status BEFORE UPDATE ON public.conversation FOR EACH ROW EXECUTE FUNCTION public.conversation_derive_status();

CREATE TRIGGER conversation_notify AFTER UPDATE ON public.conversation FOR EACH ROW EXECUTE FUNCTION public.conversation_notify();

CREATE TRIGGER conversation_touch BEFORE UPDATE ON public.conversation FOR EACH ROW EXECUTE FUNCTION public.conversation_touch();

CREATE TRIGGER domiq_sync_capture_insert AFTER INSERT ON public.conversation FOR EACH ROW EXECUTE FUNCTION domiq_sync.capture_status();

CREATE TRIGGER domiq_sync_capture_update AFTER UPDATE ON public.conversation FOR EACH ROW EXECUTE FUNCTION domiq_sync.capture_status('tour_datetime');

CREATE TRIGGER domiq_sync_change_logged AFTER INSERT ON public.status_sync_log FOR EACH ROW EXECUTE FUNCTION domiq_sync.on_change_logged();

CREATE TRIGGER domiq_sync_count_delete AFTER DELETE ON public.status_sync_log REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION domiq_sync.count_logged();

CREATE TRIGGER domiq_sync_count_insert AFTER INSERT ON public.status_sync_log REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION domiq_sync.count_logged();

CREATE TRIGGER domiq_sync_count_truncate AFTER TRUNCATE ON public.status_sync_log FOR EACH STATEMENT EXECUTE FUNCTION domiq_sync.count_truncated();

CREATE TRIGGER domiq_sync_count_update AFTER UPDATE ON public.status_sync_log REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION domiq_sync.count_logged();

CREATE TRIGGER domiq_sync_home_came_or_went AFTER INSERT OR DELETE ON public.conversation FOR EACH ROW EXECUTE FUNCTION domiq_sync.note_home();

CREATE TRIGGER domiq_sync_home_moved AFTER UPDATE ON public.conversation FOR EACH ROW WHEN ((old.chatbot_id IS DISTINCT FROM new.chatbot_id)) EXECUTE FUNCTION domiq_sync.note_home();

ALTER TABLE ONLY domiq_sync.alert_complaint
    ADD CONSTRAINT alert_complaint_notification_id_fkey FOREIGN KEY (notification_id) REFERENCES domiq_sync.notification(id) ON DELETE CASCADE;

ALTER TABLE ONLY domiq_sync.alert
    ADD CONSTRAINT alert_property_id_fkey FOREIGN KEY (property_id) REFERENCES public.property(id) ON DELETE CASCADE;

ALTER TABLE ONLY domiq_sync.alert_turn
    ADD CONSTRAINT alert_turn_alert_id_fkey FOREIGN KEY (alert_id) REFERENCES domiq_sync.alert(id) ON DELETE CASCADE;

ALTER TABLE ONLY domiq_sync.archived_conversation
    ADD CONSTRAINT archived_conversation_living_fkey FOREIGN KEY (living) REFERENCES public.conversation(id) ON DELETE SET NULL;

ALTER TABLE ONLY domiq_sync.change
    ADD CONSTRAINT change_change_id_fkey FOREIGN KEY (change_id) REFERENCES public.status_sync_log(id) ON DELETE CASCADE;

ALTER TABLE ONLY domiq_sync.delivery
    ADD CONSTRAINT delivery_change_id_fkey FOREIGN KEY (change_id) REFERENCES public.status_sync_log(id) ON DELETE CASCADE;

ALTER TABLE ONLY domiq_sync.domiq_status_map
    ADD CONSTRAINT domiq_status_map_property_id_fkey FOREIGN KEY (property_id) REFERENCES public.property(id) ON DELETE CASCADE;

ALTER TABLE ONLY domiq_sync.integration
    ADD CONSTRAINT integration_property_id_fkey FOREIGN KEY (property_id) REFERENCES public.property(id) ON DELETE CASCADE;

ALTER TABLE ONLY domiq_sync.lead_link
    ADD CONSTRAINT lead_link_conversation_id_fkey FOREIGN KEY (conversation_id) REFERENCES public.conversation(id) ON DELETE CASCADE;

ALTER TABLE ONLY domiq_sync.link_question
    ADD CONSTRAINT link_question_property_id_fkey FOREIGN KEY (property_id) REFERENCES public.property(id) ON DELETE CASCADE;

ALTER TABLE ONLY domiq_sync.missing_lead
    ADD CONSTRAINT missing_lead_property_id_fkey FOREIGN KEY (property_id) REFERENCES public.property(id) ON DELETE CASCADE;

ALTER TABLE ONLY domiq_sync.notification
    ADD CONSTRAINT notification_property_id_fkey FOREIGN KEY (property_id) REFERENCES public.property(id) ON DELETE CASCADE;

ALTER TABLE ONLY domiq_sync.notification_settings
    ADD CONSTRAINT notification_settings_property_id_fkey FOREIGN KEY (property_id) REFERENCES public.property(id) ON DELETE CASCADE;

ALTER TABLE ONLY domiq_sync.pause
    ADD CONSTRAINT pause_property_id_fkey FOREIGN KEY (property_id) REFERENCES domiq_sync.integration(property_id) ON DELETE CASCADE;

ALTER TABLE ONLY domiq_sync.pull_claim
    ADD CONSTRAINT pull_claim_property_id_fkey FOREIGN KEY (property_id) REFERENCES domiq_sync.integration(property_id) ON DELETE CASCADE;

ALTER TABLE ONLY domiq_sync.pull
    ADD CONSTRAINT pull_property_id_fkey FOREIGN KEY (property_id) REFERENCES public.property(id) ON DELETE CASCADE;

ALTER TABLE ONLY domiq_sync.resman_status_map
    ADD CONSTRAINT resman_status_map_property_id_fkey FOREIGN KEY (property_id) REFERENCES public.property(id) ON DELETE CASCADE;

ALTER TABLE ONLY domiq_sync.rule_not_held
    ADD CONSTRAINT rule_not_held_change_id_fkey FOREIGN KEY (change_id) REFERENCES public.status_sync_log(id) ON DELETE CASCADE;

ALTER TABLE ONLY domiq_sync.rule_run
    ADD CONSTRAINT rule_run_change_id_fkey FOREIGN KEY (change_id) REFERENCES public.status_sync_log(id) ON DELETE CASCADE;

ALTER TABLE ONLY domiq_sync.task
    ADD CONSTRAINT task_conversation_id_fkey FOREIGN KEY (conversation_id) REFERENCES public.conversation(id) ON DELETE CASCADE;

ALTER TABLE ONLY domiq_sync.task
    ADD CONSTRAINT task_property_id_fkey FOREIGN KEY (property_id) REFERENCES public.property(id) ON DELETE CASCADE;

ALTER TABLE ONLY domiq_sync.threshold
    ADD CONSTRAINT threshold_property_id_fkey FOREIGN KEY (property_id) REFERENCES public.property(id) ON DELETE CASCADE;

ALTER TABLE ONLY domiq_sync.trouble
    ADD CONSTRAINT trouble_property_id_fkey FOREIGN KEY (property_id) REFERENCES public.property(id) ON DELETE CASCADE;

ALTER TABLE ONLY domiq_sync.watermark
    ADD CONSTRAINT watermark_property_id_fkey FOREIGN KEY (property_id) REFERENCES public.property(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.chatbot
    ADD CONSTRAINT chatbot_property_id_fkey FOREIGN KEY (property_id) REFERENCES public.property(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.conversation
    ADD CONSTRAINT conversation_chatbot_id_fkey FOREIGN KEY (chatbot_id) REFERENCES public.chatbot(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.conversation
    ADD CONSTRAINT conversation_user_id_fkey FOREIGN KEY (user_id) REFERENCES public."user"(id) ON DELETE SET NULL;

ALTER TABLE ONLY public.lead_notification
    ADD CONSTRAINT lead_notification_conversation_id_fkey FOREIGN KEY (conversation_id) REFERENCES public.conversation(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.lead_notification
    ADD CONSTRAINT lead_notification_property_manager_id_fkey FOREIGN KEY (property_manager_id) REFERENCES public.property_manager(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.message
    ADD CONSTRAINT message_conversation_id_fkey FOREIGN KEY (conversation_id) REFERENCES public.conversation(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.property
    ADD CONSTRAINT property_company_id_fkey FOREIGN KEY (company_id) REFERENCES public.company(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.property_manager_assignment
    ADD CONSTRAINT property_manager_assignment_property_id_fkey FOREIGN KEY (property_id) REFERENCES public.property(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.property_manager_assignment
    ADD CONSTRAINT property_manager_assignment_property_manager_id_fkey FOREIGN KEY (property_manager_id) REFERENCES public.property_manager(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.property_manager
    ADD CONSTRAINT property_manager_company_id_fkey FOREIGN KEY (company_id) REFERENCES public.company(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.status_notification_preferences
    ADD CONSTRAINT status_notification_preferences_property_id_fkey FOREIGN KEY (property_id) REFERENCES public.property(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.status_sync_log
    ADD CONSTRAINT status_sync_log_conversation_id_fkey FOREIGN KEY (conversation_id) REFERENCES public.conversation(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.status_workflow_rules
    ADD CONSTRAINT status_workflow_rules_property_id_fkey FOREIGN KEY (property_id) REFERENCES public.property(id) ON DELETE CASCADE;

ALTER TABLE public.chatbot ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.company ENABLE ROW LEVEL SECURITY;

CREATE POLICY company_isolation ON public.chatbot USING ((property_id IN ( SELECT p.id
   FROM public.property p
  WHERE (p.company_id = (current_setting('app.current_company_id'::text, true))::uuid))));

CREATE POLICY company_isolation ON public.company USING ((id = (current_setting('app.current_company_id'::text, true))::uuid));

CREATE POLICY company_isolation ON public.conversation USING ((chatbot_id IN ( SELECT b.id
   FROM (public.chatbot b
     JOIN public.property p ON ((p.id = b.property_id)))
  WHERE (p.company_id = (current_setting('app.current_company_id'::text, true))::uuid))));

CREATE POLICY company_isolation ON public.lead_notification USING ((conversation_id IN ( SELECT c.id
   FROM public.conversation c)));

CREATE POLICY company_isolation ON public.message USING ((conversation_id IN ( SELECT c.id
   FROM public.conversation c)));

CREATE POLICY company_isolation ON public.property USING ((company_id = (current_setting('app.current_company_id'::text, true))::uuid));

ALTER TABLE public.conversation ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.lead_notification ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.message ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.property ENABLE ROW LEVEL SECURITY;
