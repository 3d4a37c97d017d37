-- name: note
-- Both lists are as long as each other: keys, and what is wrong with each.
INSERT INTO domiq_sync.trouble AS kept (kind, property_id, key, sentence)
SELECT :kind, :property_id, g.key, g.sentence
FROM unnest(CAST(:keys AS text[]), CAST(:sentences AS text[])) AS g(key, sentence)
ON CONFLICT (kind, property_id, key) DO UPDATE SET
    sentence = EXCLUDED.sentence, seen_at = clock_timestamp(), times = kept.times + 1

-- name: note_at
INSERT INTO domiq_sync.trouble AS kept (kind, property_id, key, sentence)
SELECT :kind, p.property_id, :key, :sentence FROM unnest(CAST(:property_ids AS uuid[])) AS p(property_id)
ON CONFLICT (kind, property_id, key) DO UPDATE SET
    sentence = EXCLUDED.sentence, seen_at = clock_timestamp(), times = kept.times + 1

-- name: clear_at
DELETE FROM domiq_sync.trouble
WHERE kind = :kind AND property_id = ANY (CAST(:property_ids AS uuid[])) AND key = :key RETURNING property_id

-- name: take_back
UPDATE domiq_sync.trouble SET seen_at = least(seen_at, since - :seconds * interval '1 second')
WHERE kind = :kind AND (CAST(:key AS text) IS NULL OR key = :key)
  AND (CAST(:property_ids AS uuid[]) IS NULL OR property_id = ANY (CAST(:property_ids AS uuid[])))
RETURNING property_id

-- name: clear
DELETE FROM domiq_sync.trouble
WHERE kind = :kind AND property_id = :property_id AND key = ANY (CAST(:keys AS text[]))

-- name: clear_others
-- :among NULL: whichever they are.
DELETE FROM domiq_sync.trouble
WHERE kind = :kind AND property_id = :property_id AND key <> ALL (CAST(:keys AS text[]))
  AND (CAST(:among AS text[]) IS NULL OR key = ANY (CAST(:among AS text[])))

-- name: listed
-- The records in trouble at these properties, or at all, those that have been for longest first.
SELECT t.kind, t.key, t.property_id, i.partition_key, t.sentence, t.since, t.seen_at, t.times
FROM domiq_sync.trouble t JOIN domiq_sync.integration i USING (property_id)
WHERE CAST(:property_ids AS uuid[]) IS NULL OR t.property_id = ANY (CAST(:property_ids AS uuid[]))
ORDER BY t.since, t.kind, t.key LIMIT :most


-- name: keys_to_take_up
SELECT key FROM domiq_sync.trouble
WHERE kind = :kind AND (CAST(:property_id AS uuid) IS NULL OR property_id = :property_id) ORDER BY seen_at, key

-- name: clear_anywhere
DELETE FROM domiq_sync.trouble WHERE kind = :kind AND key = ANY (CAST(:keys AS text[]))

-- name: ask_first
UPDATE domiq_sync.trouble SET seen_at = since
WHERE kind = :kind AND (CAST(:property_ids AS uuid[]) IS NULL OR property_id = ANY (CAST(:property_ids AS uuid[])))

-- name: counts
-- Of each property, kind by kind: how many are in trouble, and how many of them were so at least twice running.
SELECT t.property_id, t.kind, count(*) AS records, count(*) FILTER (WHERE t.times > 1) AS lasting,
       min(t.since) AS since, min(t.sentence) AS sentence
FROM domiq_sync.trouble t JOIN domiq_sync.integration i USING (property_id)
GROUP BY 1, 2 ORDER BY 1, 2

-- name: properties_in_trouble
SELECT property_id FROM domiq_sync.trouble WHERE kind = 'property' AND key = :part
