-- name: unnotified_changes
-- Changes that are logged and not yet looked at, in order. A change that is pending says what DomIQ
-- has; people are told at once, not when ResMan has it.
SELECT c.change_id, c.property_id, c.conversation_id, g.old_status, g.new_status, g.sync_direction,
       g.status_reason, p.name AS property_name
FROM domiq_sync.change c
JOIN public.status_sync_log g ON g.id = c.change_id
JOIN domiq_sync.integration i ON i.property_id = c.property_id
JOIN public.property p ON p.id = c.property_id
WHERE NOT EXISTS (SELECT FROM domiq_sync.notified_change n WHERE n.change_id = c.change_id)
ORDER BY c.seq LIMIT :most
FOR UPDATE OF c SKIP LOCKED

-- name: preferences
SELECT id, property_id, status_type, notification_method, recipients, template_id
FROM public.status_notification_preferences
WHERE is_active AND property_id = ANY (CAST(:property_ids AS uuid[]))

-- name: notify
INSERT INTO domiq_sync.notification
    (property_id, change_id, preference_id, channel, recipient, subject, body, state, state_reason)
VALUES (:property_id, :change_id, :preference_id, :channel, :recipient, :subject, :body, :state, :state_reason)
ON CONFLICT (change_id, preference_id, recipient) DO NOTHING

-- name: mark_notified
INSERT INTO domiq_sync.notified_change (change_id) VALUES (:change_id) ON CONFLICT DO NOTHING

-- name: open_alert
INSERT INTO domiq_sync.alert (property_id, kind, figures) VALUES (:property_id, :kind, CAST(:figures AS jsonb))
ON CONFLICT (property_id, kind) WHERE closed_at IS NULL DO NOTHING RETURNING id

-- name: close_alerts
UPDATE domiq_sync.alert SET closed_at = clock_timestamp()
WHERE kind = :kind AND closed_at IS NULL AND property_id = ANY (CAST(:property_ids AS uuid[]))
RETURNING id, property_id

-- name: notify_alert
INSERT INTO domiq_sync.notification (property_id, alert_id, channel, recipient, subject, body, state)
VALUES (:property_id, :alert_id, 'in_app', 'operators', :subject, :body, 'delivered')
