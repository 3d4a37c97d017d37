-- The sample queries of docs/tables.md, each named after its table or view; the first line says what it answers.

-- name: status_sync_log
-- How a conversation came to where it stands:
SELECT g.created_at, g.sync_direction, g.old_status, g.new_status, g.sync_status, g.updated_by,
       g.context_data ->> 'outcome' AS outcome
FROM domiq_sync.change AS c
JOIN public.status_sync_log AS g ON g.id = c.change_id
WHERE c.conversation_id = '00000000-0000-0000-0000-000000000000'
ORDER BY c.seq;

-- name: status_sync_success_rate
-- The success rate of each connected property, the lowest first:
SELECT i.partition_key, round(r.sync_success_rate::numeric, 1) AS percent, r.failed_status_updates AS failed
FROM public.status_sync_success_rate AS r
JOIN domiq_sync.integration AS i USING (property_id)
ORDER BY r.sync_success_rate;

-- name: integration
-- Which properties are connected, and how each is set:
SELECT partition_key, resman_account_id, sync_enabled, sync_direction, conflict_policy, tour_times, time_zone
FROM domiq_sync.integration
ORDER BY partition_key;

-- name: pause
-- What is paused, by whom, since when and why:
SELECT i.partition_key, p.paused_at, p.paused_by, p.because
FROM domiq_sync.pause AS p
JOIN domiq_sync.integration AS i USING (property_id)
WHERE p.resumed_at IS NULL
ORDER BY p.paused_at;

-- name: account
-- Accounts that are not asked just now, and until when:
SELECT resman_account_id, open_until, open_reason, consecutive_failures
FROM domiq_sync.account
WHERE open_until > now();

-- name: request_count
-- How many requests each account got on each of the last seven days:
SELECT resman_account_id, day, sum(requests) AS requests
FROM domiq_sync.request_count
WHERE day > current_date - 7
GROUP BY resman_account_id, day
ORDER BY resman_account_id, day;

-- name: domiq_status_map
-- What DomIQ's words mean, the properties' own rows first:
SELECT i.partition_key, m.domiq_status, m.lead_status, m.event_type
FROM domiq_sync.domiq_status_map AS m
LEFT JOIN domiq_sync.integration AS i USING (property_id)
ORDER BY i.partition_key NULLS LAST, m.id;

-- name: change
-- The last hundred changes, in the order in which they were logged:
SELECT c.seq, c.logged_at, i.partition_key, g.sync_direction, g.old_status, g.new_status, g.sync_status, c.logged_by
FROM domiq_sync.change AS c
JOIN public.status_sync_log AS g ON g.id = c.change_id
LEFT JOIN domiq_sync.integration AS i USING (property_id)
ORDER BY c.seq DESC
LIMIT 100;

-- name: delivery
-- What waits to get to ResMan, by property: how many, since when, and why:
SELECT i.partition_key, d.state, d.last_outcome, count(*) AS changes, min(d.enqueued_at) AS oldest
FROM domiq_sync.delivery AS d
LEFT JOIN domiq_sync.integration AS i USING (property_id)
GROUP BY i.partition_key, d.state, d.last_outcome
ORDER BY oldest;

-- name: attempt
-- What was tried for one change:
SELECT started_at, action, outcome, duration_ms, worker
FROM domiq_sync.attempt
WHERE change_id = '00000000-0000-0000-0000-000000000000'
ORDER BY id;

-- name: daily_total
-- Changes of the last 30 days, by property:
SELECT property, day, sum(changes) AS changes, sum(changes) FILTER (WHERE sync_status = 'failed') AS failed
FROM domiq_sync.daily_total
WHERE day > current_date - 30
GROUP BY property, day
ORDER BY property, day;

-- name: status_sync_log_all
-- Log and archive as one, of one conversation:
SELECT created_at, sync_direction, old_status, new_status, sync_status
FROM domiq_sync.status_sync_log_all
WHERE conversation_id = '00000000-0000-0000-0000-000000000000'
ORDER BY created_at;

-- name: capture_gap
-- When changes could not be logged, and how many:
SELECT since, noticed_at, misses
FROM domiq_sync.capture_gap
ORDER BY noticed_at DESC;

-- name: resman_lead
-- How many leads ResMan has at each property, by status:
SELECT i.partition_key, l.effective_status, count(*) AS leads, max(l.last_modified) AS newest
FROM domiq_sync.resman_lead AS l
JOIN domiq_sync.integration AS i USING (property_id)
GROUP BY i.partition_key, l.effective_status
ORDER BY i.partition_key, leads DESC;

