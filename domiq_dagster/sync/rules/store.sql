-- The rules, the properties that they are of, and what this installation has to read. Python knows no infinite times,
-- and one property's must not fail the answer about all.

-- name: due_properties
-- Connected properties with changes that the rules have not looked at, or could not. What was logged before the
-- property was connected is no news.
SELECT i.property_id, i.partition_key, i.time_zone, i.sync_direction,
       least(greatest(i.connected_at, '0002-01-01 UTC'), '9999-12-30 UTC') AS connected_at, p.name AS property_name
FROM domiq_sync.integration i
JOIN public.property p ON p.id = i.property_id
WHERE (CAST(:ids AS uuid[]) IS NULL OR i.property_id = ANY (CAST(:ids AS uuid[])))
  AND (EXISTS (SELECT FROM domiq_sync.change c
               WHERE c.property_id = i.property_id AND c.ruled_at IS NULL AND c.logged_at >= i.connected_at)
       OR EXISTS (SELECT FROM domiq_sync.trouble t WHERE t.property_id = i.property_id AND t.kind = 'ruling'))
ORDER BY i.partition_key

-- name: all_properties
SELECT i.property_id, i.partition_key, i.time_zone, i.sync_direction,
       least(greatest(i.connected_at, '0002-01-01 UTC'), '9999-12-30 UTC') AS connected_at, p.name AS property_name
FROM domiq_sync.integration i
JOIN public.property p ON p.id = i.property_id
WHERE (CAST(:ids AS uuid[]) IS NULL OR i.property_id = ANY (CAST(:ids AS uuid[])))
ORDER BY i.partition_key

-- name: rules
SELECT r.id, r.property_id, r.trigger_status, r.target_status, r.conditions, r.actions
FROM public.status_workflow_rules r
WHERE r.is_active AND r.property_id = :property_id
ORDER BY r.created_at, r.id

-- name: every_rule
-- All active rules, those of no property too.
SELECT r.id, r.property_id, r.trigger_status, r.target_status, r.conditions, r.actions
FROM public.status_workflow_rules r
WHERE r.is_active
ORDER BY r.property_id, r.created_at, r.id

-- name: meanings
-- DomIQ's words for a lead status; a property's own win.
SELECT m.domiq_status, m.lead_status FROM domiq_sync.domiq_status_map m
WHERE m.property_id = :property_id OR m.property_id IS NULL
ORDER BY m.property_id NULLS FIRST

-- name: columns
-- The columns of conversation, or of message, as they are here.
SELECT a.attname AS name, t.typname AS type, t.typcategory AS category
FROM pg_attribute a
JOIN pg_type y ON y.oid = a.atttypid
JOIN pg_type t ON t.oid = CASE WHEN y.typtype = 'd' THEN y.typbasetype ELSE y.oid END
WHERE a.attrelid = to_regclass(:table) AND a.attnum > 0 AND NOT a.attisdropped
