-- Gives the changes that were logged before the machinery came (or while its trigger was off) their place in the
-- order, and the pending outbound ones their deliveries.
INSERT INTO domiq_sync.change (change_id, conversation_id, property_id, logged_at)
SELECT g.id, g.conversation_id, p.property_id, COALESCE(g.created_at, clock_timestamp())
FROM public.status_sync_log g
LEFT JOIN domiq_sync.conversation_property p ON p.conversation_id = g.conversation_id
WHERE NOT EXISTS (SELECT FROM domiq_sync.change c WHERE c.change_id = g.id)
ORDER BY g.created_at, g.id
ON CONFLICT DO NOTHING;

INSERT INTO domiq_sync.delivery (change_id, seq, lane, property_id, is_head)
SELECT
    c.change_id, c.seq, lane.id, c.property_id,
    row_number() OVER (PARTITION BY lane.id ORDER BY c.seq) = 1
    AND NOT EXISTS (SELECT FROM domiq_sync.delivery d WHERE d.lane = lane.id)
FROM domiq_sync.change c
JOIN public.status_sync_log g ON g.id = c.change_id
CROSS JOIN LATERAL (SELECT COALESCE(c.conversation_id, c.change_id) AS id) AS lane
WHERE
    g.sync_status = 'pending' AND g.sync_direction = 'to_resman'
    AND NOT EXISTS (SELECT FROM domiq_sync.delivery d WHERE d.change_id = c.change_id)
ON CONFLICT DO NOTHING;
