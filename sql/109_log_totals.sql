-- The totals of the log: reading them, folding into them what 108_log_notes.sql has noted, and counting anew.

-- What was noted and not folded yet, by the home that its conversation has now; and for each move of a conversation,
-- what was folded of it: taken from its one home and given to the other. What was folded is what the log holds of it
-- but for what is only noted, so that nothing is kept by conversation.
CREATE OR REPLACE VIEW domiq_sync.unfolded_change AS
WITH delta AS (
    SELECT d.conversation_id, d.sync_direction, d.sync_status, sum(d.changes)::bigint AS changes
    FROM domiq_sync.log_delta d WHERE d.heap = (SELECT domiq_sync.log_heap())
    GROUP BY 1, 2, 3 HAVING sum(d.changes) <> 0
),

flow AS (
    SELECT f.conversation_id, f.kind, f.home, sum(f.sign) AS sign
    FROM (
        SELECT m.conversation_id, m.from_kind AS kind, m.from_home AS home, -1 AS sign FROM domiq_sync.log_move m
        UNION ALL
        SELECT m.conversation_id, m.to_kind, m.to_home, 1 FROM domiq_sync.log_move m
    ) AS f
    WHERE f.kind <> 'gone'
    GROUP BY 1, 2, 3 HAVING sum(f.sign) <> 0
),

moved AS (
    SELECT DISTINCT flow.conversation_id FROM flow
),

folded AS (
    SELECT b.conversation_id, b.sync_direction, b.sync_status, sum(b.changes)::bigint AS changes
    FROM (
        SELECT moved.conversation_id, g.sync_direction, g.sync_status, g.changes
        FROM moved CROSS JOIN
            LATERAL (
                SELECT
                    COALESCE(l.sync_direction, '') AS sync_direction, COALESCE(l.sync_status, '') AS sync_status,
                    count(*) AS changes
                FROM public.status_sync_log l WHERE l.conversation_id = moved.conversation_id GROUP BY 1, 2
            ) AS g
        UNION ALL
        SELECT delta.conversation_id, delta.sync_direction, delta.sync_status, -delta.changes
        FROM delta JOIN moved USING (conversation_id)
    ) AS b
    GROUP BY 1, 2, 3 HAVING sum(b.changes) <> 0
)

SELECT delta.conversation_id, h.kind, h.home, delta.sync_direction, delta.sync_status, delta.changes
FROM delta JOIN domiq_sync.conversation_home h ON h.conversation_id = delta.conversation_id
UNION ALL
SELECT
    delta.conversation_id, 'unnamed', '00000000-0000-0000-0000-000000000000', delta.sync_direction, delta.sync_status,
    delta.changes
FROM delta WHERE delta.conversation_id IS NULL
UNION ALL
SELECT flow.conversation_id, flow.kind, flow.home, folded.sync_direction, folded.sync_status, flow.sign * folded.changes
FROM flow JOIN folded USING (conversation_id);

-- The same, for whoever reads. The settings keep PostgreSQL at looking up by key what the notes lead to, whatever it
-- takes the size of the tables to be.
CREATE OR REPLACE FUNCTION domiq_sync.unfolded_changes()
RETURNS TABLE (kind TEXT, home UUID, sync_direction TEXT, sync_status TEXT, changes BIGINT)
LANGUAGE plpgsql STABLE ROWS 100 SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
BEGIN
    RETURN QUERY SELECT u.kind, u.home, u.sync_direction, u.sync_status, u.changes FROM domiq_sync.unfolded_change u;
END $$;

-- What adds up to each home's total, as the reader's snapshot has it. Complete only where
-- domiq_sync.totals_are_counted().
CREATE OR REPLACE VIEW domiq_sync.home_total AS
SELECT t.kind, t.home, t.sync_direction, t.sync_status, t.changes
FROM domiq_sync.log_total t WHERE t.heap = (SELECT domiq_sync.log_heap())
UNION ALL
SELECT u.kind, u.home, u.sync_direction, u.sync_status, u.changes FROM domiq_sync.unfolded_changes() AS u;

