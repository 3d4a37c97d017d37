-- The contract: tables, constraints, comments and indexes of schema public, exactly as DomIQ's
-- design states them. Safe where all or some of them exist already.

CREATE TABLE IF NOT EXISTS public.status_sync_log (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v4(),
    conversation_id UUID REFERENCES public.conversation (id) ON DELETE CASCADE,
    resman_lead_id VARCHAR(100),
    old_status VARCHAR(50),
    new_status VARCHAR(50),
    status_reason TEXT,
    updated_by VARCHAR(100) CHECK (updated_by IN ('chatbot', 'resman_user', 'system')),
    sync_direction VARCHAR(20) CHECK (sync_direction IN ('to_resman', 'from_resman')),
    sync_status VARCHAR(50) CHECK (sync_status IN ('pending', 'success', 'failed')),
    context_data JSONB,
    created_at TIMESTAMPTZ DEFAULT NOW()
);

COMMENT ON TABLE public.status_sync_log IS
'Audit log of all status changes and syncs between DomIQ and ResMan';

CREATE TABLE IF NOT EXISTS public.status_workflow_rules (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v4(),
    property_id UUID REFERENCES public.property (id) ON DELETE CASCADE,
    trigger_status VARCHAR(50),
    target_status VARCHAR(50),
    conditions JSONB,
    actions JSONB,
    is_active BOOLEAN DEFAULT TRUE,
    created_at TIMESTAMPTZ DEFAULT NOW()
);

COMMENT ON TABLE public.status_workflow_rules IS
'Defines workflow rules for status transitions and automation';

CREATE TABLE IF NOT EXISTS public.status_notification_preferences (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v4(),
    property_id UUID REFERENCES public.property (id) ON DELETE CASCADE,
    status_type VARCHAR(50),
    notification_method VARCHAR(50) CHECK (notification_method IN ('email', 'sms', 'slack', 'in_app')),
    recipients JSONB,
    template_id VARCHAR(100),
    is_active BOOLEAN DEFAULT TRUE,
    created_at TIMESTAMPTZ DEFAULT NOW()
);

COMMENT ON TABLE public.status_notification_preferences IS
'Stores notification preferences for status changes';

CREATE INDEX IF NOT EXISTS idx_status_sync_log_status
ON public.status_sync_log (new_status, sync_status, created_at);
CREATE INDEX IF NOT EXISTS idx_status_workflow_rules_property
ON public.status_workflow_rules (property_id, is_active);
CREATE INDEX IF NOT EXISTS idx_status_notification_preferences_property
ON public.status_notification_preferences (property_id, status_type);

-- The design states these a second time, under names of their own; PostgreSQL keeps both.
DO $$
DECLARE
    wanted RECORD;
BEGIN
    FOR wanted IN
        SELECT * FROM (VALUES
            ('public.status_sync_log', 'chk_status_sync_status',
             'sync_status IN (''pending'', ''success'', ''failed'')'),
            ('public.status_sync_log', 'chk_status_sync_direction',
             'sync_direction IN (''to_resman'', ''from_resman'')'),
            ('public.status_sync_log', 'chk_status_updated_by',
             'updated_by IN (''chatbot'', ''resman_user'', ''system'')'),
            ('public.status_notification_preferences', 'chk_notification_method',
             'notification_method IN (''email'', ''sms'', ''slack'', ''in_app'')')
        ) AS v(table_name, constraint_name, condition)
    LOOP
        IF NOT EXISTS (SELECT FROM pg_constraint
                       WHERE conrelid = wanted.table_name::regclass AND conname = wanted.constraint_name) THEN
            EXECUTE format('ALTER TABLE %s ADD CONSTRAINT %I CHECK (%s)',
                           wanted.table_name, wanted.constraint_name, wanted.condition);
        END IF;
    END LOOP;
END $$;
