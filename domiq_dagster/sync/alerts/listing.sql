-- Alerts for people to read.

-- name: alerts
-- Those that go on first, then the newest. A suspect one is shown to nobody.
SELECT a.id, a.property_id, i.partition_key, p.name AS property_name, a.kind, a.phase, a.opened_at, a.told_at,
       a.good_since, a.closed_at, a.reopened, a.turns, a.figures, t.body AS last_body,
       (SELECT count(*) FROM domiq_sync.notification n
        WHERE n.alert_id = a.id AND n.state NOT IN ('delivered', 'digested', 'suppressed')) AS unsent
FROM domiq_sync.alert a
LEFT JOIN public.property p ON p.id = a.property_id
LEFT JOIN domiq_sync.integration i ON i.property_id = a.property_id
LEFT JOIN domiq_sync.alert_turn t ON t.alert_id = a.id AND t.n = a.turns
WHERE a.told_at IS NOT NULL AND (a.phase = 'open' OR a.opened_at >= :since OR a.closed_at >= :since)
  AND (CAST(:property_id AS uuid) IS NULL OR a.property_id = :property_id
       OR a.figures -> 'property_ids' ? CAST(:property_id AS text))
ORDER BY a.phase <> 'open', a.opened_at DESC, a.id
LIMIT :most

-- name: transitions
SELECT alert_id, turn, said_at, subject, body FROM domiq_sync.alert_turn
WHERE alert_id = ANY (CAST(:ids AS uuid[])) ORDER BY alert_id, n

-- name: open_now
SELECT i.partition_key, a.kind FROM domiq_sync.alert a
JOIN domiq_sync.integration i
    ON i.property_id = a.property_id
    OR (a.property_id IS NULL AND a.figures -> 'property_ids' ? CAST(i.property_id AS text))
WHERE a.phase = 'open' ORDER BY 1, 2
