-- The changes of a day, and what was counted of it. A day is a UTC day, and the session's time zone is UTC.

-- name: changes_of_day
-- One row a change of the day, archived ones as well; a row that tells of the same move as another one, and a tour that
-- moved, are no move of a status. From one property of the index to the next, so that only the day's own are read.
--   was, became lead statuses; 'other': a word that is none. NULL: no status; or, of both, no move
--   seconds     from logging it until it was settled, where it got to ResMan and its last attempt is on record
--   stayed      for how many seconds the lead had had its status before
--   reason      of those that failed; 'none': none is on record; 'other': what stands there is no word of the sync's,
--               and may be anything that DomIQ wrote
--   throttled   how often ResMan turned a request about it away
-- Sub-selects rather than joins: each is one look into an index, where a join may read the whole tables.
WITH RECURSIVE known AS (
    (SELECT c.property_id FROM domiq_sync.change c WHERE c.property_id IS NOT NULL ORDER BY c.property_id LIMIT 1)
    UNION ALL
    SELECT (SELECT c.property_id FROM domiq_sync.change c WHERE c.property_id > known.property_id
            ORDER BY c.property_id LIMIT 1)
    FROM known WHERE known.property_id IS NOT NULL
), of_day AS MATERIALIZED (
    SELECT n.*
    FROM known CROSS JOIN LATERAL (
        SELECT c.property_id, c.change_id, c.conversation_id, c.seq, c.logged_at, c.same_as FROM domiq_sync.change c
        WHERE c.property_id = known.property_id
          AND c.logged_at >= CAST(:day AS date) AND c.logged_at < CAST(:day AS date) + 1) AS n
    UNION ALL
    SELECT c.property_id, c.change_id, c.conversation_id, c.seq, c.logged_at, c.same_as FROM domiq_sync.change c
    WHERE c.property_id IS NULL AND c.logged_at >= CAST(:day AS date) AND c.logged_at < CAST(:day AS date) + 1
), told AS (
    SELECT n.property_id, n.change_id, n.conversation_id, n.logged_at, l.sync_direction, l.sync_status,
           n.same_as IS NULL AND NOT domiq_sync.is_tour_move(l.context_data) AS is_move,
           domiq_sync.word(l.old_status) AS old_word, domiq_sync.word(l.new_status) AS new_word,
           l.context_data #>> '{sync,outcome}' AS reason,
           (SELECT e.logged_at FROM domiq_sync.change e
            WHERE e.conversation_id = n.conversation_id AND e.seq < n.seq AND e.same_as IS NULL
              AND NOT (SELECT domiq_sync.is_tour_move(b.context_data) FROM public.status_sync_log b
                       WHERE b.id = e.change_id)
            ORDER BY e.seq DESC LIMIT 1) AS before_at
    FROM of_day n
    CROSS JOIN LATERAL (SELECT g.* FROM public.status_sync_log g WHERE g.id = n.change_id OFFSET 0) AS l
    UNION ALL
    SELECT a.property_id, a.id, a.conversation_id, a.logged_at, a.sync_direction, a.sync_status,
           a.change ->> 'same_as' IS NULL AND NOT domiq_sync.is_tour_move(a.context_data),
           domiq_sync.word(a.old_status), domiq_sync.word(a.new_status), a.context_data #>> '{sync,outcome}', NULL
    FROM domiq_sync.status_sync_log_archive a
    WHERE a.logged_at >= CAST(:day AS date) AND a.logged_at < CAST(:day AS date) + 1
), meaning AS MATERIALIZED (
    SELECT * FROM domiq_sync.domiq_meaning
)
SELECT COALESCE(i.partition_key, '(not connected)') AS property, t.sync_direction, t.sync_status, t.conversation_id,
       CASE WHEN t.is_move AND t.old_word IS NOT NULL THEN COALESCE(was.lead_status, 'other') END AS was,
       CASE WHEN t.is_move AND t.new_word IS NOT NULL THEN COALESCE(became.lead_status, 'other') END AS became,
       CASE WHEN t.sync_status IS DISTINCT FROM 'failed' THEN NULL WHEN t.reason IS NULL THEN 'none'
            WHEN t.reason ~ '^[a-z][a-z_]{0,39}$' THEN t.reason ELSE 'other' END AS reason,
       CASE WHEN t.sync_status = 'success' AND t.sync_direction = 'to_resman' THEN
           (SELECT greatest(EXTRACT(EPOCH FROM a.started_at + a.duration_ms * interval '1 ms' - t.logged_at), 0)
            FROM domiq_sync.attempt a WHERE a.change_id = t.change_id ORDER BY a.id DESC LIMIT 1)::float END AS seconds,
       EXTRACT(EPOCH FROM t.logged_at - t.before_at)::float AS stayed,
       (SELECT count(*) FROM domiq_sync.attempt a WHERE a.change_id = t.change_id AND a.outcome = 'busy') AS throttled
