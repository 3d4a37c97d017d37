-- name: due_properties
-- Connected properties with changes that the rules have not looked at. What was logged before the property
-- was connected is no news.
SELECT i.property_id, i.partition_key, i.time_zone, i.sync_direction, i.connected_at, p.name AS property_name
FROM domiq_sync.integration i
JOIN public.property p ON p.id = i.property_id
WHERE (CAST(:ids AS uuid[]) IS NULL OR i.property_id = ANY (CAST(:ids AS uuid[])))
  AND EXISTS (SELECT FROM domiq_sync.change c
              WHERE c.property_id = i.property_id AND c.ruled_at IS NULL AND c.logged_at >= i.connected_at)
ORDER BY i.partition_key

-- name: all_properties
SELECT i.property_id, i.partition_key, i.time_zone, i.sync_direction, i.connected_at, p.name AS property_name
FROM domiq_sync.integration i
JOIN public.property p ON p.id = i.property_id
WHERE (CAST(:ids AS uuid[]) IS NULL OR i.property_id = ANY (CAST(:ids AS uuid[])))
ORDER BY i.partition_key

-- name: claim
-- The conversations whose oldest change is free: whoever holds that one has the conversation, so that its
-- changes are looked at in order whatever the number of workers. What was logged for it at another property is
-- that property's.
SELECT n.conversation_id
FROM domiq_sync.change n
WHERE n.property_id = :property_id AND n.ruled_at IS NULL AND n.logged_at >= :connected_at
  AND n.conversation_id <> ALL (CAST(:left AS uuid[]))
  AND NOT EXISTS (SELECT FROM domiq_sync.change e
                  WHERE e.conversation_id = n.conversation_id AND e.seq < n.seq AND e.property_id = n.property_id
                    AND e.ruled_at IS NULL AND e.logged_at >= :connected_at)
ORDER BY n.logged_at, n.seq LIMIT :most
FOR UPDATE OF n SKIP LOCKED

-- name: changes
-- The open changes of claimed conversations, in order, each with the one before it.
SELECT c.change_id, c.seq, c.conversation_id, c.logged_at, c.caused_by, c.cause_rule_id, c.chain_depth,
       g.old_status, g.new_status, g.status_reason, g.updated_by, g.sync_direction, g.sync_status,
       g.resman_lead_id, g.created_at, g.context_data,
       before.change_id AS before_id, before.cause_rule_id AS before_rule_id,
       before.chain_depth AS before_depth, before.old_status AS before_old_status
FROM domiq_sync.change c
JOIN public.status_sync_log g ON g.id = c.change_id
LEFT JOIN LATERAL (
    SELECT b.change_id, b.cause_rule_id, b.chain_depth, o.old_status
    FROM domiq_sync.change b JOIN public.status_sync_log o ON o.id = b.change_id
    WHERE b.conversation_id = c.conversation_id AND b.seq < c.seq
    ORDER BY b.seq DESC LIMIT 1) AS before ON c.caused_by IS NULL
WHERE c.conversation_id = ANY (CAST(:conversations AS uuid[])) AND c.property_id = :property_id
  AND c.ruled_at IS NULL AND c.logged_at >= :connected_at
ORDER BY c.seq LIMIT :most

-- name: logged_changes
-- What was logged for a property since a time, in order; for the plan.
SELECT c.change_id, c.seq, c.conversation_id, c.logged_at, c.caused_by, c.cause_rule_id, c.chain_depth,
       g.old_status, g.new_status, g.status_reason, g.updated_by, g.sync_direction, g.sync_status,
       g.resman_lead_id, g.created_at, g.context_data
FROM domiq_sync.change c
JOIN public.status_sync_log g ON g.id = c.change_id
WHERE c.property_id = :property_id AND c.logged_at >= :since AND c.conversation_id IS NOT NULL
  AND c.seq > :after AND (NOT CAST(:open_only AS boolean) OR c.ruled_at IS NULL)
ORDER BY c.seq LIMIT :most

