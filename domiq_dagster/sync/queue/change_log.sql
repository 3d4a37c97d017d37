-- Rows of the log of changes that the machinery itself writes.

-- name: log_inbound
INSERT INTO public.status_sync_log (conversation_id, resman_lead_id, old_status, new_status, status_reason,
                                    updated_by, sync_direction, sync_status, context_data)
SELECT :conversation_id, :prospect_id, chain.old_status, :new_status, :status_reason,
       'resman_user', 'from_resman', 'success', CAST(:context AS jsonb)
FROM domiq_sync.close_chain(:conversation_id, :property_id, :domiq_status, :how) AS chain(old_status)
RETURNING id

-- name: log_outbound
-- It goes on from the last change that was logged, if there was any.
INSERT INTO public.status_sync_log (conversation_id, resman_lead_id, old_status, new_status, status_reason,
                                    updated_by, sync_direction, sync_status)
VALUES (:conversation_id, :prospect_id,
        COALESCE((SELECT last.new_status FROM domiq_sync.last_change(:conversation_id) AS last),
                 :agreed_domiq_status),
        :domiq_status, :status_reason, 'system', 'to_resman', 'pending')
RETURNING id, old_status

-- name: log_uncaptured
-- Looks again, since another sweep or the application may have logged it meanwhile.
INSERT INTO public.status_sync_log (conversation_id, resman_lead_id, old_status, new_status, status_reason,
                                    updated_by, sync_direction, sync_status)
SELECT c.id, l.prospect_id, last.new_status, c.status::text, 'found by reconciliation: no change was logged for it',
       'system', 'to_resman', 'pending'
FROM public.conversation c
LEFT JOIN domiq_sync.lead_link l ON l.conversation_id = c.id
LEFT JOIN LATERAL domiq_sync.last_change(c.id) AS last ON TRUE
WHERE c.id = ANY (CAST(:ids AS uuid[])) AND c.status::text IS DISTINCT FROM last.new_status
  AND c.status::text IS DISTINCT FROM domiq_sync.newest_logged_status(c.id)
ORDER BY c.created_at, c.id
RETURNING id, old_status

-- name: log_uncaptured_tours
-- The same of tours that moved while the status stayed.
INSERT INTO public.status_sync_log (conversation_id, resman_lead_id, old_status, new_status, status_reason,
                                    updated_by, sync_direction, sync_status, context_data)
SELECT u.conversation_id, l.prospect_id, u.status, u.status,
       domiq_sync.tour_reason(u.was, u.is_now) || '; found by reconciliation: no change was logged for it',
       'system', 'to_resman', 'pending', jsonb_build_object('tour', jsonb_build_object('was', u.was, 'is', u.is_now))
FROM domiq_sync.uncaptured_tours(:property_id) AS u
LEFT JOIN domiq_sync.lead_link l ON l.conversation_id = u.conversation_id
WHERE u.conversation_id = ANY (CAST(:ids AS uuid[]))
ORDER BY u.began_at, u.conversation_id
RETURNING id, old_status

-- name: put_back
-- The replay itself goes on record: when, by whom, chosen how, and what it had failed of, which is no longer
-- how it ended. after_attempt: the last step that was tried before.
UPDATE public.status_sync_log g
SET sync_status = 'pending',
    context_data = (
        SELECT (kept.context - 'sync') || jsonb_build_object('retries',
            COALESCE(kept.context -> 'retries', '[]'::jsonb) || jsonb_build_array(
                CAST(:record AS jsonb) || jsonb_build_object(
                    'at', clock_timestamp(), 'after', kept.context -> 'sync',
                    'after_attempt', (SELECT max(a.id) FROM domiq_sync.attempt a WHERE a.change_id = g.id))))
        FROM (SELECT domiq_sync.context_object(g.context_data) AS context) AS kept)
WHERE g.id = ANY (CAST(:ids AS uuid[])) AND g.sync_status = 'failed'
RETURNING g.id
