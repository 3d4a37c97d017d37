-- Deciding about linked leads whose pair of statuses moved, and writing DomIQ's side.

-- name: moved_leads
-- Those of a property whose pair differs from the pair last agreed, or that a conflict is open for, or whose open
-- change was held back for a decision: its status may be the agreed one again. A lead that nobody can date is left for
-- the next pull, unless the caller can (:undated).
SELECT l.conversation_id, l.property_id, l.prospect_id, l.agreed_domiq_status, l.agreed_resman_status, l.agreed_at,
       l.domiq_status, l.resman_status, l.lost_reason, l.domiq_is_newer, l.in_conflict, l.open_outbound, l.under_way,
       l.push_failed
FROM domiq_sync.linked_leads() AS l
WHERE l.property_id = :property_id AND l.has_moved
  AND NOT domiq_sync.awaits_move(l.conversation_id, l.domiq_status)
  AND (CAST(:undated AS boolean) OR (l.is_dated AND NOT (CAST(:outbound AS boolean) AND l.dated_by_us)))
ORDER BY l.conversation_id

-- name: moved_lead
-- The same of one conversation: a plan that serves both would read the whole property's links.
SELECT l.conversation_id, l.property_id, l.prospect_id, l.agreed_domiq_status, l.agreed_resman_status, l.agreed_at,
       l.domiq_status, l.resman_status, l.lost_reason, l.domiq_is_newer, l.in_conflict, l.open_outbound, l.under_way,
       l.push_failed
FROM domiq_sync.linked_leads() AS l
WHERE l.conversation_id = :conversation_id AND l.property_id = :property_id AND l.has_moved
  AND NOT domiq_sync.awaits_move(l.conversation_id, l.domiq_status)
  AND (CAST(:undated AS boolean) OR (l.is_dated AND NOT (CAST(:outbound AS boolean) AND l.dated_by_us)))

-- name: lock_conversation
-- Nothing where the property was switched off since it was loaded as one that is on. :off: it was off then, and a
-- person decides all the same.
SELECT c.id FROM public.conversation c
WHERE c.id = :conversation_id
  AND (CAST(:off AS boolean)
       OR EXISTS (SELECT FROM domiq_sync.integration i WHERE i.property_id = :property_id AND i.sync_enabled))
FOR UPDATE

-- name: mark_origin
-- The capture trigger sees this and does not send the change back.
SELECT set_config('domiq_sync.origin', 'resman', true)

-- name: unmark_origin
SELECT set_config('domiq_sync.origin', '', true)

-- name: set_status
UPDATE public.conversation SET status = :new_status WHERE id = :conversation_id RETURNING status
