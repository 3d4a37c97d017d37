-- The delivery queue's protocol. All times are the database's own.
-- (SELECT clock_timestamp()) rather than clock_timestamp(): a volatile call in a condition would keep
-- PostgreSQL from using the index.
-- Whoever holds a delivery names its lease_token, which each claim takes anew from a sequence and giving back
-- clears: a token is one claim of one delivery, and a delivery with a token is in flight.

-- name: due_properties
-- Which properties of these accounts have something to deliver now, and since when.
SELECT i.property_id, i.resman_account_id AS account_id, due.due_since,
       CAST(extract(EPOCH FROM clock_timestamp() - due.due_since) AS double precision) AS waited
-- LATERAL with ORDER BY and LIMIT looks into the index once a property; EXISTS became a join that read
-- the whole queue.
FROM domiq_sync.integration i
CROSS JOIN LATERAL (SELECT d.next_attempt_at AS due_since FROM domiq_sync.delivery d
                    WHERE d.property_id = i.property_id AND d.is_head
                      AND d.next_attempt_at <= (SELECT clock_timestamp())
                      AND d.next_attempt_at >= CAST(:due_from AS timestamptz)
                    ORDER BY d.next_attempt_at LIMIT 1) AS due
WHERE i.sync_enabled AND i.sync_direction <> 'from_resman'
  AND (CAST(:property_ids AS uuid[]) IS NULL OR i.property_id = ANY (CAST(:property_ids AS uuid[])))
  AND (CAST(:account_id AS text) IS NULL OR i.resman_account_id = CAST(:account_id AS text))
ORDER BY i.partition_key

-- name: look_up_by_key
-- For one transaction, before claim and settle. The queue grows and shrinks faster than its statistics: a plan that was
-- right for ten rows, and is kept, reads a hundred thousand. And what they join are the rows of one batch with
-- themselves, found by key: a nested loop, which the planner may prefer when it takes them for few, would compare each
-- with each, or sort the keys anew for each.
SELECT set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true),
       set_config('enable_sort', 'off', true), set_config('enable_mergejoin', 'off', true),
       set_config('enable_nestloop', 'off', true)

-- name: keep_looking_up
-- The same for a session that claims and settles one change at a time, so that two statements a change fall away.
-- Nested loops and sorts stay: of one row they compare nothing, and what else the session asks joins big tables by key.
-- Its plans are made once: planning the dozen joins of one change by key takes longer than running them.
SELECT set_config('enable_seqscan', 'off', false), set_config('enable_bitmapscan', 'off', false),
       set_config('enable_mergejoin', 'off', false), set_config('plan_cache_mode', 'force_generic_plan', false)

-- name: plan_as_before
RESET enable_seqscan; RESET enable_bitmapscan; RESET enable_mergejoin; RESET plan_cache_mode

-- name: claim
-- The longest-due heads of one property, at most :limit. A lease that ran out is due again: no sweeper is
-- needed. is_head narrows the search; that nothing stands before it in its lane is checked all the same,
-- and delivery_one_in_flight makes a second claim of the lane impossible.
-- While a long transaction elsewhere keeps PostgreSQL from clearing them, every row that was ever claimed leaves
-- dead entries in each index. So a claim avoids walking over them:
--   of its own lane     a delivery in turn (sql/005_changes.sql) has nobody before or beside it but those that
--                       are not, which have an index of their own. :carefully looks at the whole lane all the same
--   of other deliveries  :due_from lets a worker begin where its last claim ended, or at what due_properties
--                       found, instead of at the index's first entry. What comes to stand before it is found when
--                       it is next asked what is due
WITH due AS MATERIALIZED (
    SELECT d.change_id, d.state AS found_state, d.next_attempt_at AS was_due_at
    FROM domiq_sync.delivery d
    WHERE d.property_id = :property_id AND d.is_head AND d.next_attempt_at <= (SELECT clock_timestamp())
      AND d.next_attempt_at >= CAST(:due_from AS timestamptz)
      -- It may have been switched off since it was asked what is due.
      AND EXISTS (SELECT FROM domiq_sync.integration i
                  WHERE i.property_id = :property_id AND i.sync_enabled AND i.sync_direction <> 'from_resman')
      -- Sub-selects that PostgreSQL cannot make joins of: each is one look into an index.
      AND CASE WHEN d.in_turn AND NOT CAST(:carefully AS boolean)
               THEN NOT EXISTS (SELECT FROM domiq_sync.delivery o
                                WHERE o.lane = d.lane AND NOT o.in_turn
                                  AND (o.seq < d.seq OR o.state = 'in_flight') OFFSET 0)
               ELSE d.change_id = (SELECT e.change_id FROM domiq_sync.delivery e WHERE e.lane = d.lane
                                   ORDER BY e.seq LIMIT 1)
                    -- a failed change that was put back may stand before one that is in flight
                    AND NOT EXISTS (SELECT FROM domiq_sync.delivery f
                                    WHERE f.lane = d.lane AND f.state = 'in_flight'
                                      AND f.change_id <> d.change_id OFFSET 0) END
    ORDER BY d.next_attempt_at, d.seq
    LIMIT :limit
    FOR UPDATE OF d SKIP LOCKED
)
UPDATE domiq_sync.delivery d
SET state = 'in_flight', worker = :worker, lease_token = nextval('domiq_sync.lease_token'),
    next_attempt_at = clock_timestamp() + :lease_seconds * interval '1 second'
