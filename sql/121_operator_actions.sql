-- Decisions that people take by SQL alone, or in DomIQ: workflow rules, whom a status is told to, and the status map.
-- They go on record as those of the commands do (032_operator_actions.sql); whoever ends a pause: 102_properties.sql.

-- A workflow rule, a notification preference or a row of the status map was added, changed or removed: which, and
-- which columns of it. Nothing of what stands in it: recipients are people. What cannot be put on record is done
-- anyway: DomIQ writes these tables, and waits for no lock of ours.
CREATE OR REPLACE FUNCTION domiq_sync.note_setting_by_sql() RETURNS TRIGGER
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '100ms' AS $$
DECLARE
    before CONSTANT JSONB := CASE WHEN TG_OP = 'INSERT' THEN '{}' ELSE to_jsonb(OLD) END;
    after CONSTANT JSONB := CASE WHEN TG_OP = 'DELETE' THEN '{}' ELSE to_jsonb(NEW) END;
    shown CONSTANT JSONB := CASE WHEN TG_OP = 'DELETE' THEN before ELSE after END;
    changed CONSTANT JSONB := (SELECT COALESCE(jsonb_agg(k.name ORDER BY k.name), '[]')
                               FROM jsonb_object_keys(shown) AS k(name)
                               WHERE before -> k.name IS DISTINCT FROM after -> k.name);
BEGIN
    IF TG_OP = 'UPDATE' AND changed = '[]' THEN
        RETURN NULL;
    END IF;
    INSERT INTO domiq_sync.operator_action (action, actor, property_id, subject, details)
    VALUES (TG_ARGV[0], domiq_sync.actor(), CAST(shown ->> 'property_id' AS uuid),
            CASE WHEN TG_ARGV[0] = 'status_map' THEN '{}' ELSE ARRAY[shown ->> 'id'] END,
            jsonb_strip_nulls(jsonb_build_object(
                'change', CASE TG_OP WHEN 'INSERT' THEN 'added' WHEN 'UPDATE' THEN 'changed' ELSE 'removed' END,
                'word', COALESCE(shown ->> 'domiq_status', shown ->> 'resman_status'),
                'columns', CASE WHEN TG_OP = 'UPDATE' THEN changed END)));
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    RAISE WARNING 'domiq_sync: that % was edited is not on record (SQLSTATE %)', TG_TABLE_NAME, SQLSTATE;
    RETURN NULL;
END $$;

CALL domiq_sync.ensure_trigger(
    'public.status_workflow_rules', 'domiq_sync_note_rule', 'AFTER INSERT OR DELETE OR UPDATE',
    'EXECUTE FUNCTION domiq_sync.note_setting_by_sql(''rule'')'
);
CALL domiq_sync.ensure_trigger(
    'public.status_notification_preferences', 'domiq_sync_note_preference', 'AFTER INSERT OR DELETE OR UPDATE',
    'EXECUTE FUNCTION domiq_sync.note_setting_by_sql(''preference'')'
);
CALL domiq_sync.ensure_trigger(
    'domiq_sync.domiq_status_map', 'note_map_by_sql', 'AFTER INSERT OR DELETE OR UPDATE',
    'EXECUTE FUNCTION domiq_sync.note_setting_by_sql(''status_map'')'
);
CALL domiq_sync.ensure_trigger(
    'domiq_sync.resman_status_map', 'note_map_by_sql', 'AFTER INSERT OR DELETE OR UPDATE',
    'EXECUTE FUNCTION domiq_sync.note_setting_by_sql(''status_map'')'
);
