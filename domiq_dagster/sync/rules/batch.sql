-- What the rules did before, and the record of what they decided.

-- name: ran_in_chains
-- The rules that ran for each of these changes, or for one before it in its chain.
WITH RECURSIVE up(of_change, change_id, steps) AS (
    SELECT given.id, given.id, 0 FROM unnest(CAST(:ids AS uuid[])) AS given(id)
    UNION ALL
    SELECT up.of_change, c.caused_by, up.steps + 1
    FROM up JOIN domiq_sync.change c ON c.change_id = up.change_id
    WHERE c.caused_by IS NOT NULL AND up.steps < 100
)
SELECT DISTINCT up.of_change, r.rule_id
FROM up JOIN domiq_sync.rule_run r ON r.change_id = up.change_id AND r.outcome = 'ran'

-- name: record_runs
INSERT INTO domiq_sync.rule_run (change_id, rule_id, property_id, outcome, why, done)
SELECT v.change_id, v.rule_id, :property_id, v.outcome, v.why, v.done::jsonb
FROM unnest(CAST(:changes AS uuid[]), CAST(:rules AS uuid[]), CAST(:outcomes AS text[]),
            CAST(:whys AS text[]), CAST(:dones AS text[])) AS v(change_id, rule_id, outcome, why, done)

-- name: record_not_held
INSERT INTO domiq_sync.rule_not_held (change_id, rule_ids, which, whys)
VALUES (:change_id, CAST(:rule_ids AS uuid[]), CAST(:which AS int[]), CAST(:whys AS text[]))
