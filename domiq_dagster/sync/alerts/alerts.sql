-- Spells of alerts, their history, and who is told.

-- name: lock
-- One look at a time: two that read the same spell would both tell of its turn.
SELECT pg_advisory_xact_lock(hashtextextended('domiq_sync.alerts', 0))

-- name: spells
-- Every spell that is not closed, and, where there is none, the last one that may still go on.
SELECT DISTINCT ON (a.property_id, a.kind)
       a.id, a.property_id, a.kind, a.phase, a.opened_at, a.suspected_at, a.told_at, a.good_since, a.closed_at,
       a.reopened, a.turns, a.scope, a.figures
FROM domiq_sync.alert a
WHERE a.phase <> 'closed' OR a.closed_at >= :closed_since
ORDER BY a.property_id, a.kind, (a.phase <> 'closed') DESC, a.closed_at DESC

-- name: begin
INSERT INTO domiq_sync.alert
    (property_id, kind, figures, phase, opened_at, suspected_at, told_at, good_since, closed_at, reopened, turns, scope)
VALUES (:property_id, :kind, CAST(:figures AS jsonb), :phase, :opened_at, :suspected_at, :told_at, :good_since,
        :closed_at, :reopened, :turns, :scope)
RETURNING id

-- name: go_on
UPDATE domiq_sync.alert
SET figures = CAST(:figures AS jsonb), phase = :phase, opened_at = :opened_at, suspected_at = :suspected_at,
    told_at = :told_at, good_since = :good_since, closed_at = :closed_at, reopened = :reopened, turns = :turns,
    scope = :scope
WHERE id = :id

-- name: forget
DELETE FROM domiq_sync.alert WHERE id = :id

-- name: record_turn
INSERT INTO domiq_sync.alert_turn (alert_id, n, turn, said_at, subject, body)
VALUES (:alert_id, :n, :turn, :said_at, :subject, :body)

-- name: preferences
-- Whom these properties want told of alerts.
SELECT id, property_id, COALESCE(notification_method, 'in_app') AS channel, recipients
FROM public.status_notification_preferences
WHERE is_active AND status_type = 'sync_alert' AND property_id = ANY (CAST(:property_ids AS uuid[]))
ORDER BY created_at, id

-- name: unsent
-- Messages of alerts that a channel did not take, and that are tried again.
SELECT n.channel, 'wait' AS state, max(COALESCE(n.state_reason, c.open_reason)) AS reason, count(*) AS messages
FROM domiq_sync.notification n
LEFT JOIN domiq_sync.channel c ON c.channel = n.channel AND c.open_until > (SELECT clock_timestamp())
WHERE n.alert_id IS NOT NULL AND n.state = 'pending' AND (n.attempts > 0 OR c.channel IS NOT NULL)
GROUP BY 1 ORDER BY 1

-- name: complain
-- Messages of alerts that will not be sent, or may not have arrived, each once for each time that it ended so.
WITH lost AS (
    INSERT INTO domiq_sync.alert_complaint (notification_id, settled_at)
    SELECT n.id, n.settled_at FROM domiq_sync.notification n
    WHERE n.alert_id IS NOT NULL AND n.state IN ('undeliverable', 'unknown')
      AND n.settled_at > (SELECT clock_timestamp()) - interval '7 days'
    ON CONFLICT DO NOTHING RETURNING notification_id
)
SELECT n.channel, n.state, max(n.state_reason) AS reason, count(*) AS messages
FROM lost JOIN domiq_sync.notification n ON n.id = lost.notification_id
GROUP BY 1, 2 ORDER BY 1, 2

-- name: listed
-- Spells for people, those that go on first, then the newest. A suspect one is shown to nobody.
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

-- name: open_now
SELECT i.partition_key, a.kind FROM domiq_sync.alert a
JOIN domiq_sync.integration i
    ON i.property_id = a.property_id
    OR (a.property_id IS NULL AND a.figures -> 'property_ids' ? CAST(i.property_id AS text))
WHERE a.phase = 'open' ORDER BY 1, 2

-- name: turns
SELECT alert_id, n, turn, said_at, subject, body FROM domiq_sync.alert_turn
WHERE alert_id = ANY (CAST(:ids AS uuid[])) ORDER BY alert_id, n
