-- Applied unless the conversation table is to be left alone. Not "UPDATE OF status": DomIQ's BEFORE trigger rewrites
-- the status in updates that never name the column. And no WHEN: PostgreSQL would refuse to alter the column's type.
-- Two triggers, as they were called before, so that an older one is replaced. Whether there are tours to look at is
-- told to the function, which need not find it out in every update; a column that comes later is looked at from the
-- next migrate on, and until then reconciliation finds what moved.
DO $$
DECLARE
    tours TEXT := '';
BEGIN
    IF NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'public.conversation'::regclass
                   AND attname = 'status' AND NOT attisdropped) THEN
        RAISE WARNING 'conversation has no column status: nothing can be captured from it';
        RETURN;
    END IF;
    CALL domiq_sync.ensure_trigger(
        'public.conversation', 'domiq_sync_capture_insert', 'AFTER INSERT',
        'EXECUTE FUNCTION domiq_sync.capture_status()');
    IF EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'public.conversation'::regclass
               AND attname = 'tour_datetime' AND NOT attisdropped) THEN
        tours := quote_literal('tour_datetime');
    END IF;
    CALL domiq_sync.ensure_trigger(
        'public.conversation', 'domiq_sync_capture_update', 'AFTER UPDATE',
        format('EXECUTE FUNCTION domiq_sync.capture_status(%s)', tours));
END $$;

-- For the totals of the log (108_log_notes.sql): where a conversation leads to. The condition is on columns that the
-- views depend on as well, so it stands in the way of no ALTER that they do not. A conversation that is updated without
-- moving costs nothing.
DO $$
DECLARE
    shape RECORD;
BEGIN
    SELECT * INTO shape FROM domiq_sync.database_shape();
    CALL domiq_sync.ensure_trigger(
        'public.conversation', 'domiq_sync_home_moved', 'AFTER UPDATE',
        format('WHEN (%s) EXECUTE FUNCTION domiq_sync.note_home()', shape.moved));
    CALL domiq_sync.ensure_trigger(
        'public.conversation', 'domiq_sync_home_came_or_went', 'AFTER INSERT OR DELETE',
        'EXECUTE FUNCTION domiq_sync.note_home()');
END $$;