FROM told t
LEFT JOIN domiq_sync.integration i ON i.property_id = t.property_id
LEFT JOIN meaning was ON was.property_id = t.property_id AND was.domiq_status = t.old_word
LEFT JOIN meaning became ON became.property_id = t.property_id AND became.domiq_status = t.new_word

-- name: requests_of_day
-- By property and direction, or what was counted of them before, when more of it was on record. What was asked about an
-- account itself is of no property that is connected.
SELECT r.property, r.sync_direction, max(r.requests)::bigint AS requests
FROM (
    SELECT COALESCE(i.partition_key, '(not connected)') AS property,
           CASE c.api WHEN 'v1' THEN 'to_resman' ELSE 'from_resman' END AS sync_direction, sum(c.requests) AS requests
    FROM domiq_sync.request_count c
    LEFT JOIN domiq_sync.integration i
        ON i.resman_account_id = c.resman_account_id
        AND lower(btrim(i.resman_property_id, '{} ')) = c.resman_property_id AND c.resman_property_id <> ''
    WHERE c.day = CAST(:day AS date) GROUP BY 1, 2
    UNION ALL
    SELECT f.property, f.sync_direction, f.requests FROM domiq_sync.daily_figure f
    WHERE f.day = CAST(:day AS date) AND f.requests > 0
) AS r
GROUP BY 1, 2

-- name: conflicts_of_day
SELECT i.partition_key AS property,
       (SELECT count(*) FROM domiq_sync.conflict k WHERE k.property_id = i.property_id
          AND k.opened_at >= CAST(:day AS date) AND k.opened_at < CAST(:day AS date) + 1) AS conflicts_opened,
       (SELECT count(*) FROM domiq_sync.conflict k WHERE k.property_id = i.property_id
          AND k.resolved_at >= CAST(:day AS date) AND k.resolved_at < CAST(:day AS date) + 1) AS conflicts_decided
FROM domiq_sync.integration i ORDER BY i.partition_key

-- name: lock_day
-- Until the transaction ends: of two who count a day at once neither sees, and so takes away, what the other stores.
SELECT pg_advisory_xact_lock(hashtextextended('domiq_sync.daily:' || CAST(:day AS date), 0))

-- name: forget_totals
DELETE FROM domiq_sync.daily_total WHERE day = CAST(:day AS date)

-- name: store_totals
INSERT INTO domiq_sync.daily_total (day, property, sync_direction, sync_status, changes)
SELECT CAST(:day AS date), t.*
FROM json_to_recordset(CAST(:rows AS json)) AS t(property text, sync_direction text, sync_status text, changes bigint)
ORDER BY t.property, t.sync_direction, t.sync_status

-- name: forget_figures
-- Of what is there no more: the conversations were deleted, say.
DELETE FROM domiq_sync.daily_figure f
WHERE f.day = CAST(:day AS date) AND NOT EXISTS (
    SELECT FROM json_to_recordset(CAST(:rows AS json)) AS g(property text, sync_direction text)
    WHERE g.property = f.property AND g.sync_direction = f.sync_direction)

-- name: store_figures
-- Times that were counted when more of them were on record stay.
INSERT INTO domiq_sync.daily_figure AS f
    (day, property, sync_direction, changes, success, failed, pending, success_rate, timed, latency_p50, latency_p95,
     within_10s, within_1min, funnel, moves, time_in_status, reasons, requests, throttled)
