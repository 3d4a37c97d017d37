-- Whom an erasure is about, and that it was done.

-- name: users_by_id
SELECT u.id, u.email, u.phone, u.first_name, u.last_name FROM public."user" u WHERE u.id = CAST(:value AS uuid)

-- name: users_by_email
SELECT u.id, u.email, u.phone, u.first_name, u.last_name FROM public."user" u WHERE position(lower(:value) IN lower(u.email::text)) > 0

-- name: users_by_phone
-- :value: its last seven digits.
SELECT u.id, u.email, u.phone, u.first_name, u.last_name FROM public."user" u
WHERE position(:value IN regexp_replace(u.phone::text, '\D', '', 'g')) > 0

-- name: conversations_of
SELECT c.id FROM public.conversation c WHERE c.user_id = ANY (CAST(:users AS uuid[])) ORDER BY c.id

-- name: user_of
SELECT u.id, u.email, u.phone, u.first_name, u.last_name FROM public.conversation c JOIN public."user" u ON u.id = c.user_id
WHERE c.id = :conversation

-- name: is_known
-- Whether anything at all is on record of a conversation, DomIQ's own rows among it.
SELECT EXISTS (SELECT FROM public.conversation c WHERE c.id = :conversation)
    OR EXISTS (SELECT FROM domiq_sync.closed_link l WHERE l.conversation_id = :conversation)
    OR EXISTS (SELECT FROM domiq_sync.link_decision d WHERE d.conversation_id = :conversation)
    OR EXISTS (SELECT FROM domiq_sync.conflict k WHERE k.conversation_id = :conversation)

-- name: record
INSERT INTO domiq_sync.erasure (erased_by, subject, reference, conversations, counts)
VALUES (:by, :subject, :reference, :conversations, CAST(:counts AS jsonb))
RETURNING erased_at

-- name: earlier
SELECT e.erased_at, e.erased_by FROM domiq_sync.erasure e WHERE e.reference = :reference ORDER BY e.id
