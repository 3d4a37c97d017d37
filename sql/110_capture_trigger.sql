-- Applied unless the conversation table is to be left alone. Two triggers, since a WHEN that looks at OLD cannot serve
-- INSERT. Not "UPDATE OF status": DomIQ's BEFORE trigger rewrites the status in updates that never name the column.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'public.conversation'::regclass
                   AND attname = 'status' AND NOT attisdropped) THEN
        RAISE WARNING 'conversation has no column status: nothing can be captured from it';
        RETURN;
    END IF;
    CALL domiq_sync.ensure_trigger(
        'public.conversation', 'domiq_sync_capture_insert', 'AFTER INSERT',
        'WHEN (NEW.status IS NOT NULL) EXECUTE FUNCTION domiq_sync.capture_status()');
    CALL domiq_sync.ensure_trigger(
        'public.conversation', 'domiq_sync_capture_update', 'AFTER UPDATE',
        'WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION domiq_sync.capture_status()');
END $$;
