-- Instead of 110 where the conversation table is to be left alone: reconciliation then finds changes by comparing each
-- conversation with the last change logged for it.
DROP TRIGGER IF EXISTS domiq_sync_capture_insert ON public.conversation;
DROP TRIGGER IF EXISTS domiq_sync_capture_update ON public.conversation;
