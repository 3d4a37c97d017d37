-- name: lock
-- In one order: two who pause the same properties must not wait for each other.
SELECT i.property_id FROM domiq_sync.integration i
WHERE i.property_id = ANY (CAST(:ids AS uuid[])) ORDER BY i.property_id FOR UPDATE

-- name: switch_off
UPDATE domiq_sync.integration SET sync_enabled = FALSE
WHERE property_id = ANY (CAST(:ids AS uuid[])) AND sync_enabled

-- name: begin
INSERT INTO domiq_sync.pause (property_id, paused_by, because)
SELECT i.property_id, :by, :because FROM domiq_sync.integration i WHERE i.property_id = ANY (CAST(:ids AS uuid[]))
ON CONFLICT (property_id) WHERE resumed_at IS NULL DO NOTHING
RETURNING property_id

-- name: end
-- Before it is switched on: the trigger puts a database role on record for whatever is open then.
UPDATE domiq_sync.pause SET resumed_at = clock_timestamp(), resumed_by = :by
WHERE property_id = ANY (CAST(:ids AS uuid[])) AND resumed_at IS NULL

-- name: switch_on
UPDATE domiq_sync.integration SET sync_enabled = TRUE
WHERE property_id = ANY (CAST(:ids AS uuid[])) AND NOT sync_enabled

-- name: erase_reasons
UPDATE domiq_sync.pause SET because = 'erased'
WHERE lower(because) ~ ANY (CAST(:patterns AS text[])) RETURNING id

-- name: under_way
SELECT count(*) FROM domiq_sync.delivery d
WHERE d.property_id = ANY (CAST(:ids AS uuid[])) AND d.state = 'in_flight' AND d.next_attempt_at > clock_timestamp()
