-- Whether the database was put back to where it once was.

-- name: position
-- Which installation this is.
--   may_ask  whether this role may ask for the timeline
SELECT i.id AS installation_id, i.timeline AS timeline_before,
       has_function_privilege('pg_catalog.pg_control_checkpoint()', 'EXECUTE') AS may_ask, clock_timestamp() AS now
FROM domiq_sync.installation i LIMIT 1

-- name: furthest
-- How far the database has come: lease_token goes up with every claim, and never back.
SELECT COALESCE(pg_sequence_last_value('domiq_sync.lease_token'), 0)

-- name: timeline
-- PostgreSQL's, which a failover and a recovery to a point in time raise.
SELECT c.timeline_id FROM pg_catalog.pg_control_checkpoint() AS c

-- name: note_timeline
UPDATE domiq_sync.installation SET timeline = :timeline WHERE timeline IS DISTINCT FROM :timeline

-- name: declare
-- Each piece of evidence counts once.
INSERT INTO domiq_sync.restored (noticed_at, since, evidence)
VALUES (clock_timestamp(), CAST(:since AS timestamptz), :evidence)
ON CONFLICT (evidence) DO NOTHING RETURNING id

-- name: latest
SELECT b.noticed_at, b.since, b.evidence FROM domiq_sync.restored b ORDER BY b.noticed_at DESC LIMIT 1

-- name: strangers
-- Of the beginnings of change ids, given as ranges, those that neither the log, its archive nor any attempt knows.
SELECT r.low FROM unnest(CAST(:lows AS uuid[]), CAST(:highs AS uuid[])) AS r(low, high)
WHERE NOT EXISTS (SELECT FROM public.status_sync_log g WHERE g.id BETWEEN r.low AND r.high)
  AND NOT EXISTS (SELECT FROM domiq_sync.attempt a WHERE a.change_id BETWEEN r.low AND r.high)
  AND NOT EXISTS (SELECT FROM domiq_sync.status_sync_log_archive h WHERE h.id BETWEEN r.low AND r.high)

-- name: taken_up
-- The markers of lost changes in which changes of a conversation were found again.
SELECT g.context_data #>> '{sync,lost_marker}' FROM domiq_sync.change ch
JOIN public.status_sync_log g ON g.id = ch.change_id
WHERE ch.conversation_id = :conversation_id AND g.context_data #>> '{sync,lost_marker}' IS NOT NULL
UNION ALL
SELECT h.context_data #>> '{sync,lost_marker}' FROM domiq_sync.status_sync_log_archive h
WHERE h.conversation_id = :conversation_id AND h.context_data #>> '{sync,lost_marker}' IS NOT NULL