FROM due
WHERE d.change_id = ANY (ARRAY(SELECT change_id FROM due))  -- by key
  AND d.change_id = due.change_id
RETURNING d.change_id, d.seq, d.lane, d.property_id, d.attempts, d.postponements, d.lease_token, d.enqueued_at,
          due.was_due_at, d.worker, due.found_state IN ('in_flight', 'unknown') AS outcome_unknown,
          EXTRACT(EPOCH FROM clock_timestamp() - d.posted_at)::float AS posted_for, d.posted, d.read_backs,
          d.decided, d.decided_by

-- name: extend_leases
-- The heartbeat. Returns those whose claim still holds. The commit waits for no disk: a lease that a crash shortens is
-- only claimed the sooner.
UPDATE domiq_sync.delivery d SET next_attempt_at = clock_timestamp() + :lease_seconds * interval '1 second'
WHERE d.change_id = ANY (CAST(:change_ids AS uuid[])) AND d.lease_token = ANY (CAST(:lease_tokens AS bigint[]))
RETURNING d.change_id, set_config('synchronous_commit', 'off', true)

-- name: still_holds
SELECT change_id FROM domiq_sync.delivery WHERE change_id = :change_id AND lease_token = :lease_token

-- name: earlier_claim
SELECT lease_token FROM domiq_sync.attempt WHERE change_id = :change_id AND lease_token < :lease_token
ORDER BY id DESC LIMIT 1

-- name: note_posting
-- A post leaves: from here on ResMan may have it, whatever becomes of this worker. The lease is extended with it. Unlike
-- that of a heartbeat this commit waits for the disk: were it lost in a crash, the post would be taken for one that
-- never left. What a person decided about an earlier one is carried out with it.
UPDATE domiq_sync.delivery
SET next_attempt_at = clock_timestamp() + :lease_seconds * interval '1 second',
    posted_at = clock_timestamp(), posted = CAST(:posted AS jsonb), read_backs = 0, decided = NULL, decided_by = NULL
WHERE change_id = :change_id AND lease_token = :lease_token RETURNING change_id

-- name: has_left
SELECT posted_at IS NOT NULL FROM domiq_sync.delivery WHERE change_id = :change_id

-- name: forget_posting
-- What became of the last post is known.
UPDATE domiq_sync.delivery SET posted_at = NULL, posted = NULL, read_backs = 0
WHERE change_id = :change_id AND lease_token = :lease_token

-- name: count_read_back
UPDATE domiq_sync.delivery SET read_backs = read_backs + 1
WHERE change_id = :change_id AND lease_token = :lease_token

-- name: bring_forward
-- What waits for nothing but its time, of one account. An unknown outcome keeps its own.
UPDATE domiq_sync.delivery d SET next_attempt_at = clock_timestamp()
WHERE d.state = 'ready' AND d.is_head AND d.next_attempt_at > clock_timestamp() AND d.property_id IN (
    SELECT property_id FROM domiq_sync.integration WHERE resman_account_id = :a)

-- name: queued_among
SELECT change_id FROM domiq_sync.delivery WHERE change_id = ANY (CAST(:change_ids AS uuid[]))

-- name: give_new_tries
UPDATE domiq_sync.delivery SET attempts = 0, next_attempt_at = clock_timestamp()
WHERE change_id = ANY (CAST(:change_ids AS uuid[])) AND state <> 'in_flight'

-- name: keep_claim
-- Kept until the transaction ends, so that nobody claims it before what belongs to it is written.
SELECT change_id FROM domiq_sync.delivery
WHERE change_id = :change_id AND lease_token = :lease_token FOR UPDATE

