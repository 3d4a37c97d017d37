-- Whoever works on the sync. All times are the database's own.

-- name: beat
-- The commit waits for no disk: a beat that a crash loses is made up for by the next one.
INSERT INTO domiq_sync.worker AS kept (name, job, run_id)
SELECT :name, :job, :run_id FROM (SELECT set_config('synchronous_commit', 'off', true)) AS quick
ON CONFLICT (name) DO UPDATE SET seen_at = clock_timestamp()

-- name: runs
-- The Dagster runs that were ever seen at work, each with whether it still is. While the database was away nobody could
-- be seen: they are given the same time again.
SELECT run_id, greatest(max(seen_at), pg_postmaster_start_time())
               > clock_timestamp() - :patience * interval '1 second' AS alive
FROM domiq_sync.worker WHERE run_id IS NOT NULL GROUP BY run_id

-- name: forget
DELETE FROM domiq_sync.worker WHERE seen_at < clock_timestamp() - interval '1 day'
