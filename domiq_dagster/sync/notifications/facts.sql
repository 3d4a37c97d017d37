-- name: change_facts
-- What there is to say about changes. Rows of DomIQ's own are read whole, since an installation may lack a
-- column.
SELECT c.change_id, g.conversation_id, p.name AS property_name, to_jsonb(p) AS property,
       g.old_status, g.new_status, g.status_reason, g.updated_by, g.sync_direction, g.context_data, c.logged_at,
       domiq_sync.lead_status(c.property_id, g.new_status) AS lead_status, i.time_zone,
       COALESCE(i.tour_times, 'local') AS tour_times,
       to_jsonb(u) AS person, to_jsonb(v) AS conversation
FROM domiq_sync.change c
JOIN public.status_sync_log g ON g.id = c.change_id
LEFT JOIN public.property p ON p.id = c.property_id
LEFT JOIN domiq_sync.integration i ON i.property_id = c.property_id
LEFT JOIN public.conversation v ON v.id = g.conversation_id
LEFT JOIN public."user" u ON u.id = v.user_id
WHERE c.change_id = ANY (CAST(:change_ids AS uuid[]))