-- name: postpone
WITH kept AS (
    UPDATE domiq_sync.delivery
    SET state = :state, worker = NULL, lease_token = NULL, attempts = attempts + :counted,
        postponements = postponements + 1 - :counted, last_outcome = :outcome,
        next_attempt_at = clock_timestamp() + :seconds * interval '1 second'
    WHERE change_id = :change_id AND lease_token = :lease_token RETURNING change_id
), recorded AS (
    INSERT INTO domiq_sync.attempt
        (change_id, lease_token, worker, action, outcome, detail, started_at, duration_ms)
    SELECT kept.change_id, :lease_token, :worker, a.*
    FROM kept CROSS JOIN json_to_recordset(CAST(:tried AS json))
        AS a(action text, outcome text, detail jsonb, started_at timestamptz, duration_ms integer)
)
SELECT change_id FROM kept

-- name: postpone_unrecorded
UPDATE domiq_sync.delivery
SET state = :state, worker = NULL, lease_token = NULL, attempts = attempts + :counted,
    postponements = postponements + 1 - :counted, last_outcome = :outcome,
    next_attempt_at = clock_timestamp() + :seconds * interval '1 second'
WHERE change_id = :change_id AND lease_token = :lease_token RETURNING change_id

-- name: settle
-- Changes that this worker holds get their final status, and the next of each lane comes forward, behind
-- what is due already. Returns those that it did hold; of the others nothing is written.
-- A change in turn was the first of those in turn of its lane, so the next one is looked for after it: before it
-- lie the lane's dead entries, as many as it had changes. One that was not in turn may have gone before an
-- earlier one that was committed later, so its lane is looked at from the start.
WITH given AS (
    -- one document, since a list of 500 texts costs psycopg more than the whole settling costs PostgreSQL
    SELECT * FROM json_to_recordset(CAST(:settlements AS json))
        AS g(change_id uuid, lease_token bigint, worker text, sync_status text, prospect_id text,
             explanation jsonb, attempts json)
), removed AS (
    DELETE FROM domiq_sync.delivery d USING given
    WHERE d.change_id = ANY (CAST(:change_ids AS uuid[]))  -- by key, whatever becomes of the join
      AND d.change_id = given.change_id AND d.lease_token = given.lease_token
    RETURNING d.lane, d.seq, d.in_turn, d.posted, d.posted_at, given.*
), settled AS (
    UPDATE public.status_sync_log g
    SET sync_status = removed.sync_status, resman_lead_id = COALESCE(removed.prospect_id, g.resman_lead_id),
        -- what may have arrived is kept for whoever puts the change back: it is looked for again
        context_data = domiq_sync.context_object(g.context_data) || jsonb_build_object('sync',
            CASE WHEN removed.explanation ? 'may_have_arrived' AND jsonb_typeof(removed.posted) = 'object'
                 THEN removed.explanation || jsonb_build_object(
                     'posted', removed.posted || jsonb_build_object('posted_at', removed.posted_at))
                 ELSE removed.explanation END)
    FROM removed
    WHERE g.id = ANY (CAST(:change_ids AS uuid[])) AND g.id = removed.change_id
    -- COALESCE keeps this from being looked up in the log's index by status, which reads the whole backlog
    -- for each change where the statistics are from before it
      AND COALESCE(g.sync_status, '') = 'pending'
), promoted AS (
    UPDATE domiq_sync.delivery d
    SET is_head = TRUE, next_attempt_at = greatest(d.next_attempt_at, clock_timestamp())
    WHERE d.change_id = ANY (ARRAY(
        SELECT (SELECT n.change_id FROM domiq_sync.delivery n
                WHERE n.lane = r.lane AND n.seq > CASE WHEN r.in_turn THEN r.seq ELSE 0 END
                  AND n.change_id <> r.change_id
                ORDER BY n.seq LIMIT 1) FROM removed r))
), recorded AS (
    INSERT INTO domiq_sync.attempt
        (change_id, lease_token, worker, action, outcome, detail, started_at, duration_ms)
    SELECT r.change_id, r.lease_token, r.worker, (r.tried).action, (r.tried).outcome, (r.tried).detail,
           (r.tried).started_at, (r.tried).duration_ms
    FROM (SELECT removed.*, json_populate_recordset(NULL::domiq_sync.attempt, attempts) AS tried
          FROM removed OFFSET 0) r  -- each is read once
)
-- What else belongs to the transaction joins big tables by key again.
SELECT change_id, set_config('enable_nestloop', 'on', true) FROM removed
