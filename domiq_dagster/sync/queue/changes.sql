-- The places of changes in the order in which they were logged.

-- name: unadopted
-- Rows of the log without a place (the trigger was off, or failed), in the order in which they were logged.
SELECT g.id FROM public.status_sync_log g
WHERE NOT EXISTS (SELECT FROM domiq_sync.change c WHERE c.change_id = g.id)
ORDER BY g.created_at, g.ctid  -- those of one transaction in the order in which it wrote them

-- name: undelivered
-- Pending outbound changes without a delivery.
SELECT g.id FROM public.status_sync_log g
JOIN domiq_sync.change c ON c.change_id = g.id
WHERE g.sync_status = 'pending' AND g.sync_direction = 'to_resman'
  AND NOT EXISTS (SELECT FROM domiq_sync.delivery d WHERE d.change_id = g.id)
ORDER BY c.seq

-- name: adopt
-- Gives changes their places and deliveries, in the order given.
SELECT domiq_sync.adopt_change(g.id, g.conversation_id, g.sync_direction, g.sync_status, g.old_status, g.new_status)
FROM (SELECT g.* FROM unnest(CAST(:change_ids AS uuid[])) WITH ORDINALITY AS given(id, place)
      JOIN public.status_sync_log g USING (id) ORDER BY given.place) AS g

-- name: log_as
-- Who logs what this transaction logs from here on, and gives a place.
SELECT set_config('domiq_sync.logging', :writer, true)

-- name: properties_of
SELECT c.property_id FROM domiq_sync.change c WHERE c.change_id = ANY (CAST(:change_ids AS uuid[]))

-- name: properties_by_log
-- Of rows of the log, placed or not, each with the property that its conversation leads to.
SELECT g.id, p.property_id
FROM public.status_sync_log g JOIN domiq_sync.conversation_property p USING (conversation_id)
WHERE g.id = ANY (CAST(:change_ids AS uuid[])) AND p.property_id IS NOT NULL

-- name: find_properties
-- Changes logged before their conversation led to a property.
WITH found AS (
    UPDATE domiq_sync.change c SET property_id = p.property_id
    FROM domiq_sync.conversation_property p
    WHERE c.property_id IS NULL AND p.conversation_id = c.conversation_id AND p.property_id IS NOT NULL
    RETURNING c.change_id, c.property_id
), moved AS (
    UPDATE domiq_sync.delivery d SET property_id = found.property_id
    FROM found WHERE d.change_id = found.change_id
)
SELECT property_id FROM found

-- name: no_news
-- What is logged first of a conversation from before its property was connected says where it stands, not that it
-- changed: no rule runs for it, and nobody is told.
UPDATE domiq_sync.change ch SET ruled_at = clock_timestamp(), notified_at = clock_timestamp()
FROM domiq_sync.integration i, public.conversation c
WHERE ch.change_id = ANY (CAST(:change_ids AS uuid[])) AND i.property_id = ch.property_id
  AND c.id = ch.conversation_id AND c.created_at < i.connected_at

-- name: no_rules_for_the_past
-- What ResMan had before the property was connected runs no rules when it is first heard of. People are told, since
-- DomIQ's own status changes with it.
UPDATE domiq_sync.change ch SET ruled_at = clock_timestamp()
FROM domiq_sync.integration i
JOIN domiq_sync.resman_lead r ON r.property_id = i.property_id AND r.prospect_id = :prospect_id
WHERE ch.change_id = :change_id AND i.property_id = :property_id AND r.last_modified < i.connected_at
