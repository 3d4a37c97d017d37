-- What rules do to a lead, and the tasks that they make.

-- name: as_system
-- Until the transaction ends: the capture trigger logs what is changed as changed by the sync itself.
SELECT set_config('domiq_sync.updated_by', 'system', true), set_config('domiq_sync.origin', '', true)

-- name: move
-- Its row is locked, and its status known. The subquery sees what was there before the update.
WITH moved AS (
    UPDATE public.conversation SET status = :target WHERE id = :conversation_id RETURNING id, status
)
SELECT moved.status, COALESCE((SELECT max(c.seq) FROM domiq_sync.change c
                               WHERE c.conversation_id = moved.id), 0) AS last_seq
FROM moved

-- name: set_score
UPDATE public.conversation SET lead_score = :score WHERE id = :conversation_id

-- name: add_task
INSERT INTO domiq_sync.task (kind, property_id, conversation_id, change_id, rule_id, action, title, detail,
                             assignee_role, priority, due_at, time_zone)
VALUES (:kind, :property_id, :conversation_id, :change_id, :rule_id, :action, :title, :detail,
        :assignee_role, :priority, :due_at, :time_zone)
