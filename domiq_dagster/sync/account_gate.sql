-- Slots of a ResMan account, its pace and its breaker. All times are the database's own. The tables call a slot a turn.

-- name: slots
SELECT COALESCE(max(a.max_concurrent), 1) AS slots,
       (SELECT jsonb_object_agg(t.turn, t.epoch) FROM domiq_sync.account_turn t WHERE t.resman_account_id = :a) AS epochs
FROM domiq_sync.account a WHERE a.resman_account_id = :a

-- name: enter
-- What whoever has the slot must know of the account, and the mark that a request is under way now, unless the
-- breaker is open, the pace asks to wait, or the last holder's request may still be under way. This mark is the truth
-- about whose the slot is; the lock is the queue for it, and one of an epoch that is over lets nobody in.
-- The pace is taken by the one statement that finds it free: two slots of one account wait for its row.
WITH state AS (
    SELECT COALESCE(max(consecutive_failures), 0) AS failures, COALESCE(max(ramp_ms), 0) AS ramp_ms,
           COALESCE(max(greatest(min_interval_ms, ramp_ms)), 0) AS interval_ms,
           max(open_reason) AS open_reason,
           COALESCE(max(EXTRACT(EPOCH FROM open_until - clock_timestamp())), 0)::float AS closed_for
    FROM domiq_sync.account WHERE resman_account_id = :a
), paced AS (
    UPDATE domiq_sync.account
    SET next_request_at = clock_timestamp() + greatest(min_interval_ms, ramp_ms) * interval '1 millisecond'
    WHERE resman_account_id = :a AND greatest(min_interval_ms, ramp_ms) > 0
      AND next_request_at <= clock_timestamp() AND (open_until IS NULL OR open_until <= clock_timestamp())
    RETURNING next_request_at
), entered AS (
    INSERT INTO domiq_sync.account_turn AS t (resman_account_id, turn, epoch, holder, busy_until)
    SELECT :a, :slot, :epoch, nextval('domiq_sync.turn_holder'), clock_timestamp() + :longest * interval '1 second'
    FROM state WHERE closed_for <= 0 AND (interval_ms = 0 OR EXISTS (SELECT FROM paced))
    ON CONFLICT (resman_account_id, turn) DO UPDATE SET holder = EXCLUDED.holder, busy_until = EXCLUDED.busy_until
        WHERE t.epoch = :epoch AND (t.busy_until IS NULL OR t.busy_until <= clock_timestamp())
    RETURNING t.holder
)
SELECT failures, ramp_ms, open_reason, closed_for, (SELECT holder FROM entered) AS holder,
       CASE WHEN interval_ms > 0 AND NOT EXISTS (SELECT FROM paced) THEN COALESCE((
           SELECT EXTRACT(EPOCH FROM next_request_at - clock_timestamp()) FROM domiq_sync.account
           WHERE resman_account_id = :a), 0)::float ELSE 0 END AS paced_for,
       COALESCE((SELECT EXTRACT(EPOCH FROM t.busy_until - clock_timestamp()) FROM domiq_sync.account_turn t
                 WHERE t.resman_account_id = :a AND t.turn = :slot), 0)::float AS busy_for,
       COALESCE((SELECT t.epoch FROM domiq_sync.account_turn t
                 WHERE t.resman_account_id = :a AND t.turn = :slot), :epoch) AS epoch
FROM state

-- name: look
-- Whose the slot is that somebody waits for; no holder: nobody had it yet.
SELECT COALESCE(max(epoch), :epoch) AS epoch, max(holder) AS holder,
       COALESCE(bool_or(busy_until > clock_timestamp()), FALSE) AS busy
FROM domiq_sync.account_turn WHERE resman_account_id = :a AND turn = :slot

-- name: overtake
-- The lock's holder stands still with no request that may be under way: all go to the lock of the next epoch.
INSERT INTO domiq_sync.account_turn AS t (resman_account_id, turn, epoch, holder)
VALUES (:a, :slot, :epoch + 1, nextval('domiq_sync.turn_holder'))
ON CONFLICT (resman_account_id, turn) DO UPDATE SET epoch = EXCLUDED.epoch
    WHERE t.epoch = :epoch AND (t.busy_until IS NULL OR t.busy_until <= clock_timestamp())

-- name: ask_again
-- A further request in a slot: the mark lasts for it too, and the pace counts it. Nothing, where the slot was taken
-- over meanwhile.
WITH paced AS (
    UPDATE domiq_sync.account
    SET next_request_at = next_request_at + greatest(min_interval_ms, ramp_ms) * interval '1 millisecond'
    WHERE resman_account_id = :a AND greatest(min_interval_ms, ramp_ms) > 0
)
UPDATE domiq_sync.account_turn SET busy_until = clock_timestamp() + :longest * interval '1 second'
WHERE resman_account_id = :a AND turn = :slot AND holder = :holder RETURNING holder

-- name: stay
-- The request is still under way, and so the mark lasts longer. Nothing, where the slot was taken over meanwhile.
UPDATE domiq_sync.account_turn SET busy_until = clock_timestamp() + :longest * interval '1 second'
WHERE resman_account_id = :a AND turn = :slot AND holder = :holder RETURNING holder

-- name: release
-- The request is over. The lock is given back in the same statement: whoever gets it before this is
-- committed waits for the row. The commit waits for no disk: if it is lost in a crash, the account only
-- pauses. That of `enter` does, or a crash would let a second request in beside the first.
WITH left_by AS (
    UPDATE domiq_sync.account_turn SET busy_until = NULL
    WHERE resman_account_id = :a AND turn = :slot AND holder = :holder RETURNING turn
)
SELECT pg_advisory_unlock(hashtextextended(:key, 0))
FROM (SELECT count(*), set_config('synchronous_commit', 'off', true) FROM left_by) AS done

-- name: clear_mark
UPDATE domiq_sync.account_turn SET busy_until = NULL
WHERE resman_account_id = :a AND turn = :slot AND holder = :holder

-- name: succeeded
-- As all that is learnt of the account: only while the slot is that of whoever learnt it.
-- After a pause that ResMan itself asked for (429) it is not asked slowly: it said when it has time again.
UPDATE domiq_sync.account
SET consecutive_failures = 0, open_until = NULL, open_reason = NULL,
    ramp_ms = CASE WHEN open_until IS NOT NULL AND open_reason IS DISTINCT FROM 'busy' THEN :first
                   WHEN ramp_ms * :factor < 50 THEN 0 ELSE ramp_ms * :factor END
WHERE resman_account_id = :a AND EXISTS (
    SELECT FROM domiq_sync.account_turn WHERE resman_account_id = :a AND turn = :slot AND holder = :holder)

-- name: failed
UPDATE domiq_sync.account SET consecutive_failures = consecutive_failures + 1
WHERE resman_account_id = :a AND EXISTS (
    SELECT FROM domiq_sync.account_turn WHERE resman_account_id = :a AND turn = :slot AND holder = :holder)
RETURNING consecutive_failures

-- name: open
UPDATE domiq_sync.account
SET open_until = clock_timestamp() + :seconds * interval '1 second', open_reason = :reason,
    opened_at = clock_timestamp()
WHERE resman_account_id = :a AND EXISTS (
    SELECT FROM domiq_sync.account_turn WHERE resman_account_id = :a AND turn = :slot AND holder = :holder)