SELECT CAST(:day AS date), g.*
FROM json_to_recordset(CAST(:rows AS json)) AS g(
    property text, sync_direction text, changes bigint, success bigint, failed bigint, pending bigint,
    success_rate float, timed bigint, latency_p50 float, latency_p95 float, within_10s bigint, within_1min bigint,
    funnel jsonb, moves jsonb, time_in_status jsonb, reasons jsonb, requests bigint, throttled bigint)
ON CONFLICT (day, property, sync_direction) DO UPDATE SET
    changes = excluded.changes, success = excluded.success, failed = excluded.failed, pending = excluded.pending,
    success_rate = excluded.success_rate, funnel = excluded.funnel, moves = excluded.moves, reasons = excluded.reasons,
    timed = greatest(f.timed, excluded.timed),
    latency_p50 = CASE WHEN f.timed > excluded.timed THEN f.latency_p50 ELSE excluded.latency_p50 END,
    latency_p95 = CASE WHEN f.timed > excluded.timed THEN f.latency_p95 ELSE excluded.latency_p95 END,
    within_10s = CASE WHEN f.timed > excluded.timed THEN f.within_10s ELSE excluded.within_10s END,
    within_1min = CASE WHEN f.timed > excluded.timed THEN f.within_1min ELSE excluded.within_1min END,
    time_in_status = CASE WHEN excluded.time_in_status = '{}' THEN f.time_in_status ELSE excluded.time_in_status END,
    requests = excluded.requests, throttled = greatest(f.throttled, excluded.throttled)

-- name: store_properties
INSERT INTO domiq_sync.daily_property AS p
    (day, property, conflicts_opened, conflicts_decided, compared, in_step, awaiting, diverged)
SELECT CAST(:day AS date), g.*
FROM json_to_recordset(CAST(:rows AS json)) AS g(
    property text, conflicts_opened bigint, conflicts_decided bigint, compared bigint, in_step bigint, awaiting bigint,
    diverged bigint)
ON CONFLICT (day, property) DO UPDATE SET
    conflicts_opened = excluded.conflicts_opened, conflicts_decided = excluded.conflicts_decided,
    compared = COALESCE(excluded.compared, p.compared), in_step = COALESCE(excluded.in_step, p.in_step),
    awaiting = COALESCE(excluded.awaiting, p.awaiting), diverged = COALESCE(excluded.diverged, p.diverged)

-- name: note_counted
INSERT INTO domiq_sync.daily_count AS c (day) VALUES (CAST(:day AS date))
ON CONFLICT (day) DO UPDATE SET counted_at = clock_timestamp()

-- name: figures
SELECT f.* FROM domiq_sync.daily_figure f
WHERE f.day BETWEEN CAST(:first AS date) AND CAST(:last AS date) ORDER BY f.day, f.property, f.sync_direction

-- name: properties
SELECT p.* FROM domiq_sync.daily_property p
WHERE p.day BETWEEN CAST(:first AS date) AND CAST(:last AS date) ORDER BY p.day, p.property

-- name: whole_days
-- Those of the range that were counted after their end.
SELECT c.day FROM domiq_sync.daily_count c
WHERE c.day BETWEEN CAST(:first AS date) AND CAST(:last AS date) AND c.counted_at >= c.day + 1 ORDER BY c.day

-- name: days_to_count
-- Days from the first change on record until today that were not counted after their end, where that is more than an
-- hour ago; and today, where something was logged today and it was not counted at all.
WITH seen AS (
    SELECT greatest(c.logged_at::date, CAST(:not_before AS date)) AS first,
           (SELECT n.logged_at FROM domiq_sync.change n ORDER BY n.seq DESC LIMIT 1)::date AS last,
           clock_timestamp() AS now
    FROM domiq_sync.change c ORDER BY c.seq LIMIT 1
)
SELECT d.day::date AS day
FROM seen CROSS JOIN LATERAL generate_series(seen.first, seen.now::date, interval '1 day') AS d(day)
LEFT JOIN domiq_sync.daily_count c ON c.day = d.day::date
WHERE CASE WHEN d.day::date = seen.now::date THEN c.day IS NULL AND seen.last = d.day::date
           ELSE (c.counted_at >= d.day + interval '1 day') IS NOT TRUE
                AND d.day + interval '25 hours' < seen.now END
ORDER BY 1

-- name: now
SELECT clock_timestamp()

-- name: today
SELECT clock_timestamp()::date
