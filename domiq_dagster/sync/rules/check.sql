-- What became of the rules of late, and what they have not looked at.

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
