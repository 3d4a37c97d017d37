-- name: may_enter
SELECT has_schema_privilege('domiq_sync', 'USAGE')

-- name: missing
-- The same list as in sql/roles/runtime.sql. What a database does not have is not missed.
WITH wanted (table_oid, privilege, column_name) AS (
    SELECT c.oid, p.privilege, NULL
    FROM pg_catalog.pg_class c
    CROSS JOIN unnest(CASE WHEN c.relname = 'alembic_version' OR c.relkind = 'v' THEN '{SELECT}'::text[]
                           ELSE '{SELECT,INSERT,UPDATE,DELETE}' END) AS p(privilege)
    -- a month of the archive is reached through the archive
    WHERE c.relnamespace = 'domiq_sync'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND NOT c.relispartition
    UNION ALL
    SELECT to_regclass(format('public.%I', v.table_name)), v.privilege, v.column_name
    FROM (VALUES
        ('status_sync_log', 'SELECT', NULL), ('status_sync_log', 'INSERT', NULL),
        ('status_sync_log', 'UPDATE', NULL), ('status_sync_log', 'DELETE', NULL),
        ('status_workflow_rules', 'SELECT', NULL),
        ('status_notification_preferences', 'SELECT', NULL), ('status_sync_success_rate', 'SELECT', NULL),
        ('property', 'SELECT', NULL), ('chatbot', 'SELECT', NULL), ('conversation', 'SELECT', NULL),
        ('user', 'SELECT', NULL), ('message', 'SELECT', NULL), ('property_manager', 'SELECT', NULL),
        ('property_manager_assignment', 'SELECT', NULL), ('conversation', 'UPDATE', 'status'),
        ('conversation', 'UPDATE', 'lead_score'), ('lead_notification', 'INSERT', NULL)
    ) AS v(table_name, privilege, column_name)
), lacking (what) AS (
    SELECT format('%s on %s.%s%s', w.privilege, c.relnamespace::regnamespace, quote_ident(c.relname),
                  ' (' || w.column_name || ')')
    FROM wanted w JOIN pg_catalog.pg_class c ON c.oid = w.table_oid
    WHERE w.column_name IS NULL AND NOT has_table_privilege(c.oid, w.privilege)
       OR EXISTS (SELECT FROM pg_catalog.pg_attribute a
                  WHERE a.attrelid = c.oid AND a.attname = w.column_name AND NOT a.attisdropped
                    AND NOT has_column_privilege(c.oid, a.attnum, w.privilege))
    UNION ALL
    SELECT 'USAGE on sequence domiq_sync.' || quote_ident(c.relname)
    FROM pg_catalog.pg_class c
    WHERE c.relnamespace = 'domiq_sync'::regnamespace
      AND CASE WHEN c.relkind = 'S' THEN NOT has_sequence_privilege(c.oid, 'USAGE') END
    UNION ALL
    SELECT 'EXECUTE on ' || p.oid::regprocedure
    FROM pg_catalog.pg_proc p
    WHERE p.pronamespace = 'domiq_sync'::regnamespace AND NOT has_function_privilege(p.oid, 'EXECUTE')
    UNION ALL
    SELECT 'TEMPORARY on database ' || quote_ident(current_database())
    WHERE NOT has_database_privilege(current_database(), 'TEMPORARY')
)
SELECT l.what FROM lacking l ORDER BY 1
