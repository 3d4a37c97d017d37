-- name: standing
-- How each current link compares. Not run by itself: the queries below read from it as `standing`.
-- The status maps are joined rather than asked by function: with 200,000 links a call a row costs seconds.
-- verdict:
--   agrees        ResMan's status covers DomIQ's
--   awaiting      DomIQ told ResMan, whose staff take the step themselves (application, leased)
--   conflict      a person decides
--   open_change   a pending change explains the difference
--   not_a_lead    DomIQ's status is no lead status
--   unknown_word  ResMan's status has no meaning in the status map
--   diverged      nothing explains the difference
-- cause, where it diverged:
--   moved         the next decision about the lead mends it
--   undated       no pull has read the lead yet, so nobody can tell who is newer
--   push_failed   the change that was to tell ResMan failed
--   direction     the property does not take, or does not send, the side that moved
--   settled       the difference was settled as it is: neither side can be moved from outside
SELECT l.conversation_id, l.property_id, l.prospect_id, c.status AS domiq_status,
       r.effective_status AS resman_status, l.agreed_at, v.verdict,
       greatest(r.stored_at, r.touched_at, c.updated_at) AS written_at,
       CASE WHEN v.verdict <> 'diverged' THEN NULL
            WHEN l.agreed_at IS NULL AND r.last_modified IS NULL THEN 'undated'
            WHEN l.agreed_domiq_status = c.status AND l.agreed_resman_status = r.effective_status
                THEN 'settled'
            WHEN l.agreed_resman_status IS NOT DISTINCT FROM r.effective_status AND COALESCE((
                SELECT g.sync_status = 'failed' AND g.sync_direction = 'to_resman' AND g.new_status = c.status
                FROM domiq_sync.change ch JOIN public.status_sync_log g ON g.id = ch.change_id
                WHERE ch.conversation_id = l.conversation_id ORDER BY ch.seq DESC LIMIT 1), FALSE)
                THEN 'push_failed'
            WHEN i.sync_direction = 'to_resman' AND l.agreed_resman_status IS DISTINCT FROM r.effective_status
                OR i.sync_direction = 'from_resman' AND l.agreed_resman_status = r.effective_status
                THEN 'direction'
            ELSE 'moved' END AS cause
FROM domiq_sync.lead_link l
JOIN domiq_sync.integration i ON i.property_id = l.property_id
JOIN public.conversation c ON c.id = l.conversation_id
JOIN domiq_sync.resman_lead r ON r.property_id = l.property_id AND r.prospect_id = l.prospect_id
LEFT JOIN domiq_sync.domiq_status_map d ON d.property_id IS NULL AND d.domiq_status = c.status
LEFT JOIN domiq_sync.domiq_status_map od ON od.property_id = l.property_id AND od.domiq_status = c.status
LEFT JOIN domiq_sync.resman_status_map m ON m.property_id IS NULL AND m.resman_status = r.effective_status
LEFT JOIN domiq_sync.resman_status_map om
    ON om.property_id = l.property_id AND om.resman_status = r.effective_status
-- a lease milestone without a row of its own means what the bare status means
LEFT JOIN domiq_sync.resman_status_map b
    ON b.property_id IS NULL AND b.resman_status = split_part(r.effective_status, '/', 1)
LEFT JOIN domiq_sync.resman_status_map ob
    ON ob.property_id = l.property_id AND ob.resman_status = split_part(r.effective_status, '/', 1)
CROSS JOIN LATERAL (
    SELECT COALESCE(od.lead_status, d.lead_status) AS lead_status,
           COALESCE(om.covers, m.covers, ob.covers, b.covers) AS covers) AS s
CROSS JOIN LATERAL (SELECT CASE
    WHEN s.lead_status IS NULL THEN 'not_a_lead'
    WHEN s.covers IS NULL THEN 'unknown_word'
    WHEN s.lead_status = ANY (s.covers) THEN 'agrees'
    WHEN EXISTS (SELECT FROM domiq_sync.conflict k
                 WHERE k.conversation_id = l.conversation_id AND k.resolved_at IS NULL) THEN 'conflict'
    WHEN EXISTS (SELECT FROM domiq_sync.delivery q WHERE q.lane = l.conversation_id) THEN 'open_change'
    WHEN s.lead_status IN ('application', 'leased')
         AND split_part(r.effective_status, '/', 1) IN ('Prospect', 'Applicant')
         AND l.agreed_domiq_status = c.status AND l.agreed_resman_status = r.effective_status
        THEN 'awaiting'
    ELSE 'diverged' END AS verdict) AS v
