-- What a sweep finds beside the queue's own upkeep.

-- name: uncaptured_conversations
SELECT u.conversation_id FROM domiq_sync.uncaptured_conversations(:property_id) AS u
ORDER BY u.began_at, u.conversation_id

-- name: uncaptured_tours
SELECT u.conversation_id FROM domiq_sync.uncaptured_tours(:property_id) AS u
ORDER BY u.began_at, u.conversation_id

-- name: lock_conversations
-- What the application is changing just now is left for the next sweep: waiting for it could deadlock.
SELECT c.id FROM public.conversation c WHERE c.id = ANY (CAST(:ids AS uuid[]))
FOR NO KEY UPDATE SKIP LOCKED

-- name: unknown_outcomes
SELECT property_id FROM domiq_sync.delivery WHERE state = 'unknown'

-- name: unplaced_changes
-- Pending changes whose conversation leads to no property: no worker claims them.
SELECT property_id FROM domiq_sync.delivery WHERE property_id IS NULL

-- name: incomplete_rows
-- Rows that the application logged without a status or a direction, or pending ones from ResMan: legal,
-- but nobody can act on them.
SELECT c.property_id FROM public.status_sync_log g LEFT JOIN domiq_sync.change c ON c.change_id = g.id
WHERE g.sync_status IS NULL OR g.sync_direction IS NULL
   OR (g.sync_status = 'pending' AND g.sync_direction = 'from_resman')
