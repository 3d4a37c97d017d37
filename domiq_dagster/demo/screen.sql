-- name: last_changes
-- The newest changes of either direction, by their place in the order.
SELECT n.logged_at, g.sync_direction, COALESCE(i.partition_key, '(not connected)') AS property,
       g.old_status, g.new_status, g.sync_status
FROM (SELECT change_id, property_id, logged_at, seq FROM domiq_sync.change ORDER BY seq DESC LIMIT :most) AS n
JOIN public.status_sync_log g ON g.id = n.change_id
LEFT JOIN domiq_sync.integration i ON i.property_id = n.property_id
ORDER BY n.seq DESC
