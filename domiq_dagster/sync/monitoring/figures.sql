-- name: property_figures
-- One row a connected property: the log's counts, the queue, the links and how they compare.
WITH total AS MATERIALIZED (
    SELECT t.property_id, sum(t.changes)::bigint AS logged,
           sum(t.changes) FILTER (WHERE t.sync_status = 'success')::bigint AS success,
           sum(t.changes) FILTER (WHERE t.sync_status = 'failed')::bigint AS failed,
           sum(t.changes) FILTER (WHERE t.sync_status = 'pending')::bigint AS pending,
           sum(t.changes) FILTER (WHERE t.sync_status = 'success' AND t.sync_direction = 'from_resman')::bigint
               AS applied,
           sum(t.changes) FILTER (WHERE t.sync_status = 'success' AND t.sync_direction = 'to_resman')::bigint AS pushed
    FROM domiq_sync.property_totals() AS t WHERE t.is_named GROUP BY 1
)
SELECT i.partition_key, i.property_id, p.name AS property_name,
       COALESCE(g.logged, 0) AS logged, COALESCE(g.success, 0) AS success, COALESCE(g.failed, 0) AS failed,
       COALESCE(g.pending, 0) AS pending, COALESCE(g.applied, 0) AS applied, COALESCE(g.pushed, 0) AS pushed,
       COALESCE(q.deliveries, 0) AS deliveries,
       EXTRACT(EPOCH FROM clock_timestamp() - q.oldest_pending_at)::float AS oldest_pending_seconds,
       COALESCE(l.leads, 0) AS leads, COALESCE(u.pulled, 0) AS pulled, w.watermark, w.last_pull_at, w.failing_since, w.last_error,
       w.distrust AS rejected_reason, o.overlap_seconds, COALESCE(m.missing, 0) AS missing
FROM domiq_sync.integration i
JOIN public.property p ON p.id = i.property_id
LEFT JOIN total g ON g.property_id = i.property_id
LEFT JOIN LATERAL (
    SELECT count(*) AS deliveries, min(d.enqueued_at) AS oldest_pending_at
    FROM domiq_sync.delivery d WHERE d.property_id = i.property_id) AS q ON TRUE
LEFT JOIN LATERAL (
    SELECT count(*) AS leads FROM domiq_sync.resman_lead r WHERE r.property_id = i.property_id) AS l ON TRUE
LEFT JOIN LATERAL (
    -- with what the pulls brought that are no longer on record
    SELECT COALESCE(sum(u.stored), 0)
           + COALESCE((SELECT w.stored_before FROM domiq_sync.watermark w WHERE w.property_id = i.property_id), 0)
           AS pulled
    FROM domiq_sync.pull u WHERE u.property_id = i.property_id) AS u ON TRUE
LEFT JOIN LATERAL (
    SELECT u.overlap_seconds FROM domiq_sync.pull u WHERE u.property_id = i.property_id AND u.error IS NULL
    ORDER BY u.started_at DESC LIMIT 1) AS o ON TRUE
LEFT JOIN LATERAL (
    SELECT count(*) AS missing FROM domiq_sync.missing_lead m WHERE m.property_id = i.property_id) AS m ON TRUE
LEFT JOIN domiq_sync.watermark w ON w.property_id = i.property_id
WHERE CAST(:property_id AS uuid) IS NULL OR i.property_id = :property_id
ORDER BY i.partition_key

-- name: conservation
-- Pending outbound changes and deliveries must be the same set. Empty when they are; `of_all` counts all of them. Of
-- changes without a place only those of the last :recent_hours are looked for, by the contract's index: reconciliation
-- looks for all.
SELECT found.*, count(*) OVER () AS of_all FROM (
    SELECT 'pending change without delivery' AS problem, c.property_id, c.change_id
    FROM domiq_sync.pending_changes() AS g(id) JOIN domiq_sync.change c ON c.change_id = g.id
    WHERE NOT EXISTS (SELECT FROM domiq_sync.delivery d WHERE d.change_id = c.change_id)
    UNION ALL
    SELECT 'delivery without pending change', d.property_id, d.change_id
    FROM domiq_sync.delivery d JOIN public.status_sync_log g ON g.id = d.change_id
    WHERE g.sync_status IS DISTINCT FROM 'pending' OR g.sync_direction IS DISTINCT FROM 'to_resman'
    UNION ALL
    SELECT 'change without a place in the order', NULL, g.id
    FROM domiq_sync.changes_since(clock_timestamp() - CAST(:recent_hours AS integer) * interval '1 hour') AS g(id)
    WHERE NOT EXISTS (SELECT FROM domiq_sync.change c WHERE c.change_id = g.id)
) AS found
LIMIT 1000

-- name: recent_failures
-- Settled changes of each property's recent window, with the reason that most of its failures share. Only
-- the windows are read, through the index on (property_id, logged_at).
WITH recent AS (
    SELECT i.partition_key, i.property_id, p.name AS property_name, w.since
    FROM json_to_recordset(CAST(:windows AS json)) AS w(property_id uuid, since timestamptz)
    JOIN domiq_sync.integration i ON i.property_id = w.property_id
    JOIN public.property p ON p.id = i.property_id
), settled AS (
    SELECT recent.property_id, g.sync_status,
           CASE WHEN g.sync_status = 'failed' THEN g.context_data #>> '{sync,outcome}' END AS reason, count(*) AS n
    FROM recent
    JOIN domiq_sync.change c ON c.property_id = recent.property_id AND c.logged_at >= recent.since
    JOIN public.status_sync_log g ON g.id = c.change_id
    WHERE g.sync_status IN ('success', 'failed')
    GROUP BY 1, 2, 3
)
SELECT recent.partition_key, recent.property_id, recent.property_name,
       COALESCE(sum(s.n) FILTER (WHERE s.sync_status = 'success'), 0)::bigint AS success,
       COALESCE(sum(s.n) FILTER (WHERE s.sync_status = 'failed'), 0)::bigint AS failed,
       (array_agg(s.reason ORDER BY s.n DESC, s.reason) FILTER (WHERE s.reason IS NOT NULL))[1] AS main_reason,
       COALESCE(max(s.n) FILTER (WHERE s.reason IS NOT NULL), 0)::bigint AS of_main_reason
FROM recent LEFT JOIN settled s ON s.property_id = recent.property_id
GROUP BY 1, 2, 3 ORDER BY 1

-- name: success_rate
-- The contract's view as it is, with the property's name beside it.
SELECT p.name AS property_name, v.sync_success_rate, v.failed_status_updates, v.property_id
FROM public.status_sync_success_rate v LEFT JOIN public.property p ON p.id = v.property_id
ORDER BY p.name, v.property_id

-- name: log_totals
SELECT t.sync_direction, t.sync_status, sum(t.changes)::bigint AS changes
FROM domiq_sync.property_totals() AS t GROUP BY 1, 2 ORDER BY 1, 2

-- name: unnotified
-- Changes that the next notices look at, and how many of them an active preference of their property asks for.
SELECT count(*) AS changes,
       count(*) FILTER (WHERE EXISTS (
           SELECT FROM public.status_notification_preferences f
           WHERE f.property_id = n.property_id AND f.is_active
             AND (COALESCE(f.status_type, '') IN ('', '*', 'any', 'all') OR f.status_type = g.new_status)
       )) AS wanted
FROM domiq_sync.integration i
JOIN domiq_sync.change n ON n.property_id = i.property_id AND n.notified_at IS NULL AND n.logged_at >= i.connected_at
JOIN public.status_sync_log g ON g.id = n.change_id
