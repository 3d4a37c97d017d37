-- How each linked lead compares: domiq_sync.compared_leads() (sql/130_lead_functions.sql) tells the verdicts and causes.

-- name: verdicts
SELECT c.property_id, c.verdict, count(*) AS links
FROM domiq_sync.compared_leads() AS c
WHERE (CAST(:property_ids AS uuid[]) IS NULL OR c.property_id = ANY (CAST(:property_ids AS uuid[])))
GROUP BY 1, 2

-- name: alone
-- Whether nobody else is noting divergences just now; until the transaction ends nobody is.
SELECT pg_try_advisory_xact_lock(hashtextextended('domiq_sync.divergence', 0))

-- name: note_divergence
-- Remembers those that are first seen to diverge, and forgets those that do no longer.
WITH diverged AS MATERIALIZED (
    SELECT c.conversation_id, c.property_id
    FROM domiq_sync.compared_leads() AS c
    WHERE c.verdict = 'diverged'
      AND (CAST(:property_ids AS uuid[]) IS NULL OR c.property_id = ANY (CAST(:property_ids AS uuid[])))
), over AS (
    DELETE FROM domiq_sync.divergence d
    WHERE (CAST(:property_ids AS uuid[]) IS NULL OR d.property_id = ANY (CAST(:property_ids AS uuid[])))
      AND NOT EXISTS (SELECT FROM diverged WHERE diverged.conversation_id = d.conversation_id)
    RETURNING d.conversation_id
), begun AS (
    INSERT INTO domiq_sync.divergence (conversation_id, property_id)
    SELECT conversation_id, property_id FROM diverged
    WHERE NOT EXISTS (SELECT FROM domiq_sync.divergence k WHERE k.conversation_id = diverged.conversation_id)
    ON CONFLICT (conversation_id) DO NOTHING
    RETURNING conversation_id
)
SELECT (SELECT count(*) FROM begun) AS begun, (SELECT count(*) FROM over) AS over

-- name: count_noted
SELECT count(*) FROM domiq_sync.divergence v
JOIN domiq_sync.integration i ON i.property_id = v.property_id WHERE i.sync_enabled

-- name: divergences
-- Per property and cause: how many, since when (of those that were noted), and the first :most of them.
SELECT i.partition_key, c.property_id, c.cause, count(*) AS leads, min(d.first_seen_at) AS since,
       (array_agg(c.conversation_id ORDER BY d.first_seen_at, c.conversation_id))[1:CAST(:most AS integer)] AS sample
FROM domiq_sync.compared_leads() AS c
JOIN domiq_sync.integration i ON i.property_id = c.property_id
LEFT JOIN domiq_sync.divergence d ON d.conversation_id = c.conversation_id
WHERE c.verdict = 'diverged' AND i.sync_enabled
  AND (CAST(:property_ids AS uuid[]) IS NULL OR c.property_id = ANY (CAST(:property_ids AS uuid[])))
GROUP BY 1, 2, 3 ORDER BY 1, 3

-- name: diverged_since
-- How many have diverged at each property with nothing written on either side since the time given for it: what
-- was written later may not have been decided about yet.
SELECT c.property_id, count(*) AS leads
FROM domiq_sync.compared_leads() AS c
JOIN json_to_recordset(CAST(:windows AS json)) AS w(property_id uuid, since timestamptz)
    ON w.property_id = c.property_id
WHERE c.verdict = 'diverged' AND c.written_at <= w.since
GROUP BY 1

-- name: coverage
-- Every conversation of the connected properties: whether it could be compared, or the first reason why not.
--   compared            it speaks for a linked lead that was read
--   no_lead_status      its own status is none (`status` tells which)
--   never_pulled        nothing of its property was ever read from ResMan
--   no_contact          nobody could be recognised by it: no user, or neither e-mail nor phone
--   ambiguous           several leads or several users fit, and nobody guesses
--   unlinked            no lead was found yet
--   older_conversation  a newer conversation speaks for its lead
--   lead_not_read       it is linked to a lead that no pull has brought
--   unknown_word        ResMan's status has no meaning in the status map
SELECT f.property_id, f.reason, f.status, count(*) AS conversations
FROM (
    SELECT cp.property_id, why.reason,
           CASE WHEN why.reason = 'no_lead_status' THEN COALESCE(c.status::text, '(none)') END AS status
    FROM domiq_sync.integration i
    JOIN domiq_sync.conversation_property cp ON cp.property_id = i.property_id
    JOIN public.conversation c ON c.id = cp.conversation_id
    LEFT JOIN public."user" u ON u.id = c.user_id
    LEFT JOIN domiq_sync.watermark w ON w.property_id = i.property_id
    LEFT JOIN domiq_sync.lead_link l ON l.conversation_id = c.id
    LEFT JOIN domiq_sync.resman_lead r ON r.property_id = l.property_id AND r.prospect_id = l.prospect_id
    LEFT JOIN domiq_sync.domiq_meaning d
        ON d.property_id = i.property_id AND d.domiq_status = domiq_sync.word(c.status::text)
    LEFT JOIN domiq_sync.resman_meaning m
        ON m.property_id = i.property_id AND m.resman_status = domiq_sync.word(r.effective_status)
    LEFT JOIN domiq_sync.resman_meaning b
        ON b.property_id = i.property_id
        AND b.resman_status = domiq_sync.word(split_part(r.effective_status, '/', 1))
    CROSS JOIN LATERAL (SELECT CASE
        WHEN d.lead_status IS NULL THEN 'no_lead_status'
        WHEN l.conversation_id IS NULL AND w.last_pull_at IS NULL THEN 'never_pulled'
        WHEN l.conversation_id IS NULL AND u.email IS NULL AND u.phone IS NULL THEN 'no_contact'
        WHEN l.conversation_id IS NULL AND COALESCE((
            SELECT last.sync_status = 'failed' AND last.outcome = 'ambiguous_lead'
            FROM domiq_sync.last_change(c.id) AS last), FALSE) THEN 'ambiguous'
        WHEN l.conversation_id IS NULL THEN 'unlinked'
        WHEN NOT l.is_current THEN 'older_conversation'
        WHEN r.prospect_id IS NULL THEN 'lead_not_read'
        WHEN m.covers IS NULL AND b.covers IS NULL THEN 'unknown_word'
        ELSE 'compared' END AS reason) AS why
    WHERE CAST(:property_ids AS uuid[]) IS NULL OR i.property_id = ANY (CAST(:property_ids AS uuid[]))) AS f
GROUP BY 1, 2, 3

-- name: unknown_words
-- ResMan's words for a status that mean nothing at their property, linked or not: nothing is applied for such a lead.
SELECT w.partition_key, w.property_id, w.word, w.leads
FROM (SELECT i.partition_key, i.property_id, r.effective_status AS word, count(*) AS leads
      FROM domiq_sync.integration i
      JOIN domiq_sync.resman_lead r ON r.property_id = i.property_id
      WHERE i.sync_enabled
        AND (CAST(:property_ids AS uuid[]) IS NULL OR i.property_id = ANY (CAST(:property_ids AS uuid[])))
      GROUP BY 1, 2, 3 OFFSET 0) AS w  -- so that each word is looked up once
WHERE domiq_sync.resman_covers(w.property_id, w.word) IS NULL
ORDER BY w.partition_key, w.word
