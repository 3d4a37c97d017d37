-- Takes the sync out of DomIQ's database, and leaves the design's tables, indexes and view as the design states them.
-- `domiq-sync uninstall` runs this file, once nobody works on the sync any more and the archived rows are in the log
-- again. All of it belongs in one transaction. Also where schema domiq_sync was dropped by hand before.

-- The design's view by the design's own query. Where conversation has no property_id, that one cannot be created: there
-- the property is read through chatbot, as the sync's own view did. Not dropped first, so that its grants stay, and
-- what DomIQ has made of it.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'public.conversation'::regclass
               AND attname = 'property_id' AND atttypid = 'uuid'::regtype AND NOT attisdropped) THEN
        CREATE OR REPLACE VIEW public.status_sync_success_rate AS
        SELECT
            property_id,
            COUNT(*) FILTER (WHERE sync_status = 'success')::float / NULLIF(COUNT(*), 0) * 100 AS sync_success_rate,
            COUNT(*) FILTER (WHERE sync_status = 'failed') AS failed_status_updates
        FROM public.status_sync_log ssl
        JOIN public.conversation c ON ssl.conversation_id = c.id
        GROUP BY property_id;
    ELSE
        CREATE OR REPLACE VIEW public.status_sync_success_rate AS
        SELECT
            b.property_id,
            COUNT(*) FILTER (WHERE ssl.sync_status = 'success')::float / NULLIF(COUNT(*), 0) * 100 AS sync_success_rate,
            COUNT(*) FILTER (WHERE ssl.sync_status = 'failed') AS failed_status_updates
        FROM public.status_sync_log ssl
        JOIN public.conversation c ON ssl.conversation_id = c.id
        LEFT JOIN public.chatbot b ON b.id = c.chatbot_id
        GROUP BY b.property_id;
    END IF;
END $$;
DROP FUNCTION IF EXISTS public.status_sync_totals();
DROP FUNCTION IF EXISTS public.status_sync_is_counted();

-- Row-level security that `migrate --rls` has put there. Policies that are not the sync's stay, and keep it on.
DO $$
DECLARE
    its_table REGCLASS;
BEGIN
    FOR its_table IN SELECT p.polrelid::regclass FROM pg_policy p JOIN pg_class t ON t.oid = p.polrelid
                     WHERE p.polname = 'domiq_sync_company' AND t.relnamespace = 'public'::regnamespace
    LOOP
        EXECUTE format('DROP POLICY domiq_sync_company ON %s', its_table);
        IF NOT EXISTS (SELECT FROM pg_policy WHERE polrelid = its_table) THEN
            EXECUTE format('ALTER TABLE %s DISABLE ROW LEVEL SECURITY', its_table);
        END IF;
    END LOOP;
END $$;

DROP INDEX IF EXISTS public.idx_status_sync_log_conversation;

-- What sql/roles/runtime.sql has granted in this database. The role itself belongs to the whole server. Somebody else's
-- grant stays where this role may not take it away.
DO $$
DECLARE
    granted TEXT;
BEGIN
    IF to_regrole('domiq_sync_runtime') IS NULL THEN
        RETURN;
    END IF;
    FOR granted IN
        SELECT format('%s', t.oid::regclass) FROM pg_class t
        WHERE t.relnamespace = 'public'::regnamespace AND t.relkind IN ('r', 'p', 'v')
          AND (EXISTS (SELECT FROM aclexplode(t.relacl) x WHERE x.grantee = 'domiq_sync_runtime'::regrole)
               OR EXISTS (SELECT FROM pg_attribute a CROSS JOIN aclexplode(a.attacl) x
                          WHERE a.attrelid = t.oid AND x.grantee = 'domiq_sync_runtime'::regrole))
        UNION ALL
        SELECT 'SCHEMA public' FROM pg_namespace n CROSS JOIN aclexplode(n.nspacl) x
        WHERE n.nspname = 'public' AND x.grantee = 'domiq_sync_runtime'::regrole
        UNION ALL
        SELECT format('DATABASE %I', d.datname) FROM pg_database d CROSS JOIN aclexplode(d.datacl) x
        WHERE d.datname = current_database() AND x.grantee = 'domiq_sync_runtime'::regrole
        GROUP BY 1
    LOOP
        BEGIN
            EXECUTE format('REVOKE ALL ON %s FROM domiq_sync_runtime', granted);
        EXCEPTION WHEN insufficient_privilege THEN
            RAISE WARNING 'domiq_sync: what domiq_sync_runtime may do on % stays: %', granted, SQLERRM;
        END;
    END LOOP;
END $$;

-- The machinery's own tables, and with its functions the triggers on DomIQ's tables and on the design's.
DROP SCHEMA IF EXISTS domiq_sync CASCADE;