-- The property of a home that is a chatbot; none, where conversations name no chatbot.
DO $$
BEGIN
    EXECUTE 'CREATE OR REPLACE VIEW domiq_sync.chatbot_property AS ' || CASE
        WHEN (SELECT s.name FROM domiq_sync.database_shape() AS s) = 'own'
        THEN 'SELECT NULL::uuid AS chatbot_id, NULL::uuid AS property_id WHERE FALSE'
        ELSE 'SELECT b.id AS chatbot_id, b.property_id FROM public.chatbot b' END;
END $$;

-- Whether the totals tell what the log holds, in the reader's snapshot: one that is older than the totals finds none,
-- and reads the log.
CREATE OR REPLACE FUNCTION domiq_sync.totals_are_counted() RETURNS BOOLEAN
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN EXISTS (SELECT FROM domiq_sync.log_count k
                   WHERE k.heap = domiq_sync.log_heap() AND k.misses = domiq_sync.count_of_total_misses()
                     AND k.watch = domiq_sync.log_watch());
END $$;

-- The totals by property, direction and status. Chatbots are joined by their hash, whatever PostgreSQL took their
-- number to be when it planned. A home that is gone adds up to nothing, wherever it counts.
CREATE OR REPLACE FUNCTION domiq_sync.kept_totals()
RETURNS TABLE (property_id UUID, is_named BOOLEAN, sync_direction TEXT, sync_status TEXT, changes BIGINT)
LANGUAGE plpgsql STABLE ROWS 1000 SET search_path = pg_catalog, pg_temp
SET enable_nestloop = off SET enable_mergejoin = off SET enable_sort = off SET jit = off AS $$
BEGIN
    RETURN QUERY
        SELECT CASE h.kind WHEN 'property' THEN h.home ELSE b.property_id END, h.kind <> 'unnamed',
               NULLIF(h.sync_direction, ''), NULLIF(h.sync_status, ''), sum(h.changes)::bigint
        FROM domiq_sync.home_total h
        LEFT JOIN domiq_sync.chatbot_property b ON b.chatbot_id = h.home AND h.kind = 'chatbot'
        GROUP BY 1, 2, 3, 4 HAVING sum(h.changes) <> 0;
END $$;

-- The same for the contract's view: of each property, how many changes succeeded and failed, of how many.
CREATE OR REPLACE FUNCTION domiq_sync.success_totals()
RETURNS TABLE (property_id UUID, success BIGINT, failed BIGINT, logged BIGINT)
LANGUAGE plpgsql STABLE ROWS 1000 SET search_path = pg_catalog, pg_temp
SET enable_nestloop = off SET enable_mergejoin = off SET enable_sort = off SET jit = off AS $$
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

-- How many changes the log holds, by property (NULL: the conversation leads to none), direction and status. Those that
-- name no conversation are not is_named. From the totals, else from the log.
CREATE OR REPLACE FUNCTION domiq_sync.property_totals()
RETURNS TABLE (property_id UUID, is_named BOOLEAN, sync_direction TEXT, sync_status TEXT, changes BIGINT)
LANGUAGE plpgsql STABLE ROWS 1000 SET search_path = pg_catalog, pg_temp AS $$
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

-- Folds what was noted into the totals: one part of so many, by conversation. Whoever else is at it is left to it.
-- Returns how many notes were folded; NULL: somebody else is at it, or counts. All of it is one statement, since what
-- is taken away and what is added must be of one snapshot.
CREATE OR REPLACE FUNCTION domiq_sync.fold_log(parts INTEGER, part INTEGER) RETURNS BIGINT
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
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

-- Counts some pages of the log itself, by home: what the totals must agree with. Before PostgreSQL 14 any pages cost as
-- much as all of them.
CREATE OR REPLACE FUNCTION domiq_sync.counted_pages(first_page BIGINT, end_page BIGINT)
RETURNS TABLE (kind TEXT, home UUID, sync_direction TEXT, sync_status TEXT, changes BIGINT)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
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

-- Sets the totals right by what was counted, [{kind, home, sync_direction, sync_status, changes}], and says where they
-- had differed, [{kind, home, sync_direction, sync_status, kept, logged}]: `kept` is what they said. Whoever calls it
-- has counted in the snapshot that this sees too (REPEATABLE READ, or by locks), holds
-- the lock of fold_log, and knows that every transaction has ended that had a part in the misses that it names.
CREATE OR REPLACE FUNCTION domiq_sync.set_totals_right(counted JSONB, accounted_misses BIGINT) RETURNS JSONB
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
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
