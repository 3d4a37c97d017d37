-- How the tables and endpoints stand that belong to others. The cost goes with the number of properties and accounts.

-- name: properties
SELECT count(*) AS connected, count(*) FILTER (WHERE i.sync_enabled) AS switched_on, max(i.connected_at) AS connected_at
FROM domiq_sync.integration i

-- name: last_status_change
-- By the index on seq. It is the last change that was logged, of whichever side.
SELECT c.logged_at FROM domiq_sync.change c ORDER BY c.seq DESC LIMIT 1

-- name: resman
SELECT (SELECT count(*) FROM domiq_sync.account) AS accounts,
       (SELECT count(*) FROM domiq_sync.account a WHERE a.open_until > clock_timestamp()) AS accounts_paused,
       pulled.failing, pulled.answered_at, pulled.last_error
FROM (SELECT count(*) FILTER (WHERE w.failing_since IS NOT NULL) AS failing, max(w.last_pull_at) AS answered_at,
             (array_agg(w.last_error ORDER BY w.failing_since DESC) FILTER (WHERE w.failing_since IS NOT NULL))[1]
                 AS last_error
      FROM domiq_sync.watermark w JOIN domiq_sync.integration i USING (property_id)
      WHERE i.sync_enabled) AS pulled
