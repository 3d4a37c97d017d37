-- What is stored of leads is erased.

-- name: erase_missing
DELETE FROM domiq_sync.missing_lead m
USING unnest(CAST(:properties AS uuid[]), CAST(:prospects AS text[])) AS v(property_id, prospect_id)
WHERE m.property_id = v.property_id AND m.prospect_id = v.prospect_id

-- name: erase_leads
DELETE FROM domiq_sync.resman_lead r
USING unnest(CAST(:properties AS uuid[]), CAST(:prospects AS text[])) AS v(property_id, prospect_id)
WHERE r.property_id = v.property_id AND r.prospect_id = v.prospect_id
RETURNING 1
