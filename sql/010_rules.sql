-- Workflow rules: which changes they have looked at, what each decided, and the tasks they made.

--   ruled_at       when the rules looked at it, in the transaction of all that they did. What was logged before
--                  this version counts as looked at: the default stands for the rows that are there, without
--                  rewriting them, and is gone for those that come
--   caused_by      the change that it follows in a chain: whose rule made it, or whose move it answers
--   cause_rule_id  the rule that made it
--   chain_depth    how many changes of its chain stand before it
ALTER TABLE domiq_sync.change
    ADD COLUMN IF NOT EXISTS ruled_at TIMESTAMPTZ DEFAULT now(),
    ADD COLUMN IF NOT EXISTS caused_by UUID,
    ADD COLUMN IF NOT EXISTS cause_rule_id UUID,
    ADD COLUMN IF NOT EXISTS chain_depth INTEGER NOT NULL DEFAULT 0;
ALTER TABLE domiq_sync.change ALTER COLUMN ruled_at DROP DEFAULT;
CREATE INDEX IF NOT EXISTS change_unruled ON domiq_sync.change (property_id, logged_at, seq)
    WHERE ruled_at IS NULL;
CREATE INDEX IF NOT EXISTS change_unruled_conversation ON domiq_sync.change (conversation_id, seq)
    WHERE ruled_at IS NULL;

-- What became of a rule whose conditions held, or that could not be asked. `done` counts what it did.
CREATE TABLE IF NOT EXISTS domiq_sync.rule_run (
    change_id UUID NOT NULL REFERENCES public.status_sync_log(id) ON DELETE CASCADE,
    rule_id UUID NOT NULL,
    property_id UUID NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('ran', 'skipped', 'stopped', 'failed', 'invalid')),
    why TEXT NOT NULL,
    done JSONB NOT NULL,
    run_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (change_id, rule_id)
);
CREATE INDEX IF NOT EXISTS rule_run_troubled ON domiq_sync.rule_run (property_id, run_at)
    WHERE outcome IN ('failed', 'stopped');

-- The rules that a change triggered and whose conditions did not hold. One row a change, since at a property
-- with many rules these are most by far: rule_ids[n] did not hold because of whys[which[n]].
CREATE TABLE IF NOT EXISTS domiq_sync.rule_not_held (
    change_id UUID PRIMARY KEY REFERENCES public.status_sync_log(id) ON DELETE CASCADE,
    rule_ids UUID[] NOT NULL,
    which INTEGER[] NOT NULL,
    whys TEXT[] NOT NULL
);

CREATE OR REPLACE VIEW domiq_sync.rule_decision AS
SELECT change_id, rule_id, CASE WHEN outcome NOT IN ('failed', 'invalid') THEN TRUE END AS held, outcome, why, done
FROM domiq_sync.rule_run
UNION ALL
SELECT n.change_id, r.rule_id, FALSE, 'not_held', n.whys[r.which], '{}'::jsonb
FROM domiq_sync.rule_not_held n CROSS JOIN LATERAL unnest(n.rule_ids, n.which) AS r(rule_id, which);
COMMENT ON VIEW domiq_sync.rule_decision IS
    'What each rule decided about each change that triggered it, why, and what it did';

-- Follow-ups and tasks that rules made, for DomIQ to show and to close.
CREATE TABLE IF NOT EXISTS domiq_sync.task (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    kind TEXT NOT NULL CHECK (kind IN ('follow_up', 'task')),
    property_id UUID NOT NULL REFERENCES public.property(id) ON DELETE CASCADE,
    conversation_id UUID NOT NULL REFERENCES public.conversation(id) ON DELETE CASCADE,
    change_id UUID NOT NULL,
    rule_id UUID NOT NULL,
    action INTEGER NOT NULL,
    title TEXT NOT NULL,
    detail TEXT,
    assignee_role TEXT,
    priority TEXT NOT NULL CHECK (priority IN ('low', 'medium', 'high', 'urgent')),
    due_at TIMESTAMPTZ,
    time_zone TEXT,
    state TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'done', 'cancelled')),
    state_changed_at TIMESTAMPTZ,
    created_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (change_id, rule_id, action)
);
CREATE INDEX IF NOT EXISTS task_open ON domiq_sync.task (property_id, due_at) WHERE state = 'open';
CREATE INDEX IF NOT EXISTS task_conversation ON domiq_sync.task (conversation_id);
COMMENT ON TABLE domiq_sync.task IS
    'Follow-ups and tasks that workflow rules made. DomIQ reads the open ones and sets state and state_changed_at; '
    'due_at AT TIME ZONE time_zone is when one falls due by the property''s clock';
COMMENT ON COLUMN domiq_sync.task.action IS 'The place of what made it among the effects of its rule, from 1';
