-- Why rules decided as they did is erased, and what their tasks say. What they decided and did stays.

-- name: erase_runs
UPDATE domiq_sync.rule_run SET why = 'erased' WHERE change_id = ANY (CAST(:ids AS uuid[])) RETURNING 1

-- name: erase_others
UPDATE domiq_sync.rule_not_held SET whys = array_fill('erased'::text, ARRAY[cardinality(whys)])
WHERE change_id = ANY (CAST(:ids AS uuid[])) RETURNING 1

-- name: erase_tasks
UPDATE domiq_sync.task
SET title = 'erased', detail = NULL, state = CASE state WHEN 'open' THEN 'cancelled' ELSE state END,
    state_changed_at = CASE state WHEN 'open' THEN clock_timestamp() ELSE state_changed_at END
WHERE conversation_id = ANY (CAST(:conversations AS uuid[])) RETURNING 1
