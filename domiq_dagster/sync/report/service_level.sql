-- What the page about the service level shows beside the daily figures.

-- name: diverged_by_age
-- Leads that were seen to disagree with nothing under way, by property and by for how long: hours between the bounds.
SELECT i.partition_key, width_bucket(
           EXTRACT(EPOCH FROM clock_timestamp() - v.first_seen_at)::float / 3600, CAST(:hours AS float[])) AS age,
       count(*) AS leads
FROM domiq_sync.divergence v JOIN domiq_sync.integration i ON i.property_id = v.property_id
WHERE i.sync_enabled AND (CAST(:property_id AS uuid) IS NULL OR v.property_id = CAST(:property_id AS uuid))
GROUP BY 1, 2 ORDER BY 1, 2
