-- Notices that are no longer kept.

-- name: widest_window
-- The longest time (minutes) within which notices to one address are counted, at any property.
SELECT COALESCE(max(s.window_minutes), 0) FROM domiq_sync.notification_settings s

-- name: forget_some
-- Of the next :rows by id, those that ended long ago: read ones, where DomIQ shows them, unread ones later. Kept are
-- those of an alert that is open.
WITH part AS MATERIALIZED (
    SELECT n.* FROM domiq_sync.notification n WHERE n.id > CAST(:after AS uuid) ORDER BY n.id LIMIT :rows
), removed AS (
    DELETE FROM domiq_sync.notification n USING part
    WHERE n.id = part.id AND n.state NOT IN ('pending', 'in_flight')
      AND CASE WHEN part.channel = 'in_app' AND part.state = 'delivered' AND part.read_at IS NULL
               THEN COALESCE(part.settled_at, part.created_at) < :unread_before
               ELSE greatest(COALESCE(part.settled_at, part.created_at), part.read_at) < :before END
      AND NOT EXISTS (SELECT FROM domiq_sync.alert a WHERE a.id = part.alert_id AND a.phase <> 'closed')
    RETURNING n.id
)
SELECT (SELECT count(*) FROM removed) AS removed,
       (SELECT part.id FROM part ORDER BY part.id DESC LIMIT 1) AS last
