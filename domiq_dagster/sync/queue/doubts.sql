-- Changes of which nobody can see whether ResMan has them, and what a person decides about one.

-- name: listed
SELECT d.change_id, d.lane AS conversation_id, i.partition_key, l.prospect_id, g.old_status, g.new_status,
       d.posted_at, d.posted ->> 'event_type' AS event_type, d.posted ->> 'event_date' AS event_date, d.read_backs,
       found.sentence
FROM domiq_sync.delivery d
JOIN public.status_sync_log g ON g.id = d.change_id
LEFT JOIN domiq_sync.integration i ON i.property_id = d.property_id
LEFT JOIN domiq_sync.lead_link l ON l.conversation_id = d.lane
CROSS JOIN LATERAL (SELECT a.detail ->> 'sentence' AS sentence FROM domiq_sync.attempt a
                    WHERE a.change_id = d.change_id AND a.action = 'probe' AND a.outcome = 'in_doubt'
                      AND a.started_at >= d.posted_at - interval '5 minutes'
                    ORDER BY a.id DESC LIMIT 1) AS found
WHERE d.state IN ('unknown', 'in_flight') AND d.posted_at IS NOT NULL AND d.decided IS NULL
ORDER BY d.posted_at

-- name: reopen
UPDATE domiq_sync.delivery SET decided = NULL, decided_by = NULL
WHERE change_id = :change_id AND lease_token = :lease_token

-- name: decide
-- The next push carries it out. What was decided is a step of the change's story at once.
WITH chosen AS (
    UPDATE domiq_sync.delivery
    SET decided = :decided, decided_by = :by, next_attempt_at = clock_timestamp()
    WHERE change_id = :change_id AND state = 'unknown' AND posted_at IS NOT NULL
    RETURNING change_id
), recorded AS (
    INSERT INTO domiq_sync.attempt
        (change_id, lease_token, worker, action, outcome, detail, started_at, duration_ms)
    SELECT change_id, nextval('domiq_sync.lease_token'), 'a person', 'decision', CAST(:decided AS text),
           jsonb_build_object('by', CAST(:by AS text)), clock_timestamp(), 0
    FROM chosen
)
SELECT change_id FROM chosen
