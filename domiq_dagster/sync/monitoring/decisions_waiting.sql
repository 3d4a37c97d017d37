-- What waits for a person's word, counted by property and reason. Only what is open is read, and the queue.

-- name: waiting
SELECT i.partition_key, w.reason, count(*) AS waiting, min(w.since) AS since
FROM (
    SELECT k.property_id, 'conflict' AS reason, k.opened_at AS since
    FROM domiq_sync.conflict k WHERE k.resolved_at IS NULL
    UNION ALL
    SELECT q.property_id, 'link', q.asked_at FROM domiq_sync.link_question q WHERE q.closed_at IS NULL
    UNION ALL
    SELECT d.property_id, 'doubt', COALESCE(d.posted_at, d.enqueued_at) FROM domiq_sync.delivery d
    WHERE d.state IN ('waiting', 'unknown') AND domiq_sync.waits_for(d.state, d.last_outcome, d.decided) = 'doubt'
) AS w
LEFT JOIN domiq_sync.integration i ON i.property_id = w.property_id
GROUP BY 1, 2 ORDER BY count(*) DESC, 1, 2
