-- name: changes_meant
-- The changes that an id means: a change, a conversation, or a ResMan lead.
SELECT g.id FROM public.status_sync_log g WHERE g.id = CAST(:uuid AS uuid)
UNION
SELECT c.change_id FROM domiq_sync.change c WHERE c.conversation_id = CAST(:uuid AS uuid)
UNION
SELECT a.id FROM domiq_sync.status_sync_log_archive a WHERE a.id = CAST(:uuid AS uuid)
UNION
SELECT a.id FROM domiq_sync.status_sync_log_archive a WHERE a.conversation_id = CAST(:uuid AS uuid)
UNION
SELECT k.change_id
FROM domiq_sync.integration i
JOIN domiq_sync.lead_link l ON l.property_id = i.property_id AND l.prospect_id = :text
CROSS JOIN LATERAL (
    SELECT c.change_id FROM domiq_sync.change c WHERE c.conversation_id = l.conversation_id
    UNION ALL
    SELECT a.id FROM domiq_sync.status_sync_log_archive a WHERE a.conversation_id = l.conversation_id) AS k

-- name: changes_named
-- Where no index knows the id: rows of the log that name it, of a lead whose link is gone, say.
SELECT g.id FROM domiq_sync.status_sync_log_all g
WHERE g.conversation_id = CAST(:uuid AS uuid) OR g.resman_lead_id = :text

-- name: changes
-- Of the archive's rows what domiq_sync.change had of them is told as it was.
SELECT g.id AS change_id, c.seq, g.conversation_id, i.partition_key, g.created_at, g.updated_by, g.sync_direction,
       g.sync_status, g.old_status, g.new_status, g.status_reason, g.resman_lead_id, g.context_data,
       c.caused_by, c.cause_rule_id, c.ruled_at,
       d.state AS delivery_state, d.attempts, d.postponements, d.next_attempt_at, d.worker, d.last_outcome,
       CAST(NULL AS timestamptz) AS archived_at
FROM public.status_sync_log g
LEFT JOIN domiq_sync.change c ON c.change_id = g.id
LEFT JOIN domiq_sync.integration i ON i.property_id = c.property_id
LEFT JOIN domiq_sync.delivery d ON d.change_id = g.id
WHERE g.id = ANY (CAST(:ids AS uuid[]))
UNION ALL
SELECT a.id, a.seq, a.conversation_id, i.partition_key, a.created_at, a.updated_by, a.sync_direction,
       a.sync_status, a.old_status, a.new_status, a.status_reason, a.resman_lead_id, a.context_data,
       CAST(a.change ->> 'caused_by' AS uuid), CAST(a.change ->> 'cause_rule_id' AS uuid),
       CAST(a.change ->> 'ruled_at' AS timestamptz), NULL, NULL, NULL, NULL, NULL, NULL, a.archived_at
FROM domiq_sync.status_sync_log_archive a
LEFT JOIN domiq_sync.integration i ON i.property_id = a.property_id
WHERE a.id = ANY (CAST(:ids AS uuid[]))
ORDER BY seq, created_at

-- name: attempts_of
SELECT id, change_id, lease_token, worker, action, outcome, detail, started_at, duration_ms
FROM domiq_sync.attempt WHERE change_id = ANY (CAST(:ids AS uuid[])) ORDER BY id

-- name: rules_of
-- What each rule decided about these changes: those that ran first, then by what became of them.
SELECT d.change_id, d.rule_id, d.outcome, d.why, d.done
FROM (SELECT o.change_id, o.rule_id, o.outcome, o.why, o.done FROM domiq_sync.rule_decision o
      WHERE o.change_id = ANY (CAST(:ids AS uuid[]))
      UNION ALL
      SELECT a.id, k.rule_id, k.outcome, k.why, k.done
      FROM domiq_sync.status_sync_log_archive a
      CROSS JOIN LATERAL jsonb_to_recordset(a.rules) AS k(rule_id uuid, outcome text, why text, done jsonb)
      WHERE a.id = ANY (CAST(:ids AS uuid[]))) AS d
LEFT JOIN public.status_workflow_rules r ON r.id = d.rule_id
ORDER BY d.change_id, d.outcome = 'not_held', r.created_at, d.rule_id

-- name: conversations
-- How the conversations of these changes, or the one or those of the lead that the id means, stand now. The
-- person behind each is read to be blanked, or shown where asked for.
SELECT c.id AS conversation_id, i.partition_key, c.status AS domiq_status,
       domiq_sync.lead_status(p.property_id, c.status::text) AS lead_status,
       l.prospect_id, l.is_current AS speaks_for_lead, l.linked_by, l.linked_at, l.agreed_domiq_status,
       l.agreed_resman_status, l.agreed_at, r.effective_status AS resman_status,
       EXISTS (SELECT FROM domiq_sync.conflict k
               WHERE k.conversation_id = c.id AND k.resolved_at IS NULL) AS conflict,
       i.sync_enabled, z.paused_by, z.paused_at, z.because AS paused_because,
       u.first_name, u.last_name, u.email, u.phone
FROM public.conversation c
LEFT JOIN domiq_sync.conversation_property p ON p.conversation_id = c.id
LEFT JOIN domiq_sync.integration i ON i.property_id = p.property_id
LEFT JOIN domiq_sync.pause z ON z.property_id = i.property_id AND z.resumed_at IS NULL AND NOT i.sync_enabled
LEFT JOIN domiq_sync.lead_link l ON l.conversation_id = c.id
LEFT JOIN domiq_sync.resman_lead r ON r.property_id = l.property_id AND r.prospect_id = l.prospect_id
LEFT JOIN public."user" u ON u.id = c.user_id
WHERE c.id = ANY (ARRAY(
    SELECT unnest(CAST(:conversation_ids AS uuid[]))
    UNION SELECT CAST(:uuid AS uuid)
    UNION SELECT k.conversation_id FROM domiq_sync.integration o
          JOIN domiq_sync.lead_link k ON k.property_id = o.property_id AND k.prospect_id = :text))
ORDER BY c.created_at, c.id
