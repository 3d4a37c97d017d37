-- name: moved_leads
-- Current links whose pair differs from the pair last agreed, or that a conflict is open for, or whose open change was
-- held back for a decision: its status may be the agreed one again. A prospect that was read before we last touched it
-- is left for the next pull.
SELECT l.conversation_id, l.prospect_id, l.agreed_domiq_status, l.agreed_resman_status, l.agreed_at,
       c.status AS domiq_status, r.effective_status AS resman_status, r.lost_reason,
       l.agreed_at IS NULL AND c.created_at > r.last_modified AS domiq_is_newer,
       EXISTS (SELECT FROM domiq_sync.conflict k
               WHERE k.conversation_id = l.conversation_id AND k.resolved_at IS NULL) AS in_conflict,
       EXISTS (SELECT FROM domiq_sync.delivery d WHERE d.lane = l.conversation_id) AS open_outbound,
       EXISTS (SELECT FROM domiq_sync.delivery d
               WHERE d.lane = l.conversation_id AND d.state IN ('in_flight', 'unknown')) AS under_way,
       COALESCE((SELECT g.sync_status = 'failed' AND g.sync_direction = 'to_resman' AND g.new_status = c.status
                 FROM domiq_sync.change ch JOIN public.status_sync_log g ON g.id = ch.change_id
                 WHERE ch.conversation_id = l.conversation_id ORDER BY ch.seq DESC LIMIT 1), FALSE) AS push_failed
FROM domiq_sync.lead_link l
JOIN domiq_sync.resman_lead r ON r.property_id = l.property_id AND r.prospect_id = l.prospect_id
JOIN public.conversation c ON c.id = l.conversation_id
WHERE l.property_id = :property_id AND l.is_current
  -- Where nothing was agreed, who is newer decides: a lead that no pull has dated yet waits for one, and one that
  -- our own posts may have dated (for another conversation) waits for the open change, which reads its events.
  AND (CAST(:undated AS boolean) OR l.agreed_at IS NOT NULL
       OR (r.last_modified IS NOT NULL
           AND (NOT :outbound OR r.touched_at IS NULL
                OR NOT EXISTS (SELECT FROM domiq_sync.delivery d WHERE d.lane = l.conversation_id))))
  AND (l.agreed_domiq_status IS DISTINCT FROM c.status
       OR l.agreed_resman_status IS DISTINCT FROM r.effective_status
       OR EXISTS (SELECT FROM domiq_sync.conflict k
                  WHERE k.conversation_id = l.conversation_id AND k.resolved_at IS NULL)
       OR l.conversation_id IN (SELECT d.lane FROM domiq_sync.delivery d
                                WHERE d.property_id = :property_id
                                  AND d.last_outcome IN ('conflict', 'resman_moved')))
ORDER BY l.conversation_id

-- name: moved_lead
-- The same of one conversation: a plan that serves both would read the whole property's links.
SELECT l.conversation_id, l.prospect_id, l.agreed_domiq_status, l.agreed_resman_status, l.agreed_at,
       c.status AS domiq_status, r.effective_status AS resman_status, r.lost_reason,
       l.agreed_at IS NULL AND c.created_at > r.last_modified AS domiq_is_newer,
       EXISTS (SELECT FROM domiq_sync.conflict k
               WHERE k.conversation_id = l.conversation_id AND k.resolved_at IS NULL) AS in_conflict,
       EXISTS (SELECT FROM domiq_sync.delivery d WHERE d.lane = l.conversation_id) AS open_outbound,
       EXISTS (SELECT FROM domiq_sync.delivery d
               WHERE d.lane = l.conversation_id AND d.state IN ('in_flight', 'unknown')) AS under_way,
       COALESCE((SELECT g.sync_status = 'failed' AND g.sync_direction = 'to_resman' AND g.new_status = c.status
                 FROM domiq_sync.change ch JOIN public.status_sync_log g ON g.id = ch.change_id
                 WHERE ch.conversation_id = l.conversation_id ORDER BY ch.seq DESC LIMIT 1), FALSE) AS push_failed
FROM domiq_sync.lead_link l
JOIN domiq_sync.resman_lead r ON r.property_id = l.property_id AND r.prospect_id = l.prospect_id
JOIN public.conversation c ON c.id = l.conversation_id
WHERE l.conversation_id = :conversation_id AND l.property_id = :property_id AND l.is_current
  AND (CAST(:undated AS boolean) OR l.agreed_at IS NOT NULL
       OR (r.last_modified IS NOT NULL
           AND (NOT :outbound OR r.touched_at IS NULL
                OR NOT EXISTS (SELECT FROM domiq_sync.delivery d WHERE d.lane = l.conversation_id))))
  AND (l.agreed_domiq_status IS DISTINCT FROM c.status
       OR l.agreed_resman_status IS DISTINCT FROM r.effective_status
       OR EXISTS (SELECT FROM domiq_sync.conflict k
                  WHERE k.conversation_id = l.conversation_id AND k.resolved_at IS NULL)
       OR EXISTS (SELECT FROM domiq_sync.delivery d
                  WHERE d.lane = l.conversation_id AND d.last_outcome IN ('conflict', 'resman_moved')))

-- name: mark_origin
-- The capture trigger sees this and does not send the change back.
SELECT set_config('domiq_sync.origin', 'resman', true)

-- name: unmark_origin
SELECT set_config('domiq_sync.origin', '', true)

