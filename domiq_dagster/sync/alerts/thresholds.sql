-- name: thresholds
SELECT * FROM domiq_sync.threshold

-- name: longest_window
SELECT max(t.window_hours) FROM domiq_sync.threshold t

-- name: lock_row
SELECT * FROM domiq_sync.threshold
WHERE property_id IS NOT DISTINCT FROM CAST(:property_id AS uuid) FOR UPDATE

-- name: add_row
INSERT INTO domiq_sync.threshold (property_id) VALUES (CAST(:property_id AS uuid)) ON CONFLICT DO NOTHING
