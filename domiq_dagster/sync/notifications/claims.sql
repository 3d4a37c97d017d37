-- The outbox's protocol. All times are the database's own. Whoever sends a notice names its lease_token: a token
-- is one claim of one notice, and settling or postponing clears it.

-- name: lock_channel_claims
-- One claim of a channel at a time, until the transaction ends: two claims for one address would each wait for a
-- row that the other has locked.
SELECT pg_advisory_xact_lock(hashtextextended('domiq_sync.notices:' || :channel, 0))

-- name: claim
-- The longest-due notice of a channel. A lease that ran out before anything was sent is due again.
WITH due AS MATERIALIZED (
    SELECT n.id FROM domiq_sync.notification n
    WHERE n.channel = :channel AND n.state IN ('pending', 'in_flight') AND n.sending_at IS NULL
      AND n.next_attempt_at <= (SELECT clock_timestamp())
    ORDER BY n.next_attempt_at LIMIT 1
    FOR UPDATE OF n SKIP LOCKED
), taken AS (
    UPDATE domiq_sync.notification n
    SET state = 'in_flight', worker = :worker, lease_token = nextval('domiq_sync.lease_token'),
        next_attempt_at = clock_timestamp() + :lease_seconds * interval '1 second'
    FROM due WHERE n.id = due.id
    RETURNING n.*
)
SELECT t.id, t.property_id, t.change_id, t.alert_id, t.report_id, t.channel, t.recipient, t.subject, t.body,
       t.urgent, t.is_digest, t.attempts, t.lease_token, COALESCE(f.template_id, t.template_id) AS template_id,
       s.quiet_from, s.quiet_until, s.quiet_channels, s.urgent_breaks_quiet, s.most_single, s.window_minutes,
       i.time_zone, clock_timestamp() AS now
FROM taken t
LEFT JOIN domiq_sync.notification_settings s ON s.property_id = t.property_id
LEFT JOIN domiq_sync.integration i ON i.property_id = t.property_id
LEFT JOIN public.status_notification_preferences f ON f.id = t.preference_id

-- name: mark_sending
-- Committed before the first byte leaves. Only while the lease lasts.
UPDATE domiq_sync.notification
SET sending_at = clock_timestamp(), next_attempt_at = clock_timestamp() + :lease_seconds * interval '1 second'
WHERE id = :id AND lease_token = :lease_token AND state = 'in_flight' AND next_attempt_at > clock_timestamp()
RETURNING id

-- name: settle
-- The words of what was delivered are not kept, save in DomIQ itself.
UPDATE domiq_sync.notification
SET state = :state, state_reason = :reason, settled_at = clock_timestamp(), lease_token = NULL,
    attempts = attempts + 1,
    subject = CASE WHEN :state = 'delivered' AND channel <> 'in_app' THEN '' ELSE subject END,
    body = CASE WHEN :state = 'delivered' AND channel <> 'in_app' THEN '' ELSE body END
WHERE id = :id AND lease_token = :lease_token AND state = 'in_flight'
RETURNING id

-- name: postpone
-- Nothing was sent: again after some seconds, unless it has been tried for too long.
UPDATE domiq_sync.notification
SET state = CASE WHEN late THEN 'undeliverable' ELSE 'pending' END,
    state_reason = CASE WHEN late THEN 'given up after ' || :most_hours || ' hours: ' ELSE '' END || :reason,
    settled_at = CASE WHEN late THEN clock_timestamp() END,
    lease_token = NULL, sending_at = NULL, attempts = attempts + 1,
    next_attempt_at = clock_timestamp() + :seconds * interval '1 second'
FROM (SELECT clock_timestamp() > COALESCE(o.retried_at, o.created_at) + :most_hours * interval '1 hour' AS late
      FROM domiq_sync.notification o WHERE o.id = :id) AS age
WHERE id = :id AND lease_token = :lease_token AND state = 'in_flight'
RETURNING state

-- name: split
-- One notice for each address that its recipient stands for, in its stead.
WITH claimed AS (
    SELECT * FROM domiq_sync.notification WHERE id = :id AND lease_token = :lease_token FOR UPDATE
), replaced AS (
    UPDATE domiq_sync.notification n SET state = 'suppressed', lease_token = NULL, settled_at = clock_timestamp(),
        state_reason = 'sent to each address that the recipient stands for', subject = '', body = ''
    FROM claimed WHERE n.id = claimed.id
), added AS (
    INSERT INTO domiq_sync.notification
        (property_id, change_id, preference_id, alert_id, rule_id, report_id, channel, recipient, subject, body,
         template_id, dedup_key, urgent, is_digest, state, created_at)
    SELECT c.property_id, c.change_id, c.preference_id, c.alert_id, c.rule_id, c.report_id, c.channel, r.recipient,
           c.subject, c.body, c.template_id, COALESCE(c.dedup_key, c.id::text) || ':' || md5(r.recipient), c.urgent,
           c.is_digest, 'pending', c.created_at
    FROM claimed c CROSS JOIN unnest(CAST(:recipients AS text[])) AS r(recipient)
    ON CONFLICT DO NOTHING
)
SELECT id FROM claimed

-- name: give_up_lapsed
-- Somebody began to send these and did not come back in time: they may have arrived, so they are not repeated.
UPDATE domiq_sync.notification
SET state = 'unknown', state_reason = 'the worker that sent it did not come back', settled_at = clock_timestamp(),
    lease_token = NULL
WHERE state = 'in_flight' AND channel = :channel AND sending_at IS NOT NULL
  AND next_attempt_at <= (SELECT clock_timestamp())
RETURNING id, channel, alert_id, state_reason

-- name: store_text
UPDATE domiq_sync.notification SET subject = :subject, body = :body WHERE id = :id

-- name: clear_digested_texts
-- The words that came with the notices of a digest, when it was delivered.
UPDATE domiq_sync.notification SET subject = '', body = ''
WHERE digest_id = :id AND channel <> 'in_app' AND (subject <> '' OR body <> '')

-- name: clear_old_texts
-- What could not be delivered keeps its words as long as somebody may still want to retry it.
UPDATE domiq_sync.notification SET subject = '', body = ''
WHERE state IN ('undeliverable', 'unknown') AND channel <> 'in_app' AND body <> ''
  AND settled_at < (SELECT clock_timestamp()) - interval '30 days'
