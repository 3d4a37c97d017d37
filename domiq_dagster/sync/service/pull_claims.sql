-- Whose a property is while it is pulled by a worker, and what of an account's budget is used up. All times are the
-- database's own.

-- name: accounts
-- The accounts of which properties may be pulled now: the breaker lets a request in, and there is a budget. new: how
-- many of their properties were never pulled since they were switched on; oldest: how long ago the others were, at most.
SELECT i.resman_account_id AS account_id,
       count(*) FILTER (WHERE w.last_pull_at IS NULL OR i.enabled_at > w.last_pull_at)::int AS new,
       EXTRACT(EPOCH FROM clock_timestamp() - min(w.last_pull_at))::float AS oldest
FROM domiq_sync.integration i JOIN domiq_sync.account a USING (resman_account_id)
LEFT JOIN domiq_sync.watermark w ON w.property_id = i.property_id
WHERE i.sync_enabled AND a.pull_budget > 0 AND (a.open_until IS NULL OR a.open_until <= clock_timestamp())
GROUP BY 1 ORDER BY 1

-- name: first_pace
INSERT INTO domiq_sync.pull_pace (resman_account_id) VALUES (:a) ON CONFLICT DO NOTHING

-- name: lock_pace
-- Nothing, where another worker chooses just now.
SELECT a.pull_budget AS budget,
       CASE WHEN isfinite(p.free_at) THEN EXTRACT(EPOCH FROM p.free_at - clock_timestamp())::float
            ELSE -1e9 END AS free_in,
       COALESCE(EXTRACT(EPOCH FROM a.open_until - clock_timestamp()), 0)::float AS closed_for
FROM domiq_sync.pull_pace p JOIN domiq_sync.account a USING (resman_account_id)
WHERE p.resman_account_id = :a FOR UPDATE OF p SKIP LOCKED

-- name: facts
SELECT i.property_id, i.time_zone,
       CASE WHEN i.enabled_at IS NULL OR i.enabled_at <= w.last_pull_at
            THEN EXTRACT(EPOCH FROM clock_timestamp() - w.last_pull_at)::float END AS since_pull,
       COALESCE(EXTRACT(EPOCH FROM greatest(c.claimed_until, c.rests_until) - clock_timestamp()), 0)::float AS rests_for,
       COALESCE(c.news * exp(-least(EXTRACT(EPOCH FROM clock_timestamp() - c.news_at)::float / :memory, 100.0)), 0)::float
           AS edits,
       COALESCE(c.requests, 1) AS requests, c.seconds,
       (SELECT count(*) FROM (SELECT FROM domiq_sync.delivery d WHERE d.property_id = i.property_id LIMIT :many) AS d)::int
           AS open_deliveries
FROM domiq_sync.integration i
LEFT JOIN domiq_sync.watermark w ON w.property_id = i.property_id
LEFT JOIN domiq_sync.pull_claim c ON c.property_id = i.property_id
WHERE i.resman_account_id = :a AND i.sync_enabled

-- name: earlier
-- must_apply: what its pulls brought may not be applied whole, or that was long ago. A claim that nobody ended is one of
-- a worker that died.
SELECT failures, claimed_until IS NOT NULL OR applied_at IS NULL
       OR applied_at < clock_timestamp() - :apply_again * interval '1 second' AS must_apply, seconds
FROM domiq_sync.pull_claim WHERE property_id = :property_id

-- name: claim
INSERT INTO domiq_sync.pull_claim (property_id, worker, claimed_until)
VALUES (:property_id, :worker, clock_timestamp() + :lease * interval '1 second')
ON CONFLICT (property_id) DO UPDATE SET worker = excluded.worker, claimed_until = excluded.claimed_until

-- name: use_budget
UPDATE domiq_sync.pull_pace SET free_at = clock_timestamp() + :free_in * interval '1 second' WHERE resman_account_id = :a

-- name: correct_budget
UPDATE domiq_sync.pull_pace SET free_at = free_at + :seconds * interval '1 second' WHERE resman_account_id = :a

-- name: renew
UPDATE domiq_sync.pull_claim SET claimed_until = clock_timestamp() + :lease * interval '1 second'
WHERE worker = :worker AND property_id = ANY (CAST(:property_ids AS uuid[]))

-- name: release
-- Nothing, where the claim ran out and another worker has it.
UPDATE domiq_sync.pull_claim SET
    worker = NULL, claimed_until = NULL, failures = :failures,
    rests_until = clock_timestamp() + :rest * interval '1 second',
    requests = COALESCE(:requests, requests), seconds = COALESCE(:seconds, seconds),
    news = CASE WHEN :news > 0
                THEN news * exp(-least(COALESCE(EXTRACT(EPOCH FROM clock_timestamp() - news_at)::float, 0) / :memory, 100.0))
                     + :news ELSE news END,
    news_at = CASE WHEN :news > 0 THEN clock_timestamp() ELSE news_at END,
    applied_at = CASE :applied WHEN 'yes' THEN clock_timestamp() WHEN 'as before' THEN applied_at END
WHERE property_id = :property_id AND worker = :worker
