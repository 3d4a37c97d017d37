-- What is done to a conversation's deliveries by whoever does not hold one of them. A lane is the deliveries of one
-- conversation, which go one after the other.

-- name: lock
-- From here on no worker can claim one of them.
SELECT d.state FROM domiq_sync.delivery d WHERE d.lane = ANY (CAST(:lanes AS uuid[]))
ORDER BY d.lane, d.seq FOR UPDATE

-- name: lock_free
-- The same of those that nobody else has locked: nobody is waited for.
SELECT d.state FROM domiq_sync.delivery d WHERE d.lane = ANY (CAST(:lanes AS uuid[]))
ORDER BY d.lane, d.seq FOR UPDATE SKIP LOCKED

-- name: count
SELECT count(*) FROM domiq_sync.delivery d WHERE d.lane = ANY (CAST(:lanes AS uuid[]))

-- name: is_under_way
SELECT EXISTS (SELECT FROM domiq_sync.delivery d
               WHERE d.lane = :lane AND d.state IN ('in_flight', 'unknown'))

-- name: wake
-- What waited for a thing of this kind goes on at once.
UPDATE domiq_sync.delivery SET next_attempt_at = clock_timestamp(), state = 'ready'
WHERE lane = ANY (CAST(:lanes AS uuid[])) AND state = 'waiting' AND last_outcome = :outcome

-- name: wake_property
-- What waited for the property's settings goes on at once.
UPDATE domiq_sync.delivery SET next_attempt_at = clock_timestamp(), state = 'ready'
WHERE property_id = :property_id AND state = 'waiting' AND last_outcome LIKE 'not_configured%'

-- name: wake_pulled
UPDATE domiq_sync.delivery SET next_attempt_at = clock_timestamp(), state = 'ready'
WHERE property_id = :property_id AND state = 'waiting' AND last_outcome = :outcome

-- name: wake_granted
UPDATE domiq_sync.delivery SET next_attempt_at = clock_timestamp()
WHERE property_id = ANY (CAST(:property_ids AS uuid[])) AND state IN ('ready', 'unknown') AND last_outcome = :outcome
  AND next_attempt_at > clock_timestamp()

-- name: supersede_open
-- The losing changes of a conversation, none of them under way.
WITH beaten AS (
    DELETE FROM domiq_sync.delivery
    WHERE lane = :lane AND state IN ('ready', 'waiting') RETURNING change_id
)
UPDATE public.status_sync_log g
SET sync_status = 'success', resman_lead_id = COALESCE(g.resman_lead_id, :prospect_id),
    context_data = domiq_sync.context_object(g.context_data)
                   || jsonb_build_object('sync', CAST(:explanation AS jsonb))
FROM beaten
-- COALESCE, as in queue.sql: not to be looked up by status, which reads the whole backlog
WHERE g.id = beaten.change_id AND COALESCE(g.sync_status, '') = 'pending'

-- name: doubt
-- A failed change may have arrived all the same (somebody may have settled it by hand): it is read back first.
-- The post that may have arrived is on record where it failed (queue.sql, settle).
UPDATE domiq_sync.delivery d
SET state = 'unknown', posted = last.post - 'posted_at',
    posted_at = CAST(last.post ->> 'posted_at' AS timestamptz)
FROM public.status_sync_log g
CROSS JOIN LATERAL (SELECT g.context_data #> '{retries,-1,after,posted}' AS post) AS last
WHERE d.change_id = ANY (CAST(:change_ids AS uuid[])) AND d.state = 'ready' AND g.id = d.change_id

-- name: heal_heads
-- A change that was committed just while the one before it was settled saw a head that is gone. As in settle, it
-- comes forward behind what is due already, where workers look.
UPDATE domiq_sync.delivery
SET is_head = TRUE, next_attempt_at = greatest(next_attempt_at, clock_timestamp())
WHERE NOT is_head AND change_id IN (
    SELECT first.change_id
    FROM (SELECT DISTINCT lane FROM domiq_sync.delivery WHERE NOT is_head) AS queued
    CROSS JOIN LATERAL (SELECT d.change_id, d.is_head FROM domiq_sync.delivery d
                        WHERE d.lane = queued.lane ORDER BY d.seq LIMIT 1) AS first
    WHERE NOT first.is_head)
RETURNING property_id

-- name: expire_leases
-- The outcome of what they had claimed is unknown: the next worker reads it back before it sends. Whoever is late
-- finds the token gone.
UPDATE domiq_sync.delivery
SET state = 'unknown', lease_token = NULL, worker = NULL, last_outcome = 'lease_expired'
WHERE state = 'in_flight' AND next_attempt_at < (SELECT clock_timestamp()) RETURNING property_id

-- name: drop_idle
-- Deliveries of changes that somebody settled by hand.
DELETE FROM domiq_sync.delivery d USING public.status_sync_log g
WHERE g.id = d.change_id AND d.state <> 'in_flight'
  AND (g.sync_status IS DISTINCT FROM 'pending' OR g.sync_direction IS DISTINCT FROM 'to_resman')
RETURNING d.property_id

-- name: fail_orphans
-- Pending outbound changes that name no conversation: no property, so no worker, would ever claim them.
WITH orphans AS (
    DELETE FROM domiq_sync.delivery d USING public.status_sync_log g
    WHERE g.id = d.change_id AND g.conversation_id IS NULL AND d.state <> 'in_flight' RETURNING d.change_id
)
UPDATE public.status_sync_log g
SET sync_status = 'failed',
    context_data = domiq_sync.context_object(g.context_data) || jsonb_build_object('sync', jsonb_build_object(
        'outcome', 'no_conversation', 'reason', 'the change names no conversation, so no lead either'))
FROM orphans WHERE g.id = orphans.change_id AND COALESCE(g.sync_status, '') = 'pending' RETURNING NULL AS property_id
