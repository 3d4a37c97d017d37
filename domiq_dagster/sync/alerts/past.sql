-- The past, as far as it is kept, in the form in which thresholds are replayed over it.

-- name: settled
-- Settled changes per property and step of time: [step, success, failed] in order, a document a property. Only
-- steps that share a window (of :longest steps) with a failure: without one no threshold is passed, and at most
-- properties nearly all of the log is left out. One pass over the log.
WITH steps AS (
    SELECT c.property_id, floor(EXTRACT(EPOCH FROM c.logged_at) / :step)::bigint AS step,
           count(*) FILTER (WHERE g.sync_status = 'success') AS success,
           count(*) FILTER (WHERE g.sync_status = 'failed') AS failed
    FROM domiq_sync.change c
    JOIN public.status_sync_log g ON g.id = c.change_id
    WHERE c.logged_at >= :since AND c.property_id = ANY (CAST(:property_ids AS uuid[]))
      AND g.sync_status IN ('success', 'failed')
    GROUP BY 1, 2
), placed AS (
    SELECT steps.*,
           max(step) FILTER (WHERE failed > 0) OVER (PARTITION BY property_id ORDER BY step) AS failed_before,
           -- the other way round, since a frame whose beginning moves is read anew for every row
           min(step) FILTER (WHERE failed > 0) OVER (PARTITION BY property_id ORDER BY step DESC) AS failed_after
    FROM steps
)
SELECT property_id, json_agg(json_build_array(step, success, failed) ORDER BY step) AS counts
FROM placed WHERE step - failed_before <= :longest OR failed_after - step <= :longest
GROUP BY property_id

-- name: waits
-- Changes that were pending for longer than :least_minutes, from when they were logged to their last attempt, and
-- those that still are, but for what waits for a person, and what stands behind it: see oldest_pending in readings.sql.
-- A change that was put back by a retry had failed in between, and is left out.
SELECT c.property_id, c.logged_at AS began_at, tried.ended_at
FROM (SELECT a.change_id, max(a.started_at + a.duration_ms * interval '1 ms') AS ended_at
      FROM domiq_sync.attempt a WHERE a.started_at >= :since GROUP BY 1) AS tried
JOIN domiq_sync.change c ON c.change_id = tried.change_id
JOIN public.status_sync_log g ON g.id = c.change_id
WHERE c.property_id = ANY (CAST(:property_ids AS uuid[]))
  AND tried.ended_at - c.logged_at > :least_minutes * interval '1 minute'
  AND NOT EXISTS (SELECT FROM domiq_sync.delivery d WHERE d.change_id = c.change_id)
  AND NOT COALESCE(g.context_data ? 'retries', FALSE)
UNION ALL
SELECT d.property_id, d.enqueued_at, :until
FROM domiq_sync.delivery d
WHERE d.property_id = ANY (CAST(:property_ids AS uuid[]))
  AND :until - d.enqueued_at > :least_minutes * interval '1 minute'
  AND NOT EXISTS (SELECT FROM domiq_sync.delivery h
                  WHERE h.lane = d.lane AND h.is_head
                    AND domiq_sync.waits_for(h.state, h.last_outcome, h.decided) <> 'settings' OFFSET 0)
ORDER BY 1, 2

-- name: pulls
-- Stretches of more than :least_minutes between one good pull's beginning and the next one's end.
SELECT property_id, began_at, ended_at FROM (
    SELECT u.property_id, u.started_at AS began_at,
           COALESCE(lead(u.finished_at) OVER (PARTITION BY u.property_id ORDER BY u.started_at), :until) AS ended_at
    FROM domiq_sync.pull u
    WHERE u.error IS NULL AND u.started_at >= :since AND u.property_id = ANY (CAST(:property_ids AS uuid[]))
) AS good
WHERE ended_at - began_at > :least_minutes * interval '1 minute'
ORDER BY 1, 2

-- name: failures
-- When changes failed, by when they were logged, of these properties.
SELECT c.property_id, c.logged_at
FROM domiq_sync.change c JOIN public.status_sync_log g ON g.id = c.change_id
WHERE c.logged_at >= :since AND c.property_id = ANY (CAST(:property_ids AS uuid[])) AND g.sync_status = 'failed'
ORDER BY 1, 2
