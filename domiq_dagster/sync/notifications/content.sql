-- name: digest_counts
SELECT n.property_id, p.name AS property_name, g.new_status, count(*) AS notices,
       count(*) FILTER (WHERE n.urgent) AS urgent
FROM domiq_sync.notification n
LEFT JOIN public.property p ON p.id = n.property_id
LEFT JOIN public.status_sync_log g ON g.id = n.change_id
WHERE n.digest_id = :id GROUP BY 1, 2, 3 ORDER BY 2, 4 DESC, 3

-- name: digest_first
-- The first notices of each property, the urgent ones before the others.
SELECT m.property_id, m.change_id, m.subject
FROM (SELECT n.*, row_number() OVER (PARTITION BY n.property_id ORDER BY n.urgent DESC, n.created_at, n.id) AS rank
      FROM domiq_sync.notification n WHERE n.digest_id = :id) AS m
WHERE m.rank <= :most ORDER BY m.property_id, m.rank

-- name: report_page
SELECT file_name, html FROM domiq_sync.report_page WHERE id = :id
