-- Changes to ResMan that were settled of late, by the newest attempts: no index orders those by time.

-- name: recently_settled
-- A change was settled when its last attempt ended, by its worker's clock; it was logged by the database's. A step that
-- took no time at all asked nothing.
WITH sample AS MATERIALIZED (
    SELECT a.change_id, a.outcome, a.duration_ms, a.started_at + a.duration_ms * interval '1 ms' AS ended_at
    FROM domiq_sync.attempt a
    WHERE a.id > (SELECT max(id) FROM domiq_sync.attempt) - :most
      AND a.started_at > clock_timestamp() - :window_seconds * interval '1 second'
), tried AS (
    SELECT s.change_id, max(s.ended_at) AS ended_at FROM sample s GROUP BY 1
), settled AS (
    -- Sub-selects rather than joins: each is one look into an index, where a join reads the whole tables.
    SELECT t.ended_at,
           (SELECT c.logged_at FROM domiq_sync.change c WHERE c.change_id = t.change_id) AS logged_at,
           (SELECT g.sync_status FROM public.status_sync_log g WHERE g.id = t.change_id) AS sync_status
    FROM tried t
)
SELECT count(*) FILTER (WHERE s.sync_status = 'success') AS success,
       count(*) FILTER (WHERE s.sync_status = 'failed') AS failed,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY greatest(EXTRACT(EPOCH FROM s.ended_at - s.logged_at), 0))::float
           AS latency_p50,
       percentile_cont(0.95) WITHIN GROUP (ORDER BY greatest(EXTRACT(EPOCH FROM s.ended_at - s.logged_at), 0))::float
           AS latency_p95,
       (SELECT count(*) FROM sample a WHERE a.duration_ms > 0 AND a.outcome <> 'not_asked') AS requests,
       (SELECT count(*) FROM sample a WHERE a.outcome = 'busy') AS throttled
FROM settled s WHERE s.sync_status IN ('success', 'failed')
