-- What Prometheus is told of the database. Nothing here reads the log: the queue, and tables of a row a property, an
-- account, a lead that diverges or a record in trouble.

-- name: properties
-- One row a connected property. The queue's figures are of those whose sync to ResMan is switched on, the pull's of
-- those that are switched on at all.
-- A lease that ran out is an outcome nobody knows, whether or not somebody has said so yet.
WITH queue AS (
    SELECT d.property_id, count(*) AS pending, min(d.enqueued_at) AS oldest,
           count(*) FILTER (WHERE d.state = 'unknown'
                                  OR (d.state = 'in_flight' AND d.next_attempt_at < clock_timestamp())) AS unknown
    FROM domiq_sync.delivery d GROUP BY 1
), diverged AS (
    SELECT v.property_id, count(*) AS leads FROM domiq_sync.divergence v GROUP BY 1
)
SELECT i.partition_key, i.resman_account_id AS account_id, i.sync_enabled AS is_on,
       COALESCE(q.pending, 0) AS pending, COALESCE(q.unknown, 0) AS unknown,
       EXTRACT(EPOCH FROM clock_timestamp() - q.oldest)::float AS oldest_seconds,
       CASE WHEN i.sync_enabled THEN COALESCE(v.leads, 0) ELSE 0 END AS diverged,
       EXTRACT(EPOCH FROM clock_timestamp() - w.last_pull_at)::float AS pull_seconds
FROM domiq_sync.integration i
LEFT JOIN queue q ON q.property_id = i.property_id AND i.sync_enabled AND i.sync_direction <> 'from_resman'
LEFT JOIN diverged v ON v.property_id = i.property_id
LEFT JOIN domiq_sync.watermark w ON w.property_id = i.property_id
ORDER BY i.partition_key

-- name: accounts
SELECT a.resman_account_id AS account_id, COALESCE(a.open_until > clock_timestamp(), FALSE) AS is_paused
FROM domiq_sync.account a ORDER BY 1

-- name: troubles
SELECT t.kind, count(*) AS records
FROM domiq_sync.trouble t JOIN domiq_sync.integration i USING (property_id) GROUP BY 1 ORDER BY 1
