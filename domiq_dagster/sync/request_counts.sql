-- Requests that went out, by day (UTC), account, property and API. Times are the database's own.

-- name: store
-- The commit waits for no disk: a crash may lose seconds of a count.
INSERT INTO domiq_sync.request_count AS kept (day, resman_account_id, resman_property_id, api, requests)
SELECT (clock_timestamp() AT TIME ZONE 'UTC')::date, n.account, n.property, n.api, n.requests
FROM unnest(CAST(:accounts AS text[]), CAST(:properties AS text[]), CAST(:apis AS text[]), CAST(:counts AS bigint[]))
         AS n (account, property, api, requests),
     (SELECT set_config('synchronous_commit', 'off', true)) AS quick
ORDER BY n.account, n.property, n.api
ON CONFLICT (day, resman_account_id, resman_property_id, api) DO UPDATE SET requests = kept.requests + excluded.requests

-- name: days
SELECT c.day, c.resman_account_id AS account_id, i.partition_key,
       COALESCE(sum(c.requests) FILTER (WHERE c.api = 'v1'), 0)::bigint AS v1,
       COALESCE(sum(c.requests) FILTER (WHERE c.api = 'v2'), 0)::bigint AS v2
FROM domiq_sync.request_count c
LEFT JOIN domiq_sync.integration i
    ON i.resman_account_id = c.resman_account_id
    AND lower(btrim(i.resman_property_id, '{} ')) = c.resman_property_id AND c.resman_property_id <> ''
WHERE c.day > (clock_timestamp() AT TIME ZONE 'UTC')::date - CAST(:days AS integer)
GROUP BY 1, 2, 3 ORDER BY 1 DESC, sum(c.requests) DESC, 2, 3

-- name: forget
DELETE FROM domiq_sync.request_count WHERE day < (clock_timestamp() AT TIME ZONE 'UTC')::date - 90
