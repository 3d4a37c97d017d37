-- Applied at every migrate, unless it is told to leave the conversation table alone. Two triggers,
-- since a WHEN that looks at OLD cannot serve INSERT. Not "UPDATE OF status": DomIQ's BEFORE trigger
-- rewrites the status in updates that never name the column. Triggers that are there stay as they are:
-- to make them anew would lock the conversation table against everybody.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'public.conversation'::regclass
                   AND attname = 'status' AND NOT attisdropped) THEN
        RAISE WARNING 'conversation has no column status: nothing can be captured from it';
        RETURN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = 'public.conversation'::regclass
                   AND tgname = 'domiq_sync_capture_insert') THEN
        CREATE TRIGGER domiq_sync_capture_insert AFTER INSERT ON public.conversation
            FOR EACH ROW WHEN (NEW.status IS NOT NULL)
            EXECUTE FUNCTION domiq_sync.capture_status();
    END IF;
    IF NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = 'public.conversation'::regclass
                   AND tgname = 'domiq_sync_capture_update') THEN
        CREATE TRIGGER domiq_sync_capture_update AFTER UPDATE ON public.conversation
            FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status)
            EXECUTE FUNCTION domiq_sync.capture_status();
    END IF;
END $$;
