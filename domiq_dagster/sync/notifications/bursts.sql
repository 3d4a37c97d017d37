-- Notices that do not go one by one: those that wait, and those that become one digest.

-- name: recently_sent
-- What went to one address within the window, the newest first; what more is due for it, and whether a digest
-- for it still waits to be sent.
SELECT (SELECT count(*) FROM domiq_sync.notification n
        WHERE n.channel = :channel AND n.recipient = :recipient AND n.state = 'pending' AND n.alert_id IS NULL
          AND n.report_id IS NULL AND NOT n.is_digest AND n.next_attempt_at <= (SELECT clock_timestamp())) AS waiting,
       ARRAY(SELECT n.settled_at FROM domiq_sync.notification n
             WHERE n.channel = :channel AND n.recipient = :recipient AND n.state IN ('delivered', 'unknown')
               AND n.settled_at > (SELECT clock_timestamp()) - :window_minutes * interval '1 minute'
               AND n.alert_id IS NULL AND n.report_id IS NULL ORDER BY n.settled_at DESC LIMIT :most_single) AS sent,
       (SELECT max(n.settled_at) FROM domiq_sync.notification n
        WHERE n.channel = :channel AND n.recipient = :recipient AND n.state IN ('delivered', 'unknown')
          AND n.settled_at > (SELECT clock_timestamp()) - :window_minutes * interval '1 minute'
          AND n.is_digest) AS digest_at,
       EXISTS (SELECT FROM domiq_sync.notification n
               WHERE n.channel = :channel AND n.recipient = :recipient AND n.state = 'pending'
                 AND n.is_digest) AS digest_waits

-- name: postpone_address
-- This notice and whatever else is due for its address wait until then. Alerts and reports do not.
UPDATE domiq_sync.notification
SET state = 'pending', lease_token = NULL, worker = NULL, next_attempt_at = :until
WHERE (id = :id AND lease_token = :lease_token)
   OR (channel = :channel AND recipient = :recipient AND state = 'pending' AND alert_id IS NULL
       AND report_id IS NULL AND NOT is_digest AND next_attempt_at < :until)
RETURNING id

-- name: postpone_property
-- The same for whatever else is due at the property by this channel: it has quiet hours.
UPDATE domiq_sync.notification
SET state = 'pending', lease_token = NULL, worker = NULL, next_attempt_at = :until
WHERE (id = :id AND lease_token = :lease_token)
   OR (channel = :channel AND property_id = :property_id AND state = 'pending' AND alert_id IS NULL
       AND next_attempt_at < :until AND NOT (urgent AND :urgent_breaks))
RETURNING id

-- name: gather
-- This notice and whatever else is due for its address become one digest: the one that waits, or a new one.
WITH waiting AS (
    SELECT id FROM domiq_sync.notification
    WHERE channel = :channel AND recipient = :recipient AND state = 'pending' AND is_digest
    ORDER BY created_at LIMIT 1 FOR UPDATE
), made AS (
    INSERT INTO domiq_sync.notification (property_id, channel, recipient, subject, body, is_digest, urgent, state)
    SELECT :property_id, :channel, :recipient, '', '', TRUE, :urgent, 'pending'
    WHERE NOT EXISTS (SELECT FROM waiting)
    RETURNING id
), digest AS (
    SELECT id FROM waiting UNION ALL SELECT id FROM made
), members AS (
    SELECT n.id FROM domiq_sync.notification n
    WHERE n.channel = :channel AND n.recipient = :recipient AND n.state = 'pending' AND n.alert_id IS NULL
      AND n.report_id IS NULL AND NOT n.is_digest AND n.next_attempt_at <= (SELECT clock_timestamp())
    FOR UPDATE SKIP LOCKED
), claimed AS (
    SELECT id FROM domiq_sync.notification WHERE id = :id AND lease_token = :lease_token
)
UPDATE domiq_sync.notification n
SET state = 'digested', digest_id = digest.id, lease_token = NULL, worker = NULL, settled_at = clock_timestamp()
FROM digest
WHERE n.id = ANY (ARRAY(SELECT id FROM members UNION ALL SELECT id FROM claimed))  -- by key
RETURNING n.id

-- name: crowded_in_app
-- In-app notices that came in a burst and that nobody has read yet.
SELECT n.property_id, n.recipient
FROM domiq_sync.notification n
LEFT JOIN domiq_sync.notification_settings s ON s.property_id = n.property_id
WHERE n.channel = 'in_app' AND n.state = 'delivered' AND n.read_at IS NULL AND n.alert_id IS NULL
  AND n.report_id IS NULL AND NOT n.is_digest
  AND n.created_at > (SELECT clock_timestamp()) - COALESCE(s.window_minutes, 15) * interval '1 minute'
GROUP BY n.property_id, n.recipient, s.most_single
HAVING count(*) > :times * COALESCE(s.most_single, 5)

-- name: gather_in_app
WITH waiting AS (
    SELECT id FROM domiq_sync.notification
    WHERE channel = 'in_app' AND recipient = :recipient AND property_id IS NOT DISTINCT FROM :property_id
      AND is_digest AND state = 'delivered' AND read_at IS NULL
    ORDER BY created_at DESC LIMIT 1 FOR UPDATE
), made AS (
    INSERT INTO domiq_sync.notification
        (property_id, channel, recipient, subject, body, is_digest, state, settled_at)
    SELECT :property_id, 'in_app', :recipient, '', '', TRUE, 'delivered', clock_timestamp()
    WHERE NOT EXISTS (SELECT FROM waiting)
    RETURNING id
), digest AS (
    SELECT id FROM waiting UNION ALL SELECT id FROM made
), members AS (
    UPDATE domiq_sync.notification n SET state = 'digested', digest_id = digest.id
    FROM digest
    WHERE n.channel = 'in_app' AND n.state = 'delivered' AND n.read_at IS NULL AND n.alert_id IS NULL
      AND n.report_id IS NULL AND NOT n.is_digest AND n.recipient = :recipient AND n.property_id IS NOT DISTINCT FROM :property_id
    RETURNING n.id
)
SELECT id FROM digest
