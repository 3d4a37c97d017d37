-- Notices to people about changes and alerts: the outbox, when people want them, and the pace of each channel.

-- A notice is claimed under a lease, sent, and settled by whoever still has the lease's token.
--   channel          operator: whoever runs the sync, for alerts
--   recipient        an address; or a role or 'operator', which becomes addresses when the message is sent
--   subject, body    empty where the message is rendered when it is sent, and again once it was delivered: what a lead
--                    is called is in the message alone. In-app notices keep theirs
--   state            pending, in_flight; then delivered, undeliverable (state_reason says why), unknown (it may or may
--                    not have arrived, and is not repeated), digested (told in the message digest_id) or suppressed
--                    (nothing is left to tell)
--   next_attempt_at  when it may be claimed; while in flight, when the lease ends
--   sending_at       set just before the channel is asked: a lease that ends after it leaves an unknown outcome
--   read_at          set by whoever shows in-app notices
CREATE TABLE domiq_sync.notification (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    property_id UUID REFERENCES public.property (id) ON DELETE CASCADE,
    change_id UUID,
    preference_id UUID,
    rule_id UUID,
    alert_id UUID,
    dedup_key TEXT,
    channel TEXT NOT NULL CHECK (channel IN ('email', 'sms', 'slack', 'in_app', 'operator')),
    recipient TEXT NOT NULL,
    template_id TEXT,
    urgent BOOLEAN NOT NULL DEFAULT FALSE,
    is_digest BOOLEAN NOT NULL DEFAULT FALSE,
    digest_id UUID,
    subject TEXT NOT NULL,
    body TEXT NOT NULL,
    state TEXT NOT NULL CHECK (
        state IN ('pending', 'in_flight', 'delivered', 'undeliverable', 'unknown', 'digested', 'suppressed')
    ),
    state_reason TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    next_attempt_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    lease_token BIGINT,
    worker TEXT,
    created_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    sending_at TIMESTAMPTZ,
    settled_at TIMESTAMPTZ,
    retried_at TIMESTAMPTZ,
    read_at TIMESTAMPTZ,
    UNIQUE (change_id, preference_id, recipient)
);
CREATE UNIQUE INDEX notification_dedup ON domiq_sync.notification (dedup_key);
CREATE INDEX notification_due ON domiq_sync.notification (channel, next_attempt_at)
WHERE state IN ('pending', 'in_flight');
CREATE INDEX notification_waiting ON domiq_sync.notification (channel, recipient, next_attempt_at)
WHERE state = 'pending';
CREATE INDEX notification_told ON domiq_sync.notification (channel, recipient, settled_at)
WHERE state IN ('delivered', 'unknown');
CREATE INDEX notification_trouble ON domiq_sync.notification (settled_at) WHERE state IN ('undeliverable', 'unknown');
CREATE INDEX notification_unread ON domiq_sync.notification (created_at)
WHERE channel = 'in_app' AND state = 'delivered' AND read_at IS NULL;
CREATE INDEX notification_digest ON domiq_sync.notification (digest_id) WHERE digest_id IS NOT NULL;
CREATE INDEX notification_alert ON domiq_sync.notification (alert_id) WHERE alert_id IS NOT NULL;

-- When people of a property do not want to be disturbed, and how many notices they want one by one. A property
-- without a row has no quiet hours and the other defaults.
--   quiet_from, quiet_until  in the property's time zone, over midnight where from is later; both or none
--   most_single              more notices than this to one address within the window become one digest
CREATE TABLE domiq_sync.notification_settings (
    property_id UUID PRIMARY KEY REFERENCES public.property (id) ON DELETE CASCADE,
    quiet_from TIME,
    quiet_until TIME,
    quiet_channels TEXT[] NOT NULL DEFAULT '{email,sms,slack}',
    urgent_breaks_quiet BOOLEAN NOT NULL DEFAULT TRUE,
    most_single INTEGER NOT NULL DEFAULT 5 CHECK (most_single >= 1),
    window_minutes INTEGER NOT NULL DEFAULT 15 CHECK (window_minutes >= 1),
    CHECK ((quiet_from IS NULL) = (quiet_until IS NULL))
);

-- The pace of each channel, and its pause after an outage, shared by all workers.
CREATE TABLE domiq_sync.channel (
    channel TEXT PRIMARY KEY,
    min_interval_ms INTEGER NOT NULL CHECK (min_interval_ms >= 0),
    next_send_at TIMESTAMPTZ NOT NULL DEFAULT '-infinity',
    consecutive_failures INTEGER NOT NULL DEFAULT 0,
    open_until TIMESTAMPTZ,
    open_reason TEXT
);
INSERT INTO domiq_sync.channel (channel, min_interval_ms) VALUES
('email', 200),
('sms', 1000),
('slack', 1100),
('operator', 1000),
('in_app', 0);
