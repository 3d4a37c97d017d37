-- name: property_of_conflict
SELECT property_id FROM domiq_sync.conflict WHERE conversation_id = :conversation_id AND resolved_at IS NULL

-- name: property_of_change
SELECT property_id FROM domiq_sync.change WHERE change_id = :change_id

-- name: lock_conflict
-- The conversation before its conflict, as by whoever decides about a lead. shown_*: what the conflict says.
SELECT k.conversation_id, k.property_id, k.prospect_id, c.status AS domiq_status,
       r.effective_status AS resman_status, k.domiq_status AS shown_domiq_status,
       k.resman_status AS shown_resman_status,
       domiq_sync.lead_status(k.property_id, c.status::text) AS lead_status
FROM public.conversation c
JOIN domiq_sync.conflict k ON k.conversation_id = c.id AND k.resolved_at IS NULL
LEFT JOIN domiq_sync.resman_lead r ON r.property_id = k.property_id AND r.prospect_id = k.prospect_id
WHERE c.id = :conversation_id
FOR UPDATE OF c, k
