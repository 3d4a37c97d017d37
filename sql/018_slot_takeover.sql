-- A slot is taken over from a session that stands still with it: a frozen process keeps its advisory lock.
--   epoch  part of the lock's name. Whoever finds the mark run out and the lock still taken counts it on, and all go to
--          the lock of the new name. The mark, not the lock, says whose the slot is.
ALTER TABLE domiq_sync.account_turn ADD COLUMN IF NOT EXISTS epoch INTEGER NOT NULL DEFAULT 0;
