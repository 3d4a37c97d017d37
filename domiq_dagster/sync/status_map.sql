-- Both maps for one property: its own rows after the shipped ones, so that they win.

-- name: domiq_meanings
SELECT m.property_id, m.domiq_status, m.lead_status, m.event_type FROM domiq_sync.domiq_status_map m
WHERE m.property_id = :property_id OR m.property_id IS NULL ORDER BY m.property_id NULLS FIRST

-- name: resman_meanings
SELECT m.property_id, m.resman_status, m.covers, m.sets FROM domiq_sync.resman_status_map m
WHERE m.property_id = :property_id OR m.property_id IS NULL ORDER BY m.property_id NULLS FIRST
