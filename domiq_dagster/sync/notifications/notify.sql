-- name: unnotified_changes
-- Changes that are logged and not yet looked at, in order. A change that is pending says what DomIQ
-- has; people are told at once, not when ResMan has it. What was logged before the property was
-- connected is no news. An anti-join with a table of marks read the whole history at every look.
SELECT c.change_id, c.property_id, g.new_status, g.context_data,
       domiq_sync.lead_status(c.property_id, g.new_status) AS lead_status
FROM domiq_sync.integration i
CROSS JOIN LATERAL (SELECT n.* FROM domiq_sync.change n
                    WHERE n.property_id = i.property_id AND n.notified_at IS NULL AND n.logged_at >= i.connected_at
                    ORDER BY n.logged_at, n.seq LIMIT :most
                    FOR UPDATE SKIP LOCKED) AS c
JOIN public.status_sync_log g ON g.id = c.change_id
ORDER BY c.seq LIMIT :most

-- name: preferences
SELECT id, property_id, status_type, notification_method, recipients, template_id
FROM public.status_notification_preferences
WHERE is_active AND property_id = ANY (CAST(:property_ids AS uuid[]))

-- name: mark_notified
UPDATE domiq_sync.change SET notified_at = clock_timestamp() WHERE change_id = ANY (CAST(:change_ids AS uuid[]))
