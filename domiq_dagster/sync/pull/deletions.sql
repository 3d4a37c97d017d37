-- Prospects that full reads no longer bring. All of it runs in the pull's own session, whose seen_lead tells who came.

-- name: count_missing
-- How many stored prospects the full read should have brought, and how many of them it did not. Older ones than it
-- asked for are none of its business (a day's margin, for a filter that rounds), nor is what was read or changed
-- since it began.
SELECT count(*) AS known, count(*) FILTER (WHERE s.prospect_id IS NULL) AS missing
FROM domiq_sync.resman_lead r
LEFT JOIN (SELECT DISTINCT prospect_id FROM seen_lead) AS s ON s.prospect_id = r.prospect_id
WHERE r.property_id = :property_id AND r.read_at < :started_at
  AND COALESCE(r.touched_at, r.read_at) < :started_at
  AND COALESCE(r.last_modified, r.touched_at, r.read_at) > CAST(:modified_since AS timestamptz) + interval '1 day'

-- name: note_missing
INSERT INTO domiq_sync.missing_lead AS kept (property_id, prospect_id, first_missed_at, last_missed_at)
SELECT r.property_id, r.prospect_id, :started_at, :started_at
FROM domiq_sync.resman_lead r
WHERE r.property_id = :property_id AND r.read_at < :started_at
  AND COALESCE(r.touched_at, r.read_at) < :started_at
  AND COALESCE(r.last_modified, r.touched_at, r.read_at) > CAST(:modified_since AS timestamptz) + interval '1 day'
  AND NOT EXISTS (SELECT FROM seen_lead s WHERE s.prospect_id = r.prospect_id)
ON CONFLICT (property_id, prospect_id) DO UPDATE SET
    missed_reads = kept.missed_reads + 1, last_missed_at = EXCLUDED.last_missed_at

-- name: came_again
DELETE FROM domiq_sync.missing_lead m
WHERE m.property_id = :property_id AND EXISTS (SELECT FROM seen_lead s WHERE s.prospect_id = m.prospect_id)

-- name: to_confirm
-- Missed by this full read and by one before it. Those that were found by id last time come last.
SELECT prospect_id FROM domiq_sync.missing_lead
WHERE property_id = :property_id AND missed_reads >= 2 AND last_missed_at = :started_at
ORDER BY found_by_id_at NULLS FIRST, first_missed_at, prospect_id LIMIT :most

-- name: found_by_id
UPDATE domiq_sync.missing_lead SET found_by_id_at = clock_timestamp()
WHERE property_id = :property_id AND prospect_id = :prospect_id

-- name: lock_missing
-- A prospect that is still missing, and of which nothing was noted since the read began. The lead is locked before its
-- links, as by every writer of both.
SELECT m.prospect_id
FROM domiq_sync.missing_lead m
JOIN domiq_sync.resman_lead r ON r.property_id = m.property_id AND r.prospect_id = m.prospect_id
WHERE m.property_id = :property_id AND m.prospect_id = :prospect_id
  AND COALESCE(r.touched_at, r.read_at) < :started_at
FOR UPDATE OF r, m

-- name: drop_lead
WITH lead AS (
    DELETE FROM domiq_sync.resman_lead WHERE property_id = :property_id AND prospect_id = :prospect_id
)
DELETE FROM domiq_sync.missing_lead WHERE property_id = :property_id AND prospect_id = :prospect_id
