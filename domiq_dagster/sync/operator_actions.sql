-- name: record
INSERT INTO domiq_sync.operator_action (action, actor, why, property_id, subject, details)
VALUES (:action, :by, :why, :property_id, CAST(:subject AS text[]), CAST(:details AS jsonb))

-- name: history
SELECT a.taken_at, a.action, a.actor, a.why, a.property_id, i.partition_key, a.subject, a.details
FROM domiq_sync.operator_action a LEFT JOIN domiq_sync.integration i ON i.property_id = a.property_id
WHERE (CAST(:since AS timestamptz) IS NULL OR a.taken_at >= :since)
  AND (CAST(:property_id AS uuid) IS NULL OR a.property_id = :property_id)
  AND (CAST(:actor AS text) IS NULL OR position(lower(:actor) IN lower(a.actor)) > 0)
ORDER BY a.taken_at DESC, a.id DESC LIMIT :most

-- name: about
SELECT a.taken_at, a.action, a.actor, a.why, a.property_id, i.partition_key, a.subject, a.details
FROM domiq_sync.operator_action a LEFT JOIN domiq_sync.integration i ON i.property_id = a.property_id
WHERE a.subject && CAST(:ids AS text[]) ORDER BY a.taken_at, a.id

-- name: erase
-- Of a decision about many the others stay. :patterns are regular expressions of lower-case words.
UPDATE domiq_sync.operator_action a
SET why = NULL,
    subject = ARRAY(SELECT s.id FROM unnest(a.subject) WITH ORDINALITY AS s(id, place)
                    WHERE s.id <> ALL (CAST(:ids AS text[])) ORDER BY s.place),
    details = CASE WHEN a.subject && CAST(:ids AS text[]) THEN a.details - '{resolution,was_linked_with}'::text[]
                   ELSE a.details END
WHERE a.subject && CAST(:ids AS text[])
   OR lower(a.why) ~ ANY (CAST(:patterns AS text[]))
RETURNING 1
