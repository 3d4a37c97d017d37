-- name: counts
-- What goes with the sync's own tables, or is left without anybody who sees to it.
SELECT (SELECT count(*) FROM domiq_sync.integration) AS properties,
       (SELECT count(*) FROM domiq_sync.delivery) AS pending,
       (SELECT count(*) FROM domiq_sync.delivery d WHERE d.state IN ('in_flight', 'unknown')) AS unknown,
       (SELECT count(*) FROM domiq_sync.lead_link) AS links,
       (SELECT count(*) FROM domiq_sync.conflict k WHERE k.resolved_at IS NULL) AS conflicts,
       (SELECT count(*) FROM domiq_sync.notification n WHERE n.state IN ('pending', 'in_flight')) AS notices,
       (SELECT count(*) FROM domiq_sync.operator_action) AS decisions

-- name: be_patient
-- Rows of years may move.
SELECT set_config('statement_timeout', '0', true)
