-- name: replay
-- Each row of the log of some conversations, in order.
SELECT g.id AS change_id, c.conversation_id, g.created_at, g.sync_direction, g.old_status, g.new_status
FROM domiq_sync.change c JOIN public.status_sync_log g ON g.id = c.change_id
WHERE c.conversation_id = ANY (CAST(:conversation_ids AS uuid[]))
ORDER BY c.conversation_id, c.seq

-- name: breaks
-- Where the log does not replay, of a property or of everything.
--   old_status   a row begins elsewhere than the row before it ended
--   end          the conversation stands at another lead status than its last row says
WITH chain AS (
    SELECT c.change_id, c.conversation_id, c.property_id, c.seq, g.old_status, g.new_status,
           lag(g.new_status) OVER one_conversation AS left_at,
           row_number() OVER one_conversation > 1 AS follows,
           row_number() OVER (PARTITION BY c.conversation_id ORDER BY c.seq DESC) = 1 AS is_last
    FROM domiq_sync.change c JOIN public.status_sync_log g ON g.id = c.change_id
    WHERE c.conversation_id IS NOT NULL AND (CAST(:property_id AS uuid) IS NULL OR c.property_id = :property_id)
    WINDOW one_conversation AS (PARTITION BY c.conversation_id ORDER BY c.seq)
)
SELECT b.kind, b.conversation_id, b.change_id, b.expected, b.found
FROM (
    SELECT 'old_status' AS kind, conversation_id, change_id, left_at AS expected, old_status AS found, seq
    FROM chain WHERE follows AND old_status IS DISTINCT FROM left_at
    UNION ALL
    SELECT 'end', chain.conversation_id, chain.change_id, chain.new_status, o.status, chain.seq
    FROM chain JOIN public.conversation o ON o.id = chain.conversation_id
    WHERE chain.is_last AND o.status IS DISTINCT FROM chain.new_status
      AND domiq_sync.lead_status(chain.property_id, o.status) IS NOT NULL) AS b
ORDER BY b.conversation_id, b.seq
LIMIT :most
