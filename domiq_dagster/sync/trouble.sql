-- name: note
-- Both lists are as long as each other: keys, and what is wrong with each.
INSERT INTO domiq_sync.trouble AS kept (kind, property_id, key, sentence)
SELECT :kind, :property_id, g.key, g.sentence
FROM unnest(CAST(:keys AS text[]), CAST(:sentences AS text[])) AS g(key, sentence)
ON CONFLICT (kind, property_id, key) DO UPDATE SET
    sentence = EXCLUDED.sentence, seen_at = clock_timestamp(), times = kept.times + 1

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