-- name: lock_conversation
SELECT c.status AS domiq_status,
       (SELECT count(*) FROM domiq_sync.delivery d
        WHERE d.lane = c.id AND d.state IN ('in_flight', 'unknown')) AS under_way
FROM public.conversation c WHERE c.id = :conversation_id FOR UPDATE

-- name: lock_lane
SELECT d.change_id FROM domiq_sync.delivery d WHERE d.lane = :conversation_id ORDER BY d.seq FOR UPDATE

-- name: set_status
UPDATE public.conversation SET status = :new_status WHERE id = :conversation_id RETURNING status

-- name: log_inbound
INSERT INTO public.status_sync_log (conversation_id, resman_lead_id, old_status, new_status, status_reason,
                                    updated_by, sync_direction, sync_status, context_data)
SELECT :conversation_id, :prospect_id, chain.old_status, :new_status, :status_reason,
       'resman_user', 'from_resman', 'success', CAST(:context AS jsonb)
FROM domiq_sync.close_chain(:conversation_id, :property_id, :domiq_status, :how) AS chain(old_status)
RETURNING id

-- name: no_rules_for_the_past
-- What ResMan had before the property was connected runs no rules when it is first heard of. People are told, since
-- DomIQ's own status changes with it.
UPDATE domiq_sync.change ch SET ruled_at = clock_timestamp()
FROM domiq_sync.integration i
JOIN domiq_sync.resman_lead r ON r.property_id = i.property_id AND r.prospect_id = :prospect_id
WHERE ch.change_id = :change_id AND i.property_id = :property_id AND r.last_modified < i.connected_at

-- name: supersede_open
-- The losing changes of a conversation, none of them under way.
WITH beaten AS (
    DELETE FROM domiq_sync.delivery
    WHERE lane = :conversation_id AND state IN ('ready', 'waiting') RETURNING change_id
)
UPDATE public.status_sync_log g
SET sync_status = 'success', resman_lead_id = COALESCE(g.resman_lead_id, :prospect_id),
    context_data = CASE WHEN jsonb_typeof(g.context_data) = 'object' THEN g.context_data
                        WHEN g.context_data IS NULL THEN '{}'::jsonb
                        ELSE jsonb_build_object('original', g.context_data) END
                   || jsonb_build_object('sync', CAST(:explanation AS jsonb))
FROM beaten
-- COALESCE, as in queue.sql: not to be looked up by status, which reads the whole backlog
WHERE g.id = beaten.change_id AND COALESCE(g.sync_status, '') = 'pending'

-- name: agree
UPDATE domiq_sync.lead_link
SET agreed_domiq_status = :domiq_status, agreed_resman_status = :resman_status, agreed_at = clock_timestamp()
WHERE conversation_id = :conversation_id

-- name: log_outbound
-- It goes on from the last change that was logged, if there was any.
INSERT INTO public.status_sync_log (conversation_id, resman_lead_id, old_status, new_status, status_reason,
                                    updated_by, sync_direction, sync_status)
VALUES (:conversation_id, :prospect_id,
        COALESCE((SELECT g.new_status FROM domiq_sync.change ch JOIN public.status_sync_log g ON g.id = ch.change_id
                  WHERE ch.conversation_id = :conversation_id ORDER BY ch.seq DESC LIMIT 1), :agreed_domiq_status),
        :domiq_status, :status_reason, 'system', 'to_resman', 'pending')
RETURNING id, old_status

-- name: open_conflict
-- Or tells an open one what it is about now.
INSERT INTO domiq_sync.conflict AS open (property_id, conversation_id, prospect_id, domiq_status, resman_status)
VALUES (:property_id, :conversation_id, :prospect_id, :domiq_status, :resman_status)
ON CONFLICT (conversation_id) WHERE resolved_at IS NULL DO UPDATE SET
    prospect_id = EXCLUDED.prospect_id,
    domiq_status = EXCLUDED.domiq_status, resman_status = EXCLUDED.resman_status
WHERE (open.prospect_id, open.domiq_status, open.resman_status)
      IS DISTINCT FROM (EXCLUDED.prospect_id, EXCLUDED.domiq_status, EXCLUDED.resman_status)

-- name: close_conflict
UPDATE domiq_sync.conflict
SET resolved_at = clock_timestamp(), resolution = :resolution, resolved_by = CAST(:by AS text)
WHERE conversation_id = :conversation_id AND resolved_at IS NULL

-- name: wake_lane
UPDATE domiq_sync.delivery SET next_attempt_at = clock_timestamp(), state = 'ready'
WHERE lane = :conversation_id AND state = 'waiting' AND last_outcome = 'conflict'

-- name: agree_many
UPDATE domiq_sync.lead_link l
SET agreed_domiq_status = v.domiq, agreed_resman_status = v.resman, agreed_at = clock_timestamp()
FROM unnest(CAST(:ids AS uuid[]), CAST(:domiq AS text[]), CAST(:resman AS text[])) AS v(id, domiq, resman)
JOIN public.conversation c ON c.id = v.id
WHERE l.conversation_id = v.id AND c.status = v.domiq
  AND NOT EXISTS (SELECT FROM domiq_sync.delivery d WHERE d.lane = v.id)

-- name: close_agreed_conflicts
UPDATE domiq_sync.conflict SET resolved_at = clock_timestamp(), resolution = 'both sides agree again'
WHERE conversation_id = ANY (CAST(:ids AS uuid[])) AND resolved_at IS NULL
