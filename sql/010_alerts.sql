-- When a property is in trouble, and what people were told of it.

-- property_id NULL: the default; a property's own row wins over it field by field, and what is NULL in both is as
-- shipped. Times are in the unit that the column names.
CREATE TABLE domiq_sync.threshold (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    property_id UUID REFERENCES public.property (id) ON DELETE CASCADE,
    lowest_success_rate DOUBLE PRECISION CHECK (lowest_success_rate BETWEEN 0 AND 100),
    most_failures INTEGER CHECK (most_failures >= 0),
    least_volume INTEGER CHECK (least_volume >= 1),
    least_failures INTEGER CHECK (least_failures >= 1),
    window_hours DOUBLE PRECISION CHECK (window_hours > 0 AND window_hours <= 8760),
    oldest_pending_minutes DOUBLE PRECISION CHECK (oldest_pending_minutes > 0 AND oldest_pending_minutes <= 525600),
    most_diverged INTEGER CHECK (most_diverged >= 0),
    diverged_minutes DOUBLE PRECISION CHECK (diverged_minutes BETWEEN 0 AND 525600),
    no_pull_minutes DOUBLE PRECISION CHECK (no_pull_minutes > 0 AND no_pull_minutes <= 525600),
    no_push_minutes DOUBLE PRECISION CHECK (no_push_minutes > 0 AND no_push_minutes <= 525600),
    recover_minutes DOUBLE PRECISION CHECK (recover_minutes BETWEEN 0 AND 525600),
    reopen_minutes DOUBLE PRECISION CHECK (reopen_minutes BETWEEN 0 AND 525600),
    reminder_hours DOUBLE PRECISION CHECK (reminder_hours > 0 AND reminder_hours <= 8760),
    set_by TEXT,
    set_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp()
);
CREATE UNIQUE INDEX threshold_key ON domiq_sync.threshold (
    COALESCE(property_id, '00000000-0000-0000-0000-000000000000')
);

-- An incident, of a property or (property_id NULL) of a cause that several properties share.
--   phase         suspect: bad, but not for long enough that people were told
--   opened_at     when it turned bad; suspected_at: when it last did
--   told_at       when people were last told of it; turns: how often they were
--   good_since    since when it looks good; it is closed when that has lasted
--   scope         the accounts or properties that people were told of
CREATE TABLE domiq_sync.alert (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    property_id UUID REFERENCES public.property (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    phase TEXT NOT NULL DEFAULT 'open' CHECK (phase IN ('suspect', 'open', 'closed')),
    figures JSONB NOT NULL,
    scope TEXT[] NOT NULL DEFAULT '{}',
    opened_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    suspected_at TIMESTAMPTZ NOT NULL,
    told_at TIMESTAMPTZ,
    turns INTEGER NOT NULL DEFAULT 0,
    good_since TIMESTAMPTZ,
    closed_at TIMESTAMPTZ,
    reopened INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX alert_live ON domiq_sync.alert (
    COALESCE(property_id, '00000000-0000-0000-0000-000000000000'), kind
) WHERE phase <> 'closed';
CREATE INDEX alert_closed ON domiq_sync.alert (closed_at) WHERE phase = 'closed';

-- What people were told of an incident, and when: its history.
CREATE TABLE domiq_sync.alert_turn (
    alert_id UUID NOT NULL REFERENCES domiq_sync.alert (id) ON DELETE CASCADE,
    n INTEGER NOT NULL,
    turn TEXT NOT NULL CHECK (turn IN ('opened', 'reopened', 'widened', 'reminder', 'recovered', 'retired')),
    said_at TIMESTAMPTZ NOT NULL,
    subject TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (alert_id, n)
);

-- When the alerts were last evaluated. A long time before now says that nothing was running.
CREATE TABLE domiq_sync.alert_watch (
    only_row BOOLEAN PRIMARY KEY DEFAULT TRUE CHECK (only_row),
    looked_at TIMESTAMPTZ NOT NULL
);

-- Which messages of alerts that could not be sent were complained of, so that it is done once for each time that one
-- ended so.
CREATE TABLE domiq_sync.alert_complaint (
    notification_id UUID NOT NULL REFERENCES domiq_sync.notification (id) ON DELETE CASCADE,
    settled_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (notification_id, settled_at)
);
