-- What DomIQ's side of the linking looks like at one property, and what of ResMan's is asked about it.

-- name: waiting_people
-- The property's conversations with a user and a lead status that have no lead yet, newest first.
-- stored_id: a lead id that the application wrote into the log itself.
SELECT c.id AS conversation_id, c.user_id, u.first_name, u.last_name, u.email, u.phone,
       (SELECT g.resman_lead_id FROM domiq_sync.change ch JOIN public.status_sync_log g ON g.id = ch.change_id
        WHERE ch.conversation_id = c.id AND g.resman_lead_id IS NOT NULL
        ORDER BY ch.seq DESC LIMIT 1) AS stored_id
FROM domiq_sync.conversation_property cp
JOIN public.conversation c ON c.id = cp.conversation_id
JOIN public."user" u ON u.id = c.user_id
WHERE cp.property_id = :property_id
  AND domiq_sync.lead_status(cp.property_id, c.status::text) IS NOT NULL
  AND NOT EXISTS (SELECT FROM domiq_sync.lead_link l WHERE l.conversation_id = c.id)
ORDER BY c.created_at DESC, c.id

-- name: people_of_missing
-- Users of conversations whose lead a full read misses: should it turn out to be gone, whoever came meanwhile may be
-- theirs.
SELECT u.first_name, u.last_name, u.email, u.phone
FROM domiq_sync.missing_lead m
JOIN domiq_sync.lead_link l ON l.property_id = m.property_id AND l.prospect_id = m.prospect_id
JOIN public.conversation c ON c.id = l.conversation_id
JOIN public."user" u ON u.id = c.user_id
WHERE m.property_id = :property_id

-- name: leads_of_users
-- The leads that other conversations of these users have at the property.
SELECT c.user_id, l.prospect_id, l.person_id, l.linked_by, r.effective_status AS resman_status
FROM public.conversation c
JOIN domiq_sync.lead_link l ON l.conversation_id = c.id AND l.property_id = :property_id
LEFT JOIN domiq_sync.resman_lead r ON r.property_id = l.property_id AND r.prospect_id = l.prospect_id
WHERE c.user_id = ANY (CAST(:user_ids AS uuid[]))
ORDER BY c.created_at DESC, c.id

-- name: links_to
-- Who is linked with these prospects.
SELECT l.prospect_id, l.conversation_id, l.linked_by, c.user_id, u.first_name, u.last_name, u.email, u.phone
FROM domiq_sync.lead_link l
JOIN public.conversation c ON c.id = l.conversation_id
JOIN public."user" u ON u.id = c.user_id
WHERE l.property_id = :property_id AND l.prospect_id = ANY (CAST(:prospect_ids AS text[]))
ORDER BY l.prospect_id, c.created_at DESC, c.id

-- name: linked_prospects
SELECT l.prospect_id, bool_or(l.linked_by = 'name') AS by_name
FROM domiq_sync.lead_link l WHERE l.property_id = :property_id GROUP BY l.prospect_id

-- name: reviewed_prospects
-- The prospects that open reviews are about, each with the one that its review is listed under (listed_under).
SELECT q.kind, q.prospect_id AS listed_under, q.conversation_ids, named.prospect_id, r.person_id,
       r.effective_status AS resman_status
FROM domiq_sync.link_question q
CROSS JOIN LATERAL (SELECT q.prospect_id UNION SELECT unnest(q.prospect_ids)) AS named(prospect_id)
LEFT JOIN domiq_sync.resman_lead r ON r.property_id = q.property_id AND r.prospect_id = named.prospect_id
WHERE q.property_id = :property_id AND q.closed_at IS NULL
