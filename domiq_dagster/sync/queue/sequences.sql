-- The machinery's sequences: sql/107_sequences.sql.

-- name: set_right
SELECT domiq_sync.set_sequences_right()

-- name: behind
SELECT sequence_name FROM domiq_sync.sequences_behind() ORDER BY 1
