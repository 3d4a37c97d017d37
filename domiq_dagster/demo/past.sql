-- name: date_back
-- What was logged today is dated back, each conversation's by :first_day to :last_day days and some hours: the log, its
-- changes, the steps of getting them to ResMan, and conflicts that came up.
WITH moved AS (
    SELECT c.change_id, c.conversation_id,
           (:first_day + mod(abs(hashtext(c.conversation_id::text)::bigint), 1 + :last_day - :first_day))
               * interval '1 day'
           + mod(abs(hashtext(c.conversation_id::text || 'h')::bigint), 36000) * interval '1 second' AS back
    FROM domiq_sync.change c
    WHERE c.conversation_id IS NOT NULL AND c.logged_at > clock_timestamp() - interval '1 hour'
), logged AS (
    UPDATE public.status_sync_log g SET created_at = g.created_at - moved.back FROM moved WHERE g.id = moved.change_id
), tried AS (
    UPDATE domiq_sync.attempt a SET started_at = a.started_at - moved.back FROM moved WHERE a.change_id = moved.change_id
), opened AS (
    UPDATE domiq_sync.conflict k
    SET opened_at = k.opened_at - :first_day * interval '1 day'
                    - mod(abs(hashtext(k.id::text)), 1 + :last_day - :first_day) * interval '1 day'
    WHERE k.resolved_at IS NULL AND k.opened_at > clock_timestamp() - interval '1 hour'
)
UPDATE domiq_sync.change c SET logged_at = c.logged_at - moved.back FROM moved WHERE c.change_id = moved.change_id
