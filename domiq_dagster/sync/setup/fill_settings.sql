-- name: fill
-- What is set already stays.
UPDATE domiq_sync.integration
SET agent_id = COALESCE(agent_id, :agent_id), source_id = COALESCE(source_id, :source_id),
    lost_reason_id = COALESCE(lost_reason_id, :lost_reason_id), time_zone = COALESCE(time_zone, :time_zone)
WHERE property_id = :property_id
