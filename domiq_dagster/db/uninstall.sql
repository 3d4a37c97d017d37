-- name: is_there
-- Whether the sync's schema is there.
SELECT to_regnamespace('domiq_sync') IS NOT NULL

-- name: in_public
-- What the sync has in schema public, beyond what the design states.
SELECT format('trigger %I on %s', t.tgname, t.tgrelid::regclass) AS what
FROM pg_catalog.pg_trigger t
JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
WHERE NOT t.tgisinternal AND c.relnamespace = 'public'::regnamespace
  AND p.pronamespace = to_regnamespace('domiq_sync')
UNION ALL
SELECT 'function ' || p.oid::regprocedure FROM pg_catalog.pg_proc p
WHERE p.pronamespace = 'public'::regnamespace AND p.proname IN ('status_sync_is_counted', 'status_sync_totals')
UNION ALL
SELECT 'index ' || i.relname FROM pg_catalog.pg_class i
WHERE i.relnamespace = 'public'::regnamespace AND i.relkind = 'i' AND i.relname = :log_index
UNION ALL
SELECT format('policy %I on %s', p.polname, p.polrelid::regclass) FROM pg_catalog.pg_policy p
JOIN pg_catalog.pg_class c ON c.oid = p.polrelid
WHERE p.polname = 'domiq_sync_company' AND c.relnamespace = 'public'::regnamespace
ORDER BY 1

-- name: has_role
-- Whether the role of sql/roles/runtime.sql was made on this server.
SELECT to_regrole('domiq_sync_runtime') IS NOT NULL

-- name: in_own_schema
SELECT (SELECT count(*) FROM pg_catalog.pg_class c
        WHERE c.relnamespace = to_regnamespace('domiq_sync') AND c.relkind IN ('r', 'p') AND NOT c.relispartition) AS tables,
       (SELECT count(*) FROM pg_catalog.pg_class c
        WHERE c.relnamespace = to_regnamespace('domiq_sync') AND c.relkind = 'v') AS views,
       (SELECT count(*) FROM pg_catalog.pg_proc p WHERE p.pronamespace = to_regnamespace('domiq_sync')) AS functions

-- name: built_on_it
-- What others have built on the sync's own tables and functions, which would go with them: views, foreign keys, column
-- defaults, triggers, policies and functions outside of its schema.
WITH ours (classid, objid) AS (
    SELECT 'pg_class'::regclass, oid FROM pg_catalog.pg_class WHERE relnamespace = to_regnamespace('domiq_sync')
    UNION ALL
    SELECT 'pg_proc'::regclass, oid FROM pg_catalog.pg_proc
    WHERE pronamespace = to_regnamespace('domiq_sync')
       OR pronamespace = 'public'::regnamespace AND proname IN ('status_sync_is_counted', 'status_sync_totals')
    UNION ALL
    SELECT 'pg_type'::regclass, oid FROM pg_catalog.pg_type WHERE typnamespace = to_regnamespace('domiq_sync')
), built (classid, objid, on_table, in_schema) AS (
    SELECT 'pg_rewrite'::regclass, r.oid, r.ev_class, NULL::oid FROM pg_catalog.pg_rewrite r
    UNION ALL
    SELECT 'pg_trigger'::regclass, t.oid, t.tgrelid, NULL FROM pg_catalog.pg_trigger t
    WHERE NOT t.tgisinternal AND t.tgname NOT LIKE 'domiq\_sync\_%'
    UNION ALL
    SELECT 'pg_constraint'::regclass, k.oid, k.conrelid, NULL FROM pg_catalog.pg_constraint k WHERE k.conrelid <> 0
    UNION ALL
    SELECT 'pg_attrdef'::regclass, d.oid, d.adrelid, NULL FROM pg_catalog.pg_attrdef d
    UNION ALL
    SELECT 'pg_policy'::regclass, p.oid, p.polrelid, NULL FROM pg_catalog.pg_policy p
    UNION ALL
    SELECT 'pg_class'::regclass, c.oid, c.oid, NULL FROM pg_catalog.pg_class c
    UNION ALL
    SELECT 'pg_proc'::regclass, f.oid, NULL, f.pronamespace FROM pg_catalog.pg_proc f
)
SELECT DISTINCT CASE WHEN b.classid = 'pg_rewrite'::regclass THEN pg_describe_object('pg_class'::regclass, b.on_table, 0)
                     ELSE pg_describe_object(b.classid, b.objid, 0) END AS what
FROM ours o
JOIN pg_catalog.pg_depend d ON d.refclassid = o.classid AND d.refobjid = o.objid AND d.deptype = 'n'
JOIN built b ON b.classid = d.classid AND b.objid = d.objid
LEFT JOIN pg_catalog.pg_class c ON c.oid = b.on_table
WHERE COALESCE(c.relnamespace, b.in_schema) <> COALESCE(to_regnamespace('domiq_sync'), 0)
  AND c.oid IS DISTINCT FROM to_regclass('public.status_sync_success_rate')
ORDER BY 1

-- name: waits_for_us
-- Whether a transaction that has one of these tables waits for this one, so that neither could go on.
SELECT EXISTS (
    SELECT FROM pg_catalog.pg_locks l
    WHERE l.granted AND l.relation = ANY (CAST(CAST(:tables AS text[]) AS regclass[])) AND l.pid <> pg_backend_pid()
      AND pg_backend_pid() = ANY (pg_blocking_pids(l.pid)))

-- name: tables_in_the_way
-- DomIQ's and the design's tables that are locked for a moment: those whose triggers go, and those that foreign keys of
-- the sync's refer to.
SELECT c.oid::regclass::text AS name
FROM pg_catalog.pg_class c
WHERE c.relnamespace <> COALESCE(to_regnamespace('domiq_sync'), 0) AND c.relkind IN ('r', 'p')
  AND (c.oid = to_regclass('public.status_sync_log')
       OR EXISTS (SELECT FROM pg_catalog.pg_policy p WHERE p.polrelid = c.oid AND p.polname = 'domiq_sync_company')
       OR EXISTS (SELECT FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
                  WHERE t.tgrelid = c.oid AND p.pronamespace = to_regnamespace('domiq_sync'))
       OR EXISTS (SELECT FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class own ON own.oid = k.conrelid
                  WHERE k.confrelid = c.oid AND k.contype = 'f'
                    AND own.relnamespace = to_regnamespace('domiq_sync')))
ORDER BY c.oid
