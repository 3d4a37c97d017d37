-- name: waiting_people
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

-- name: people_of_missing
-- Users of conversations whose lead a full read misses: should it turn out to be gone, whoever came meanwhile may be
-- theirs.
SELECT u.first_name, u.last_name, u.email, u.phone
FROM domiq_sync.missing_lead m
JOIN domiq_sync.lead_link l ON l.property_id = m.property_id AND l.prospect_id = m.prospect_id
JOIN public.conversation c ON c.id = l.conversation_id
JOIN public."user" u ON u.id = c.user_id
WHERE m.property_id = :property_id

-- name: leads_of_users
-- The leads that other conversations of these users have at the property.
SELECT c.user_id, l.conversation_id, l.prospect_id, l.person_id, l.linked_by, r.effective_status AS resman_status
FROM public.conversation c
JOIN domiq_sync.lead_link l ON l.conversation_id = c.id AND l.property_id = :property_id
LEFT JOIN domiq_sync.resman_lead r ON r.property_id = l.property_id AND r.prospect_id = l.prospect_id
WHERE c.user_id = ANY (CAST(:user_ids AS uuid[]))
ORDER BY c.created_at DESC, c.id

-- name: links_to
-- Who is linked with these prospects.
SELECT l.prospect_id, l.conversation_id, l.linked_by, c.user_id, u.first_name, u.last_name, u.email, u.phone
FROM domiq_sync.lead_link l
JOIN public.conversation c ON c.id = l.conversation_id
JOIN public."user" u ON u.id = c.user_id
WHERE l.property_id = :property_id AND l.prospect_id = ANY (CAST(:prospect_ids AS text[]))
ORDER BY l.prospect_id, c.created_at DESC, c.id

-- name: decisions
-- What people decided about a property's links, or about one person's; the last about a pair holds.
SELECT DISTINCT ON (COALESCE(d.user_id, d.conversation_id), d.prospect_id)
       d.user_id, d.conversation_id, d.prospect_id, d.verdict
FROM domiq_sync.link_decision d
WHERE d.property_id = :property_id
  AND (CAST(:conversation_id AS uuid) IS NULL OR d.conversation_id = :conversation_id
       OR d.user_id = CAST(:user_id AS uuid))
ORDER BY COALESCE(d.user_id, d.conversation_id), d.prospect_id, d.id DESC

-- name: staff
-- DomIQ's managers of the property's company: they try the chatbot out, but are nobody's lead.
SELECT m.email, m.phone FROM public.property_manager m
JOIN public.property p ON p.company_id = m.company_id WHERE p.id = :property_id

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

-- name: unlink
-- Closes a link, unless a change of the conversation is on its way to that lead.
WITH why AS MATERIALIZED (SELECT set_config('domiq_sync.link_reason', :reason, true))
DELETE FROM domiq_sync.lead_link l USING why
WHERE l.conversation_id = :conversation_id AND l.prospect_id = :prospect_id
  AND NOT EXISTS (SELECT FROM domiq_sync.delivery d
                  WHERE d.lane = l.conversation_id AND d.state IN ('in_flight', 'unknown'))

-- name: ask_about_link
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

-- name: open_prospects
-- The prospects that open questions are about, each with the question's own (asked_about).
SELECT q.kind, q.prospect_id AS asked_about, q.conversation_ids, named.prospect_id, r.person_id,
       r.effective_status AS resman_status
FROM domiq_sync.link_question q
CROSS JOIN LATERAL (SELECT q.prospect_id UNION SELECT unnest(q.prospect_ids)) AS named(prospect_id)
LEFT JOIN domiq_sync.resman_lead r ON r.property_id = q.property_id AND r.prospect_id = named.prospect_id
WHERE q.property_id = :property_id AND q.closed_at IS NULL

-- name: close_questions
UPDATE domiq_sync.link_question SET closed_at = clock_timestamp(), resolution = :resolution
WHERE property_id = :property_id AND prospect_id = ANY (CAST(:prospect_ids AS text[])) AND closed_at IS NULL

-- name: close_moot_questions
-- Questions that have answered themselves: who they were about is linked, or gone.
--   contact_moved, no_longer_alike   the link that was doubted is no more (the latter is closed by the next look)
--   the others                       none of the conversations still waits for a lead
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

-- name: open_questions
SELECT i.partition_key, q.kind, q.reason, q.prospect_id, q.prospect_ids, q.conversation_ids, q.asked_at
FROM domiq_sync.link_question q LEFT JOIN domiq_sync.integration i ON i.property_id = q.property_id
WHERE q.closed_at IS NULL ORDER BY q.asked_at, q.prospect_id

-- name: questions_about
-- The open questions that a decision about this conversation and this prospect answers.
UPDATE domiq_sync.link_question q SET closed_at = clock_timestamp(), resolution = :resolution
WHERE q.property_id = :property_id AND q.closed_at IS NULL
  AND (q.prospect_id = :prospect_id OR :prospect_id = ANY (q.prospect_ids))
  AND (CAST(:conversation_id AS uuid) = ANY (q.conversation_ids) OR cardinality(q.conversation_ids) = 0)

-- name: conversation_to_link
SELECT c.id AS conversation_id, c.user_id, cp.property_id, l.prospect_id, r.prospect_id AS known_prospect,
       r.person_id
FROM public.conversation c
JOIN domiq_sync.conversation_property cp ON cp.conversation_id = c.id
LEFT JOIN domiq_sync.lead_link l ON l.conversation_id = c.id
LEFT JOIN domiq_sync.resman_lead r ON r.property_id = cp.property_id AND r.prospect_id = :prospect_id
WHERE c.id = :conversation_id
FOR UPDATE OF c

-- name: under_way
SELECT EXISTS (SELECT FROM domiq_sync.delivery d
               WHERE d.lane = :conversation_id AND d.state IN ('in_flight', 'unknown'))

-- name: wake_unlinked
-- What waited for a contact has a lead now.
UPDATE domiq_sync.delivery SET next_attempt_at = clock_timestamp(), state = 'ready'
WHERE lane = :conversation_id AND state = 'waiting' AND last_outcome = 'no_contact'

-- name: record_decision
INSERT INTO domiq_sync.link_decision (property_id, conversation_id, user_id, prospect_id, verdict, decided_by)
VALUES (:property_id, :conversation_id, :user_id, :prospect_id, :verdict, :by)

-- name: speak_anew
-- The lead that a conversation was taken from: the newest that is left speaks for it.
UPDATE domiq_sync.lead_link l SET is_current = TRUE
WHERE l.conversation_id = (
    SELECT k.conversation_id FROM domiq_sync.lead_link k JOIN public.conversation c ON c.id = k.conversation_id
    WHERE k.property_id = :property_id AND k.prospect_id = :prospect_id
    ORDER BY c.created_at DESC, c.id DESC LIMIT 1)
  AND NOT EXISTS (SELECT FROM domiq_sync.lead_link m
                  WHERE m.property_id = :property_id AND m.prospect_id = :prospect_id AND m.is_current)
