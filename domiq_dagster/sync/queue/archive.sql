-- Settled rows of the log that are old move to its archive. One step is one transaction: `slice`,
-- `lock_conversations`, `eligible`, `make_month`, `move`. Nobody is waited for: what somebody else has locked stays
-- where it is until next time.

-- name: may_move
-- Whether this role may take rows out of the log.
SELECT has_table_privilege('public.status_sync_log', 'DELETE')

-- name: only_one
-- One housekeeping at a time: the lock ends with the transaction. All look-ups are by key; the setting keeps a step from
-- reading the log whole, whatever the statistics say.
SELECT pg_try_advisory_xact_lock(hashtextextended('domiq_sync.archive', 0)) AS is_ours,
       set_config('enable_seqscan', 'off', true)

-- name: slice
-- The next places in the order. any_old: whether one of them is old enough; the order is that of time, nearly.
SELECT max(s.seq) AS last_seq, bool_or(s.logged_at < :before) AS any_old,
       array_agg(DISTINCT s.conversation_id) FILTER (WHERE s.logged_at < :before AND s.conversation_id IS NOT NULL)
           AS conversations
FROM (SELECT c.seq, c.logged_at, c.conversation_id FROM domiq_sync.change c
      WHERE c.seq > :after ORDER BY c.seq LIMIT :rows) AS s

-- name: lock_conversations
-- Nobody deletes them until this has ended. That a status is written goes on.
SELECT v.id FROM public.conversation v WHERE v.id = ANY (CAST(:conversations AS uuid[])) FOR KEY SHARE SKIP LOCKED

