-- What a role needs to run the sync, in Dagster too: for whoever may grant it, in DomIQ's database, after each
-- `domiq-sync migrate` and as the role that migrates. Safe to repeat. Then, for the role that the sync logs in as:
--
--   GRANT domiq_sync_runtime TO the_sync;
--   ALTER ROLE the_sync BYPASSRLS;
--
-- Row-level security hides DomIQ's rows from a role without BYPASSRLS, and membership does not pass it on. A trigger of
-- DomIQ's own on conversation runs as the_sync, and may need more than stands here.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'domiq_sync_runtime') THEN
        CREATE ROLE domiq_sync_runtime NOLOGIN;
    END IF;
    EXECUTE format('GRANT CONNECT, TEMPORARY ON DATABASE %I TO domiq_sync_runtime', current_database());
END $$;

GRANT USAGE ON SCHEMA public, domiq_sync TO domiq_sync_runtime;

-- The machinery's own: all of it, but not which revision it is at.
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA domiq_sync TO domiq_sync_runtime;
REVOKE INSERT, UPDATE, DELETE ON domiq_sync.alembic_version FROM domiq_sync_runtime;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA domiq_sync TO domiq_sync_runtime;
GRANT EXECUTE ON ALL ROUTINES IN SCHEMA domiq_sync TO domiq_sync_runtime;

-- The contract's tables. Rows of the log are deleted when they move to its archive.
GRANT SELECT, INSERT, UPDATE, DELETE ON public.status_sync_log TO domiq_sync_runtime;
GRANT SELECT ON public.status_workflow_rules, public.status_notification_preferences TO domiq_sync_runtime;
GRANT SELECT ON public.status_sync_success_rate TO domiq_sync_runtime;

-- DomIQ's own, as far as they are there: read, a lead's status and score written; and what DomIQ's own trigger writes
-- when a status is.
DO $$
DECLARE
    it RECORD;
BEGIN
    FOR it IN
        SELECT * FROM (VALUES
            ('SELECT', 'property'), ('SELECT', 'chatbot'), ('SELECT', 'conversation'), ('SELECT', 'user'),
            ('SELECT', 'message'), ('SELECT', 'property_manager'), ('SELECT', 'property_manager_assignment'),
            ('UPDATE (status)', 'conversation'), ('UPDATE (lead_score)', 'conversation'), ('INSERT', 'lead_notification')
        ) AS v(privilege, table_name)
        WHERE to_regclass(format('public.%I', table_name)) IS NOT NULL
          AND (privilege !~ '\(' OR EXISTS (
              SELECT FROM pg_attribute a WHERE a.attrelid = to_regclass(format('public.%I', table_name))
              AND a.attname = substring(privilege FROM '\((.*)\)') AND NOT a.attisdropped))
    LOOP
        EXECUTE format('GRANT %s ON public.%I TO domiq_sync_runtime', it.privilege, it.table_name);
    END LOOP;
END $$;
