-- Keeping the totals of the log: sql/023_log_totals.sql, 109_log_totals.sql.

-- name: unfolded
-- How many notes wait, as far as a look at the first of them tells: 0, or in how many parts they are best folded.
SELECT (SELECT count(*) FROM (SELECT FROM domiq_sync.log_delta LIMIT :most) AS d)
       + (SELECT count(*) FROM (SELECT FROM domiq_sync.log_move LIMIT :most) AS m) AS first,
       (SELECT COALESCE(max(id) - min(id) + 1, 0) FROM domiq_sync.log_delta)
       + (SELECT COALESCE(max(id) - min(id) + 1, 0) FROM domiq_sync.log_move) AS at_most

-- name: fold
SELECT domiq_sync.fold_log(:parts, :part)

-- name: state
SELECT domiq_sync.totals_are_counted() AS is_counted, domiq_sync.log_watch() IS NOT NULL AS is_watched,
       k.counted_at, k.changes, COALESCE(k.differed, 0) AS differed, COALESCE(k.drift, '[]') AS drift,
       k.drifted_at, k.last_drift
FROM (SELECT) AS one LEFT JOIN domiq_sync.log_count k ON k.heap = domiq_sync.log_heap()

-- name: before_counting
-- What is to be accounted for: the misses until now, and whether there are new ones.
SELECT domiq_sync.count_of_total_misses() AS misses,
       domiq_sync.count_of_total_misses()
           IS DISTINCT FROM COALESCE((SELECT k.misses FROM domiq_sync.log_count k
                                      WHERE k.heap = domiq_sync.log_heap()), 0) AS any_new

-- name: horizon
-- Whoever had a part in what was read before this has a lower number.
SELECT CAST(pg_current_xact_id() AS text)

-- name: has_passed
-- Whether this snapshot has the end of every transaction before the horizon.
SELECT pg_snapshot_xmin(pg_current_snapshot()) >= CAST(CAST(:horizon AS text) AS xid8)

-- name: pages
-- Before 14 PostgreSQL cannot read a range of pages by itself.
SELECT pg_relation_size('public.status_sync_log') / CAST(current_setting('block_size') AS integer) + 1 AS pages,
       CAST(current_setting('server_version_num') AS integer) >= 140000 AS in_slices

-- name: is_waited_for
-- Whether somebody waits for a lock on what is being counted, which may hold up everybody else.
SELECT EXISTS (SELECT FROM pg_locks l
               WHERE l.locktype = 'relation' AND NOT l.granted
                 AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
                 AND l.relation IN ('public.status_sync_log'::regclass, 'public.conversation'::regclass))

-- name: count_pages
SELECT c.kind, c.home, c.sync_direction, c.sync_status, c.changes
FROM domiq_sync.counted_pages(:first_page, :end_page) AS c

-- name: set_right
SELECT domiq_sync.set_totals_right(CAST(:counted AS jsonb), :misses)
