-- Who asked for the weekly report, and the pages that go to them.

-- name: preferences
-- Whom a connected property wants to have it. Nobody, unless somebody writes such a row.
SELECT f.id, f.property_id, i.partition_key, COALESCE(f.notification_method, 'in_app') AS channel, f.recipients
FROM public.status_notification_preferences f
JOIN domiq_sync.integration i ON i.property_id = f.property_id
WHERE f.is_active AND f.status_type = 'sync_report' ORDER BY f.created_at, f.id

-- name: keep_page
INSERT INTO domiq_sync.report_page (id, file_name, html) VALUES (:id, :file_name, :html)

-- name: forget_pages
DELETE FROM domiq_sync.report_page WHERE made_at < clock_timestamp() - interval '30 days'
