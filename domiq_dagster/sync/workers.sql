-- Whoever works on the sync. All times are the database's own.

-- name: beat
-- The commit waits for no disk: a beat that a crash loses is made up for by the next one.
INSERT INTO domiq_sync.worker AS kept (name, job, run_id, lag_seconds)
SELECT :name, :job, :run_id, :lag FROM (SELECT set_config('synchronous_commit', 'off', true)) AS quick
ON CONFLICT (name) DO UPDATE SET seen_at = clock_timestamp(), lag_seconds = excluded.lag_seconds

-- name: leave
DELETE FROM domiq_sync.worker WHERE name = :name

-- name: alive
-- Those who do a job and have said so of late. Who ended well has left.
SELECT name, started_at, lag_seconds,
       CAST(extract(EPOCH FROM clock_timestamp() - seen_at) AS double precision) AS silent_seconds
FROM domiq_sync.worker
WHERE job = :job AND seen_at > clock_timestamp() - :patience * interval '1 second' ORDER BY seen_at DESC, name

-- name: all_alive
-- Whoever does any job and has said so of late.
SELECT job, name, CAST(extract(EPOCH FROM clock_timestamp() - seen_at) AS double precision) AS silent_seconds
FROM domiq_sync.worker WHERE seen_at > clock_timestamp() - :patience * interval '1 second' ORDER BY job, name

-- name: keep_out
-- Nobody says anything more until the transaction ends.
LOCK TABLE domiq_sync.worker IN SHARE ROW EXCLUSIVE MODE

-- name: sessions
-- Other sessions of the sync's in this database that did anything of late, or of which this role may not see when they
-- last did. One that has been idle for longer may be a pooler's, whose client is gone.
SELECT a.pid, host(a.client_addr) AS address, a.application_name AS name
FROM pg_catalog.pg_stat_activity a
WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() AND a.application_name LIKE 'domiq-sync%'
  AND (a.state_change IS NULL OR a.state = 'active' OR a.state LIKE 'idle in transaction%'
       OR a.state_change > clock_timestamp() - :patience * interval '1 second')
ORDER BY a.pid

-- name: sleep
INSERT INTO domiq_sync.sleeper AS kept (name, until)
SELECT :name, clock_timestamp() + :seconds * interval '1 second'
FROM (SELECT set_config('synchronous_commit', 'off', true)) AS quick
ON CONFLICT (name) DO UPDATE SET until = excluded.until

-- name: awake
UPDATE domiq_sync.sleeper SET until = '-infinity' WHERE name = :name AND until > '-infinity'

-- name: never_sleep
DELETE FROM domiq_sync.sleeper WHERE name = :name OR until < clock_timestamp() - interval '1 day'

-- name: runs
-- The Dagster runs that were ever seen at work, each with whether it still is. While the database was away nobody could
-- be seen: they are given the same time again.
SELECT run_id, greatest(max(seen_at), pg_postmaster_start_time())
               > clock_timestamp() - :patience * interval '1 second' AS alive
FROM domiq_sync.worker WHERE run_id IS NOT NULL GROUP BY run_id

-- name: forget
DELETE FROM domiq_sync.worker WHERE seen_at < clock_timestamp() - interval '1 day' RETURNING name
