-- name: enqueue
-- One document, as the delivery queue takes its settlements. What is there already (its dedup_key, or its change,
-- preference and recipient) stays as it is.
WITH given AS (
    SELECT * FROM json_to_recordset(CAST(:notices AS json))
        AS g(property_id uuid, change_id uuid, preference_id uuid, alert_id uuid, rule_id uuid, report_id uuid,
             channel text, recipient text, subject text, body text, template_id text, dedup_key text, urgent boolean,
             problem text)
)
INSERT INTO domiq_sync.notification
    (property_id, change_id, preference_id, alert_id, rule_id, report_id, channel, recipient, subject, body,
     template_id, dedup_key, urgent, state, state_reason, settled_at)
SELECT property_id, change_id, preference_id, alert_id, rule_id, report_id, channel, recipient, subject, body,
       template_id, dedup_key, urgent,
       CASE WHEN problem IS NOT NULL THEN 'undeliverable' WHEN channel = 'in_app' THEN 'delivered'
            ELSE 'pending' END,
       problem,
       CASE WHEN problem IS NOT NULL OR channel = 'in_app' THEN clock_timestamp() END
FROM given
ON CONFLICT DO NOTHING
RETURNING id, channel, state
