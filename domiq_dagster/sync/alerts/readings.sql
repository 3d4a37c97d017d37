-- What alerts are about, of all connected properties at once. `:now` is the time of the evaluation.

-- name: now
SELECT clock_timestamp()

-- name: watched_properties
-- The properties that are switched on, with how their pulls stand, and their account's breaker. open_until
-- stays set until a request succeeds, also when the pause is over and nobody has asked yet. account_paused_at: when
-- the breaker last opened; owes_changes: whether something waits that was to be sent then, and was not tried since
-- or met the outage (:outages) again.
SELECT i.property_id, i.partition_key, p.name AS property_name, i.resman_account_id AS account_id,
       i.sync_direction <> 'from_resman' AS outbound,
       least(greatest(COALESCE(w.last_pull_at, i.connected_at), '0002-01-01 UTC'), '9999-12-30 UTC') AS pulled_at,
       w.last_pull_at IS NULL AS never_pulled,
       w.last_error, a.open_until, a.open_reason, a.opened_at AS account_paused_at,
       i.sync_direction <> 'from_resman' AND EXISTS (
           SELECT FROM domiq_sync.delivery d
           WHERE d.property_id = i.property_id AND d.enqueued_at <= a.opened_at AND d.is_head
             AND COALESCE(d.last_outcome = ANY (CAST(:outages AS text[])), TRUE)) AS owes_changes
FROM domiq_sync.integration i
JOIN public.property p ON p.id = i.property_id
LEFT JOIN domiq_sync.watermark w ON w.property_id = i.property_id
LEFT JOIN domiq_sync.account a ON a.resman_account_id = i.resman_account_id
WHERE i.sync_enabled
ORDER BY i.partition_key

-- name: oldest_pending
-- When the oldest pending change was logged that does not wait for a person, nor stands behind one that does; and how
-- many are pending in all. One that waits for its property's settings counts: nothing else alerts of those.
SELECT counted.property_id, counted.pending, oldest.enqueued_at AS oldest_at
FROM (SELECT d.property_id, count(*) AS pending FROM domiq_sync.delivery d GROUP BY 1) AS counted
JOIN domiq_sync.integration i ON i.property_id = counted.property_id
LEFT JOIN LATERAL (
    SELECT d.enqueued_at FROM domiq_sync.delivery d
    WHERE d.property_id = counted.property_id
      AND NOT EXISTS (SELECT FROM domiq_sync.delivery h
                      WHERE h.lane = d.lane AND h.is_head
                        AND domiq_sync.waits_for(h.state, h.last_outcome, h.decided) <> 'settings' OFFSET 0)
    ORDER BY d.enqueued_at LIMIT 1) AS oldest ON TRUE
WHERE i.sync_enabled AND i.sync_direction <> 'from_resman'

-- name: longest_due
-- Since when the longest-due change of each property could have been claimed.
SELECT i.property_id, due.next_attempt_at AS due_since
FROM domiq_sync.integration i
CROSS JOIN LATERAL (
    SELECT d.next_attempt_at FROM domiq_sync.delivery d
    WHERE d.property_id = i.property_id AND d.is_head AND d.next_attempt_at <= :now
    ORDER BY d.next_attempt_at LIMIT 1) AS due
WHERE i.sync_enabled AND i.sync_direction <> 'from_resman'

-- name: last_attempts
-- When each account was last asked for a change's sake: an attempt that was kept from asking (:not_asked) is none. Of
-- attempts only the newest are read, since no index orders them by time.
SELECT i.resman_account_id AS account_id, max(a.started_at) AS tried_at
FROM (SELECT a.change_id, a.started_at FROM domiq_sync.attempt a
      WHERE a.id > (SELECT max(id) FROM domiq_sync.attempt) - :most AND a.started_at > :since
        AND a.outcome <> ALL (CAST(:not_asked AS text[]))) AS a
JOIN domiq_sync.change c ON c.change_id = a.change_id
JOIN domiq_sync.integration i ON i.property_id = c.property_id
GROUP BY 1

-- name: record_evaluation
-- Returns when the evaluation before this one was; NULL for the first.
WITH before AS (SELECT looked_at FROM domiq_sync.alert_watch), noted AS (
    INSERT INTO domiq_sync.alert_watch (looked_at) VALUES (:now)
    ON CONFLICT (only_row) DO UPDATE SET looked_at = greatest(alert_watch.looked_at, EXCLUDED.looked_at))
SELECT max(looked_at) FROM before
