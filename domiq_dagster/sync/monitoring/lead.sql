-- One lead seen whole: what an id means, and what is on record of it beside its changes.

-- name: meant
-- What an id means: each conversation and lead that it names, and as what. One that is known by several of its ids
-- comes once for each.
SELECT 'conversation' AS found_as, x.conversation_id, CAST(NULL AS uuid) AS property_id, CAST(NULL AS text) AS prospect_id
FROM (SELECT c.id AS conversation_id FROM public.conversation c WHERE c.id = CAST(:uuid AS uuid)
      UNION SELECT h.conversation_id FROM domiq_sync.change h WHERE h.conversation_id = CAST(:uuid AS uuid)
      UNION SELECT k.conversation_id FROM domiq_sync.closed_link k WHERE k.conversation_id = CAST(:uuid AS uuid)
      UNION SELECT a.conversation_id FROM domiq_sync.status_sync_log_archive a
            WHERE a.conversation_id = CAST(:uuid AS uuid)) AS x
UNION
SELECT 'user of DomIQ', c.id, NULL, NULL FROM public.conversation c WHERE c.user_id = CAST(:uuid AS uuid)
UNION
SELECT 'change', h.conversation_id, NULL, NULL FROM domiq_sync.change h
WHERE h.change_id = CAST(:uuid AS uuid) AND h.conversation_id IS NOT NULL
UNION
SELECT 'lead at ResMan', NULL, r.property_id, r.prospect_id
FROM domiq_sync.integration i JOIN domiq_sync.resman_lead r ON r.property_id = i.property_id AND r.prospect_id = :text
UNION
SELECT 'lead at ResMan', NULL, l.property_id, l.prospect_id
FROM domiq_sync.integration i JOIN domiq_sync.lead_link l ON l.property_id = i.property_id AND l.prospect_id = :text
UNION
SELECT 'lead at ResMan', NULL, k.property_id, k.prospect_id FROM domiq_sync.closed_link k WHERE k.prospect_id = :text
UNION
SELECT 'person at ResMan', NULL, r.property_id, r.prospect_id FROM domiq_sync.resman_lead r WHERE r.person_id = :text

-- name: leads_of
-- The leads with which these conversations are linked.
SELECT l.conversation_id, l.property_id, l.prospect_id FROM domiq_sync.lead_link l
WHERE l.conversation_id = ANY (CAST(:conversations AS uuid[]))

-- name: conversations_of
-- The conversations that are, or were, linked with a lead, in order.
SELECT x.conversation_id FROM (
    SELECT l.conversation_id, l.linked_at FROM domiq_sync.lead_link l
    WHERE l.property_id = :property_id AND l.prospect_id = :prospect_id
    UNION ALL
    SELECT k.conversation_id, k.linked_at FROM domiq_sync.closed_link k
    WHERE k.prospect_id = :prospect_id AND k.property_id = :property_id) AS x
GROUP BY 1 ORDER BY min(x.linked_at)

-- name: stored_lead
SELECT r.effective_status AS resman_status, r.last_modified, r.stored_at, r.lost_reason, i.partition_key
FROM domiq_sync.integration i
LEFT JOIN domiq_sync.resman_lead r ON r.property_id = i.property_id AND r.prospect_id = :prospect_id
WHERE i.property_id = :property_id

-- name: links
-- What these conversations are linked with, and were: how, since when, and why a link ended.
SELECT l.conversation_id, l.prospect_id, l.linked_by, l.linked_at, CAST(NULL AS timestamptz) AS closed_at,
       CAST(NULL AS text) AS reason, l.is_current AS speaks_for_lead
FROM domiq_sync.lead_link l WHERE l.conversation_id = ANY (CAST(:conversations AS uuid[]))
UNION ALL
SELECT k.conversation_id, k.prospect_id, k.linked_by, k.linked_at, k.closed_at, k.reason, NULL
FROM domiq_sync.closed_link k WHERE k.conversation_id = ANY (CAST(:conversations AS uuid[]))
ORDER BY linked_at

-- name: reviews
SELECT q.prospect_id, q.kind, q.reason, q.asked_at, q.closed_at, q.resolution
FROM domiq_sync.link_question q
WHERE q.conversation_ids && CAST(:conversations AS uuid[])
   OR (q.property_id = CAST(:property_id AS uuid)
       AND (q.prospect_id = :prospect_id OR :prospect_id = ANY (q.prospect_ids)))
ORDER BY q.asked_at

-- name: conflicts
SELECT k.conversation_id, k.domiq_status, k.resman_status, k.opened_at, k.resolved_at, k.resolution, k.resolved_by
FROM domiq_sync.conflict k WHERE k.conversation_id = ANY (CAST(:conversations AS uuid[])) ORDER BY k.opened_at

-- name: notices
-- Without whom they were for, and what they say.
SELECT n.change_id, n.channel, n.state, n.state_reason, n.created_at, n.settled_at
FROM domiq_sync.notification n WHERE n.change_id = ANY (CAST(:changes AS uuid[])) ORDER BY n.created_at, n.channel
