-- name: open
SELECT i.property_id, i.partition_key, p.paused_at, p.paused_by, p.because
FROM domiq_sync.pause p JOIN domiq_sync.integration i ON i.property_id = p.property_id
WHERE p.resumed_at IS NULL AND NOT i.sync_enabled
ORDER BY i.partition_key
