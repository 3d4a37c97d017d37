-- What waits for people of a property, lead by lead. Only what is open is read, the links, and the recent failures.

-- name: waiting
-- One row for each lead and reason, the longest first.
--   conflict   both sides moved, and the property's policy is that a person decides
--   link       a person of DomIQ's and a lead fit only by a guess
--   doubt      nobody can see whether ResMan has what was sent
--   failed     ResMan did not take the last change of the lead, and no later one has gone beyond it
--   contact    DomIQ knows neither an e-mail address nor a phone, or no name, to make the lead with
--   awaiting   DomIQ told ResMan of an application or a lease; the step itself is staff's
--   by_hand    the two statuses differ, and neither side can be moved from outside
SELECT i.partition_key, w.kind, w.conversation_id, w.prospect_id, d.lead_status AS domiq_status, w.resman_status,
       w.reason, w.since
FROM (
    SELECT k.property_id, 'conflict' AS kind, k.conversation_id, k.prospect_id, k.domiq_status, k.resman_status,
           NULL AS reason, k.opened_at AS since
    FROM domiq_sync.conflict k WHERE k.resolved_at IS NULL
    UNION ALL
    SELECT q.property_id, 'link', q.conversation_ids[1], q.prospect_id, NULL, NULL, NULL, q.asked_at
    FROM domiq_sync.link_question q WHERE q.closed_at IS NULL
    UNION ALL
    SELECT d.property_id, domiq_sync.waits_for(d.state, d.last_outcome, d.decided), d.lane, l.prospect_id,
           g.new_status, NULL, NULL, COALESCE(d.posted_at, d.enqueued_at)
    FROM domiq_sync.delivery d
    JOIN public.status_sync_log g ON g.id = d.change_id
    LEFT JOIN domiq_sync.lead_link l ON l.conversation_id = d.lane
    WHERE d.state IN ('waiting', 'unknown') AND d.is_head
      AND domiq_sync.waits_for(d.state, d.last_outcome, d.decided) IN ('doubt', 'contact')
    UNION ALL
    SELECT c.property_id, 'failed', c.conversation_id, COALESCE(l.prospect_id, g.resman_lead_id), g.new_status, NULL,
           g.context_data #>> '{sync,outcome}', c.logged_at
    FROM public.status_sync_log g
    -- one by one: of some hundreds PostgreSQL would rather read all changes
    CROSS JOIN LATERAL (SELECT * FROM domiq_sync.change h WHERE h.change_id = g.id OFFSET 0) AS c
    LEFT JOIN domiq_sync.lead_link l ON l.conversation_id = c.conversation_id
    CROSS JOIN LATERAL domiq_sync.last_change(c.conversation_id) AS last
    -- by the contract's index: of the log only what failed of late
    WHERE g.new_status = ANY (CAST(:words AS text[])) AND g.sync_status = 'failed'
      AND g.created_at >= clock_timestamp() - CAST(:failed_days AS integer) * interval '1 day'
      AND g.sync_direction = 'to_resman' AND last.change_id = g.id
    UNION ALL
    SELECT c.property_id, CASE c.verdict WHEN 'awaiting' THEN 'awaiting' ELSE 'by_hand' END, c.conversation_id,
           c.prospect_id, c.domiq_status, c.resman_status, c.cause, COALESCE(v.first_seen_at, c.agreed_at)
    FROM domiq_sync.compared_leads() AS c
    LEFT JOIN domiq_sync.divergence v ON v.conversation_id = c.conversation_id
    WHERE c.verdict = 'awaiting' OR c.verdict = 'diverged' AND c.cause IN ('direction', 'settled')
) AS w
JOIN domiq_sync.integration i ON i.property_id = w.property_id
LEFT JOIN domiq_sync.domiq_meaning d
    ON d.property_id = w.property_id AND d.domiq_status = domiq_sync.word(w.domiq_status)
WHERE CAST(:property_id AS uuid) IS NULL OR w.property_id = CAST(:property_id AS uuid)
ORDER BY w.since, w.conversation_id

-- name: words
-- The words that changes may carry, as they are written.
SELECT DISTINCT m.domiq_status FROM domiq_sync.domiq_status_map m
UNION
SELECT DISTINCT m.lead_status FROM domiq_sync.domiq_status_map m WHERE m.lead_status IS NOT NULL
