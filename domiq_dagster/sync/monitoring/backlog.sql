-- How far behind the queue is. All times are the database's own, but for an attempt's started_at, which is
-- its worker's.

-- name: queues
-- One row a connected property. waits_for: why the first change of a lane waits for a person rather than for its
-- turn; what stands behind it waits with it. due: conversations of which a change may be claimed now, where
-- sync to ResMan is switched on and the account's breaker is closed.
-- What waits for a grant is asked about again: it is due in its turn.
-- A lease that ran out is an outcome nobody knows, whether or not somebody has said so yet.
SELECT i.partition_key, resman_account_id AS account_id,
       i.sync_enabled AND i.sync_direction <> 'from_resman' AS outbound, lacking.any_grant AS lacks_grant, waiting.*
FROM domiq_sync.integration i
LEFT JOIN domiq_sync.account a USING (resman_account_id)
CROSS JOIN LATERAL (
    SELECT count(*) > 0 AS any_grant,
           COALESCE(bool_or(t.key = i.resman_account_id || ' ' || :post), FALSE) AS post_grant
    FROM domiq_sync.trouble t WHERE t.kind = 'grant' AND t.property_id = i.property_id) AS lacking
CROSS JOIN LATERAL (
    SELECT count(*) AS pending,
           count(*) FILTER (WHERE q.is_head AND COALESCE(q.waits_for = 'grant', TRUE)
                                  AND q.next_attempt_at <= q.now AND q.open) AS due,
           count(*) FILTER (WHERE q.waits_for = 'conflict') AS conflicts,
           count(*) FILTER (WHERE q.waits_for = 'settings') AS settings,
           count(*) FILTER (WHERE q.waits_for = 'contact') AS contact,
           count(*) FILTER (WHERE q.waits_for = 'grant') AS grants,
           count(*) FILTER (WHERE q.waits_for = 'doubt') AS in_doubt,
           count(*) FILTER (WHERE q.unknown) AS unknown,
           EXTRACT(EPOCH FROM max(q.now - q.enqueued_at))::float AS oldest_seconds,
           EXTRACT(EPOCH FROM max(q.now - q.enqueued_at) FILTER (WHERE q.unknown))::float AS oldest_unknown_seconds
    FROM (SELECT d.is_head, d.next_attempt_at, d.enqueued_at, clock.now,
                 i.sync_enabled AND i.sync_direction <> 'from_resman'
                     AND COALESCE(a.open_until <= clock.now, TRUE) AS open,
                 d.state = 'unknown' OR (d.state = 'in_flight' AND d.next_attempt_at < clock.now) AS unknown,
                 first_value(CASE WHEN lacking.post_grant AND d.state = 'ready'
                                      OR lacking.any_grant AND d.last_outcome IN ('not_entitled', 'never_pulled')
                                  THEN 'grant' ELSE domiq_sync.waits_for(d.state, d.last_outcome, d.decided) END)
                     OVER (PARTITION BY d.lane ORDER BY d.seq) AS waits_for
          FROM (SELECT clock_timestamp() AS now) AS clock
          JOIN domiq_sync.delivery d ON d.property_id = i.property_id) AS q) AS waiting
ORDER BY i.partition_key

-- name: accounts
-- Every account, with its breaker where that is open, and the pace at which it is asked after that.
SELECT a.resman_account_id AS account_id, a.consecutive_failures, a.ramp_ms / 1000.0::float AS ramp_seconds,
       CASE WHEN a.open_until > clock_timestamp() THEN a.open_until END AS paused_until,
       CASE WHEN a.open_until > clock_timestamp() THEN a.open_reason END AS paused_because
FROM domiq_sync.account a ORDER BY a.resman_account_id

-- name: recent_work
-- Of each account, how many changes the attempts of the recent window have settled, and for how long it was
-- worked on. An attempt lasts until the next one begins, or, where that is more than a second after its own
-- end, until its own end: that nothing was to be done says nothing about how fast it would have gone.
-- Of attempts only the newest are looked at, since no index orders them by time.
-- Sub-selects rather than joins: each is one look into an index, where a join read the whole tables.
WITH sample AS MATERIALIZED (
    SELECT a.change_id, a.started_at, a.duration_ms * interval '1 ms' AS lasted,
           (SELECT c.property_id FROM domiq_sync.change c WHERE c.change_id = a.change_id) AS property_id
    FROM domiq_sync.attempt a
    WHERE a.id > (SELECT max(id) FROM domiq_sync.attempt) - :most
      AND a.started_at > clock_timestamp() - :window_seconds * interval '1 second'
), work AS (
    SELECT i.resman_account_id AS account_id, s.change_id, s.lasted,
           lead(s.started_at) OVER (PARTITION BY i.resman_account_id ORDER BY s.started_at) - s.started_at AS until_next
    FROM sample s JOIN domiq_sync.integration i ON i.property_id = s.property_id
), by_change AS (
    SELECT w.account_id, w.change_id,
           sum(CASE WHEN w.until_next <= w.lasted + interval '1 s' THEN w.until_next ELSE w.lasted END) AS busy,
           (SELECT d.change_id FROM domiq_sync.delivery d WHERE d.change_id = w.change_id) IS NULL AS settled
    FROM work w GROUP BY w.account_id, w.change_id
)
SELECT account_id, count(*) FILTER (WHERE settled) AS settled, EXTRACT(EPOCH FROM sum(busy))::float AS busy_seconds
FROM by_change GROUP BY account_id

-- name: not_connected
-- Pending changes of properties that are not connected, or of none. From one property of the index to the
-- next, so that only these are counted.
WITH RECURSIVE queued AS (
    (SELECT d.property_id FROM domiq_sync.delivery d WHERE d.property_id IS NOT NULL
     ORDER BY d.property_id LIMIT 1)
    UNION ALL
    SELECT (SELECT d.property_id FROM domiq_sync.delivery d WHERE d.property_id > queued.property_id
            ORDER BY d.property_id LIMIT 1)
    FROM queued WHERE queued.property_id IS NOT NULL
)
SELECT (SELECT count(*) FROM domiq_sync.delivery d WHERE d.property_id IS NULL)
       + COALESCE(sum((SELECT count(*) FROM domiq_sync.delivery d WHERE d.property_id = queued.property_id)), 0)::bigint
FROM queued
WHERE NOT EXISTS (SELECT FROM domiq_sync.integration i WHERE i.property_id = queued.property_id)

-- name: queue_depth
SELECT COALESCE(sum(all_of.pending), 0)::bigint AS pending, COALESCE(sum(now_due.due), 0)::bigint AS due,
       max(EXTRACT(EPOCH FROM clock_timestamp() - all_of.oldest))::float AS oldest_seconds
FROM domiq_sync.integration i
JOIN domiq_sync.account a USING (resman_account_id)
CROSS JOIN LATERAL (
    SELECT count(*) AS pending, min(d.enqueued_at) AS oldest
    FROM domiq_sync.delivery d WHERE d.property_id = i.property_id) AS all_of
CROSS JOIN LATERAL (
    SELECT count(*) AS due FROM (
        SELECT FROM domiq_sync.delivery d
        WHERE d.property_id = i.property_id AND d.is_head AND d.next_attempt_at <= (SELECT clock_timestamp())
          AND (a.open_until IS NULL OR a.open_until <= (SELECT clock_timestamp()))
        LIMIT 1000) AS heads) AS now_due
WHERE i.sync_enabled AND i.sync_direction <> 'from_resman'
