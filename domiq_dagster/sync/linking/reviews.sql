-- Links that a person must decide (link_question), and what people decided (link_decision).

-- name: open_review
INSERT INTO domiq_sync.link_question AS kept
    (property_id, prospect_id, kind, reason, candidates, prospect_ids, conversation_ids)
VALUES (:property_id, :prospect_id, :kind, :reason, :candidates, CAST(:prospect_ids AS text[]),
        CAST(:conversation_ids AS uuid[]))
ON CONFLICT (property_id, prospect_id) DO UPDATE SET
    kind = EXCLUDED.kind, reason = EXCLUDED.reason, candidates = EXCLUDED.candidates,
    prospect_ids = EXCLUDED.prospect_ids, conversation_ids = EXCLUDED.conversation_ids,
    asked_at = CASE WHEN kept.closed_at IS NULL THEN kept.asked_at ELSE clock_timestamp() END,
    closed_at = NULL, resolution = NULL
WHERE kept.closed_at IS NOT NULL
   OR (kept.kind, kept.reason, kept.prospect_ids, kept.conversation_ids)
      IS DISTINCT FROM (EXCLUDED.kind, EXCLUDED.reason, EXCLUDED.prospect_ids, EXCLUDED.conversation_ids)

-- name: close_reviews
UPDATE domiq_sync.link_question SET closed_at = clock_timestamp(), resolution = :resolution
WHERE property_id = :property_id AND prospect_id = ANY (CAST(:prospect_ids AS text[])) AND closed_at IS NULL

-- name: close_moot
-- Reviews that have answered themselves: who they were about is linked, or gone.
--   contact_moved  the link that was doubted is no more
--   the others     none of the conversations still waits for a lead
UPDATE domiq_sync.link_question q SET closed_at = clock_timestamp(), resolution = 'no longer asked'
WHERE q.closed_at IS NULL AND (CAST(:property_id AS uuid) IS NULL OR q.property_id = :property_id)
  AND CASE q.kind
      WHEN 'contact_moved' THEN NOT EXISTS (
          SELECT FROM domiq_sync.lead_link l
          WHERE l.conversation_id = ANY (q.conversation_ids) AND l.prospect_id = q.prospect_id)
      ELSE NOT EXISTS (
          SELECT FROM public.conversation c
          WHERE c.id = ANY (q.conversation_ids)
            AND NOT EXISTS (SELECT FROM domiq_sync.lead_link l WHERE l.conversation_id = c.id))
      END

-- name: open_reviews
SELECT i.partition_key, q.kind, q.reason, q.prospect_id, q.prospect_ids, q.conversation_ids, q.asked_at
FROM domiq_sync.link_question q LEFT JOIN domiq_sync.integration i ON i.property_id = q.property_id
WHERE q.closed_at IS NULL ORDER BY q.asked_at, q.prospect_id

-- name: close_reviews_about
-- The open reviews that a decision about this conversation and this prospect answers.
UPDATE domiq_sync.link_question q SET closed_at = clock_timestamp(), resolution = :resolution
WHERE q.property_id = :property_id AND q.closed_at IS NULL
  AND (q.prospect_id = :prospect_id OR :prospect_id = ANY (q.prospect_ids))
  AND (CAST(:conversation_id AS uuid) = ANY (q.conversation_ids) OR cardinality(q.conversation_ids) = 0)

-- name: decisions
-- What people decided about a property's links, or about one person's; the last about a pair holds.
SELECT DISTINCT ON (COALESCE(d.user_id, d.conversation_id), d.prospect_id)
       d.user_id, d.conversation_id, d.prospect_id, d.verdict
FROM domiq_sync.link_decision d
WHERE d.property_id = :property_id
  AND (CAST(:conversation_id AS uuid) IS NULL OR d.conversation_id = :conversation_id
       OR d.user_id = CAST(:user_id AS uuid))
ORDER BY COALESCE(d.user_id, d.conversation_id), d.prospect_id, d.id DESC

-- name: record_decision
INSERT INTO domiq_sync.link_decision (property_id, conversation_id, user_id, prospect_id, verdict, decided_by)
VALUES (:property_id, :conversation_id, :user_id, :prospect_id, :verdict, :by)
