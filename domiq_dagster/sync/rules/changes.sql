-- Logged changes as rules look at them (infinity is no time that anything can be reckoned from), and the messages of their conversations.

-- name: unruled_changes
-- The changes of claimed conversations that the rules have not looked at, in order, each with the one before it: the
-- last that moved the status, which a tour that moves does not.
SELECT c.change_id, c.seq, c.conversation_id, c.logged_at, c.caused_by, c.cause_rule_id, c.chain_depth,
       g.old_status, g.new_status, g.status_reason, g.updated_by, g.sync_direction, g.sync_status,
       g.resman_lead_id, CASE WHEN isfinite(g.created_at) THEN g.created_at END AS created_at, g.context_data,
       before.change_id AS before_id, before.cause_rule_id AS before_rule_id,
       before.chain_depth AS before_depth, before.old_status AS before_old_status
-- Looked up by the conversation alone, as in claim_conversations.
FROM (SELECT * FROM domiq_sync.change u WHERE u.conversation_id = ANY (CAST(:conversations AS uuid[])) OFFSET 0) AS c
JOIN public.status_sync_log g ON g.id = c.change_id
LEFT JOIN LATERAL (
    SELECT b.change_id, b.cause_rule_id, b.chain_depth, o.old_status
    FROM domiq_sync.change b JOIN public.status_sync_log o ON o.id = b.change_id
    WHERE b.conversation_id = c.conversation_id AND b.seq < c.seq AND NOT domiq_sync.is_tour_move(o.context_data)
    ORDER BY b.seq DESC LIMIT 1) AS before ON c.caused_by IS NULL
WHERE c.property_id = :property_id AND c.ruled_at IS NULL AND c.logged_at >= :connected_at
ORDER BY c.seq LIMIT :most

-- name: still_unruled
-- Whether a conversation has a change that the rules have not looked at.
SELECT EXISTS (SELECT FROM (SELECT * FROM domiq_sync.change u
                            WHERE u.conversation_id = :conversation_id OFFSET 0) AS c
               WHERE c.property_id = :property_id AND c.ruled_at IS NULL AND c.logged_at >= :connected_at)

-- name: logged_changes
-- What was logged for a property since a time, in order, but for tours that moved: no rule looks at those.
SELECT c.change_id, c.seq, c.conversation_id, c.logged_at, c.caused_by, c.cause_rule_id, c.chain_depth,
       g.old_status, g.new_status, g.status_reason, g.updated_by, g.sync_direction, g.sync_status,
       g.resman_lead_id, CASE WHEN isfinite(g.created_at) THEN g.created_at END AS created_at, g.context_data
FROM domiq_sync.change c
JOIN public.status_sync_log g ON g.id = c.change_id
WHERE c.property_id = :property_id AND c.logged_at >= :since AND c.conversation_id IS NOT NULL
  AND c.seq > :after AND (NOT CAST(:open_only AS boolean) OR c.ruled_at IS NULL)
  AND NOT domiq_sync.is_tour_move(g.context_data)
ORDER BY c.seq LIMIT :most

-- name: first_unruled
SELECT min(c.logged_at) FROM domiq_sync.change c
WHERE c.property_id = :property_id AND c.ruled_at IS NULL AND c.logged_at >= :since

-- name: count_messages
-- The messages of a conversation up to each change.
SELECT x.change_id, (SELECT count(*) FROM public.message m
                     WHERE m.conversation_id = x.conversation_id
                       AND (m."timestamp" IS NULL OR m."timestamp" <= x.changed_at)) AS messages
FROM unnest(CAST(:ids AS uuid[]), CAST(:conversations AS uuid[]), CAST(:times AS timestamptz[]))
     AS x(change_id, conversation_id, changed_at)

-- name: count_all_messages
-- Where messages have no time: all that there are now.
SELECT x.change_id, (SELECT count(*) FROM public.message m
                     WHERE m.conversation_id = x.conversation_id) AS messages
FROM unnest(CAST(:ids AS uuid[]), CAST(:conversations AS uuid[])) AS x(change_id, conversation_id)
