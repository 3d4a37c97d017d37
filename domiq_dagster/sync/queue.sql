-- The delivery queue's protocol. All times are the database's own.
-- (SELECT clock_timestamp()) rather than clock_timestamp(): a volatile call in a condition would keep
-- PostgreSQL from using the index.

-- name: due_properties
-- Which properties of these accounts have something to deliver now.
SELECT i.property_id, i.resman_account_id
-- LATERAL with ORDER BY and LIMIT looks into the index once a property; EXISTS became a join that read
-- the whole queue.
FROM domiq_sync.integration i
CROSS JOIN LATERAL (SELECT FROM domiq_sync.delivery d
                    WHERE d.property_id = i.property_id AND d.is_head
                      AND d.next_attempt_at <= (SELECT clock_timestamp())
                    ORDER BY d.next_attempt_at LIMIT 1) AS due
WHERE i.sync_enabled AND i.sync_direction <> 'from_resman'
  AND (CAST(:property_ids AS uuid[]) IS NULL OR i.property_id = ANY (CAST(:property_ids AS uuid[])))
ORDER BY i.partition_key

-- name: claim
-- The longest-due head of one property. A lease that ran out is due again: no sweeper is needed.
-- is_head narrows the search; that nothing stands before it in its lane is checked all the same, and
-- delivery_one_in_flight makes a second claim of the lane impossible.
WITH due AS MATERIALIZED (
    SELECT d.change_id, d.state AS found_state
    FROM domiq_sync.delivery d
    WHERE d.property_id = :property_id AND d.is_head AND d.next_attempt_at <= (SELECT clock_timestamp())
      AND NOT EXISTS (SELECT FROM domiq_sync.delivery e WHERE e.lane = d.lane AND e.seq < d.seq)
      -- a failed change that was put back may stand before one that is in flight
      AND NOT EXISTS (SELECT FROM domiq_sync.delivery f
                      WHERE f.lane = d.lane AND f.state = 'in_flight' AND f.change_id <> d.change_id)
    ORDER BY d.next_attempt_at, d.seq
    LIMIT 1
    FOR UPDATE OF d SKIP LOCKED
)
UPDATE domiq_sync.delivery d
SET state = 'in_flight', worker = :worker, lease_token = nextval('domiq_sync.lease_token'),
    next_attempt_at = clock_timestamp() + :lease_seconds * interval '1 second'
FROM due WHERE d.change_id = due.change_id
RETURNING d.change_id, d.lane, d.property_id, d.attempts, d.postponements, d.lease_token, d.enqueued_at, due.found_state

-- name: extend_lease
UPDATE domiq_sync.delivery SET next_attempt_at = clock_timestamp() + :lease_seconds * interval '1 second'
WHERE change_id = :change_id AND lease_token = :lease_token AND state = 'in_flight'

-- name: postpone
UPDATE domiq_sync.delivery
SET state = :state, worker = NULL, lease_token = NULL, attempts = attempts + :counted,
    postponements = postponements + 1 - :counted, last_outcome = :outcome,
    next_attempt_at = clock_timestamp() + :seconds * interval '1 second'
WHERE change_id = :change_id AND lease_token = :lease_token AND state = 'in_flight'

-- name: remove_settled
DELETE FROM domiq_sync.delivery
WHERE change_id = :change_id AND lease_token = :lease_token AND state = 'in_flight' RETURNING lane

-- name: settle
UPDATE public.status_sync_log g
SET sync_status = :sync_status, resman_lead_id = COALESCE(:prospect_id, g.resman_lead_id),
    context_data = CASE WHEN jsonb_typeof(g.context_data) = 'object' THEN g.context_data
                        WHEN g.context_data IS NULL THEN '{}'::jsonb
                        ELSE jsonb_build_object('original', g.context_data) END
                   || jsonb_build_object('sync', CAST(:explanation AS jsonb))
WHERE g.id = :change_id AND g.sync_status = 'pending'

