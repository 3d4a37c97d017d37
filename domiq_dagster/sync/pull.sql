-- name: begin_pull
SELECT clock_timestamp() AS started_at, w.watermark
FROM (SELECT 1) AS one
LEFT JOIN domiq_sync.watermark w ON w.property_id = :property_id

-- name: create_stage
CREATE TEMP TABLE IF NOT EXISTS staged_lead (
    prospect_id TEXT, person_id TEXT, status TEXT, effective_status TEXT, last_modified TIMESTAMPTZ,
    last_modified_raw TEXT, lost_reason TEXT, transaction_source_id TEXT, agent_id TEXT,
    lease_status TEXT, content_hash TEXT, n BIGINT
) ON COMMIT PRESERVE ROWS

-- name: copy_stage
COPY staged_lead FROM STDIN

-- name: merge_stage
-- One row a prospect (an answer may repeat one: its newest wins). What we changed at ResMan ourselves
-- after this pull began is newer than what the pull read, and so is what a pull brought that began later.
WITH newest AS (
    SELECT DISTINCT ON (prospect_id) * FROM staged_lead
    ORDER BY prospect_id, last_modified DESC, n DESC
)
INSERT INTO domiq_sync.resman_lead AS kept (
    property_id, prospect_id, person_id, status, effective_status, last_modified, last_modified_raw,
    lost_reason, transaction_source_id, agent_id, lease_status, content_hash, stored_at, read_at)
SELECT :property_id, prospect_id, person_id, status, effective_status, last_modified, last_modified_raw,
       lost_reason, transaction_source_id, agent_id, lease_status, content_hash, clock_timestamp(), :started_at
FROM newest
ON CONFLICT (property_id, prospect_id) DO UPDATE SET
    person_id = EXCLUDED.person_id, status = EXCLUDED.status, effective_status = EXCLUDED.effective_status,
    last_modified = EXCLUDED.last_modified, last_modified_raw = EXCLUDED.last_modified_raw,
    lost_reason = EXCLUDED.lost_reason, transaction_source_id = EXCLUDED.transaction_source_id,
    agent_id = EXCLUDED.agent_id, lease_status = EXCLUDED.lease_status, content_hash = EXCLUDED.content_hash,
    stored_at = EXCLUDED.stored_at, read_at = EXCLUDED.read_at
WHERE (kept.touched_at IS NULL OR kept.touched_at < EXCLUDED.read_at) AND kept.read_at <= EXCLUDED.read_at
  AND (kept.content_hash, kept.last_modified, kept.effective_status)
      IS DISTINCT FROM (EXCLUDED.content_hash, EXCLUDED.last_modified, EXCLUDED.effective_status)

-- name: finish_pull
INSERT INTO domiq_sync.watermark AS kept (property_id, watermark, last_pull_at, last_full_at)
VALUES (:property_id, :watermark, :started_at, CASE WHEN :full_read THEN CAST(:started_at AS timestamptz) END)
ON CONFLICT (property_id) DO UPDATE SET
    watermark = greatest(kept.watermark, EXCLUDED.watermark),
    last_pull_at = EXCLUDED.last_pull_at,
    last_full_at = COALESCE(EXCLUDED.last_full_at, kept.last_full_at),
    failing_since = NULL, last_error = NULL

-- name: record_pull
INSERT INTO domiq_sync.pull
    (property_id, full_read, modified_since, started_at, finished_at, fetched, stored, linked, error)
VALUES (:property_id, :full_read, :modified_since, :started_at, clock_timestamp(), :fetched, :stored, :linked, :error)

-- name: record_failure
INSERT INTO domiq_sync.watermark AS kept (property_id, failing_since, last_error)
VALUES (:property_id, :started_at, :error)
ON CONFLICT (property_id) DO UPDATE SET
    failing_since = COALESCE(kept.failing_since, EXCLUDED.failing_since), last_error = EXCLUDED.last_error

-- name: unlinked_conversations
-- The property's conversations with a user and a lead status that have no lead yet, newest first.
-- stored_id: a lead id that the application wrote into the log itself.
SELECT c.id AS conversation_id, c.user_id, u.first_name, u.last_name, u.email, u.phone,
       (SELECT g.resman_lead_id FROM domiq_sync.change ch JOIN public.status_sync_log g ON g.id = ch.change_id
        WHERE ch.conversation_id = c.id AND g.resman_lead_id IS NOT NULL
        ORDER BY ch.seq DESC LIMIT 1) AS stored_id
FROM domiq_sync.conversation_property cp
JOIN public.conversation c ON c.id = cp.conversation_id
JOIN public."user" u ON u.id = c.user_id
WHERE cp.property_id = :property_id
  AND domiq_sync.lead_status(cp.property_id, c.status) IS NOT NULL
  AND NOT EXISTS (SELECT FROM domiq_sync.lead_link l WHERE l.conversation_id = c.id)
ORDER BY c.created_at DESC, c.id

-- name: step_back
-- The newest conversation of a lead speaks for it: an older one gives way.
UPDATE domiq_sync.lead_link l SET is_current = FALSE
FROM public.conversation theirs, public.conversation mine
WHERE l.property_id = :property_id AND l.prospect_id = :prospect_id AND l.is_current
  AND theirs.id = l.conversation_id AND mine.id = :conversation_id
  AND (mine.created_at, mine.id) > (theirs.created_at, theirs.id)

-- name: link_conversation
-- Nothing where the conversation was deleted meanwhile.
INSERT INTO domiq_sync.lead_link (conversation_id, property_id, prospect_id, person_id, linked_by, is_current)
SELECT c.id, :property_id, :prospect_id, :person_id, :linked_by,
       NOT EXISTS (SELECT FROM domiq_sync.lead_link l
                   WHERE l.property_id = :property_id AND l.prospect_id = :prospect_id AND l.is_current)
FROM public.conversation c WHERE c.id = :conversation_id
FOR KEY SHARE
ON CONFLICT (conversation_id) DO NOTHING

-- name: ask_about_link
INSERT INTO domiq_sync.link_question (property_id, prospect_id, reason, candidates)
VALUES (:property_id, :prospect_id, :reason, :candidates)
ON CONFLICT (property_id, prospect_id) DO UPDATE SET
    reason = EXCLUDED.reason, candidates = EXCLUDED.candidates

-- name: close_link_question
DELETE FROM domiq_sync.link_question WHERE property_id = :property_id AND prospect_id = :prospect_id
