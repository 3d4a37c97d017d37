-- name: conversations
-- Every conversation that a demo edit may be about, with its link, where nothing is open about it: no
-- delivery, no conflict, and the pair as last agreed. `siblings`: other conversations of its user there.
SELECT c.id AS conversation_id, cp.property_id, c.status, c.created_at, c.is_book_tour, c.pre_qualified,
       domiq_sync.lead_status(cp.property_id, c.status) AS lead_status,
       i.partition_key, i.resman_property_id, i.conflict_policy, i.time_zone,
       u.email IS NOT NULL OR u.phone IS NOT NULL AS reachable,
       l.prospect_id, l.is_current, r.status AS resman_status,
       (SELECT count(*) FROM public.conversation s JOIN public.chatbot sb ON sb.id = s.chatbot_id
        WHERE s.user_id = c.user_id AND s.id <> c.id AND sb.property_id = cp.property_id) AS siblings
FROM domiq_sync.conversation_property cp
JOIN public.conversation c ON c.id = cp.conversation_id
JOIN public."user" u ON u.id = c.user_id
JOIN domiq_sync.integration i ON i.property_id = cp.property_id AND i.sync_direction = 'both'
LEFT JOIN domiq_sync.lead_link l ON l.conversation_id = c.id
LEFT JOIN domiq_sync.resman_lead r ON r.property_id = l.property_id AND r.prospect_id = l.prospect_id
WHERE NOT EXISTS (SELECT FROM domiq_sync.delivery d WHERE d.lane = c.id)
  AND NOT EXISTS (SELECT FROM domiq_sync.conflict k WHERE k.conversation_id = c.id AND k.resolved_at IS NULL)
  AND (l.conversation_id IS NULL OR NOT l.is_current
       OR (l.agreed_domiq_status = c.status AND l.agreed_resman_status = r.effective_status))
ORDER BY c.id

-- name: unsettled_prospects
-- Prospects that staff should leave alone: a person, or an open change, has yet to decide about them.
SELECT l.prospect_id FROM domiq_sync.lead_link l
WHERE EXISTS (SELECT FROM domiq_sync.conflict k
              WHERE k.conversation_id = l.conversation_id AND k.resolved_at IS NULL)
   OR EXISTS (SELECT FROM domiq_sync.delivery d WHERE d.lane = l.conversation_id)

-- name: known_people
SELECT first_name, last_name, email, phone FROM public."user"
UNION ALL
SELECT first_name, last_name, email, phone FROM public.property_manager

-- name: set_status
UPDATE public.conversation SET status = :status, end_time = COALESCE(end_time, now())
WHERE id = :conversation_id

-- name: set_tour_time
UPDATE public.conversation SET status = :status, tour_datetime = :tour, tour_type = 'in_person'
WHERE id = :conversation_id

-- name: book_tour
-- Never names the status: DomIQ's own BEFORE trigger moves it.
UPDATE public.conversation SET is_book_tour = TRUE, tour_datetime = :tour, tour_type = 'in_person'
WHERE id = :conversation_id

-- name: move_tour
-- The status stays.
UPDATE public.conversation SET tour_datetime = tour_datetime + interval '1 day' WHERE id = :conversation_id

-- name: pre_qualify
UPDATE public.conversation SET pre_qualified = TRUE, is_qualified = TRUE WHERE id = :conversation_id

-- name: new_user
INSERT INTO public."user" (id, first_name, last_name, email, phone, lead_source)
VALUES (:user_id, :first_name, :last_name, :email, :phone, 'website')

-- name: new_conversation
INSERT INTO public.conversation (id, chatbot_id, user_id, status, lead_score, ai_intent_summary, source)
SELECT :conversation_id, b.id, :user_id, :status, :lead_score, :summary, 'website'
FROM public.chatbot b WHERE b.property_id = :property_id

-- name: new_message
INSERT INTO public.message (conversation_id, sender_type, message_text)
VALUES (:conversation_id, :sender, :words)
