-- What was last said of a partition, and when.

-- name: marks
SELECT partition_key, state, marked_at FROM domiq_sync.partition_mark
WHERE asset = :asset AND partition_key = ANY (CAST(:keys AS text[]))

-- name: note
INSERT INTO domiq_sync.partition_mark AS kept (asset, partition_key, state, marked_at)
SELECT :asset, said.key, said.state, :marked_at
FROM unnest(CAST(:keys AS text[]), CAST(:states AS text[])) AS said(key, state)
ON CONFLICT (asset, partition_key) DO UPDATE SET state = EXCLUDED.state, marked_at = EXCLUDED.marked_at
WHERE kept.marked_at <= EXCLUDED.marked_at

-- name: forget
-- Of partitions that nobody pulls any more.
DELETE FROM domiq_sync.partition_mark WHERE asset = :asset AND marked_at < :before
