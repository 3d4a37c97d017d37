-- Endpoints that ResMan has not granted, at an account's properties. :p NULL: those that are about the account.

-- name: lacks_any
SELECT EXISTS (
    SELECT FROM domiq_sync.trouble t JOIN domiq_sync.integration i USING (property_id)
    WHERE t.kind = 'grant' AND i.resman_account_id = :a)

-- name: kept_in_for
SELECT EXTRACT(EPOCH FROM max(t.seen_at) + :pause * interval '1 second' - clock_timestamp())::float
FROM domiq_sync.trouble t JOIN domiq_sync.integration i USING (property_id)
WHERE t.kind = 'grant' AND t.key = :key AND i.resman_account_id = :a
  AND (CAST(:p AS text) IS NULL OR lower(btrim(i.resman_property_id, '{} ')) = lower(btrim(:p, '{} ')))

-- name: asked_about
SELECT i.property_id FROM domiq_sync.integration i
WHERE i.resman_account_id = :a
  AND (CAST(:p AS text) IS NULL OR lower(btrim(i.resman_property_id, '{} ')) = lower(btrim(:p, '{} ')))

-- name: missing
SELECT t.property_id, i.partition_key, i.resman_account_id AS account_id, t.key, t.sentence, t.since
FROM domiq_sync.trouble t JOIN domiq_sync.integration i USING (property_id)
WHERE t.kind = 'grant' AND i.sync_enabled
  AND (CAST(:property_ids AS uuid[]) IS NULL OR t.property_id = ANY (CAST(:property_ids AS uuid[])))
ORDER BY t.key, i.partition_key
