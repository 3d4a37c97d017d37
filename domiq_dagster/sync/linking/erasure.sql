-- What is on record of whom conversations belong to is erased.

-- name: leads_of
SELECT l.property_id, l.prospect_id FROM domiq_sync.lead_link l
WHERE l.conversation_id = ANY (CAST(:conversations AS uuid[]))
UNION
SELECT c.property_id, c.prospect_id FROM domiq_sync.closed_link c
WHERE c.conversation_id = ANY (CAST(:conversations AS uuid[]))

-- name: only_theirs
-- Of these leads, those with which no conversation is linked.
SELECT v.property_id, v.prospect_id
FROM unnest(CAST(:properties AS uuid[]), CAST(:prospects AS text[])) AS v(property_id, prospect_id)
WHERE NOT EXISTS (SELECT FROM domiq_sync.lead_link l
                  WHERE l.property_id = v.property_id AND l.prospect_id = v.prospect_id)

-- name: say_why
SELECT set_config('domiq_sync.link_reason', 'erased', true)

-- name: erase_links
DELETE FROM domiq_sync.lead_link WHERE conversation_id = ANY (CAST(:conversations AS uuid[])) RETURNING 1

-- name: erase_closed_links
DELETE FROM domiq_sync.closed_link WHERE conversation_id = ANY (CAST(:conversations AS uuid[])) RETURNING 1

-- name: erase_decisions
DELETE FROM domiq_sync.link_decision
WHERE conversation_id = ANY (CAST(:conversations AS uuid[])) OR user_id = ANY (CAST(:users AS uuid[])) RETURNING 1

-- name: erase_reviews
-- One that is still open about others is asked again by the next pull.
DELETE FROM domiq_sync.link_question q
WHERE q.conversation_ids && CAST(:conversations AS uuid[])
   OR (q.property_id = ANY (CAST(:properties AS uuid[]))
       AND (q.prospect_id = ANY (CAST(:prospects AS text[])) OR q.prospect_ids && CAST(:prospects AS text[])))
RETURNING 1
