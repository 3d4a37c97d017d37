-- name: table_exists
SELECT to_regclass('public.' || CAST(:name AS text)) IS NOT NULL

-- name: assignments
-- Who was ever assigned to a property. The rows are read whole, since an installation may lack a column.
SELECT to_jsonb(a) AS assignment, to_jsonb(m) AS person, clock_timestamp() AS now, i.time_zone
FROM public.property_manager_assignment a
JOIN public.property_manager m ON m.id = a.property_manager_id
LEFT JOIN domiq_sync.integration i ON i.property_id = a.property_id
WHERE a.property_id = :property_id ORDER BY m.id
