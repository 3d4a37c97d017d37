-- The outbox: every row of status_sync_log gets its place in the order of changes, and every pending outbound one its
-- delivery, in the transaction that logged it. What a trigger calls is SECURITY DEFINER, since the application's role
-- may see neither domiq_sync nor, under row-level security, the property.
--   lock_timeout    the application waits no longer than this for the sync's tables; and only once a transaction, since
--                   domiq_sync.gave_up then says what it no longer waits for: queue, chain, capture or announced
--   enable_seqscan  off, since all look-ups are by key: a plan made while the tables are empty would read them whole,
--                   and a session keeps it (10,000 updates at once: 43 s, else 4 s)

-- Rows of the log are looked up one by one here, by a LATERAL with OFFSET 0. A session plans these queries once, maybe
-- while all tables are empty: then a join would begin at the log, and read the whole of it for each change that one
-- statement of the application makes.

-- The last change that was logged of a conversation: no row where none was. It has no settings of its own, so that
-- PostgreSQL inlines it into the query that names it.
DROP FUNCTION IF EXISTS domiq_sync.last_change(UUID);
CREATE FUNCTION domiq_sync.last_change(of_conversation UUID)
RETURNS TABLE (
    change_id UUID, old_status TEXT, new_status TEXT, sync_direction TEXT, sync_status TEXT, outcome TEXT
)
LANGUAGE sql STABLE ROWS 1 AS $$
    SELECT g.id, g.old_status, g.new_status, g.sync_direction, g.sync_status, g.context_data #>> '{sync,outcome}'
    FROM domiq_sync.change ch
    CROSS JOIN LATERAL (SELECT * FROM public.status_sync_log l WHERE l.id = ch.change_id OFFSET 0) AS g
    WHERE ch.conversation_id = of_conversation
    ORDER BY ch.seq DESC LIMIT 1
$$;

-- Whether a row of the log tells that a tour moved while the status stayed, by its context:
--   {"tour": {"was": the time before, "is": the time now}}, each as tour_text writes it, null for none
-- A change to a status that has tours says where that stood, and is none: {"tour": {"is": ...}}. Such rows are written
-- by 105_capture.sql and by reconciliation.
CREATE OR REPLACE FUNCTION domiq_sync.is_tour_move(context_data JSONB) RETURNS BOOLEAN
LANGUAGE sql IMMUTABLE AS $$ SELECT context_data -> 'tour' -> 'was' IS NOT NULL $$;

-- What the application and the capture trigger log of one and the same move is one change: one post, its rules and its
-- notices once. Whichever came first is the change, and the other names it (change.same_as), or is not logged at all.
-- Neither function waits for anybody, since both are called where DomIQ writes. They look at the newest changes of the
-- conversation, and match the oldest that no other one was matched with yet, so that quick moves there and back are
-- told apart; what is older than ten minutes is matched only as the last change that there is. A row with equal
-- statuses may tell of a tour that moved, and of nothing else: it is matched within the ten minutes alone, since the
-- application may log such a row for reasons of its own.

-- What the trigger, or the sync, logged of a move before the application logged it: NULL, if nothing.
CREATE OR REPLACE FUNCTION domiq_sync.logged_before(
    of_change UUID, of_conversation UUID, status_before TEXT, status_after TEXT
) RETURNS UUID
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
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
        CROSS JOIN LATERAL (SELECT * FROM public.status_sync_log l WHERE l.id = n.change_id OFFSET 0) AS g
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

