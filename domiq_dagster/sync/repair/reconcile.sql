-- name: unadopted_changes
-- Rows of the log without a place in the order of changes (the trigger was off, or failed), in the
-- order in which they were logged.
SELECT g.id FROM public.status_sync_log g
WHERE NOT EXISTS (SELECT FROM domiq_sync.change c WHERE c.change_id = g.id)
ORDER BY g.created_at, g.id

-- name: undelivered_changes
-- Pending outbound changes without a delivery.
SELECT g.id FROM public.status_sync_log g
JOIN domiq_sync.change c ON c.change_id = g.id
WHERE g.sync_status = 'pending' AND g.sync_direction = 'to_resman'
  AND NOT EXISTS (SELECT FROM domiq_sync.delivery d WHERE d.change_id = g.id)
ORDER BY c.seq

-- name: adopt
-- Gives changes their places and deliveries, in the order given.
SELECT domiq_sync.adopt_change(g.id, g.conversation_id, g.sync_direction, g.sync_status)
FROM (SELECT g.* FROM unnest(CAST(:ids AS uuid[])) WITH ORDINALITY AS given(id, place)
      JOIN public.status_sync_log g USING (id) ORDER BY given.place) AS g

-- name: properties_of
SELECT c.property_id FROM domiq_sync.change c WHERE c.change_id = ANY (CAST(:ids AS uuid[]))

-- name: expired_leases
-- What they held may have left: the next worker reads before it sends. Whoever is late finds the token gone.
UPDATE domiq_sync.delivery
SET state = 'unknown', lease_token = NULL, worker = NULL, last_outcome = 'lease_expired'
WHERE state = 'in_flight' AND next_attempt_at < (SELECT clock_timestamp()) RETURNING property_id

-- name: drop_idle_deliveries
-- Deliveries of changes that somebody settled by hand.
DELETE FROM domiq_sync.delivery d USING public.status_sync_log g
WHERE g.id = d.change_id AND d.state <> 'in_flight'
  AND (g.sync_status IS DISTINCT FROM 'pending' OR g.sync_direction IS DISTINCT FROM 'to_resman')
RETURNING d.property_id

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
FROM orphans WHERE g.id = orphans.change_id AND COALESCE(g.sync_status, '') = 'pending' RETURNING NULL AS property_id

-- name: place_properties
-- Changes logged before their conversation led to a property.
WITH placed AS (
    UPDATE domiq_sync.change c SET property_id = p.property_id
    FROM domiq_sync.conversation_property p
    WHERE c.property_id IS NULL AND p.conversation_id = c.conversation_id AND p.property_id IS NOT NULL
    RETURNING c.change_id, c.property_id
), moved AS (
    UPDATE domiq_sync.delivery d SET property_id = placed.property_id
    FROM placed WHERE d.change_id = placed.change_id
)
SELECT property_id FROM placed

-- name: uncaptured_conversations
-- Conversations whose lead status is not what the last change logged for them says: capture was off (a bulk
-- load, a restored backup), or they were there before the property was connected.
--   linked    with a change logged, since without one the pair that was agreed at linking explains it
--   unlinked  a lost or leased one has no lead to tell of it; of several of one person the newest speaks
SELECT c.id
FROM domiq_sync.conversation_property cp
JOIN public.conversation c ON c.id = cp.conversation_id
LEFT JOIN domiq_sync.lead_link l ON l.conversation_id = c.id
LEFT JOIN LATERAL (
    SELECT g.new_status FROM domiq_sync.change ch JOIN public.status_sync_log g ON g.id = ch.change_id
    WHERE ch.conversation_id = c.id ORDER BY ch.seq DESC LIMIT 1) AS last ON TRUE
WHERE cp.property_id = :property_id
  AND domiq_sync.lead_status(cp.property_id, c.status) IS NOT NULL
  AND c.status IS DISTINCT FROM last.new_status
  AND CASE WHEN l.conversation_id IS NOT NULL THEN l.is_current AND last.new_status IS NOT NULL
           ELSE domiq_sync.lead_status(cp.property_id, c.status) NOT IN ('lost', 'leased')
                AND EXISTS (SELECT FROM public."user" u
                            WHERE u.id = c.user_id AND (u.email IS NOT NULL OR u.phone IS NOT NULL))
                AND NOT EXISTS (SELECT FROM domiq_sync.conversation_property cp2
                                JOIN public.conversation newer ON newer.id = cp2.conversation_id
                                WHERE cp2.property_id = cp.property_id AND newer.user_id = c.user_id
                                  AND (newer.created_at, newer.id) > (c.created_at, c.id)
                                  AND domiq_sync.lead_status(cp2.property_id, newer.status) IS NOT NULL)
      END
ORDER BY c.created_at, c.id

-- name: lock_conversations
-- What the application is changing just now is left for the next sweep: waiting for it could deadlock.
SELECT c.id FROM public.conversation c WHERE c.id = ANY (CAST(:ids AS uuid[]))
FOR NO KEY UPDATE SKIP LOCKED

-- name: log_uncaptured
-- Looks again, since another sweep or the application may have logged it meanwhile.
INSERT INTO public.status_sync_log (conversation_id, resman_lead_id, old_status, new_status, status_reason,
                                    updated_by, sync_direction, sync_status)
SELECT c.id, l.prospect_id, last.new_status, c.status, 'found by reconciliation: no change was logged for it',
       'system', 'to_resman', 'pending'
FROM public.conversation c
LEFT JOIN domiq_sync.lead_link l ON l.conversation_id = c.id
LEFT JOIN LATERAL (
    SELECT g.new_status FROM domiq_sync.change ch JOIN public.status_sync_log g ON g.id = ch.change_id
    WHERE ch.conversation_id = c.id ORDER BY ch.seq DESC LIMIT 1) AS last ON TRUE
WHERE c.id = ANY (CAST(:ids AS uuid[])) AND c.status IS DISTINCT FROM last.new_status
ORDER BY c.created_at, c.id
RETURNING id, old_status

-- name: no_news
-- What is logged first of a conversation from before its property was connected says where it stands, not that it
-- changed: no rule runs for it, and nobody is told.
UPDATE domiq_sync.change ch SET ruled_at = clock_timestamp(), notified_at = clock_timestamp()
FROM domiq_sync.integration i, public.conversation c
WHERE ch.change_id = ANY (CAST(:ids AS uuid[])) AND i.property_id = ch.property_id
  AND c.id = ch.conversation_id AND c.created_at < i.connected_at

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

-- name: speak_for_leads
-- Leads for which no conversation speaks any more (the newest was deleted): the newest that is left does.
UPDATE domiq_sync.lead_link l SET is_current = TRUE
WHERE l.conversation_id IN (
    SELECT DISTINCT ON (k.property_id, k.prospect_id) k.conversation_id
    FROM domiq_sync.lead_link k JOIN public.conversation c ON c.id = k.conversation_id
    WHERE NOT k.is_current
      AND NOT EXISTS (SELECT FROM domiq_sync.lead_link m WHERE m.property_id = k.property_id
                      AND m.prospect_id = k.prospect_id AND m.is_current)
    ORDER BY k.property_id, k.prospect_id, c.created_at DESC, c.id DESC)
RETURNING l.property_id
