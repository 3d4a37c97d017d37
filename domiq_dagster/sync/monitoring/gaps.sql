-- Where the leads of connected properties are behind ResMan.

-- name: gaps
-- Connected properties whose leads are behind ResMan, with the first reason that holds:
--   never_pulled  nothing was ever read
--   switched_on   the last good pull is from before the sync was last switched on, however recent it looks
--   failed        the last pull failed
--   behind        the last good pull is too old: nobody pulled
--   no_full_read  the last full re-read is too old; pulls since then miss what moved no lastModified
-- paused: the account's breaker is open, so that asking now would only fail.
SELECT i.partition_key, i.property_id, f.reason, w.last_pull_at, w.last_full_at, w.failing_since, w.last_error,
       COALESCE(a.open_until > clock_timestamp(), FALSE) AS paused
FROM domiq_sync.integration i
LEFT JOIN domiq_sync.watermark w ON w.property_id = i.property_id
LEFT JOIN domiq_sync.account a ON a.resman_account_id = i.resman_account_id
CROSS JOIN LATERAL (SELECT CASE
    WHEN w.last_pull_at IS NULL THEN 'never_pulled'
    WHEN i.enabled_at > w.last_pull_at THEN 'switched_on'
    WHEN w.failing_since IS NOT NULL THEN 'failed'
    WHEN w.last_pull_at < clock_timestamp() - :max_age_seconds * interval '1 second' THEN 'behind'
    WHEN COALESCE(w.last_full_at, i.connected_at)
         < clock_timestamp() - CAST(:max_full_age_seconds AS double precision) * interval '1 second' THEN 'no_full_read'
    END AS reason) AS f
WHERE i.sync_enabled AND f.reason IS NOT NULL
ORDER BY i.partition_key

-- name: days_without_pull
-- Days (UTC) of the last :days, today not among them, in which a property that was connected before them had
-- no good pull; per property that has any.
SELECT i.partition_key, count(*) AS days, min(day.day)::date AS first_day, max(day.day)::date AS last_day
FROM domiq_sync.integration i
CROSS JOIN LATERAL generate_series(
    date_trunc('day', clock_timestamp() AT TIME ZONE 'UTC') - CAST(:days AS integer) * interval '1 day',
    date_trunc('day', clock_timestamp() AT TIME ZONE 'UTC') - interval '1 day', interval '1 day') AS day(day)
WHERE i.sync_enabled AND COALESCE(i.enabled_at, i.connected_at) < day.day AT TIME ZONE 'UTC'
  -- OFFSET 0: one look into the index a day; as a join it reads the whole history.
  AND NOT EXISTS (SELECT FROM domiq_sync.pull u
                  WHERE u.property_id = i.property_id AND u.error IS NULL
                    AND u.started_at >= day.day AT TIME ZONE 'UTC'
                    AND u.started_at < (day.day + interval '1 day') AT TIME ZONE 'UTC' OFFSET 0)
GROUP BY 1 ORDER BY 1
