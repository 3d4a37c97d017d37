-- name: listed
SELECT p.id AS property_id, p.name, i.partition_key, i.resman_account_id AS account_id, i.resman_property_id,
       i.sync_enabled AS enabled,
       CASE WHEN i.property_id IS NOT NULL THEN EXISTS (
           SELECT FROM domiq_sync.pause z
           WHERE z.property_id = i.property_id AND z.resumed_at IS NULL AND NOT i.sync_enabled) END AS is_paused,
       i.sync_direction AS direction, i.conflict_policy AS policy, w.last_pull_at
FROM public.property p
LEFT JOIN domiq_sync.integration i ON i.property_id = p.id
LEFT JOIN domiq_sync.watermark w ON w.property_id = p.id
ORDER BY i.partition_key NULLS LAST, p.name, p.id
