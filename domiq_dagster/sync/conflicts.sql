-- name: open_conflicts
SELECT k.id, i.partition_key, k.conversation_id, k.prospect_id, k.domiq_status, k.resman_status, k.opened_at
FROM domiq_sync.conflict k LEFT JOIN domiq_sync.integration i ON i.property_id = k.property_id
WHERE k.resolved_at IS NULL ORDER BY k.opened_at, k.id

-- name: lock_conflict
SELECT k.conversation_id, k.property_id, k.prospect_id, k.resman_status, c.status AS domiq_status,
       domiq_sync.lead_status(k.property_id, c.status) AS lead_status,
       (SELECT count(*) FROM domiq_sync.delivery d
        WHERE d.lane = k.conversation_id AND d.state IN ('in_flight', 'unknown')) AS under_way
FROM domiq_sync.conflict k JOIN public.conversation c ON c.id = k.conversation_id
WHERE k.conversation_id = :conversation_id AND k.resolved_at IS NULL
FOR UPDATE OF k, c

-- name: count_as_agreed
-- The side that is to lose counts as agreed, so that only the other one has moved.
UPDATE domiq_sync.lead_link
SET agreed_domiq_status = :domiq_status, agreed_resman_status = :resman_status, agreed_at = clock_timestamp()
WHERE conversation_id = :conversation_id

-- name: wake_lane
UPDATE domiq_sync.delivery SET next_attempt_at = clock_timestamp(), state = 'ready'
WHERE lane = :conversation_id AND state = 'waiting'
