-- Applied where row-level security is wanted no more (domiq-sync migrate --no-rls). Policies that are not the sync's
-- stay, and keep it on. The view was made anew before this, without its option.
DO $$
DECLARE
    its_table REGCLASS;
BEGIN
    FOREACH its_table IN ARRAY ARRAY['public.status_sync_log', 'public.status_workflow_rules',
                                     'public.status_notification_preferences',
                                     'domiq_sync.status_sync_log_archive']::regclass[]
    LOOP
        CONTINUE WHEN NOT EXISTS (SELECT FROM pg_policy
                                  WHERE polrelid = its_table AND polname = 'domiq_sync_company');
        EXECUTE format('DROP POLICY domiq_sync_company ON %s', its_table);
        IF NOT EXISTS (SELECT FROM pg_policy WHERE polrelid = its_table) THEN
            EXECUTE format('ALTER TABLE %s DISABLE ROW LEVEL SECURITY', its_table);
        END IF;
    END LOOP;
END $$;
