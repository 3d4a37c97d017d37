-- What capture could not log, and which of it a sweep over every property has accounted for since:
-- sql/020_capture_misses.sql, 022_whole_sweep.sql.

-- name: outstanding
SELECT greatest(0, counted.total - COALESCE((SELECT max(g.total) FROM domiq_sync.capture_gap g), 0)) AS changes,
       (SELECT s.began_at FROM domiq_sync.whole_sweep s) AS since,
       counted.total, clock_timestamp() AS read_at
FROM (SELECT last_value - CASE WHEN is_called THEN 0 ELSE 1 END AS total FROM domiq_sync.capture_misses) AS counted

-- name: lock
-- One sweep at a time: two would note the same misses.
SELECT pg_advisory_xact_lock(hashtextextended('domiq_sync.capture_misses', 0))

-- name: note_gap
INSERT INTO domiq_sync.capture_gap (misses, total, since)
SELECT :total - noted.total, :total, (SELECT s.began_at FROM domiq_sync.whole_sweep s)
FROM (SELECT COALESCE(max(g.total), 0) AS total FROM domiq_sync.capture_gap g) AS noted
WHERE :total > noted.total

-- name: note_sweep
INSERT INTO domiq_sync.whole_sweep (began_at) VALUES (:began_at)
ON CONFLICT (only_row) DO UPDATE SET began_at = greatest(whole_sweep.began_at, EXCLUDED.began_at)

-- name: gaps
SELECT g.misses AS changes, g.since, g.noticed_at FROM domiq_sync.capture_gap g
WHERE g.noticed_at > :after ORDER BY g.id DESC

-- name: gaps_of_days
SELECT g.misses AS changes, g.since, g.noticed_at FROM domiq_sync.capture_gap g
WHERE g.noticed_at > clock_timestamp() - CAST(:days AS integer) * interval '1 day' ORDER BY g.id DESC
