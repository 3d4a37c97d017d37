-- The outbox of notices. All times are the database's own. Whoever sends a notice names its lease_token: a
-- token is one claim of one notice, and settling or giving back clears it.

-- name: enqueue
-- One document, as the delivery queue takes its settlements. What is there already (its dedup_key, or its change,
-- preference and recipient) stays as it is.
WITH given AS (
    SELECT * FROM json_to_recordset(CAST(:messages AS json))
        AS g(property_id uuid, change_id uuid, preference_id uuid, alert_id uuid, rule_id uuid, channel text,
             recipient text, subject text, body text, template_id text, dedup_key text, urgent boolean,
             problem text)
)
INSERT INTO domiq_sync.notification
    (property_id, change_id, preference_id, alert_id, rule_id, channel, recipient, subject, body, template_id,
     dedup_key, urgent, state, state_reason, settled_at)
SELECT property_id, change_id, preference_id, alert_id, rule_id, channel, recipient, subject, body, template_id,
       dedup_key, urgent,
       CASE WHEN problem IS NOT NULL THEN 'undeliverable' WHEN channel = 'in_app' THEN 'delivered'
            ELSE 'pending' END,
       problem,
       CASE WHEN problem IS NOT NULL OR channel = 'in_app' THEN clock_timestamp() END
FROM given
ON CONFLICT DO NOTHING
RETURNING id, channel, state

-- name: due_channels
SELECT c.channel FROM domiq_sync.channel c
CROSS JOIN LATERAL (SELECT FROM domiq_sync.notification n
                    WHERE n.channel = c.channel AND n.state IN ('pending', 'in_flight')
                      AND n.next_attempt_at <= (SELECT clock_timestamp())
                    ORDER BY n.next_attempt_at LIMIT 1) AS due
WHERE c.open_until IS NULL OR c.open_until <= (SELECT clock_timestamp())
ORDER BY c.channel

-- name: slot
-- The next moment at which this channel may be asked, for whoever asks for it; seconds from now.
UPDATE domiq_sync.channel
SET next_send_at = greatest(next_send_at, clock_timestamp()) + min_interval_ms * interval '1 millisecond'
WHERE channel = :channel
RETURNING greatest(0, EXTRACT(EPOCH FROM next_send_at - clock_timestamp()
                              - min_interval_ms * interval '1 millisecond'))::float

-- name: lapsed
-- Somebody began to send these and did not come back in time: they may have arrived, so they are not repeated.
UPDATE domiq_sync.notification
SET state = 'unknown', state_reason = 'the worker that sent it did not come back', settled_at = clock_timestamp(),
    lease_token = NULL
WHERE state = 'in_flight' AND channel = :channel AND sending_at IS NOT NULL
  AND next_attempt_at <= (SELECT clock_timestamp())
RETURNING id, channel, alert_id, state_reason

-- name: claims_in_turn
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
SELECT t.id, t.property_id, t.change_id, t.preference_id, t.alert_id, t.channel, t.recipient, t.subject, t.body,
       t.urgent, t.is_digest, t.attempts, t.lease_token, COALESCE(f.template_id, t.template_id) AS template_id,
       s.quiet_from, s.quiet_until, s.quiet_channels, s.urgent_breaks_quiet, s.most_single, s.window_minutes,
       i.time_zone, clock_timestamp() AS now
FROM taken t
LEFT JOIN domiq_sync.notification_settings s ON s.property_id = t.property_id
LEFT JOIN domiq_sync.integration i ON i.property_id = t.property_id
LEFT JOIN public.status_notification_preferences f ON f.id = t.preference_id

