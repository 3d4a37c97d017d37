-- name: failed_lanes
-- The conversations of the failed changes.
SELECT DISTINCT c.conversation_id
FROM domiq_sync.change c JOIN public.status_sync_log g ON g.id = c.change_id
WHERE g.sync_status = 'failed' AND g.sync_direction = 'to_resman' AND c.conversation_id IS NOT NULL
  AND (CAST(:property_id AS uuid) IS NULL OR c.property_id = :property_id)
  AND (CAST(:since AS timestamptz) IS NULL OR c.logged_at >= :since)
  AND (CAST(:reason AS text) IS NULL OR COALESCE(g.context_data #>> '{sync,outcome}', '(none)') = :reason)
  AND (CAST(:change_ids AS uuid[]) IS NULL OR c.change_id = ANY (CAST(:change_ids AS uuid[])))

-- name: failed_changes
-- Failed outbound changes, in order, each with what it failed of, and whether a later change of the same
-- conversation has overtaken it: then ResMan must not hear of it any more. failed_at: when it was last tried, or
-- logged, where no try is on record.
SELECT c.change_id, c.property_id, c.conversation_id, COALESCE(g.context_data #>> '{sync,outcome}', '(none)') AS reason,
       g.context_data #>> '{sync,reason}' AS words, g.old_status, g.new_status,
       COALESCE(g.resman_lead_id, (SELECT l.prospect_id FROM domiq_sync.lead_link l
                                   WHERE l.conversation_id = c.conversation_id)) AS prospect_id,
       COALESCE((SELECT a.started_at FROM domiq_sync.attempt a WHERE a.change_id = c.change_id
                 ORDER BY a.id DESC LIMIT 1), c.logged_at) AS failed_at,
       EXISTS (SELECT FROM domiq_sync.change later
               JOIN public.status_sync_log l ON l.id = later.change_id
               WHERE later.conversation_id = c.conversation_id AND later.seq > c.seq
                 AND (l.sync_status = 'success'
                      -- under way, or half sent: ResMan may have heard of it
                      OR EXISTS (SELECT FROM domiq_sync.delivery d WHERE d.change_id = later.change_id
                                 AND d.state IN ('in_flight', 'unknown'))
                      OR EXISTS (SELECT FROM domiq_sync.attempt a WHERE a.change_id = later.change_id
                                 AND a.action IN ('create', 'reactivate', 'tell') AND a.outcome = 'ok'))
              ) AS overtaken
FROM domiq_sync.change c JOIN public.status_sync_log g ON g.id = c.change_id
WHERE g.sync_status = 'failed' AND g.sync_direction = 'to_resman'
  AND (CAST(:property_id AS uuid) IS NULL OR c.property_id = :property_id)
  AND (CAST(:since AS timestamptz) IS NULL OR c.logged_at >= :since)
  AND (CAST(:reason AS text) IS NULL OR COALESCE(g.context_data #>> '{sync,outcome}', '(none)') = :reason)
  AND (CAST(:change_ids AS uuid[]) IS NULL OR c.change_id = ANY (CAST(:change_ids AS uuid[])))
ORDER BY c.seq

-- name: reasons
-- What all failed changes failed of.
SELECT COALESCE(g.context_data #>> '{sync,outcome}', '(none)') AS reason, count(*) AS changes
FROM public.status_sync_log g
WHERE g.sync_status = 'failed' AND g.sync_direction = 'to_resman' GROUP BY 1 ORDER BY 2 DESC, 1

-- name: not_failed
-- Those of these changes that have not failed, or are none.
SELECT wanted.id FROM unnest(CAST(:change_ids AS uuid[])) AS wanted(id)
WHERE NOT EXISTS (SELECT FROM public.status_sync_log g
                  WHERE g.id = wanted.id AND g.sync_status = 'failed' AND g.sync_direction = 'to_resman')

-- name: now
SELECT clock_timestamp()