-- name: watermark
-- When each property was last pulled, and which pulls fail:
SELECT i.partition_key, w.last_pull_at, w.last_full_at, w.watermark, w.failing_since, w.last_error
FROM domiq_sync.integration AS i
LEFT JOIN domiq_sync.watermark AS w USING (property_id)
ORDER BY w.last_pull_at NULLS FIRST;

-- name: pull
-- The last hundred pulls, and how long each took:
SELECT i.partition_key, p.started_at, p.finished_at - p.started_at AS took, p.full_read, p.fetched, p.stored, p.error
FROM domiq_sync.pull AS p
JOIN domiq_sync.integration AS i USING (property_id)
ORDER BY p.id DESC
LIMIT 100;

-- name: lead_link
-- How the conversations of each property were linked:
SELECT i.partition_key, k.linked_by, count(*) AS links
FROM domiq_sync.lead_link AS k
JOIN domiq_sync.integration AS i USING (property_id)
GROUP BY i.partition_key, k.linked_by
ORDER BY i.partition_key, links DESC;

-- name: link_question
-- Link reviews that wait for a person:
SELECT i.partition_key, q.kind, q.asked_at, q.reason, q.prospect_ids, q.conversation_ids
FROM domiq_sync.link_question AS q
JOIN domiq_sync.integration AS i USING (property_id)
WHERE q.closed_at IS NULL
ORDER BY q.asked_at;

-- name: conflict
-- Conflicts that wait for a person:
SELECT i.partition_key, c.conversation_id, c.domiq_status, c.resman_status, c.opened_at
FROM domiq_sync.conflict AS c
JOIN domiq_sync.integration AS i USING (property_id)
WHERE c.resolved_at IS NULL
ORDER BY c.opened_at;

-- name: divergence
-- Linked leads that disagree unexplained, with both statuses:
SELECT i.partition_key, d.conversation_id, v.status AS domiq_status, l.effective_status AS resman_status,
       d.first_seen_at
FROM domiq_sync.divergence AS d
JOIN domiq_sync.integration AS i USING (property_id)
JOIN public.conversation AS v ON v.id = d.conversation_id
LEFT JOIN domiq_sync.lead_link AS k ON k.conversation_id = d.conversation_id
LEFT JOIN domiq_sync.resman_lead AS l ON l.property_id = k.property_id AND l.prospect_id = k.prospect_id
ORDER BY d.first_seen_at;

-- name: rule_decision
-- What became of the workflow rules of the last hundred changes:
SELECT r.rule_id, r.outcome, count(*) AS times
FROM domiq_sync.rule_decision AS r
WHERE r.change_id IN (SELECT c.change_id FROM domiq_sync.change AS c ORDER BY c.seq DESC LIMIT 100)
GROUP BY r.rule_id, r.outcome
ORDER BY times DESC;

-- name: task
-- Open tasks, with when each falls due by the property's clock:
SELECT i.partition_key, t.kind, t.title, t.priority, t.assignee_role, t.due_at AT TIME ZONE t.time_zone AS due
FROM domiq_sync.task AS t
JOIN domiq_sync.integration AS i USING (property_id)
WHERE t.state = 'open'
ORDER BY t.due_at;

-- name: notification
-- Notices of the last day that did not arrive, or may not have:
SELECT channel, state, state_reason, count(*) AS notices
FROM domiq_sync.notification
WHERE state IN ('undeliverable', 'unknown') AND settled_at > now() - interval '1 day'
GROUP BY channel, state, state_reason
ORDER BY notices DESC;

-- name: alert
-- Incidents that are open:
SELECT i.partition_key, a.kind, a.opened_at, a.told_at, a.turns
FROM domiq_sync.alert AS a
LEFT JOIN domiq_sync.integration AS i USING (property_id)
WHERE a.phase = 'open'
ORDER BY a.opened_at;

-- name: trouble
-- Records that could not be dealt with:
SELECT i.partition_key, t.kind, t.key, t.sentence, t.since, t.times
FROM domiq_sync.trouble AS t
JOIN domiq_sync.integration AS i USING (property_id)
ORDER BY t.since;

-- name: worker
-- Who works just now:
SELECT name, job, started_at, seen_at, lag_seconds
FROM domiq_sync.worker
WHERE seen_at > now() - interval '1 minute'
ORDER BY started_at;
