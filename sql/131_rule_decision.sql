CREATE OR REPLACE VIEW domiq_sync.rule_decision AS
SELECT
    change_id,
    rule_id,
    CASE WHEN outcome NOT IN ('failed', 'invalid') THEN TRUE END AS held,
    outcome,
    why,
    done
FROM domiq_sync.rule_run
UNION ALL
SELECT
    n.change_id,
    r.rule_id,
    FALSE,
    'not_held',
    n.whys[r.which],
    '{}'::jsonb
FROM domiq_sync.rule_not_held AS n
CROSS JOIN LATERAL unnest(n.rule_ids, n.which) AS r (rule_id, which);
