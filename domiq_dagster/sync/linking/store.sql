-- The links between conversations and prospects, and the pair of statuses last agreed about each. Nobody else writes
-- them. Whoever writes a lead's row as well writes that first.

-- name: step_back
-- The newest conversation of a lead speaks for it: an older one gives way.
UPDATE domiq_sync.lead_link l SET is_current = FALSE
FROM public.conversation theirs, public.conversation mine
WHERE l.property_id = :property_id AND l.prospect_id = :prospect_id AND l.is_current
  AND theirs.id = l.conversation_id AND mine.id = :conversation_id
  AND (mine.created_at, mine.id) > (theirs.created_at, theirs.id)

-- name: link
-- Nothing where the conversation was deleted meanwhile.
INSERT INTO domiq_sync.lead_link (conversation_id, property_id, prospect_id, person_id, linked_by, is_current)
SELECT c.id, :property_id, :prospect_id, :person_id, :linked_by,
       NOT EXISTS (SELECT FROM domiq_sync.lead_link l
                   WHERE l.property_id = :property_id AND l.prospect_id = :prospect_id AND l.is_current)
FROM public.conversation c WHERE c.id = :conversation_id
FOR KEY SHARE
ON CONFLICT (conversation_id) DO NOTHING

-- name: unlink
-- Closes a link, unless a change of the conversation (another than :own_change) is on its way to that lead.
WITH why AS MATERIALIZED (SELECT set_config('domiq_sync.link_reason', :reason, true))
DELETE FROM domiq_sync.lead_link l USING why
WHERE l.conversation_id = :conversation_id AND l.prospect_id = :prospect_id
  AND NOT EXISTS (SELECT FROM domiq_sync.delivery d
                  WHERE d.lane = l.conversation_id AND d.state IN ('in_flight', 'unknown')
                    AND d.change_id IS DISTINCT FROM CAST(:own_change AS uuid))

-- name: unlink_lead
-- Closes every link with a prospect that is gone.
WITH why AS MATERIALIZED (SELECT set_config('domiq_sync.link_reason', :reason, true))
DELETE FROM domiq_sync.lead_link l USING why
WHERE l.property_id = :property_id AND l.prospect_id = :prospect_id

-- name: speak_anew
-- The lead that a conversation was taken from: the newest that is left speaks for it.
UPDATE domiq_sync.lead_link l SET is_current = TRUE
WHERE l.conversation_id = (
    SELECT k.conversation_id FROM domiq_sync.lead_link k JOIN public.conversation c ON c.id = k.conversation_id
    WHERE k.property_id = :property_id AND k.prospect_id = :prospect_id
    ORDER BY c.created_at DESC, c.id DESC LIMIT 1)
  AND NOT EXISTS (SELECT FROM domiq_sync.lead_link m
                  WHERE m.property_id = :property_id AND m.prospect_id = :prospect_id AND m.is_current)

-- name: speak_for_leads
-- Leads for which no conversation speaks any more (the newest was deleted): the newest that is left does.
UPDATE domiq_sync.lead_link l SET is_current = TRUE
WHERE l.conversation_id IN (
    SELECT DISTINCT ON (k.property_id, k.prospect_id) k.conversation_id
    FROM domiq_sync.lead_link k JOIN public.conversation c ON c.id = k.conversation_id
    WHERE NOT k.is_current
      AND NOT EXISTS (SELECT FROM domiq_sync.lead_link m WHERE m.property_id = k.property_id
                      AND m.prospect_id = k.prospect_id AND m.is_current)
    ORDER BY k.property_id, k.prospect_id, c.created_at DESC, c.id DESC)
RETURNING l.property_id

-- name: agree
-- With :unless_moved a pair counts only where DomIQ still shows its status and no change is open.
UPDATE domiq_sync.lead_link l
SET agreed_domiq_status = v.domiq, agreed_resman_status = v.resman, agreed_at = clock_timestamp(),
    person_id = COALESCE(l.person_id, v.person)
-- one document, since lists cost psycopg more than all of this costs PostgreSQL
FROM json_to_recordset(CAST(:pairs AS json)) AS v(id uuid, domiq text, resman text, person text)
WHERE l.conversation_id = ANY (CAST(:conversation_ids AS uuid[])) AND l.conversation_id = v.id
  AND (NOT CAST(:unless_moved AS boolean)
       OR (EXISTS (SELECT FROM public.conversation c WHERE c.id = v.id AND c.status::text = v.domiq)
           AND NOT EXISTS (SELECT FROM domiq_sync.delivery d WHERE d.lane = v.id)))

-- name: note_resman_moved
UPDATE domiq_sync.lead_link SET agreed_resman_status = :resman_status, agreed_at = clock_timestamp()
WHERE conversation_id = :conversation_id

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

-- name: lock_conversations
-- The conversations that are linked with a prospect, locked; the application's own locks are not waited for.
SELECT c.id FROM domiq_sync.lead_link l JOIN public.conversation c ON c.id = l.conversation_id
WHERE l.property_id = :property_id AND l.prospect_id = :prospect_id
ORDER BY c.id FOR UPDATE OF c SKIP LOCKED

-- name: count_links
SELECT count(*) FROM domiq_sync.lead_link l
WHERE l.property_id = :property_id AND l.prospect_id = :prospect_id