-- name: told_lately
-- What went to one address within the window, the newest first; what more is due for it, and whether a digest
-- for it still waits to be sent.
SELECT (SELECT count(*) FROM domiq_sync.notification n
        WHERE n.channel = :channel AND n.recipient = :recipient AND n.state = 'pending' AND n.alert_id IS NULL
          AND NOT n.is_digest AND n.next_attempt_at <= (SELECT clock_timestamp())) AS waiting,
       ARRAY(SELECT n.settled_at FROM domiq_sync.notification n
             WHERE n.channel = :channel AND n.recipient = :recipient AND n.state IN ('delivered', 'unknown')
               AND n.settled_at > (SELECT clock_timestamp()) - :window_minutes * interval '1 minute'
               AND n.alert_id IS NULL ORDER BY n.settled_at DESC LIMIT :most_single) AS told,
       (SELECT max(n.settled_at) FROM domiq_sync.notification n
        WHERE n.channel = :channel AND n.recipient = :recipient AND n.state IN ('delivered', 'unknown')
          AND n.settled_at > (SELECT clock_timestamp()) - :window_minutes * interval '1 minute'
          AND n.is_digest) AS digest_at,
       EXISTS (SELECT FROM domiq_sync.notification n
               WHERE n.channel = :channel AND n.recipient = :recipient AND n.state = 'pending'
                 AND n.is_digest) AS digest_waits

-- name: hold_address
-- This notice and whatever else is due for its address wait until then. Alerts do not.
UPDATE domiq_sync.notification
SET state = 'pending', lease_token = NULL, worker = NULL, next_attempt_at = :until
WHERE (id = :id AND lease_token = :lease_token)
   OR (channel = :channel AND recipient = :recipient AND state = 'pending' AND alert_id IS NULL AND NOT is_digest
       AND next_attempt_at < :until)

-- name: hold_quiet
-- The same for whatever else is due at the property by this channel.
UPDATE domiq_sync.notification
SET state = 'pending', lease_token = NULL, worker = NULL, next_attempt_at = :until
WHERE (id = :id AND lease_token = :lease_token)
   OR (channel = :channel AND property_id = :property_id AND state = 'pending' AND alert_id IS NULL
       AND next_attempt_at < :until AND NOT (urgent AND :urgent_breaks))

-- name: gather
-- This notice and whatever else is due for its address become one digest: the one that waits, or a new one.
WITH waiting AS (
    SELECT id FROM domiq_sync.notification
    WHERE channel = :channel AND recipient = :recipient AND state = 'pending' AND is_digest
    ORDER BY created_at LIMIT 1 FOR UPDATE
), made AS (
    INSERT INTO domiq_sync.notification (property_id, channel, recipient, subject, body, is_digest, urgent, state)
    SELECT :property_id, :channel, :recipient, '', '', TRUE, :urgent, 'pending'
    WHERE NOT EXISTS (SELECT FROM waiting)
    RETURNING id
), digest AS (
    SELECT id FROM waiting UNION ALL SELECT id FROM made
), members AS (
    SELECT n.id FROM domiq_sync.notification n
    WHERE n.channel = :channel AND n.recipient = :recipient AND n.state = 'pending' AND n.alert_id IS NULL
      AND NOT n.is_digest AND n.next_attempt_at <= (SELECT clock_timestamp())
    FOR UPDATE SKIP LOCKED
), held AS (
    SELECT id FROM domiq_sync.notification WHERE id = :id AND lease_token = :lease_token
)
UPDATE domiq_sync.notification n
SET state = 'digested', digest_id = digest.id, lease_token = NULL, worker = NULL, settled_at = clock_timestamp()
FROM digest
WHERE n.id = ANY (ARRAY(SELECT id FROM members UNION ALL SELECT id FROM held))  -- by key
RETURNING n.id

-- name: digest_counts
SELECT n.property_id, p.name AS property_name, g.new_status, count(*) AS notices,
       count(*) FILTER (WHERE n.urgent) AS urgent
FROM domiq_sync.notification n
LEFT JOIN public.property p ON p.id = n.property_id
LEFT JOIN public.status_sync_log g ON g.id = n.change_id
WHERE n.digest_id = :id GROUP BY 1, 2, 3 ORDER BY 2, 4 DESC, 3

-- name: digest_first
-- The first notices of each property, the urgent ones before the others.
SELECT m.property_id, m.change_id, m.subject
FROM (SELECT n.*, row_number() OVER (PARTITION BY n.property_id ORDER BY n.urgent DESC, n.created_at, n.id) AS place
      FROM domiq_sync.notification n WHERE n.digest_id = :id) AS m
WHERE m.place <= :most ORDER BY m.property_id, m.place

