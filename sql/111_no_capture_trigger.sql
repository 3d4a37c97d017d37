-- Instead of 110 where the conversation table is to be left alone: reconciliation then finds changes by comparing each
-- conversation with the last change logged for it. Where conversations go is not noted then, so that the success rate
-- is counted from the log each time.
DROP TRIGGER IF EXISTS domiq_sync_capture_insert ON public.conversation;
DROP TRIGGER IF EXISTS domiq_sync_capture_update ON public.conversation;
DROP TRIGGER IF EXISTS domiq_sync_home_moved ON public.conversation;
DROP TRIGGER IF EXISTS domiq_sync_home_came_or_went ON public.conversation;
DELETE FROM domiq_sync.log_count;
