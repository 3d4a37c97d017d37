-- Conflicts: pairs of statuses that a person decides about. A conversation has one open at most.

-- name: open
-- Or tells an open one what it is about now.
INSERT INTO domiq_sync.conflict AS open (property_id, conversation_id, prospect_id, domiq_status, resman_status)
VALUES (:property_id, :conversation_id, :prospect_id, :domiq_status, :resman_status)
ON CONFLICT (conversation_id) WHERE resolved_at IS NULL DO UPDATE SET
    prospect_id = EXCLUDED.prospect_id,
    domiq_status = EXCLUDED.domiq_status, resman_status = EXCLUDED.resman_status
WHERE (open.prospect_id, open.domiq_status, open.resman_status)
      IS DISTINCT FROM (EXCLUDED.prospect_id, EXCLUDED.domiq_status, EXCLUDED.resman_status)

-- name: close
UPDATE domiq_sync.conflict
SET resolved_at = clock_timestamp(), resolution = :resolution, resolved_by = CAST(:by AS text)
WHERE conversation_id = ANY (CAST(:conversation_ids AS uuid[])) AND resolved_at IS NULL
RETURNING conversation_id

-- name: listed
SELECT k.id, i.partition_key, k.conversation_id, k.prospect_id, k.domiq_status, k.resman_status, k.opened_at
FROM domiq_sync.conflict k LEFT JOIN domiq_sync.integration i ON i.property_id = k.property_id
WHERE k.resolved_at IS NULL ORDER BY k.opened_at, k.id

-- name: erase
DELETE FROM domiq_sync.conflict
WHERE conversation_id = ANY (CAST(:conversations AS uuid[])) AND (resolved_at IS NOT NULL OR :open_too) RETURNING 1

-- name: count_open
SELECT count(*) FROM domiq_sync.conflict
WHERE conversation_id = ANY (CAST(:conversations AS uuid[])) AND resolved_at IS NULL
