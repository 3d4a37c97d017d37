-- Notices about changes are erased: how many there were, by which channel, and how each ended stays.

-- name: being_sent
SELECT count(*) FROM domiq_sync.notification n
WHERE n.change_id = ANY (CAST(:ids AS uuid[])) AND n.state = 'in_flight'

-- name: erase_reports
-- Reports name leads by their ids alone; which one it was goes, the rest is of others.
UPDATE domiq_sync.notification n SET body = regexp_replace(n.body, :named, 'a lead:', 'g')
WHERE n.report_id IS NOT NULL AND n.body ~ :named
RETURNING 1

-- name: erase
-- With the digests in which they were told, and whatever matches one of :patterns. One that waits is not sent.
WITH about AS MATERIALIZED (
    SELECT n.id, n.digest_id FROM domiq_sync.notification n WHERE n.change_id = ANY (CAST(:ids AS uuid[]))
), digests AS MATERIALIZED (
    SELECT n.id FROM domiq_sync.notification n
    WHERE n.id IN (SELECT about.digest_id FROM about) AND n.state NOT IN ('pending', 'in_flight')
), repeating AS MATERIALIZED (
    SELECT n.id FROM domiq_sync.notification n
    WHERE (n.subject <> '' OR n.body <> '') AND n.state NOT IN ('pending', 'in_flight') AND n.alert_id IS NULL
      AND lower(n.subject || ' ' || n.body) LIKE ANY (CAST(:patterns AS text[]))
)
UPDATE domiq_sync.notification n
SET recipient = 'erased ' || n.id, subject = '', body = '', dedup_key = NULL,
    state_reason = CASE WHEN n.state = 'pending' THEN 'erased' END,
    settled_at = COALESCE(n.settled_at, clock_timestamp()),
    state = CASE n.state WHEN 'pending' THEN 'suppressed' ELSE n.state END
WHERE n.id IN (SELECT about.id FROM about UNION ALL SELECT digests.id FROM digests
               UNION ALL SELECT repeating.id FROM repeating)
RETURNING 1
