-- Incidents as they are stored, and their history.

-- name: lock
-- One evaluation at a time: two that read the same incident would both notify people of its transition.
SELECT pg_advisory_xact_lock(hashtextextended('domiq_sync.alerts', 0))

-- name: incidents
-- Every incident that is not closed, and, where there is none, the last one that may still go on.
SELECT DISTINCT ON (a.property_id, a.kind)
       a.id, a.property_id, a.kind, a.phase, a.opened_at, a.suspected_at, a.told_at, a.good_since, a.closed_at,
       a.reopened, a.turns, a.scope, a.figures
FROM domiq_sync.alert a
WHERE a.phase <> 'closed' OR a.closed_at >= :closed_since
ORDER BY a.property_id, a.kind, (a.phase <> 'closed') DESC, a.closed_at DESC

-- name: add
INSERT INTO domiq_sync.alert
    (property_id, kind, figures, phase, opened_at, suspected_at, told_at, good_since, closed_at, reopened, turns, scope)
VALUES (:property_id, :kind, CAST(:figures AS jsonb), :phase, :opened_at, :suspected_at, :told_at, :good_since,
        :closed_at, :reopened, :turns, :scope)
RETURNING id

-- name: update
UPDATE domiq_sync.alert
SET figures = CAST(:figures AS jsonb), phase = :phase, opened_at = :opened_at, suspected_at = :suspected_at,
    told_at = :told_at, good_since = :good_since, closed_at = :closed_at, reopened = :reopened, turns = :turns,
    scope = :scope
WHERE id = :id

-- name: delete
DELETE FROM domiq_sync.alert WHERE id = :id

-- name: record_transition
INSERT INTO domiq_sync.alert_turn (alert_id, n, turn, said_at, subject, body)
VALUES (:alert_id, :n, :turn, :said_at, :subject, :body)
