-- ResMan's accounts, as a person looks at them.

-- name: listed
SELECT a.resman_account_id AS account_id, count(i.property_id) FILTER (WHERE i.sync_enabled)::int AS properties,
       CASE WHEN a.open_until > clock_timestamp() THEN 'paused' WHEN a.open_until IS NOT NULL THEN 'to be tried'
            WHEN a.ramp_ms > 0 THEN 'catching up' ELSE 'open' END AS state,
       CASE WHEN a.open_until > clock_timestamp() THEN a.open_until END AS paused_until,
       CASE WHEN a.open_until IS NOT NULL THEN a.open_reason END AS reason,
       a.consecutive_failures AS failures, greatest(a.min_interval_ms, a.ramp_ms) / 1000.0::float AS pace_seconds,
       a.max_concurrent AS at_once, round(a.pull_budget::numeric, 3)::float AS pull_budget
FROM domiq_sync.account a LEFT JOIN domiq_sync.integration i USING (resman_account_id)
GROUP BY a.resman_account_id ORDER BY a.resman_account_id

-- name: open
-- The pause is over now: the next request is its probe.
UPDATE domiq_sync.account SET open_until = clock_timestamp()
WHERE resman_account_id = :a AND open_until > clock_timestamp() RETURNING open_reason
