-- The log's archive: its months, the log and the archive as one, and what follows when a conversation is deleted.

-- Makes the partition of a month where there is none, and says whether it did. It is attached once it is made: that
-- way nobody who reads or writes the archive is waited for. It has no grants of its own, since it is reached through
-- the archive, whose policies hold.
CREATE OR REPLACE FUNCTION domiq_sync.make_archive_month(of_month DATE) RETURNS BOOLEAN
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    its_first CONSTANT DATE := date_trunc('month', of_month)::date;
    its_name CONSTANT TEXT := to_char(its_first, '"status_sync_log_archive_"YYYY"_"MM');
BEGIN
    IF to_regclass(format('domiq_sync.%I', its_name)) IS NOT NULL THEN
        RETURN FALSE;
    END IF;
    EXECUTE format('CREATE TABLE domiq_sync.%I (LIKE domiq_sync.status_sync_log_archive INCLUDING ALL)', its_name);
    EXECUTE format(
        'ALTER TABLE domiq_sync.status_sync_log_archive ATTACH PARTITION domiq_sync.%I FOR VALUES FROM (%L) TO (%L)',
        its_name, its_first, (its_first + interval '1 month')::date);
    RETURN TRUE;
END $$;

-- The log and its archive. A function without settings of its own, which PostgreSQL inlines: a view that named the
-- log's columns would keep DomIQ from altering them.
CREATE OR REPLACE FUNCTION domiq_sync.logged_or_archived()
RETURNS TABLE (
    id UUID, conversation_id UUID, resman_lead_id TEXT, old_status TEXT, new_status TEXT, status_reason TEXT,
    updated_by TEXT, sync_direction TEXT, sync_status TEXT, context_data JSONB, created_at TIMESTAMPTZ
)
LANGUAGE sql STABLE AS $$
    SELECT g.id, g.conversation_id, g.resman_lead_id::text, g.old_status::text, g.new_status::text,
           g.status_reason::text, g.updated_by::text, g.sync_direction::text, g.sync_status::text,
           g.context_data::jsonb, g.created_at::timestamptz
    FROM public.status_sync_log g
    UNION ALL
    SELECT a.id, a.conversation_id, a.resman_lead_id::text, a.old_status::text, a.new_status::text, a.status_reason,
           a.updated_by::text, a.sync_direction::text, a.sync_status::text, a.context_data, a.created_at
    FROM domiq_sync.status_sync_log_archive a
$$;

CREATE OR REPLACE VIEW domiq_sync.status_sync_log_all AS SELECT * FROM domiq_sync.logged_or_archived();

-- Rows of the archive go with their conversation. Where they cannot be had within 100 ms, DomIQ's statement goes on,
-- and housekeeping takes them away: `living` stays NULL until then.
CREATE OR REPLACE FUNCTION domiq_sync.forget_archived() RETURNS TRIGGER
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET lock_timeout = '100ms' SET enable_seqscan = off AS $$
BEGIN
    IF domiq_sync.gave_up('archive') THEN
        RETURN NULL;
    END IF;
    DELETE FROM domiq_sync.status_sync_log_archive a WHERE a.conversation_id = OLD.conversation_id;
    DELETE FROM domiq_sync.archived_conversation k WHERE k.conversation_id = OLD.conversation_id;
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    PERFORM domiq_sync.give_up('archive', SQLSTATE);
    RAISE WARNING 'domiq_sync: the archive of conversation % is not deleted yet (SQLSTATE %); housekeeping will do it',
        OLD.conversation_id, SQLSTATE;
    RETURN NULL;
END $$;

CALL domiq_sync.ensure_trigger(
    'domiq_sync.archived_conversation', 'forget_archived', 'AFTER UPDATE OF living',
    'WHEN (NEW.living IS NULL) EXECUTE FUNCTION domiq_sync.forget_archived()'
);
