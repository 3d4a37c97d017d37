-- name: make_rule
INSERT INTO public.status_workflow_rules (id, property_id, trigger_status, conditions, actions, is_active)
VALUES (:id, :property_id, 'lost', CAST(:conditions AS jsonb), CAST(:actions AS jsonb), TRUE)
ON CONFLICT (id) DO UPDATE
SET property_id = EXCLUDED.property_id, conditions = EXCLUDED.conditions, is_active = TRUE

-- name: correct_rule
UPDATE public.status_workflow_rules SET conditions = CAST(:conditions AS jsonb)
WHERE id = :id AND conditions <> CAST(:conditions AS jsonb)

-- name: make_preference
INSERT INTO public.status_notification_preferences
    (id, property_id, status_type, notification_method, recipients, is_active)
VALUES (:id, :property_id, :status, 'slack', CAST(:recipients AS jsonb), TRUE)
ON CONFLICT (id) DO UPDATE
SET property_id = EXCLUDED.property_id, status_type = EXCLUDED.status_type, is_active = TRUE

-- name: set_direction
UPDATE domiq_sync.integration SET sync_direction = :direction WHERE partition_key = :partition_key

-- name: failed_since
-- How many changes of a property logged since a time have failed.
SELECT count(*) FROM domiq_sync.change n JOIN public.status_sync_log g ON g.id = n.change_id
WHERE n.property_id = :property_id AND n.logged_at >= :since AND g.sync_status = 'failed'

-- name: properties_failing
SELECT count(*) FROM domiq_sync.watermark WHERE failing_since IS NOT NULL

-- name: has_conflict
SELECT EXISTS (SELECT FROM domiq_sync.conflict WHERE conversation_id = :conversation_id AND resolved_at IS NULL)

-- name: notices_undeliverable
SELECT count(*) FROM domiq_sync.notification WHERE state = 'undeliverable' AND created_at >= :since

-- name: in_doubt
SELECT count(*) FROM domiq_sync.delivery WHERE state = 'unknown'

-- name: unsettled
-- What still stands between the world and green, by its name. A change of unknown outcome does not: it is looked for
-- over minutes before it is sent again.
SELECT (SELECT count(*) FROM domiq_sync.delivery WHERE state <> 'unknown') AS pending,
       (SELECT count(*) FROM domiq_sync.watermark w JOIN domiq_sync.integration i USING (property_id)
        WHERE w.failing_since IS NOT NULL AND i.sync_enabled) AS not_pulled,
       (SELECT count(*) FROM domiq_sync.conflict WHERE resolved_at IS NULL) AS conflicts,
       (SELECT count(*) FROM domiq_sync.notification WHERE state IN ('undeliverable', 'pending', 'in_flight')) AS notices
