-- The pace of each channel, and its pause after an outage: what all workers share.

-- name: due_channels
SELECT c.channel FROM domiq_sync.channel c
CROSS JOIN LATERAL (SELECT FROM domiq_sync.notification n
                    WHERE n.channel = c.channel AND n.state IN ('pending', 'in_flight')
                      AND n.next_attempt_at <= (SELECT clock_timestamp())
                    ORDER BY n.next_attempt_at LIMIT 1) AS due
WHERE c.open_until IS NULL OR c.open_until <= (SELECT clock_timestamp())
ORDER BY c.channel

-- name: reserve_send_time
-- The next moment at which this channel may be asked, for whoever asks for it; seconds from now.
UPDATE domiq_sync.channel
SET next_send_at = greatest(next_send_at, clock_timestamp()) + min_interval_ms * interval '1 millisecond'
WHERE channel = :channel
RETURNING greatest(0, EXTRACT(EPOCH FROM next_send_at - clock_timestamp()
                              - min_interval_ms * interval '1 millisecond'))::float

-- name: consecutive_failures
SELECT consecutive_failures FROM domiq_sync.channel WHERE channel = :channel

-- name: pause
UPDATE domiq_sync.channel
SET consecutive_failures = consecutive_failures + 1, open_reason = :reason,
    open_until = clock_timestamp() + :seconds * interval '1 second'
WHERE channel = :channel

-- name: resume
UPDATE domiq_sync.channel SET consecutive_failures = 0, open_until = NULL, open_reason = NULL
WHERE channel = :channel AND (consecutive_failures > 0 OR open_until IS NOT NULL)

-- name: paused
SELECT channel, open_until AS until, open_reason AS reason
FROM domiq_sync.channel WHERE open_until > (SELECT clock_timestamp())
