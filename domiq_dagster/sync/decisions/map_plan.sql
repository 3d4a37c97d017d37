-- What a changed status map would do to the leads as they are.

-- name: leads
-- Each lead of a property that speaks for a conversation. is_seen: a decision would be taken about it, if its pair had
-- moved (see apply.sql).
SELECT l.conversation_id, l.property_id, l.prospect_id, l.agreed_domiq_status, l.agreed_resman_status, l.agreed_at,
       l.domiq_status, l.resman_status, l.lost_reason, l.domiq_is_newer, l.in_conflict, l.open_outbound, l.under_way,
       l.push_failed, l.has_moved,
       NOT domiq_sync.awaits_move(l.conversation_id, l.domiq_status)
       AND l.is_dated AND NOT (CAST(:outbound AS boolean) AND l.dated_by_us) AS is_seen
FROM domiq_sync.linked_leads() AS l
WHERE l.property_id = :property_id
ORDER BY l.conversation_id

-- name: words
-- How many conversations of a property show each of these words of DomIQ's.
SELECT domiq_sync.word(c.status::text) AS word, count(*) AS conversations
FROM domiq_sync.conversation_property cp JOIN public.conversation c ON c.id = cp.conversation_id
WHERE cp.property_id = :property_id AND domiq_sync.word(c.status::text) = ANY (CAST(:words AS text[]))
GROUP BY 1 ORDER BY 1
