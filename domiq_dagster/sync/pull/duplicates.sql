-- name: linked
SELECT l.prospect_id, count(*) AS conversations FROM domiq_sync.lead_link l
WHERE l.property_id = :property_id AND l.prospect_id = ANY (CAST(:prospect_ids AS text[])) GROUP BY 1
