-- What workflow rules claim of logged changes, and what they write to them.

-- name: claim_conversations
-- The conversations whose oldest change is free: whoever holds that one has the conversation, so that its
-- changes are taken in order whatever the number of workers. What was logged for it at another property is
-- that property's.
SELECT n.conversation_id
FROM domiq_sync.change n
WHERE n.property_id = :property_id AND n.ruled_at IS NULL AND n.logged_at >= :connected_at
  AND n.conversation_id <> ALL (CAST(:skipped AS uuid[]))
  -- Looked up by the conversation alone, whatever the statistics say: by an index of what is not ruled it would be the
  -- property's whole backlog, once for each.
  AND NOT EXISTS (SELECT FROM (SELECT * FROM domiq_sync.change o
                               WHERE o.conversation_id = n.conversation_id AND o.seq < n.seq OFFSET 0) AS e
                  WHERE e.property_id = n.property_id AND e.ruled_at IS NULL AND e.logged_at >= :connected_at)
ORDER BY n.logged_at, n.seq LIMIT :most
FOR UPDATE OF n SKIP LOCKED

-- name: captured_move
-- The change that the capture trigger logged for a move.
SELECT c.change_id FROM domiq_sync.change c JOIN public.status_sync_log g ON g.id = c.change_id
WHERE c.conversation_id = :conversation_id AND c.seq > :last_seq
  AND g.updated_by = 'system' AND g.new_status = :status AND g.old_status IS NOT DISTINCT FROM :moved_from
ORDER BY c.seq LIMIT 1

-- name: log_move
-- Where there is no capture trigger, or it failed. As there, the old status continues the chain.
INSERT INTO public.status_sync_log (conversation_id, resman_lead_id, old_status, new_status,
                                    updated_by, sync_direction, sync_status)
SELECT :conversation_id,
       (SELECT l.prospect_id FROM domiq_sync.lead_link l WHERE l.conversation_id = :conversation_id),
       chain.old_status, :status, 'system', 'to_resman', 'pending'
FROM domiq_sync.close_chain(:conversation_id, :property_id, :moved_from,
                            'found when a rule moved the lead') AS chain(old_status)
RETURNING id

-- name: adopt_move
SELECT domiq_sync.adopt_change(:change_id, :conversation_id, 'to_resman', 'pending', NULL, :status)

-- name: link_move
WITH linked AS (
    UPDATE domiq_sync.change SET caused_by = :caused_by, cause_rule_id = :rule_id, chain_depth = :depth
    WHERE change_id = :change_id RETURNING change_id
)
UPDATE public.status_sync_log g
SET context_data = domiq_sync.context_object(g.context_data) || jsonb_build_object('workflow_rule', jsonb_build_object(
        'rule_id', CAST(:rule_id AS text), 'after_change', CAST(:caused_by AS text)))
FROM linked WHERE g.id = linked.change_id

-- name: mark_ruled
UPDATE domiq_sync.change c
SET ruled_at = clock_timestamp(), caused_by = COALESCE(c.caused_by, v.caused_by), chain_depth = v.depth
FROM unnest(CAST(:ids AS uuid[]), CAST(:causes AS uuid[]), CAST(:depths AS int[])) AS v(id, caused_by, depth)
WHERE c.change_id = v.id