-- name: eligible
-- Settled rows that are old and that nothing still asks for, locked. Kept are
--   a conversation's last change by the order and by the clock, and the last that names a lead
--   all of a conversation of which something is open: a delivery, a conflict, a change that the rules or the notices
--     have not looked at; so all of a chain, and both of two that tell of one move
--   a change of which a notice is still to go out, or whose event is dated after :before (a tour): a read-back knows
--     that event by its date
-- A date that is none stays in the log.
SELECT g.id, c.conversation_id, date_trunc('month', g.created_at AT TIME ZONE 'UTC')::date AS month
FROM domiq_sync.change c
JOIN public.status_sync_log g ON g.id = c.change_id
WHERE c.seq > :after AND c.seq <= :last_seq
  AND c.logged_at < :before AND g.created_at < :before AND g.created_at >= '1970-01-01 UTC'
  AND g.sync_status IN ('success', 'failed')
  AND g.conversation_id IS NOT DISTINCT FROM c.conversation_id
  AND NOT EXISTS (SELECT FROM domiq_sync.delivery d WHERE d.change_id = c.change_id)
  AND NOT EXISTS (SELECT FROM domiq_sync.notification n
                  WHERE n.change_id = c.change_id AND n.state IN ('pending', 'in_flight'))
  AND NOT EXISTS (SELECT FROM domiq_sync.attempt a
                  WHERE a.change_id = c.change_id
                    AND COALESCE(a.detail #>> '{posted,event_date}', a.detail ->> 'event_date') >= :event_date)
  AND (c.conversation_id IS NULL OR (
      c.conversation_id = ANY (CAST(:conversations AS uuid[]))
      AND EXISTS (SELECT FROM domiq_sync.change n
                  WHERE n.conversation_id = c.conversation_id AND n.seq > c.seq)
      AND EXISTS (SELECT FROM domiq_sync.change n
                  WHERE n.conversation_id = c.conversation_id AND (n.logged_at, n.seq) > (c.logged_at, c.seq))
      AND (g.resman_lead_id IS NULL OR EXISTS (
          SELECT FROM domiq_sync.change n JOIN public.status_sync_log l ON l.id = n.change_id
          WHERE n.conversation_id = c.conversation_id AND n.seq > c.seq AND l.resman_lead_id IS NOT NULL))
      AND NOT EXISTS (SELECT FROM domiq_sync.delivery d WHERE d.lane = c.conversation_id)
      AND NOT EXISTS (SELECT FROM domiq_sync.conflict k
                      WHERE k.conversation_id = c.conversation_id AND k.resolved_at IS NULL)
      AND NOT EXISTS (SELECT FROM domiq_sync.change n JOIN domiq_sync.integration i ON i.property_id = n.property_id
                      WHERE n.conversation_id = c.conversation_id AND n.logged_at >= i.connected_at
                        AND (n.ruled_at IS NULL OR n.notified_at IS NULL))))
ORDER BY c.seq FOR UPDATE OF g, c SKIP LOCKED

-- name: make_month
SELECT domiq_sync.make_archive_month(CAST(:month AS date))

-- name: move
-- Of a conversation only what stands before everything that stays: the log goes on where the archive ends.
WITH given AS MATERIALIZED (
    SELECT given.id FROM unnest(CAST(:ids AS uuid[])) AS given(id)
), staying AS MATERIALIZED (
    SELECT o.conversation_id, min(o.seq) AS seq
    FROM domiq_sync.change o
    WHERE o.conversation_id = ANY (CAST(:conversations AS uuid[]))
      AND NOT EXISTS (SELECT FROM given WHERE given.id = o.change_id)
    GROUP BY 1
), chosen AS MATERIALIZED (
    SELECT c.* FROM given JOIN domiq_sync.change c ON c.change_id = given.id
    LEFT JOIN staying s ON s.conversation_id = c.conversation_id
    WHERE s.seq IS NULL OR c.seq < s.seq
), archived AS (
    INSERT INTO domiq_sync.status_sync_log_archive
        (id, conversation_id, resman_lead_id, old_status, new_status, status_reason, updated_by, sync_direction,
         sync_status, context_data, created_at, seq, property_id, logged_at, change, rules)
    SELECT g.id, g.conversation_id, g.resman_lead_id, g.old_status, g.new_status, g.status_reason, g.updated_by,
           g.sync_direction, g.sync_status, g.context_data, g.created_at,
           h.seq, h.property_id, h.logged_at, to_jsonb(h),
           COALESCE((SELECT jsonb_agg(to_jsonb(d) - 'change_id') FROM domiq_sync.rule_decision d
                     WHERE d.change_id = g.id), '[]')
    FROM chosen h JOIN public.status_sync_log g ON g.id = h.change_id
    RETURNING id
), noted AS (
    INSERT INTO domiq_sync.archived_conversation (conversation_id, living)
    SELECT DISTINCT h.conversation_id, h.conversation_id FROM chosen h WHERE h.conversation_id IS NOT NULL
    ON CONFLICT (conversation_id) DO UPDATE SET living = EXCLUDED.living WHERE archived_conversation.living IS NULL
), removed AS (
    DELETE FROM public.status_sync_log g USING chosen h WHERE g.id = h.change_id RETURNING g.id
)
SELECT (SELECT count(*) FROM archived) AS archived, (SELECT count(*) FROM removed) AS removed

-- name: forget_gone
-- What a deleted conversation left behind in the archive, since somebody had it locked.
WITH gone AS MATERIALIZED (
    SELECT k.conversation_id FROM domiq_sync.archived_conversation k WHERE k.living IS NULL LIMIT :rows
    FOR UPDATE SKIP LOCKED
), archived AS (
    DELETE FROM domiq_sync.status_sync_log_archive a USING gone WHERE a.conversation_id = gone.conversation_id
    RETURNING a.id
), forgotten AS (
    DELETE FROM domiq_sync.archived_conversation k USING gone WHERE k.conversation_id = gone.conversation_id
    RETURNING k.conversation_id
)
SELECT (SELECT count(*) FROM archived) AS archived, (SELECT count(*) FROM forgotten) AS conversations

-- name: months
-- The months of the archive that hold anything, the oldest first.
SELECT m.month
FROM (SELECT to_date(substring(c.relname FROM '[0-9]{4}_[0-9]{2}$'), 'YYYY_MM') AS month
      FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid
      WHERE i.inhparent = 'domiq_sync.status_sync_log_archive'::regclass) AS m
WHERE EXISTS (SELECT FROM domiq_sync.status_sync_log_archive a
              WHERE a.created_at >= m.month::timestamp AT TIME ZONE 'UTC'
                AND a.created_at < (m.month + interval '1 month') AT TIME ZONE 'UTC')
ORDER BY 1

-- name: of_month
SELECT a.* FROM domiq_sync.status_sync_log_archive a
WHERE a.created_at >= CAST(:month AS timestamp) AT TIME ZONE 'UTC'
  AND a.created_at < (CAST(:month AS timestamp) + interval '1 month') AT TIME ZONE 'UTC'
  AND (CAST(:after AS bigint) IS NULL OR a.seq > :after)
ORDER BY a.seq LIMIT :rows

-- name: none_archives
-- Waits for a step that is under way, and has others find the lock taken until the transaction ends.
SELECT pg_advisory_xact_lock(hashtextextended('domiq_sync.archive', 0))

-- name: put_back
-- All rows of the archive into the log, as they were, but for those of conversations that DomIQ has deleted. Nobody
-- deletes one until this has ended. The trigger that queues is told that it need not wait for anything, and so does
-- nothing: a row of the archive is settled, and is to have no new place in the order.
WITH told AS MATERIALIZED (
    SELECT set_config('domiq_sync.gave_up', 'queue', true) AS what
), living AS MATERIALIZED (
    SELECT v.id FROM public.conversation v
    WHERE v.id IN (SELECT a.conversation_id FROM domiq_sync.status_sync_log_archive a) FOR KEY SHARE
), back AS (
    INSERT INTO public.status_sync_log
        (id, conversation_id, resman_lead_id, old_status, new_status, status_reason, updated_by, sync_direction,
         sync_status, context_data, created_at)
    SELECT a.id, a.conversation_id, a.resman_lead_id, a.old_status, a.new_status, a.status_reason, a.updated_by,
           a.sync_direction, a.sync_status, a.context_data, a.created_at
    FROM told CROSS JOIN domiq_sync.status_sync_log_archive a
    WHERE told.what IS NOT NULL
      AND (a.conversation_id IS NULL OR EXISTS (SELECT FROM living WHERE living.id = a.conversation_id))
    ON CONFLICT (id) DO NOTHING
    RETURNING id
)
SELECT count(*) FROM back

-- name: missing_in_log
-- How many of them the log lacks all the same.
SELECT count(*) FROM domiq_sync.status_sync_log_archive a
WHERE NOT EXISTS (SELECT FROM public.status_sync_log g WHERE g.id = a.id)
  AND (a.conversation_id IS NULL OR EXISTS (SELECT FROM public.conversation v WHERE v.id = a.conversation_id))

-- name: count_archived
-- How many rows would be put back, and how many are of conversations that DomIQ has deleted.
SELECT count(*) FILTER (WHERE a.conversation_id IS NULL OR v.id IS NOT NULL) AS living,
       count(*) FILTER (WHERE a.conversation_id IS NOT NULL AND v.id IS NULL) AS gone
FROM domiq_sync.status_sync_log_archive a LEFT JOIN public.conversation v ON v.id = a.conversation_id