-- name: first_unruled
SELECT min(c.logged_at) FROM domiq_sync.change c
WHERE c.property_id = :property_id AND c.ruled_at IS NULL AND c.logged_at >= :since

-- name: rules
SELECT r.id, r.property_id, r.trigger_status, r.target_status, r.conditions, r.actions
FROM public.status_workflow_rules r
WHERE r.is_active AND r.property_id = :property_id
ORDER BY r.created_at, r.id

-- name: every_rule
-- All active rules, those of no property too.
SELECT r.id, r.property_id, r.trigger_status, r.target_status, r.conditions, r.actions
FROM public.status_workflow_rules r
WHERE r.is_active
ORDER BY r.property_id, r.created_at, r.id

-- name: one_rule
SELECT r.id, r.property_id, r.trigger_status, r.target_status, r.conditions, r.actions
FROM public.status_workflow_rules r WHERE r.id = :rule_id

-- name: words
-- DomIQ's words for a lead status; a property's own win.
SELECT m.domiq_status, m.lead_status FROM domiq_sync.domiq_status_map m
WHERE m.property_id = :property_id OR m.property_id IS NULL
ORDER BY m.property_id NULLS FIRST

-- name: columns
-- The columns of conversation, or of message, as they are here.
SELECT a.attname AS name, t.typname AS type, t.typcategory AS category
FROM pg_attribute a
JOIN pg_type y ON y.oid = a.atttypid
JOIN pg_type t ON t.oid = CASE WHEN y.typtype = 'd' THEN y.typbasetype ELSE y.oid END
WHERE a.attrelid = to_regclass(:table) AND a.attnum > 0 AND NOT a.attisdropped

-- name: count_messages
-- The messages of a conversation up to each change.
SELECT x.change_id, (SELECT count(*) FROM public.message m
                     WHERE m.conversation_id = x.conversation_id
                       AND (m."timestamp" IS NULL OR m."timestamp" <= x.changed_at)) AS messages
FROM unnest(CAST(:ids AS uuid[]), CAST(:conversations AS uuid[]), CAST(:times AS timestamptz[]))
     AS x(change_id, conversation_id, changed_at)

-- name: count_all_messages
-- Where messages have no time: all that there are now.
SELECT x.change_id, (SELECT count(*) FROM public.message m
                     WHERE m.conversation_id = x.conversation_id) AS messages
FROM unnest(CAST(:ids AS uuid[]), CAST(:conversations AS uuid[])) AS x(change_id, conversation_id)

-- name: ran_in_chains
-- The rules that ran for each of these changes, or for one before it in its chain.
WITH RECURSIVE up(of_change, change_id, place) AS (
    SELECT given.id, given.id, 0 FROM unnest(CAST(:ids AS uuid[])) AS given(id)
    UNION ALL
    SELECT up.of_change, c.caused_by, up.place + 1
    FROM up JOIN domiq_sync.change c ON c.change_id = up.change_id
    WHERE c.caused_by IS NOT NULL AND up.place < 100
)
SELECT DISTINCT up.of_change, r.rule_id
FROM up JOIN domiq_sync.rule_run r ON r.change_id = up.change_id AND r.outcome = 'ran'

-- name: as_system
-- Until the transaction ends: the capture trigger logs what is changed as changed by the sync itself.
SELECT set_config('domiq_sync.updated_by', 'system', true), set_config('domiq_sync.origin', '', true)

-- name: move
-- Its row is locked, and its status known. The subquery sees what was there before the update.
WITH moved AS (
    UPDATE public.conversation SET status = :target WHERE id = :conversation_id RETURNING id, status
)
SELECT moved.status, COALESCE((SELECT max(c.seq) FROM domiq_sync.change c
                               WHERE c.conversation_id = moved.id), 0) AS last_seq
FROM moved

-- name: captured
-- The change that the capture trigger logged for a move.
SELECT c.change_id FROM domiq_sync.change c JOIN public.status_sync_log g ON g.id = c.change_id
WHERE c.conversation_id = :conversation_id AND c.seq > :last_seq
  AND g.updated_by = 'system' AND g.new_status = :status AND g.old_status IS NOT DISTINCT FROM :expected
