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

-- name: lock_links
-- The conversations that are linked with a prospect, locked; the application's own locks are not waited for.
SELECT c.id FROM domiq_sync.lead_link l JOIN public.conversation c ON c.id = l.conversation_id
WHERE l.property_id = :property_id AND l.prospect_id = :prospect_id
ORDER BY c.id FOR UPDATE OF c SKIP LOCKED

-- name: lock_lanes
-- Their deliveries: from here on no worker can claim one.
SELECT d.change_id, d.state FROM domiq_sync.delivery d WHERE d.lane = ANY (CAST(:ids AS uuid[]))
ORDER BY d.lane, d.seq FOR UPDATE SKIP LOCKED

-- name: still_missing
-- Whether the prospect is still missing, nothing of it was noted since the read began, and all its conversations and
-- deliveries are the ones that were locked. The lead is locked before its links, as by every writer of both.
SELECT m.first_missed_at,
       (SELECT count(*) FROM domiq_sync.lead_link l
        WHERE l.property_id = m.property_id AND l.prospect_id = m.prospect_id) AS links,
       (SELECT count(*) FROM domiq_sync.delivery d WHERE d.lane = ANY (CAST(:ids AS uuid[]))) AS deliveries
FROM domiq_sync.missing_lead m
JOIN domiq_sync.resman_lead r ON r.property_id = m.property_id AND r.prospect_id = m.prospect_id
WHERE m.property_id = :property_id AND m.prospect_id = :prospect_id
  AND COALESCE(r.touched_at, r.read_at) < :started_at
FOR UPDATE OF r, m

-- name: say_why
-- A link that is dropped goes on record with this reason.
SELECT set_config('domiq_sync.link_reason', :reason, true)

-- name: drop_links
DELETE FROM domiq_sync.lead_link WHERE property_id = :property_id AND prospect_id = :prospect_id

-- name: drop_lead
WITH question AS (
    UPDATE domiq_sync.link_question
    SET closed_at = clock_timestamp(), resolution = 'the prospect is gone from ResMan'
    WHERE property_id = :property_id AND prospect_id = :prospect_id AND closed_at IS NULL
), lead AS (
    DELETE FROM domiq_sync.resman_lead WHERE property_id = :property_id AND prospect_id = :prospect_id
)
DELETE FROM domiq_sync.missing_lead WHERE property_id = :property_id AND prospect_id = :prospect_id

-- name: end_conflicts
-- What a person was to decide about a prospect that is gone is decided afresh about the next one.
WITH ended AS (
    UPDATE domiq_sync.conflict SET resolved_at = clock_timestamp(), resolution = 'the prospect is gone from ResMan'
    WHERE conversation_id = ANY (CAST(:ids AS uuid[])) AND resolved_at IS NULL RETURNING conversation_id
)
UPDATE domiq_sync.delivery d SET state = 'ready', next_attempt_at = clock_timestamp()
FROM ended WHERE d.lane = ended.conversation_id AND d.state = 'waiting' AND d.last_outcome = 'conflict'

-- name: carry_agreed
-- A conversation that found another prospect goes on from the pair last agreed of the one that is gone, so that only
-- what has moved since is news.
UPDATE domiq_sync.lead_link l
SET agreed_domiq_status = c.agreed_domiq_status, agreed_resman_status = c.agreed_resman_status,
    agreed_at = c.agreed_at
FROM domiq_sync.closed_link c
WHERE c.property_id = :property_id AND c.relinked_to IS NULL AND c.reason = :reason AND c.agreed_at IS NOT NULL
  AND l.conversation_id = c.conversation_id AND l.property_id = c.property_id AND l.agreed_at IS NULL

-- name: mark_relinked
UPDATE domiq_sync.closed_link c SET relinked_to = l.prospect_id
FROM domiq_sync.lead_link l
WHERE c.property_id = :property_id AND c.relinked_to IS NULL AND c.reason = :reason
  AND l.conversation_id = c.conversation_id
