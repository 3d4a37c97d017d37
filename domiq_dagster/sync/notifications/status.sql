-- How the outbox stands.

-- name: counts
SELECT channel, state, count(*) AS notices FROM domiq_sync.notification
WHERE (CAST(:property_id AS uuid) IS NULL OR property_id = :property_id)
  AND (state IN ('pending', 'in_flight') OR settled_at > (SELECT clock_timestamp()) - :hours * interval '1 hour')
GROUP BY 1, 2 ORDER BY 1, 2

-- name: undelivered
SELECT n.id AS notification_id, n.property_id, n.change_id, n.alert_id, n.channel, n.recipient, n.state,
       n.state_reason AS reason, n.created_at, n.settled_at
FROM domiq_sync.notification n
WHERE n.state IN ('undeliverable', 'unknown')
  AND n.settled_at > (SELECT clock_timestamp()) - :hours * interval '1 hour'
  AND (CAST(:property_id AS uuid) IS NULL OR n.property_id = :property_id)
ORDER BY n.settled_at DESC LIMIT :most

-- name: undelivered_counts
SELECT channel, state, state_reason AS reason, count(*) AS notices
FROM domiq_sync.notification
WHERE state IN ('undeliverable', 'unknown')
  AND settled_at > (SELECT clock_timestamp()) - :hours * interval '1 hour'
GROUP BY 1, 2, 3 ORDER BY 4 DESC, 1, 2, 3

-- name: retry
UPDATE domiq_sync.notification
SET state = 'pending', state_reason = NULL, settled_at = NULL, sending_at = NULL, lease_token = NULL,
    next_attempt_at = clock_timestamp(), retried_at = clock_timestamp()
WHERE (id = ANY (CAST(:ids AS uuid[])) AND state IN ('undeliverable', 'unknown'))
   OR (:all_undeliverable AND state = 'undeliverable'
       AND settled_at > (SELECT clock_timestamp()) - :hours * interval '1 hour'
       AND (CAST(:property_id AS uuid) IS NULL OR property_id = :property_id))
RETURNING id

-- name: due
-- Whether anything is there to do: changes that nobody has looked at for notices, at a property that has
-- preferences; notices that are due on a channel that is not paused.
SELECT EXISTS (
           SELECT FROM domiq_sync.integration i
           CROSS JOIN LATERAL (SELECT FROM domiq_sync.change n
                               WHERE n.property_id = i.property_id AND n.notified_at IS NULL
                                 AND n.logged_at >= i.connected_at
                               ORDER BY n.logged_at LIMIT 1) AS unseen
           WHERE EXISTS (SELECT FROM public.status_notification_preferences f
                         WHERE f.property_id = i.property_id AND f.is_active)) AS changes,
       EXISTS (
           SELECT FROM domiq_sync.channel c
           CROSS JOIN LATERAL (SELECT FROM domiq_sync.notification n
                               WHERE n.channel = c.channel AND n.state IN ('pending', 'in_flight')
                                 AND n.next_attempt_at <= (SELECT clock_timestamp())
                               ORDER BY n.next_attempt_at LIMIT 1) AS due
           WHERE c.open_until IS NULL OR c.open_until <= (SELECT clock_timestamp())) AS notices
