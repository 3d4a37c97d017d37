-- name: changes_of
-- The changes that an id means: a change, a conversation, or a ResMan lead.
SELECT c.change_id, c.seq, c.conversation_id, i.partition_key, g.created_at, g.updated_by, g.sync_direction,
       g.sync_status, g.old_status, g.new_status, g.status_reason, g.resman_lead_id, g.context_data,
       d.state AS delivery_state, d.attempts, d.next_attempt_at, d.last_outcome
FROM domiq_sync.change c
JOIN public.status_sync_log g ON g.id = c.change_id
LEFT JOIN domiq_sync.integration i ON i.property_id = c.property_id
LEFT JOIN domiq_sync.delivery d ON d.change_id = c.change_id
WHERE c.change_id = CAST(:uuid AS uuid) OR c.conversation_id = CAST(:uuid AS uuid)
   OR c.conversation_id IN (SELECT l.conversation_id FROM domiq_sync.lead_link l WHERE l.prospect_id = :text)
ORDER BY c.seq

-- name: attempts_of
SELECT change_id, lease_token, worker, action, outcome, detail, started_at, duration_ms
FROM domiq_sync.attempt WHERE change_id = ANY (CAST(:change_ids AS uuid[])) ORDER BY id
