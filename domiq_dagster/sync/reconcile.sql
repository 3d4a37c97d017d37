-- name: unadopted_changes
-- Rows of the log without a place in the order of changes (the trigger was off, or failed), in the
-- order in which they were logged.
SELECT g.id, g.conversation_id, g.sync_direction, g.sync_status
FROM public.status_sync_log g
WHERE NOT EXISTS (SELECT FROM domiq_sync.change c WHERE c.change_id = g.id)
ORDER BY g.created_at, g.id

-- name: undelivered_changes
-- Pending outbound changes without a delivery.
SELECT g.id, g.conversation_id, g.sync_direction, g.sync_status
FROM public.status_sync_log g
JOIN domiq_sync.change c ON c.change_id = g.id
WHERE g.sync_status = 'pending' AND g.sync_direction = 'to_resman'
  AND NOT EXISTS (SELECT FROM domiq_sync.delivery d WHERE d.change_id = g.id)
ORDER BY c.seq

-- name: adopt
SELECT domiq_sync.adopt_change(:id, :conversation_id, :sync_direction, :sync_status)

-- name: drop_idle_deliveries
-- Deliveries of changes that somebody settled by hand.
DELETE FROM domiq_sync.delivery d USING public.status_sync_log g
WHERE g.id = d.change_id AND d.state <> 'in_flight'
  AND (g.sync_status IS DISTINCT FROM 'pending' OR g.sync_direction IS DISTINCT FROM 'to_resman')

-- name: fail_orphans
-- Pending outbound changes that name no conversation: no property, so no worker, would ever claim them.
WITH orphans AS (
    DELETE FROM domiq_sync.delivery d USING public.status_sync_log g
    WHERE g.id = d.change_id AND g.conversation_id IS NULL AND d.state <> 'in_flight' RETURNING d.change_id
)
UPDATE public.status_sync_log g
SET sync_status = 'failed',
    context_data = CASE WHEN jsonb_typeof(g.context_data) = 'object' THEN g.context_data
                        WHEN g.context_data IS NULL THEN '{}'::jsonb
                        ELSE jsonb_build_object('original', g.context_data) END
                   || jsonb_build_object('sync', jsonb_build_object(
                        'outcome', 'no_conversation',
                        'reason', 'the change names no conversation, so no lead either'))
FROM orphans WHERE g.id = orphans.change_id AND g.sync_status = 'pending'

-- name: place_properties
-- Changes logged before their conversation led to a property.
WITH placed AS (
    UPDATE domiq_sync.change c SET property_id = p.property_id
    FROM domiq_sync.conversation_property p
    WHERE c.property_id IS NULL AND p.conversation_id = c.conversation_id AND p.property_id IS NOT NULL
    RETURNING c.change_id, c.property_id
)
UPDATE domiq_sync.delivery d SET property_id = placed.property_id
FROM placed WHERE d.change_id = placed.change_id

-- name: uncaptured_conversations
-- Unlinked conversations whose lead status is not what the last change logged for them says: capture
-- was off, or they were there before the property was connected. A lost or leased one without a lead
-- has nothing to tell. Linked ones are found by deciding about them.
SELECT c.id AS conversation_id, c.status AS new_status, last.new_status AS old_status
FROM domiq_sync.conversation_property cp
JOIN public.conversation c ON c.id = cp.conversation_id
JOIN public."user" u ON u.id = c.user_id
LEFT JOIN LATERAL (
    SELECT g.new_status FROM domiq_sync.change ch JOIN public.status_sync_log g ON g.id = ch.change_id
    WHERE ch.conversation_id = c.id ORDER BY ch.seq DESC LIMIT 1) AS last ON TRUE
WHERE cp.property_id = :property_id
  AND domiq_sync.lead_status(cp.property_id, c.status) NOT IN ('lost', 'leased')
  AND (u.email IS NOT NULL OR u.phone IS NOT NULL)
  AND c.status IS DISTINCT FROM last.new_status
  AND NOT EXISTS (SELECT FROM domiq_sync.lead_link l WHERE l.conversation_id = c.id)
  AND NOT EXISTS (SELECT FROM domiq_sync.conversation_property cp2
                  JOIN public.conversation newer ON newer.id = cp2.conversation_id
                  WHERE cp2.property_id = cp.property_id AND newer.user_id = c.user_id
                    AND (newer.created_at, newer.id) > (c.created_at, c.id)
                    AND domiq_sync.lead_status(cp2.property_id, newer.status) IS NOT NULL)
ORDER BY c.created_at, c.id

-- name: log_uncaptured
INSERT INTO public.status_sync_log (conversation_id, old_status, new_status, status_reason, updated_by,
                                    sync_direction, sync_status)
SELECT c.id, CAST(:old_status AS varchar), c.status, 'found by reconciliation: no change was logged for it',
       'system', 'to_resman', 'pending'
FROM public.conversation c WHERE c.id = :conversation_id AND c.status = :new_status

-- name: expired_leases
SELECT count(*) FROM domiq_sync.delivery WHERE state = 'in_flight' AND next_attempt_at < clock_timestamp()

-- name: unknown_outcomes
SELECT count(*) FROM domiq_sync.delivery WHERE state = 'unknown'

-- name: incomplete_rows
-- Rows that the application logged without a status or a direction, or pending ones from ResMan: legal,
-- but nobody can act on them.
SELECT count(*) FROM public.status_sync_log
WHERE sync_status IS NULL OR sync_direction IS NULL
   OR (sync_status = 'pending' AND sync_direction = 'from_resman')

-- name: retry_failed
-- Failed outbound changes back to pending, the replay itself on record.
UPDATE public.status_sync_log g
SET sync_status = 'pending',
    context_data = CASE WHEN jsonb_typeof(g.context_data) = 'object' THEN g.context_data ELSE '{}'::jsonb END
        || jsonb_build_object('retries', COALESCE(g.context_data -> 'retries', '[]'::jsonb)
            || jsonb_build_array(jsonb_build_object('at', clock_timestamp(),
                                                    'after', g.context_data -> 'sync')))
FROM domiq_sync.change c
WHERE c.change_id = g.id AND g.sync_status = 'failed' AND g.sync_direction = 'to_resman'
  AND (CAST(:property_id AS uuid) IS NULL OR c.property_id = :property_id)
  AND (CAST(:since AS timestamptz) IS NULL OR c.logged_at >= :since)
  AND (CAST(:reason AS text) IS NULL OR g.context_data #>> '{sync,outcome}' = :reason)
  AND NOT EXISTS (SELECT FROM domiq_sync.change later
                  JOIN public.status_sync_log l ON l.id = later.change_id
                  WHERE later.conversation_id = c.conversation_id AND later.seq > c.seq
                    AND l.sync_status = 'success')
RETURNING g.id, g.conversation_id, g.sync_direction, g.sync_status
