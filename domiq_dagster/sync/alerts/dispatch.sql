-- Who gets the notices of alerts, and which did not arrive.

-- name: preferences
-- Whom these properties want notified of alerts.
SELECT id, property_id, COALESCE(notification_method, 'in_app') AS channel, recipients
FROM public.status_notification_preferences
WHERE is_active AND status_type = 'sync_alert' AND property_id = ANY (CAST(:property_ids AS uuid[]))
ORDER BY created_at, id

-- name: unsent
-- Messages of alerts that a channel did not take, and that are tried again.
SELECT n.channel, 'wait' AS state, max(COALESCE(n.state_reason, c.open_reason)) AS reason, count(*) AS messages
FROM domiq_sync.notification n
LEFT JOIN domiq_sync.channel c ON c.channel = n.channel AND c.open_until > (SELECT clock_timestamp())
WHERE n.alert_id IS NOT NULL AND n.state = 'pending' AND (n.attempts > 0 OR c.channel IS NOT NULL)
GROUP BY 1 ORDER BY 1

-- name: complain
-- Messages of alerts that will not be sent, or may not have arrived, each once for each time that it ended so.
WITH lost AS (
    INSERT INTO domiq_sync.alert_complaint (notification_id, settled_at)
    SELECT n.id, n.settled_at FROM domiq_sync.notification n
    WHERE n.alert_id IS NOT NULL AND n.state IN ('undeliverable', 'unknown')
      AND n.settled_at > (SELECT clock_timestamp()) - interval '7 days'
    ON CONFLICT DO NOTHING RETURNING notification_id
)
SELECT n.channel, n.state, max(n.state_reason) AS reason, count(*) AS messages
FROM lost JOIN domiq_sync.notification n ON n.id = lost.notification_id
GROUP BY 1, 2 ORDER BY 1, 2
