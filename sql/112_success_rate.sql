-- The contract's view. It reads the totals of the log where they can be told, and else what the design says. It names
-- nothing of domiq_sync, so that it outlives that schema, and then gives the same rows.

-- Whether whoever reads the view may be told from the totals: they are counted, and the reader may see all of them. A
-- function sees the totals with its owner's rights, whoever calls it, and anybody can; so it asks for whom. The reader
-- is the role of SET ROLE, else that of the session: where the view is read for somebody by a view or function of
-- others, this may be false without need, and the log is read.
--   - The reader may read the view.
--   - Where the view shows each reader what row-level security does (140_rls.sql, which says why its name is in two
--     pieces), it hides nothing from this one.
CREATE OR REPLACE FUNCTION public.status_sync_is_counted() RETURNS BOOLEAN
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    the_view CONSTANT REGCLASS := to_regclass('public.status_sync_success_rate');
    reader CONSTANT NAME := COALESCE(NULLIF(current_setting('role', true), 'none'), session_user);
BEGIN
    IF to_regclass('domiq_sync.log_count') IS NULL OR the_view IS NULL
       OR NOT has_table_privilege(reader, the_view, 'SELECT') THEN
        RETURN FALSE;
    END IF;
    IF EXISTS (SELECT FROM pg_class v WHERE v.oid = the_view
               AND array_to_string(v.reloptions, ' ') ~* ('security_' || 'invoker=(true|on|1|yes)'))
       AND NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = reader AND (r.rolsuper OR r.rolbypassrls))
       AND EXISTS (SELECT FROM pg_class t
                   WHERE t.oid IN (to_regclass('public.status_sync_log'), to_regclass('public.conversation'),
                                   to_regclass('public.chatbot'))
                     AND t.relrowsecurity
                     AND (t.relforcerowsecurity OR NOT pg_has_role(reader, t.relowner, 'USAGE'))) THEN
        RETURN FALSE;
    END IF;
    RETURN domiq_sync.totals_are_counted();
END $$;

-- Of each property, how many of its changes succeeded and failed, of how many: nothing where the totals cannot be told.
CREATE OR REPLACE FUNCTION public.status_sync_totals()
RETURNS TABLE (property_id UUID, success BIGINT, failed BIGINT, logged BIGINT)
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED ROWS 1000
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF public.status_sync_is_counted() THEN
        RETURN QUERY SELECT * FROM domiq_sync.success_totals();
    END IF;
END $$;

GRANT EXECUTE ON FUNCTION public.status_sync_is_counted(), public.status_sync_totals() TO PUBLIC;

-- The LIMIT leaves nothing of the log to be read where the totals were told. PostgreSQL knows that when it plans, and
-- so takes the query for as cheap as it is.
DO $$
DECLARE
    shape RECORD;
BEGIN
    SELECT * INTO shape FROM domiq_sync.database_shape();
    EXECUTE format(
        'CREATE OR REPLACE VIEW public.status_sync_success_rate AS
         SELECT t.property_id, t.success::float / NULLIF(t.logged, 0) * 100 AS sync_success_rate,
                t.failed AS failed_status_updates
         FROM public.status_sync_totals() AS t
         UNION ALL
         SELECT %1$s, COUNT(*) FILTER (WHERE ssl.sync_status = ''success'')::float / NULLIF(COUNT(*), 0) * 100,
                COUNT(*) FILTER (WHERE ssl.sync_status = ''failed'')
         FROM %2$s JOIN (
             SELECT g.conversation_id, g.sync_status FROM public.status_sync_log g
             LIMIT CASE WHEN public.status_sync_is_counted() THEN 0 END) AS ssl ON ssl.conversation_id = c.id
         GROUP BY 1', shape.property, shape.source);
END $$;
