-- Workflow rules: what each decided, and the tasks that they made.

-- What became of a rule whose conditions held, or that could not be asked. `done` counts what it did.
CREATE TABLE domiq_sync.rule_run (
    change_id UUID NOT NULL REFERENCES public.status_sync_log (id) ON DELETE CASCADE,
    rule_id UUID NOT NULL,
    property_id UUID NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('ran', 'skipped', 'stopped', 'failed', 'invalid')),
    why TEXT NOT NULL,
    done JSONB NOT NULL,
    run_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (change_id, rule_id)
);
CREATE INDEX rule_run_troubled ON domiq_sync.rule_run (property_id, run_at) WHERE outcome IN ('failed', 'stopped');

-- The rules that a change triggered and whose conditions did not hold. One row a change, since at a property with many
-- rules these are most by far: rule_ids[n] did not hold because of whys[which[n]].
CREATE TABLE domiq_sync.rule_not_held (
    change_id UUID PRIMARY KEY REFERENCES public.status_sync_log (id) ON DELETE CASCADE,
    rule_ids UUID[] NOT NULL,
    which INTEGER[] NOT NULL,
    whys TEXT[] NOT NULL
);

-- Follow-ups and tasks that rules made, for DomIQ to show and to close.
CREATE TABLE domiq_sync.task (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    kind TEXT NOT NULL CHECK (kind IN ('follow_up', 'task')),
    property_id UUID NOT NULL REFERENCES public.property (id) ON DELETE CASCADE,
    conversation_id UUID NOT NULL REFERENCES public.conversation (id) ON DELETE CASCADE,
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
CREATE INDEX task_open ON domiq_sync.task (property_id, due_at) WHERE state = 'open';
CREATE INDEX task_conversation ON domiq_sync.task (conversation_id);
