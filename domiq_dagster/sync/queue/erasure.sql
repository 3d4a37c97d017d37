-- What is on record of the changes of conversations is erased: that there was a change, from which status to which,
-- when and how it ended stays.

-- name: change_ids
SELECT c.change_id FROM domiq_sync.change c WHERE c.conversation_id = ANY (CAST(:conversations AS uuid[]))
UNION
SELECT a.id FROM domiq_sync.status_sync_log_archive a WHERE a.conversation_id = ANY (CAST(:conversations AS uuid[]))
UNION
SELECT g.id FROM public.status_sync_log g WHERE g.conversation_id = ANY (CAST(:conversations AS uuid[]))

-- name: open_deliveries
SELECT count(*) FROM domiq_sync.delivery d WHERE d.lane = ANY (CAST(:conversations AS uuid[]))

-- name: settle_open
-- Nothing more is told to ResMan of them. What is being sent, or may have arrived, is left.
WITH given_up AS (
    DELETE FROM domiq_sync.delivery d
    WHERE d.lane = ANY (CAST(:conversations AS uuid[])) AND d.state IN ('ready', 'waiting') RETURNING d.change_id
)
UPDATE public.status_sync_log g
SET sync_status = 'failed', context_data = '{"sync": {"outcome": "erased"}}'
FROM given_up WHERE g.id = given_up.change_id AND COALESCE(g.sync_status, '') = 'pending'

-- name: nothing_to_do
-- Rules and notices look at them no more: what they would ask for is gone.
UPDATE domiq_sync.change
SET ruled_at = COALESCE(ruled_at, clock_timestamp()), notified_at = COALESCE(notified_at, clock_timestamp())
WHERE conversation_id = ANY (CAST(:conversations AS uuid[])) AND (ruled_at IS NULL OR notified_at IS NULL)

-- name: erase_log
-- The outcome is kept where the sync wrote it.
UPDATE public.status_sync_log g
SET resman_lead_id = NULL, status_reason = NULL,
    context_data = CASE WHEN c.logged_by IN ('trigger', 'sync')
                             AND g.context_data #>> '{sync,outcome}' ~ '^[a-z][a-z_]{0,39}$'
                        THEN jsonb_build_object('sync', jsonb_build_object(
                                 'outcome', g.context_data #> '{sync,outcome}')) END
FROM public.status_sync_log o LEFT JOIN domiq_sync.change c ON c.change_id = o.id
WHERE o.id = g.id AND o.id = ANY (CAST(:ids AS uuid[]))
  AND (g.resman_lead_id IS NOT NULL OR g.status_reason IS NOT NULL OR g.context_data IS NOT NULL)
RETURNING g.id

-- name: erase_archive
UPDATE domiq_sync.status_sync_log_archive a
SET resman_lead_id = NULL, status_reason = NULL,
    context_data = CASE WHEN a.change ->> 'logged_by' IN ('trigger', 'sync')
                             AND a.context_data #>> '{sync,outcome}' ~ '^[a-z][a-z_]{0,39}$'
                        THEN jsonb_build_object('sync', jsonb_build_object(
                                 'outcome', a.context_data #> '{sync,outcome}')) END,
    rules = COALESCE((SELECT jsonb_agg(k.rule || '{"why": "erased"}')
                      FROM jsonb_array_elements(a.rules) AS k(rule)), '[]')
WHERE a.id = ANY (CAST(:ids AS uuid[]))
RETURNING a.id

-- name: erase_attempts
UPDATE domiq_sync.attempt SET detail = NULL
WHERE change_id = ANY (CAST(:ids AS uuid[])) AND detail IS NOT NULL RETURNING id

-- name: erase_attempts_naming
-- Those that name a lead, of changes that went with a deleted conversation.
UPDATE domiq_sync.attempt SET detail = NULL
WHERE id > :after AND id <= :last AND detail IS NOT NULL
  AND lower(detail::text) LIKE ANY (CAST(:patterns AS text[]))
RETURNING id

-- name: last_attempt
SELECT COALESCE(max(id), 0) FROM domiq_sync.attempt
