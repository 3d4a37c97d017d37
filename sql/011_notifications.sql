-- Notices to people become an outbox: a row is claimed under a lease, sent, and settled by whoever still holds
-- the lease's token.
--   state            pending, in_flight; then delivered, undeliverable (state_reason says why), unknown (it may or
--                    may not have arrived, and is not repeated), digested (told in the message digest_id) or
--                    suppressed (nothing is left to tell)
--   recipient        an address; or a role or 'operator', which becomes addresses when the message is sent
--   subject, body    empty where the message is rendered when it is sent, and again once it was delivered: what
--                    a lead is called is in the message alone. In-app notices keep theirs.
--   next_attempt_at  when it may be claimed; while in flight, when the lease ends
--   sending_at       set just before the channel is asked: a lease that ends after it leaves an unknown outcome
ALTER TABLE domiq_sync.notification
    DROP CONSTRAINT IF EXISTS notification_channel_check,
    DROP CONSTRAINT IF EXISTS notification_state_check,
    ADD COLUMN IF NOT EXISTS rule_id UUID,
    ADD COLUMN IF NOT EXISTS template_id TEXT,
    ADD COLUMN IF NOT EXISTS dedup_key TEXT,
    ADD COLUMN IF NOT EXISTS urgent BOOLEAN NOT NULL DEFAULT FALSE,
    ADD COLUMN IF NOT EXISTS is_digest BOOLEAN NOT NULL DEFAULT FALSE,
    ADD COLUMN IF NOT EXISTS digest_id UUID,
    ADD COLUMN IF NOT EXISTS attempts INTEGER NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS next_attempt_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    ADD COLUMN IF NOT EXISTS lease_token BIGINT,
    ADD COLUMN IF NOT EXISTS worker TEXT,
    ADD COLUMN IF NOT EXISTS sending_at TIMESTAMPTZ,
    ADD COLUMN IF NOT EXISTS settled_at TIMESTAMPTZ,
    ADD COLUMN IF NOT EXISTS retried_at TIMESTAMPTZ;
ALTER TABLE domiq_sync.notification
    ADD CONSTRAINT notification_channel_check CHECK (channel IN ('email', 'sms', 'slack', 'in_app', 'operator')),
    ADD CONSTRAINT notification_state_check CHECK (state IN
        ('pending', 'in_flight', 'delivered', 'undeliverable', 'unknown', 'digested', 'suppressed'));
UPDATE domiq_sync.notification SET settled_at = created_at
WHERE settled_at IS NULL AND state NOT IN ('pending', 'in_flight');

CREATE UNIQUE INDEX IF NOT EXISTS notification_dedup ON domiq_sync.notification (dedup_key);
CREATE INDEX IF NOT EXISTS notification_due ON domiq_sync.notification (channel, next_attempt_at)
    WHERE state IN ('pending', 'in_flight');
CREATE INDEX IF NOT EXISTS notification_waiting ON domiq_sync.notification (channel, recipient, next_attempt_at)
    WHERE state = 'pending';
CREATE INDEX IF NOT EXISTS notification_told ON domiq_sync.notification (channel, recipient, settled_at)
    WHERE state IN ('delivered', 'unknown');
CREATE INDEX IF NOT EXISTS notification_trouble ON domiq_sync.notification (settled_at)
    WHERE state IN ('undeliverable', 'unknown');
CREATE INDEX IF NOT EXISTS notification_unread ON domiq_sync.notification (created_at)
    WHERE channel = 'in_app' AND state = 'delivered' AND read_at IS NULL;
CREATE INDEX IF NOT EXISTS notification_digest ON domiq_sync.notification (digest_id) WHERE digest_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS notification_alert ON domiq_sync.notification (alert_id) WHERE alert_id IS NOT NULL;

-- When people of a property do not want to be disturbed, and how many notices they want one by one. A property
-- without a row has no quiet hours and the other defaults.
--   quiet_from, quiet_until  in the property's time zone, over midnight where from is later; both or none
--   most_single              more notices than this to one address within the window become one digest
CREATE TABLE IF NOT EXISTS domiq_sync.notification_settings (
    property_id UUID PRIMARY KEY REFERENCES public.property(id) ON DELETE CASCADE,
    quiet_from TIME,
    quiet_until TIME,
    quiet_channels TEXT[] NOT NULL DEFAULT '{email,sms,slack}',
    urgent_breaks_quiet BOOLEAN NOT NULL DEFAULT TRUE,
    most_single INTEGER NOT NULL DEFAULT 5 CHECK (most_single >= 1),
    window_minutes INTEGER NOT NULL DEFAULT 15 CHECK (window_minutes >= 1),
    CHECK ((quiet_from IS NULL) = (quiet_until IS NULL))
);

-- The pace of each channel, and its pause after an outage, shared by all workers.
CREATE TABLE IF NOT EXISTS domiq_sync.channel (
    channel TEXT PRIMARY KEY,
    min_interval_ms INTEGER NOT NULL CHECK (min_interval_ms >= 0),
    next_send_at TIMESTAMPTZ NOT NULL DEFAULT '-infinity',
    consecutive_failures INTEGER NOT NULL DEFAULT 0,
    open_until TIMESTAMPTZ,
    open_reason TEXT
);
INSERT INTO domiq_sync.channel (channel, min_interval_ms)
VALUES ('email', 200), ('sms', 1000), ('slack', 1100), ('operator', 1000), ('in_app', 0)
ON CONFLICT DO NOTHING;
