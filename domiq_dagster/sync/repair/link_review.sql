-- name: lock_conversation
-- A conversation that a person decides about, with the lead it has and what is known of the one that is meant.
SELECT c.id AS conversation_id, c.user_id, cp.property_id, l.prospect_id AS linked_with,
       r.prospect_id IS NOT NULL AS is_known, r.person_id
FROM public.conversation c
JOIN domiq_sync.conversation_property cp ON cp.conversation_id = c.id
LEFT JOIN domiq_sync.lead_link l ON l.conversation_id = c.id
LEFT JOIN domiq_sync.resman_lead r ON r.property_id = cp.property_id AND r.prospect_id = :prospect_id
WHERE c.id = :conversation_id
FOR UPDATE OF c