-- name: promote
UPDATE domiq_sync.delivery SET is_head = TRUE
WHERE NOT is_head AND change_id = (
    SELECT d.change_id FROM domiq_sync.delivery d WHERE d.lane = :lane ORDER BY d.seq LIMIT 1)

-- name: heal_heads
-- A change that was committed just while the one before it was settled saw a head that is gone.
UPDATE domiq_sync.delivery SET is_head = TRUE
WHERE NOT is_head AND change_id IN (
    SELECT first.change_id
    FROM (SELECT DISTINCT lane FROM domiq_sync.delivery WHERE NOT is_head) AS queued
    CROSS JOIN LATERAL (SELECT d.change_id, d.is_head FROM domiq_sync.delivery d
                        WHERE d.lane = queued.lane ORDER BY d.seq LIMIT 1) AS first
    WHERE NOT first.is_head)

-- name: record_attempt
INSERT INTO domiq_sync.attempt
    (change_id, lease_token, worker, action, outcome, detail, started_at, duration_ms)
VALUES (:change_id, :lease_token, :worker, :action, :outcome, CAST(:detail AS jsonb), :started_at, :duration_ms)

-- name: load_change
-- All that sending one change depends on.
SELECT g.id AS change_id, g.conversation_id, g.resman_lead_id, g.old_status, g.new_status, g.status_reason,
       g.context_data, g.created_at, c.id IS NOT NULL AS has_conversation, c.status AS domiq_status, c.tour_datetime,
       c.ai_intent_summary, c.move_in_date, u.id AS user_id, u.first_name, u.last_name, u.email, u.phone,
       l.prospect_id, l.person_id, l.is_current, l.agreed_domiq_status, l.agreed_resman_status,
       r.status AS resman_status, r.effective_status, r.last_modified,
       COALESCE(c.created_at, g.created_at) AS began_at,
       EXTRACT(EPOCH FROM clock_timestamp()
               - greatest(r.read_at, r.touched_at, w.last_pull_at))::float AS known_for
FROM public.status_sync_log g
LEFT JOIN public.conversation c ON c.id = g.conversation_id
LEFT JOIN public."user" u ON u.id = c.user_id
LEFT JOIN domiq_sync.lead_link l ON l.conversation_id = c.id
LEFT JOIN domiq_sync.resman_lead r ON r.property_id = l.property_id AND r.prospect_id = l.prospect_id
LEFT JOIN domiq_sync.watermark w ON w.property_id = l.property_id
WHERE g.id = :change_id

-- name: touch_lead
-- What we know of a lead since we read it or changed it ourselves.
INSERT INTO domiq_sync.resman_lead AS kept
    (property_id, prospect_id, person_id, status, effective_status, content_hash, read_at, touched_at)
VALUES (:property_id, :prospect_id, :person_id, :status, :effective_status, '', clock_timestamp(), clock_timestamp())
ON CONFLICT (property_id, prospect_id) DO UPDATE SET
    status = EXCLUDED.status,
    effective_status = CASE WHEN kept.status = EXCLUDED.status THEN kept.effective_status
                            ELSE EXCLUDED.effective_status END,
    person_id = COALESCE(kept.person_id, EXCLUDED.person_id), touched_at = EXCLUDED.touched_at

-- name: note_moved
-- Our own post moved a linked lead, and there is more of the change to come.
WITH link AS (
    UPDATE domiq_sync.lead_link SET agreed_resman_status = :status, agreed_at = clock_timestamp()
    WHERE conversation_id = :conversation_id RETURNING property_id, prospect_id
)
UPDATE domiq_sync.resman_lead r
SET status = :status, effective_status = :status, touched_at = clock_timestamp()
FROM link WHERE r.property_id = link.property_id AND r.prospect_id = link.prospect_id

-- name: agree
UPDATE domiq_sync.lead_link
SET agreed_domiq_status = :d, agreed_resman_status = :r, agreed_at = clock_timestamp(),
    person_id = COALESCE(person_id, :person_id)
WHERE conversation_id = :conversation_id
