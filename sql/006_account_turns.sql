-- Turns at a ResMan account.
--   max_concurrent  how many requests may be under way at once, over all workers
--   ramp_ms         after an outage: the least time between two requests, which shrinks with each success
ALTER TABLE domiq_sync.account
    ADD COLUMN IF NOT EXISTS max_concurrent INTEGER NOT NULL DEFAULT 1 CHECK (max_concurrent BETWEEN 1 AND 16),
    ADD COLUMN IF NOT EXISTS ramp_ms INTEGER NOT NULL DEFAULT 0 CHECK (ramp_ms >= 0);

-- A turn is an advisory lock, which ends with its holder's session. busy_until tells whoever has the turn
-- next that the session ended before its request did: ResMan may still be working on it until then.
CREATE TABLE IF NOT EXISTS domiq_sync.account_turn (
    resman_account_id TEXT NOT NULL,
    turn INTEGER NOT NULL,
    holder BIGINT NOT NULL,
    busy_until TIMESTAMPTZ,
    PRIMARY KEY (resman_account_id, turn)
) WITH (fillfactor = 50);
CREATE SEQUENCE IF NOT EXISTS domiq_sync.turn_holder;
