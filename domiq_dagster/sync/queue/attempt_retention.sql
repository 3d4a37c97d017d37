-- Attempts that are no longer kept.

-- name: forget_some
-- Of the next :rows by id, those that are old. Kept are those of a change that is still open, those whose event is
-- dated after :event_date (a read-back knows it by its date), and the last hundred, which tell where lease tokens stand.
WITH part AS MATERIALIZED (
    SELECT a.id, a.change_id, a.started_at,
           COALESCE(a.detail #>> '{posted,event_date}', a.detail ->> 'event_date') AS event_date
    FROM domiq_sync.attempt a WHERE a.id > :after ORDER BY a.id LIMIT :rows
), removed AS (
    DELETE FROM domiq_sync.attempt a USING part
    WHERE a.id = part.id AND part.started_at < :before
      AND (part.event_date IS NULL OR part.event_date < :event_date)
      AND a.id <= (SELECT max(newest.id) - 100 FROM domiq_sync.attempt newest)
      AND NOT EXISTS (SELECT FROM domiq_sync.delivery d WHERE d.change_id = part.change_id)
    RETURNING a.id
)
SELECT (SELECT count(*) FROM removed) AS removed, (SELECT max(part.id) FROM part) AS last,
       COALESCE((SELECT bool_or(part.started_at < :before) FROM part), FALSE) AS any_old
