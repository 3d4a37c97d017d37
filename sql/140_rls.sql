-- Applied where row-level security is wanted on the contract's tables (domiq-sync migrate --rls). A role that policies
-- apply to then sees, and may write, what belongs to conversations and properties that it sees: DomIQ's own policies on
-- those decide. Rows of no conversation or property are for roles that bypass policies.
DO $$
DECLARE
    it RECORD;
BEGIN
    FOR it IN
        SELECT * FROM (VALUES
            ('public.status_sync_log', 'conversation_id IN (SELECT c.id FROM public.conversation c)'),
            ('domiq_sync.status_sync_log_archive', 'conversation_id IN (SELECT c.id FROM public.conversation c)'),
            ('public.status_workflow_rules', 'property_id IN (SELECT p.id FROM public.property p)'),
            ('public.status_notification_preferences', 'property_id IN (SELECT p.id FROM public.property p)')
        ) AS v(table_name, condition)
    LOOP
        IF NOT EXISTS (SELECT FROM pg_policy
                       WHERE polrelid = it.table_name::regclass AND polname = 'domiq_sync_company') THEN
            EXECUTE format('CREATE POLICY domiq_sync_company ON %s USING (%s)', it.table_name, it.condition);
        END IF;
        IF NOT (SELECT relrowsecurity FROM pg_class WHERE oid = it.table_name::regclass) THEN
            EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', it.table_name);
        END IF;
    END LOOP;
    -- Before 15 a view reads as its owner, whom policies do not apply to: it must not be granted to the application.
    -- In two pieces, since no file may use what 13 does not have.
    IF current_setting('server_version_num')::int >= 150000 THEN
        EXECUTE 'ALTER VIEW public.status_sync_success_rate SET (security_' || 'invoker = true)';
    END IF;
END $$;
