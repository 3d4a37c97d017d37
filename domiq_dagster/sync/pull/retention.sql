-- Pulls that are no longer kept.

-- name: forget_some
-- Of the next :rows by id, those that are old, but each property's last good one, which says by how much it overlapped.
-- What they brought stays counted.
WITH part AS MATERIALIZED (
    SELECT u.id, u.property_id, u.started_at FROM domiq_sync.pull u WHERE u.id > :after ORDER BY u.id LIMIT :rows
), removed AS (
    DELETE FROM domiq_sync.pull u USING part
    WHERE u.id = part.id AND part.started_at < :before
      AND u.id IS DISTINCT FROM (SELECT good.id FROM domiq_sync.pull good
                                 WHERE good.property_id = u.property_id AND good.error IS NULL
                                 ORDER BY good.started_at DESC LIMIT 1)
    RETURNING u.property_id, u.stored
), counted AS (
    UPDATE domiq_sync.watermark w SET stored_before = w.stored_before + r.stored
    FROM (SELECT removed.property_id, sum(removed.stored) AS stored FROM removed GROUP BY 1) AS r
    WHERE w.property_id = r.property_id AND r.stored > 0
)
SELECT (SELECT count(*) FROM removed) AS removed, (SELECT max(part.id) FROM part) AS last,
       COALESCE((SELECT bool_or(part.started_at < :before) FROM part), FALSE) AS any_old
