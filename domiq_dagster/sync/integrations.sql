-- name: load
SELECT i.property_id, p.name AS property_name, i.partition_key, i.resman_account_id AS account_id,
       i.resman_property_id, i.sync_enabled AS enabled, i.sync_direction AS direction, i.conflict_policy AS policy,
       i.agent_id, i.source_id, i.lost_reason_id, i.time_zone, i.tour_times,
       COALESCE(w.last_pull_at IS NOT NULL, FALSE) AS was_pulled
FROM domiq_sync.integration i JOIN public.property p ON p.id = i.property_id
LEFT JOIN domiq_sync.watermark w ON w.property_id = i.property_id
WHERE (i.sync_enabled OR NOT CAST(:enabled_only AS boolean))
  AND (CAST(:ids AS uuid[]) IS NULL OR i.property_id = ANY (CAST(:ids AS uuid[])))
ORDER BY i.partition_key

-- name: partition_keys
SELECT i.partition_key, i.sync_enabled AS enabled
FROM domiq_sync.integration i JOIN public.property p ON p.id = i.property_id
ORDER BY i.partition_key
