-- A small log, or none, is counted here, while nobody writes. A large one is counted in slices after the migration
-- (domiq_dagster/sync/monitoring/log_totals.py), while everybody does.
DO $$
BEGIN
    IF domiq_sync.log_watch() IS NULL OR domiq_sync.totals_are_counted()
       OR pg_relation_size('public.status_sync_log') > 8 * 1024 * 1024 THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('domiq_sync.log_totals', 0));
    LOCK TABLE public.conversation, public.status_sync_log IN SHARE ROW EXCLUSIVE MODE NOWAIT;
    PERFORM domiq_sync.set_totals_right(
        (SELECT COALESCE(jsonb_agg(to_jsonb(c)), '[]') FROM domiq_sync.counted_pages(0, 8 * 1024 * 1024) AS c),
        domiq_sync.count_of_total_misses());
EXCEPTION WHEN lock_not_available THEN
    NULL;
END $$;
