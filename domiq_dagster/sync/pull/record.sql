-- How far each property's pull has come (watermark), and each pull for the record.

-- name: begin
-- knows_any, misses_any: whether anything is stored of the property, and whether any of it is missing. late_seconds:
-- how late its latest newcomer of the recent past came. in_trouble: the keys of prospects that could not be read, the
-- one that was met least lately first.
SELECT clock_timestamp() AS started_at, w.watermark, w.covered_since, w.window_seconds, w.window_reach_seconds,
       w.last_pull_at IS NULL AS is_first,
       -- ordered, so that the key's index is taken: for a new property the whole table would else be read
       (SELECT r.prospect_id FROM domiq_sync.resman_lead r WHERE r.property_id = :property_id
        ORDER BY r.property_id, r.prospect_id LIMIT 1) IS NOT NULL AS knows_any,
       EXISTS (SELECT FROM domiq_sync.missing_lead m WHERE m.property_id = :property_id) AS misses_any,
       COALESCE((SELECT max(p.late_seconds) FROM domiq_sync.pull p
                 WHERE p.property_id = :property_id AND p.late_seconds > 0
                   AND p.started_at > clock_timestamp() - :remembered_seconds * interval '1 second'), 0)
           AS late_seconds,
       ARRAY(SELECT t.key FROM domiq_sync.trouble t WHERE t.kind = 'prospect' AND t.property_id = :property_id
             ORDER BY t.seen_at, t.key) AS in_trouble
FROM (SELECT 1) AS one
LEFT JOIN domiq_sync.watermark w ON w.property_id = :property_id

-- name: finish
-- The watermark never claims more than what was asked for, nor a future instant: what ResMan dates ahead of us
-- would else hide what is changed before that date comes.
INSERT INTO domiq_sync.watermark AS kept (property_id, watermark, last_pull_at, last_full_at, covered_since,
                                          window_seconds, window_reach_seconds, distrust, distrusted_since)
VALUES (:property_id, :watermark, :started_at,
        CASE WHEN :full_read THEN CAST(:started_at AS timestamptz) END, :covered_since,
        :window_seconds, :window_reach_seconds, :rejected_reason,
        CASE WHEN CAST(:rejected_reason AS text) IS NOT NULL THEN CAST(:started_at AS timestamptz) END)
ON CONFLICT (property_id) DO UPDATE SET
    watermark = CASE WHEN COALESCE(kept.watermark, EXCLUDED.watermark) IS NOT NULL  -- least() passes over NULL
                     THEN least(greatest(kept.watermark, EXCLUDED.watermark), EXCLUDED.last_pull_at) END,
    last_pull_at = EXCLUDED.last_pull_at,
    last_full_at = COALESCE(EXCLUDED.last_full_at, kept.last_full_at),
    covered_since = least(kept.covered_since, EXCLUDED.covered_since),
    window_seconds = EXCLUDED.window_seconds, window_reach_seconds = EXCLUDED.window_reach_seconds,
    distrust = CASE WHEN :is_judged THEN EXCLUDED.distrust ELSE kept.distrust END,
    distrusted_since = CASE WHEN NOT :is_judged THEN kept.distrusted_since
                            WHEN EXCLUDED.distrust IS NOT NULL
                            THEN COALESCE(kept.distrusted_since, EXCLUDED.distrusted_since) END,
    failing_since = NULL, last_error = NULL
RETURNING watermark

-- name: record
-- seldom: it brought nothing, and does not go on record where another one did in the last 10 minutes.
INSERT INTO domiq_sync.pull
    (property_id, full_read, modified_since, started_at, finished_at, fetched, stored, linked, error, unchanged,
     silent, overlap_seconds, late_seconds, requests, missing, distrust)
SELECT :property_id, :full_read, :modified_since, CAST(:started_at AS timestamptz), clock_timestamp(), :fetched,
       :stored, :linked, :error, :unchanged, :silent, :overlap_seconds, :late_seconds, :requests, :missing, :rejected_reason
WHERE NOT :seldom OR NOT EXISTS (
    SELECT FROM domiq_sync.pull p WHERE p.property_id = :property_id AND p.error IS NULL
    AND p.started_at > CAST(:started_at AS timestamptz) - interval '10 minutes')
RETURNING id

-- name: requests_today
SELECT COALESCE(sum(requests), 0)::bigint FROM domiq_sync.request_count
WHERE day = (clock_timestamp() AT TIME ZONE 'UTC')::date AND resman_account_id = :account_id
  AND resman_property_id = :resman_property_id

-- name: record_vanished
UPDATE domiq_sync.pull SET vanished = :vanished, linked = linked + :linked WHERE id = :id

-- name: record_failure
INSERT INTO domiq_sync.watermark AS kept (property_id, failing_since, last_error)
VALUES (:property_id, :started_at, :error)
ON CONFLICT (property_id) DO UPDATE SET
    failing_since = COALESCE(kept.failing_since, EXCLUDED.failing_since), last_error = EXCLUDED.last_error