WHERE l.is_current
  AND (CAST(:property_ids AS uuid[]) IS NULL OR l.property_id = ANY (CAST(:property_ids AS uuid[])))

-- name: comparison
SELECT * FROM standing

-- name: verdicts
SELECT property_id, verdict, count(*) AS links FROM standing GROUP BY 1, 2

-- name: note_divergence
-- Remembers those that are first seen to diverge, and forgets those that do no longer.
, diverged AS (SELECT conversation_id, property_id FROM standing WHERE verdict = 'diverged'
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

-- name: divergences
-- Per property and cause: how many, since when (of those that were noted), and the first :most of them.
SELECT i.partition_key, s.property_id, s.cause, count(*) AS leads, min(d.first_seen_at) AS since,
       (array_agg(s.conversation_id ORDER BY d.first_seen_at, s.conversation_id))[1:CAST(:most AS integer)] AS sample
FROM standing s
JOIN domiq_sync.integration i ON i.property_id = s.property_id
LEFT JOIN domiq_sync.divergence d ON d.conversation_id = s.conversation_id
WHERE s.verdict = 'diverged' AND i.sync_enabled
GROUP BY 1, 2, 3 ORDER BY 1, 3

-- name: diverged_since
-- How many have diverged at each property with nothing written on either side since the time given for it: what
-- was written later may not have been decided about yet.
SELECT s.property_id, count(*) AS leads
FROM standing s
JOIN json_to_recordset(CAST(:windows AS json)) AS w(property_id uuid, since timestamptz)
    ON w.property_id = s.property_id
WHERE s.verdict = 'diverged' AND s.written_at <= w.since
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
           CASE WHEN why.reason = 'no_lead_status' THEN COALESCE(c.status, '(none)') END AS status
    FROM domiq_sync.integration i
    JOIN domiq_sync.conversation_property cp ON cp.property_id = i.property_id
    JOIN public.conversation c ON c.id = cp.conversation_id
    LEFT JOIN public."user" u ON u.id = c.user_id
    LEFT JOIN domiq_sync.watermark w ON w.property_id = i.property_id
    LEFT JOIN domiq_sync.lead_link l ON l.conversation_id = c.id
    LEFT JOIN domiq_sync.resman_lead r ON r.property_id = l.property_id AND r.prospect_id = l.prospect_id
    LEFT JOIN domiq_sync.domiq_status_map d ON d.property_id IS NULL AND d.domiq_status = c.status
    LEFT JOIN domiq_sync.domiq_status_map od ON od.property_id = i.property_id AND od.domiq_status = c.status
    LEFT JOIN domiq_sync.resman_status_map m ON m.property_id IS NULL AND m.resman_status = r.effective_status
    LEFT JOIN domiq_sync.resman_status_map om
        ON om.property_id = i.property_id AND om.resman_status = r.effective_status
    LEFT JOIN domiq_sync.resman_status_map b
        ON b.property_id IS NULL AND b.resman_status = split_part(r.effective_status, '/', 1)
    LEFT JOIN domiq_sync.resman_status_map ob
        ON ob.property_id = i.property_id AND ob.resman_status = split_part(r.effective_status, '/', 1)
    CROSS JOIN LATERAL (SELECT CASE
        WHEN COALESCE(od.lead_status, d.lead_status) IS NULL THEN 'no_lead_status'
        WHEN l.conversation_id IS NULL AND w.last_pull_at IS NULL THEN 'never_pulled'
        WHEN l.conversation_id IS NULL AND u.email IS NULL AND u.phone IS NULL THEN 'no_contact'
        WHEN l.conversation_id IS NULL AND COALESCE((
            SELECT g.sync_status = 'failed' AND g.context_data #>> '{sync,outcome}' = 'ambiguous_lead'
            FROM domiq_sync.change ch JOIN public.status_sync_log g ON g.id = ch.change_id
            WHERE ch.conversation_id = c.id ORDER BY ch.seq DESC LIMIT 1), FALSE) THEN 'ambiguous'
        WHEN l.conversation_id IS NULL THEN 'unlinked'
        WHEN NOT l.is_current THEN 'older_conversation'
        WHEN r.prospect_id IS NULL THEN 'lead_not_read'
        WHEN COALESCE(om.covers, m.covers, ob.covers, b.covers) IS NULL THEN 'unknown_word'
        ELSE 'compared' END AS reason) AS why
    WHERE CAST(:property_ids AS uuid[]) IS NULL OR i.property_id = ANY (CAST(:property_ids AS uuid[]))) AS f
GROUP BY 1, 2, 3