-- name: crowded_in_app
-- In-app notices that came in a burst and that nobody has read yet.
SELECT n.property_id, n.recipient, count(*) AS notices
FROM domiq_sync.notification n
LEFT JOIN domiq_sync.notification_settings s ON s.property_id = n.property_id
WHERE n.channel = 'in_app' AND n.state = 'delivered' AND n.read_at IS NULL AND n.alert_id IS NULL
  AND NOT n.is_digest
  AND n.created_at > (SELECT clock_timestamp()) - COALESCE(s.window_minutes, 15) * interval '1 minute'
GROUP BY n.property_id, n.recipient, s.most_single
HAVING count(*) > :times * COALESCE(s.most_single, 5)

-- name: gather_in_app
WITH waiting AS (
    SELECT id FROM domiq_sync.notification
    WHERE channel = 'in_app' AND recipient = :recipient AND property_id IS NOT DISTINCT FROM :property_id
      AND is_digest AND state = 'delivered' AND read_at IS NULL
    ORDER BY created_at DESC LIMIT 1 FOR UPDATE
), made AS (
    INSERT INTO domiq_sync.notification
        (property_id, channel, recipient, subject, body, is_digest, state, settled_at)
    SELECT :property_id, 'in_app', :recipient, '', '', TRUE, 'delivered', clock_timestamp()
    WHERE NOT EXISTS (SELECT FROM waiting)
    RETURNING id
), digest AS (
    SELECT id FROM waiting UNION ALL SELECT id FROM made
), told AS (
    UPDATE domiq_sync.notification n SET state = 'digested', digest_id = digest.id
    FROM digest
    WHERE n.channel = 'in_app' AND n.state = 'delivered' AND n.read_at IS NULL AND n.alert_id IS NULL
      AND NOT n.is_digest AND n.recipient = :recipient AND n.property_id IS NOT DISTINCT FROM :property_id
    RETURNING n.id
)
SELECT digest.id, (SELECT count(*) FROM told) AS notices FROM digest

-- name: put_words
UPDATE domiq_sync.notification SET subject = :subject, body = :body WHERE id = :id

-- name: split
-- One notice for each address that its recipient stands for, in its stead.
WITH held AS (
    SELECT * FROM domiq_sync.notification WHERE id = :id AND lease_token = :lease_token FOR UPDATE
), gone AS (
    UPDATE domiq_sync.notification n SET state = 'suppressed', lease_token = NULL, settled_at = clock_timestamp(),
        state_reason = 'sent to each address that the recipient stands for', subject = '', body = ''
    FROM held WHERE n.id = held.id
)
INSERT INTO domiq_sync.notification
    (property_id, change_id, preference_id, alert_id, rule_id, channel, recipient, subject, body, template_id,
     dedup_key, urgent, is_digest, state, created_at)
SELECT s.property_id, s.change_id, s.preference_id, s.alert_id, s.rule_id, s.channel, r.recipient, s.subject,
       s.body, s.template_id, COALESCE(s.dedup_key, s.id::text) || ':' || md5(r.recipient), s.urgent, s.is_digest,
       'pending', s.created_at
FROM held s CROSS JOIN unnest(CAST(:recipients AS text[])) AS r(recipient)
ON CONFLICT DO NOTHING

-- name: begin_sending
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

-- name: put_off
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

-- name: channel_failures
SELECT consecutive_failures FROM domiq_sync.channel WHERE channel = :channel

-- name: pause_channel
UPDATE domiq_sync.channel
SET consecutive_failures = consecutive_failures + 1, open_reason = :reason,
    open_until = clock_timestamp() + :seconds * interval '1 second'
WHERE channel = :channel

-- name: open_channel
UPDATE domiq_sync.channel SET consecutive_failures = 0, open_until = NULL, open_reason = NULL
WHERE channel = :channel AND (consecutive_failures > 0 OR open_until IS NOT NULL)

-- name: forget_told
-- The words that came with the notices of a digest, when it was delivered.
UPDATE domiq_sync.notification SET subject = '', body = ''
WHERE digest_id = :id AND channel <> 'in_app' AND (subject <> '' OR body <> '')

-- name: forget
-- What could not be delivered keeps its words as long as somebody may still want to retry it.
UPDATE domiq_sync.notification SET subject = '', body = ''
WHERE state IN ('undeliverable', 'unknown') AND channel <> 'in_app' AND body <> ''
  AND settled_at < (SELECT clock_timestamp()) - interval '30 days'