ORDER BY c.seq LIMIT 1

-- name: log_move
-- Where there is no capture trigger, or it failed. As there, the old status continues the chain.
INSERT INTO public.status_sync_log (conversation_id, resman_lead_id, old_status, new_status,
                                    updated_by, sync_direction, sync_status)
SELECT :conversation_id,
       (SELECT l.prospect_id FROM domiq_sync.lead_link l WHERE l.conversation_id = :conversation_id),
       chain.old_status, :status, 'system', 'to_resman', 'pending'
FROM domiq_sync.close_chain(:conversation_id, :property_id, :expected,
                            'found when a rule moved the lead') AS chain(old_status)
RETURNING id

-- name: adopt_move
SELECT domiq_sync.adopt_change(:change_id, :conversation_id, 'to_resman', 'pending')

-- name: link_move
WITH linked AS (
    UPDATE domiq_sync.change SET caused_by = :caused_by, cause_rule_id = :rule_id, chain_depth = :depth
    WHERE change_id = :change_id RETURNING change_id
)
UPDATE public.status_sync_log g
SET context_data = jsonb_build_object('workflow_rule', jsonb_build_object(
        'rule_id', CAST(:rule_id AS text), 'after_change', CAST(:caused_by AS text)))
FROM linked WHERE g.id = linked.change_id

-- name: set_score
UPDATE public.conversation SET lead_score = :score WHERE id = :conversation_id

-- name: add_task
INSERT INTO domiq_sync.task (kind, property_id, conversation_id, change_id, rule_id, action, title, detail,
                             assignee_role, priority, due_at, time_zone)
VALUES (:kind, :property_id, :conversation_id, :change_id, :rule_id, :action, :title, :detail,
        :assignee_role, :priority, :due_at, :time_zone)

-- name: record_runs
INSERT INTO domiq_sync.rule_run (change_id, rule_id, property_id, outcome, why, done)
SELECT v.change_id, v.rule_id, :property_id, v.outcome, v.why, v.done::jsonb
FROM unnest(CAST(:changes AS uuid[]), CAST(:rules AS uuid[]), CAST(:outcomes AS text[]),
            CAST(:whys AS text[]), CAST(:dones AS text[])) AS v(change_id, rule_id, outcome, why, done)

-- name: record_not_held
INSERT INTO domiq_sync.rule_not_held (change_id, rule_ids, which, whys)
VALUES (:change_id, CAST(:rule_ids AS uuid[]), CAST(:which AS int[]), CAST(:whys AS text[]))

-- name: mark_ruled
UPDATE domiq_sync.change c
SET ruled_at = clock_timestamp(), caused_by = COALESCE(c.caused_by, v.caused_by), chain_depth = v.depth
FROM unnest(CAST(:ids AS uuid[]), CAST(:causes AS uuid[]), CAST(:depths AS int[])) AS v(id, caused_by, depth)
WHERE c.change_id = v.id

-- name: troubles
-- Rules that ended in an error, or were stopped in a circle, of late.
SELECT r.rule_id, r.property_id, r.outcome, count(*) AS times, max(r.run_at) AS last_at,
       (array_agg(r.why ORDER BY r.run_at DESC))[1] AS why,
       (array_agg(r.change_id ORDER BY r.run_at DESC))[1] AS change_id
FROM domiq_sync.rule_run r
WHERE r.outcome IN ('failed', 'stopped') AND r.run_at >= :since
  AND (CAST(:property_id AS uuid) IS NULL OR r.property_id = :property_id)
GROUP BY r.rule_id, r.property_id, r.outcome
ORDER BY max(r.run_at) DESC

-- name: unruled
-- How many changes wait for the rules, at these properties together.
SELECT count(*) FROM domiq_sync.integration i
JOIN domiq_sync.change c ON c.property_id = i.property_id AND c.ruled_at IS NULL AND c.logged_at >= i.connected_at
WHERE i.property_id = ANY (CAST(:ids AS uuid[]))
