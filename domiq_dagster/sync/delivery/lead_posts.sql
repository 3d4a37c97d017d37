-- What we posted to a lead, as a read-back holds it against what ResMan shows.

-- name: known
-- The posts that ResMan has for certain, the newest first: it answered them, or they were found there. And those whose
-- change ended without them, so that nobody looked any longer whether they have arrived.
SELECT a.outcome = 'overtaken' AS uncertain, a.action AS name, a.detail ->> 'marker' AS marker,
       sent.post ->> 'event_type' AS event_type, sent.post ->> 'event_date' AS event_date,
       sent.post ->> 'agent_id' AS agent_id, sent.post ->> 'event_id' AS edited,
       COALESCE(a.detail -> 'answer_event_ids', a.detail -> 'shown_event_ids') AS event_ids
FROM domiq_sync.lead_link l
JOIN domiq_sync.change c ON c.conversation_id = l.conversation_id
JOIN domiq_sync.attempt a ON a.change_id = c.change_id
CROSS JOIN LATERAL (SELECT COALESCE(a.detail -> 'posted', a.detail) AS post) AS sent
WHERE l.property_id = :property_id AND l.prospect_id = :prospect_id AND sent.post ->> 'event_type' IS NOT NULL
  AND (a.action IN ('create', 'reactivate', 'tell') AND a.outcome = 'ok'
       OR a.action = 'probe' AND a.outcome IN ('found', 'overtaken'))
  AND lower(COALESCE(a.detail ->> 'answer_prospect_id', sent.post ->> 'prospect_id', l.prospect_id))
      = lower(l.prospect_id)
ORDER BY a.id DESC LIMIT 200

-- name: in_doubt
-- The posts of other conversations of the lead of which nobody knows whether ResMan has them.
SELECT d.posted FROM domiq_sync.lead_link l JOIN domiq_sync.delivery d ON d.lane = l.conversation_id
WHERE l.property_id = :property_id AND l.prospect_id = :prospect_id AND l.conversation_id <> :lane
  AND d.posted_at IS NOT NULL