-- name: facts
-- What there is to say about changes. Rows of DomIQ's own are read whole, since an installation may lack a
-- column.
SELECT c.change_id, g.conversation_id, c.property_id, p.name AS property_name, to_jsonb(p) AS place,
       g.old_status, g.new_status, g.status_reason, g.updated_by, g.sync_direction, g.context_data, c.logged_at,
       domiq_sync.lead_status(c.property_id, g.new_status) AS lead_status, i.time_zone,
       to_jsonb(u) AS person, to_jsonb(v) AS conversation
FROM domiq_sync.change c
JOIN public.status_sync_log g ON g.id = c.change_id
LEFT JOIN public.property p ON p.id = c.property_id
LEFT JOIN domiq_sync.integration i ON i.property_id = c.property_id
LEFT JOIN public.conversation v ON v.id = g.conversation_id
LEFT JOIN public."user" u ON u.id = v.user_id
WHERE c.change_id = ANY (CAST(:change_ids AS uuid[]))

-- name: counts
SELECT channel, state, count(*) AS notices FROM domiq_sync.notification
WHERE (CAST(:property_id AS uuid) IS NULL OR property_id = :property_id)
  AND (state IN ('pending', 'in_flight') OR settled_at > (SELECT clock_timestamp()) - :hours * interval '1 hour')
GROUP BY 1, 2 ORDER BY 1, 2

-- name: troubles
SELECT n.id, n.property_id, n.change_id, n.alert_id, n.channel, n.recipient, n.state, n.state_reason, n.created_at,
       n.settled_at
FROM domiq_sync.notification n
WHERE n.state IN ('undeliverable', 'unknown')
  AND n.settled_at > (SELECT clock_timestamp()) - :hours * interval '1 hour'
  AND (CAST(:property_id AS uuid) IS NULL OR n.property_id = :property_id)
ORDER BY n.settled_at DESC LIMIT :most

-- name: trouble_counts
SELECT channel, state, state_reason, count(*) AS notices
FROM domiq_sync.notification
WHERE state IN ('undeliverable', 'unknown')
  AND settled_at > (SELECT clock_timestamp()) - :hours * interval '1 hour'
GROUP BY 1, 2, 3 ORDER BY 4 DESC, 1, 2, 3

-- name: paused_channels
SELECT channel, open_until, open_reason FROM domiq_sync.channel WHERE open_until > (SELECT clock_timestamp())

-- name: retry
UPDATE domiq_sync.notification
SET state = 'pending', state_reason = NULL, settled_at = NULL, sending_at = NULL, lease_token = NULL,
    next_attempt_at = clock_timestamp(), retried_at = clock_timestamp()
WHERE (id = ANY (CAST(:ids AS uuid[])) AND state IN ('undeliverable', 'unknown'))
   OR (:all_undeliverable AND state = 'undeliverable'
       AND settled_at > (SELECT clock_timestamp()) - :hours * interval '1 hour'
       AND (CAST(:property_id AS uuid) IS NULL OR property_id = :property_id))
RETURNING id

-- name: due
-- Whether anything is there to do: changes that nobody has looked at for notices, at a property that has
-- preferences; notices that are due on a channel that is not paused.
SELECT EXISTS (
           SELECT FROM domiq_sync.integration i
           CROSS JOIN LATERAL (SELECT FROM domiq_sync.change n
                               WHERE n.property_id = i.property_id AND n.notified_at IS NULL
                                 AND n.logged_at >= i.connected_at
                               ORDER BY n.logged_at LIMIT 1) AS unseen
           WHERE EXISTS (SELECT FROM public.status_notification_preferences f
                         WHERE f.property_id = i.property_id AND f.is_active)) AS changes,
       EXISTS (
           SELECT FROM domiq_sync.channel c
           CROSS JOIN LATERAL (SELECT FROM domiq_sync.notification n
                               WHERE n.channel = c.channel AND n.state IN ('pending', 'in_flight')
                                 AND n.next_attempt_at <= (SELECT clock_timestamp())
                               ORDER BY n.next_attempt_at LIMIT 1) AS due
           WHERE c.open_until IS NULL OR c.open_until <= (SELECT clock_timestamp())) AS messages
