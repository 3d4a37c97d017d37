-- name: preferences
SELECT id, property_id, status_type, notification_method, recipients, template_id
FROM public.status_notification_preferences
WHERE is_active AND property_id = ANY (CAST(:property_ids AS uuid[]))