-- What stands next to a row of the log that was found there later, and tells of the same move: NULL, if nothing. Both
-- may be the trigger's or the application's; of one that does not say where it came from, the new status decides. In a
-- log that was written move by move no two neighbours are alike unless they are one, but for moves of a tour: such a
-- row is alike to none but one with equal statuses that does not say what it is for.
CREATE OR REPLACE FUNCTION domiq_sync.neighbour_alike(
    of_change UUID, of_conversation UUID, status_before TEXT, status_after TEXT
) RETURNS UUID
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
BEGIN
    RETURN (
        WITH newest AS (
            SELECT ch.change_id, ch.seq, ch.same_as, g.old_status, g.new_status, g.created_at, g.place,
                   domiq_sync.is_tour_move(g.context_data) AS of_a_tour,
                   row_number() OVER (ORDER BY ch.seq DESC) = 1 AS is_last
            FROM (SELECT * FROM domiq_sync.change ch
                  WHERE ch.conversation_id = of_conversation AND ch.change_id <> of_change
                  ORDER BY ch.seq DESC LIMIT 20) AS ch
            CROSS JOIN LATERAL (SELECT l.*, l.ctid AS place FROM public.status_sync_log l
                                WHERE l.id = ch.change_id OFFSET 0) AS g
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

-- What the application logged of a move before it made it, by a row that was matched with no move yet.
--   is_told  it goes to ResMan by itself, or says that it came from there: there is nothing more to send
DROP FUNCTION IF EXISTS domiq_sync.announced_before(UUID, TEXT);
CREATE FUNCTION domiq_sync.announced_before(of_conversation UUID, status_after TEXT)
RETURNS TABLE (change_id UUID, is_told BOOLEAN)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
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
        CROSS JOIN LATERAL (SELECT * FROM public.status_sync_log l WHERE l.id = n.change_id OFFSET 0) AS g
        WHERE n.logged_by = 'application' AND n.same_as IS NULL
          AND domiq_sync.word(g.new_status) = domiq_sync.word(status_after)
          AND (n.is_last OR n.logged_at > clock_timestamp() - interval '10 minutes')
          AND NOT EXISTS (SELECT FROM domiq_sync.announced_move m WHERE m.change_id = n.change_id)
        ORDER BY n.seq LIMIT 1;
EXCEPTION WHEN OTHERS THEN  -- the move is logged all the same
    PERFORM domiq_sync.give_up('announced', SQLSTATE);
    RETURN;
END $$;

CREATE OR REPLACE FUNCTION domiq_sync.forget_announced() RETURNS TRIGGER
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
BEGIN
    DELETE FROM domiq_sync.announced_move m WHERE m.change_id = OLD.change_id;
    RETURN NULL;
END $$;

CALL domiq_sync.ensure_trigger(
    'domiq_sync.change', 'forget_announced', 'AFTER DELETE',
    'EXECUTE FUNCTION domiq_sync.forget_announced()'
);

-- Whether the last change of a conversation was logged by the application just now, and the move that it tells of has
-- yet to come: what DomIQ shows meanwhile is no news.
CREATE OR REPLACE FUNCTION domiq_sync.awaits_move(of_conversation UUID, status_now TEXT) RETURNS BOOLEAN
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN COALESCE((
        SELECT ch.logged_by = 'application' AND ch.same_as IS NULL
               AND ch.logged_at > clock_timestamp() - interval '1 minute'
               AND domiq_sync.word(g.new_status) IS DISTINCT FROM domiq_sync.word(status_now)
               AND NOT EXISTS (SELECT FROM domiq_sync.announced_move m WHERE m.change_id = ch.change_id)
        FROM domiq_sync.change ch
        CROSS JOIN LATERAL (SELECT * FROM public.status_sync_log l WHERE l.id = ch.change_id OFFSET 0) AS g
        WHERE ch.conversation_id = of_conversation ORDER BY ch.seq DESC LIMIT 1), FALSE);
END $$;

-- For whom a delivery waits that will not move by itself: to decide about a conflict, to give the property's settings,
-- to learn of a contact (an e-mail address, a phone or a name), to say whether one in doubt has arrived. NULL: it waits
-- for nobody. Without settings of its own, so that PostgreSQL inlines it into the query that names it.
CREATE OR REPLACE FUNCTION domiq_sync.waits_for(of_state TEXT, of_outcome TEXT, decided TEXT) RETURNS TEXT
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN of_state NOT IN ('waiting', 'unknown') THEN NULL
                WHEN of_outcome = 'conflict' THEN 'conflict'
                WHEN of_outcome LIKE 'not_configured%' THEN 'settings'
                WHEN of_outcome IN ('no_contact', 'no_name') THEN 'contact'
                WHEN of_outcome = 'in_doubt' AND decided IS NULL THEN 'doubt' END
$$;

-- Wakes workers that sleep: once a transaction, and nobody where none does. It is heard when the transaction commits.
-- Where the server's queue of notifications is half full, since somebody does not read them, none is added: a full one
-- would fail DomIQ's commit.
CREATE OR REPLACE FUNCTION domiq_sync.wake_sleepers() RETURNS VOID
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
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

-- Gives a logged change its place and, where it is a pending outbound one, its delivery. Repeating it does nothing,
-- so reconciliation calls it too. domiq_sync.captured names a conversation whose row this transaction has locked: it
-- is set where that is so, and a rollback to a savepoint takes back both. domiq_sync.logging says who logs it, where it
-- is not the application. That a tour moved is no change of a status: no rule runs for it, nobody is told of it, and
-- each move is one of its own.
DROP FUNCTION IF EXISTS domiq_sync.adopt_change(UUID, UUID, TEXT, TEXT);
CREATE OR REPLACE FUNCTION domiq_sync.adopt_change(
    of_change UUID, of_conversation UUID, direction TEXT, status TEXT, status_before TEXT, status_after TEXT
) RETURNS VOID
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
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

-- What this transaction has waited for once in vain, and does not wait for again.
CREATE OR REPLACE FUNCTION domiq_sync.gave_up(what TEXT) RETURNS BOOLEAN
LANGUAGE sql STABLE AS $$
    SELECT COALESCE(position(what IN current_setting('domiq_sync.gave_up', true)) > 0, FALSE)
$$;

CREATE OR REPLACE FUNCTION domiq_sync.give_up(what TEXT, state TEXT) RETURNS VOID
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF state = '55P03' THEN
        PERFORM set_config('domiq_sync.gave_up',
                           concat_ws(' ', NULLIF(current_setting('domiq_sync.gave_up', true), ''), what), true);
    END IF;
END $$;

-- Whatever goes wrong here must not fail the transaction that logged the change: reconciliation finds a change without
-- its delivery. The warning has the SQLSTATE alone: the error's own text may repeat what somebody else's trigger says.
CREATE OR REPLACE FUNCTION domiq_sync.on_change_logged() RETURNS TRIGGER
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET lock_timeout = '100ms' SET enable_seqscan = off AS $$
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

CALL domiq_sync.ensure_trigger(
    'public.status_sync_log', 'domiq_sync_change_logged', 'AFTER INSERT',
    'EXECUTE FUNCTION domiq_sync.on_change_logged()'
);
