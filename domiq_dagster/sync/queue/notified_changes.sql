-- Every write to domiq_sync.change that says what was done with it.

-- name: lock_unnotified
-- Changes that are logged and not yet looked at for notices, in order. A change that is pending says what DomIQ
-- has; people are told at once, not when ResMan has it. What was logged before the property was connected is no
-- news. An anti-join with a table of marks read the whole history at every look.
SELECT c.change_id, c.property_id, g.new_status, g.context_data,
       domiq_sync.lead_status(c.property_id, g.new_status) AS lead_status
FROM domiq_sync.integration i
CROSS JOIN LATERAL (SELECT n.* FROM domiq_sync.change n
                    WHERE n.property_id = i.property_id AND n.notified_at IS NULL AND n.logged_at >= i.connected_at
                      AND n.change_id <> ALL (CAST(:skipped AS uuid[]))
                    ORDER BY n.logged_at, n.seq LIMIT :most
                    FOR UPDATE SKIP LOCKED) AS c
JOIN public.status_sync_log g ON g.id = c.change_id
ORDER BY c.seq LIMIT :most

-- name: still_unnotified
SELECT change_id FROM domiq_sync.change WHERE change_id = ANY (CAST(:change_ids AS uuid[])) AND notified_at IS NULL

-- name: mark_notified
UPDATE domiq_sync.change SET notified_at = clock_timestamp() WHERE change_id = ANY (CAST(:change_ids AS uuid[]))
