-- Noting what is done to the log, for its totals: 023_log_totals.sql has the tables. The settings of what is called
-- where DomIQ writes are those of 104_changes.sql, for the same reasons.

-- What takes notes: four triggers on the log, two on conversation (110_capture_trigger.sql). NULL while one of them
-- does not fire. One that was disabled and enabled again is another one: xmin is the transaction that did it last.
CREATE OR REPLACE FUNCTION domiq_sync.log_watch() RETURNS TEXT
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN count(*) = 6 THEN string_agg(t.oid::text || ':' || t.xmin::text, ' ' ORDER BY t.oid) END
    FROM pg_catalog.pg_trigger t
    WHERE t.tgenabled IN ('O', 'A') AND (
        (t.tgrelid = 'public.status_sync_log'::regclass
         AND t.tgname IN ('domiq_sync_count_insert', 'domiq_sync_count_update', 'domiq_sync_count_delete',
                          'domiq_sync_count_truncate'))
        OR (t.tgrelid = 'public.conversation'::regclass
            AND t.tgname IN ('domiq_sync_home_moved', 'domiq_sync_home_came_or_went')))
$$;

CREATE OR REPLACE FUNCTION domiq_sync.log_heap() RETURNS OID
LANGUAGE sql STABLE AS $$ SELECT pg_relation_filenode('public.status_sync_log'::regclass) $$;

-- How many statements could not be noted, since ever.
CREATE OR REPLACE FUNCTION domiq_sync.count_of_total_misses() RETURNS BIGINT
LANGUAGE sql STABLE AS $$
    SELECT s.last_value - CASE WHEN s.is_called THEN 0 ELSE 1 END FROM domiq_sync.total_misses s
$$;

-- Totals by homes that mean something else now are counted anew.
DELETE FROM domiq_sync.log_count k WHERE k.shape <> (SELECT s.name FROM domiq_sync.database_shape() AS s);

CREATE OR REPLACE FUNCTION domiq_sync.note_total_miss(state TEXT) RETURNS VOID
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM nextval('domiq_sync.total_misses');
    RAISE WARNING 'domiq_sync: the totals of status_sync_log lack a statement (SQLSTATE %); they are counted anew',
        state;
EXCEPTION WHEN OTHERS THEN
    RAISE WARNING 'domiq_sync: what is missing in the totals of status_sync_log cannot be noted (SQLSTATE %)', SQLSTATE;
END $$;

-- Notes what a statement did to the log. It only inserts, so it waits for nobody; a locked table is waited for 100 ms,
-- once a transaction. What cannot be noted fails nothing.
CREATE OR REPLACE FUNCTION domiq_sync.count_logged() RETURNS TRIGGER
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET lock_timeout = '100ms' SET enable_seqscan = off AS $$
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

-- An empty log needs no counting. Nobody else has written to it who has not ended. What was not noted before stays so:
-- a conversation may be moving.
CREATE OR REPLACE FUNCTION domiq_sync.count_truncated() RETURNS TRIGGER
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET lock_timeout = '100ms' SET enable_seqscan = off AS $$
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

CALL domiq_sync.ensure_trigger(
    'public.status_sync_log', 'domiq_sync_count_insert', 'AFTER INSERT',
    'EXECUTE FUNCTION domiq_sync.count_logged()', 'REFERENCING NEW TABLE AS added FOR EACH STATEMENT'
);
CALL domiq_sync.ensure_trigger(
    'public.status_sync_log', 'domiq_sync_count_update', 'AFTER UPDATE',
    'EXECUTE FUNCTION domiq_sync.count_logged()',
    'REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT'
);
CALL domiq_sync.ensure_trigger(
    'public.status_sync_log', 'domiq_sync_count_delete', 'AFTER DELETE',
    'EXECUTE FUNCTION domiq_sync.count_logged()', 'REFERENCING OLD TABLE AS removed FOR EACH STATEMENT'
);
CALL domiq_sync.ensure_trigger(
    'public.status_sync_log', 'domiq_sync_count_truncate', 'AFTER TRUNCATE',
    'EXECUTE FUNCTION domiq_sync.count_truncated()', 'FOR EACH STATEMENT'
);

-- Notes that a conversation went from one home to another: what was folded of it goes along. One that comes is noted
-- only where one with its id went and that is not folded yet.
DO $do$
DECLARE
    shape RECORD;
BEGIN
    SELECT * INTO shape FROM domiq_sync.database_shape();
    EXECUTE format($function$
        CREATE OR REPLACE FUNCTION domiq_sync.note_home() RETURNS TRIGGER
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
        SET lock_timeout = '100ms' SET enable_seqscan = off AS $$
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
                moved.from_kind := %s;
                moved.from_home := %s;
            ELSIF NOT EXISTS (SELECT FROM domiq_sync.log_move m WHERE m.conversation_id = NEW.id) THEN
                RETURN NULL;
            END IF;
            IF TG_OP <> 'DELETE' THEN
                moved.conversation_id := NEW.id;
                moved.to_kind := %s;
                moved.to_home := %s;
            END IF;
            INSERT INTO domiq_sync.log_move (conversation_id, from_kind, from_home, to_kind, to_home)
            VALUES (moved.conversation_id, moved.from_kind, moved.from_home, moved.to_kind, moved.to_home);
            RETURN NULL;
        EXCEPTION WHEN OTHERS THEN
            PERFORM domiq_sync.give_up('totals', SQLSTATE);
            PERFORM domiq_sync.note_total_miss(SQLSTATE);
            RETURN NULL;
        END $$ $function$,
        replace(shape.kind, 'c.', 'OLD.'), replace(shape.home, 'c.', 'OLD.'),
        replace(shape.kind, 'c.', 'NEW.'), replace(shape.home, 'c.', 'NEW.'));
END $do$;
