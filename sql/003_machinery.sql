-- The machinery's own tables, all in schema domiq_sync. Dropping the schema removes the machinery
-- and leaves the audit log. No name, e-mail address or phone number is stored in any of them.

CREATE SCHEMA IF NOT EXISTS domiq_sync;

-- One row a connected property. Whoever connects a property gives three values; the rest has
-- defaults, and the ids and the zone that are NULL are filled from ResMan at the first pass.
CREATE TABLE IF NOT EXISTS domiq_sync.integration (
    property_id UUID PRIMARY KEY REFERENCES public.property(id) ON DELETE CASCADE,
    resman_account_id TEXT NOT NULL CHECK (resman_account_id <> ''),
    resman_property_id TEXT NOT NULL CHECK (resman_property_id <> ''),
    sync_enabled BOOLEAN NOT NULL DEFAULT TRUE,
    sync_direction TEXT NOT NULL DEFAULT 'both'
        CHECK (sync_direction IN ('both', 'to_resman', 'from_resman')),
    conflict_policy TEXT NOT NULL DEFAULT 'resman_wins'
        CHECK (conflict_policy IN ('resman_wins', 'domiq_wins', 'furthest_progress', 'manual_review')),
    agent_id TEXT,
    source_id TEXT,
    lost_reason_id TEXT,
    time_zone TEXT,
    partition_key TEXT NOT NULL UNIQUE,
    connected_at TIMESTAMPTZ NOT NULL DEFAULT NOW(),
    UNIQUE (resman_account_id, resman_property_id)
);
COMMENT ON COLUMN domiq_sync.integration.source_id IS 'A transactionSourceId (v1 GetProspectSources.ID)';
COMMENT ON COLUMN domiq_sync.integration.agent_id IS 'An agentId (v1 GetEmployees.ID)';
COMMENT ON COLUMN domiq_sync.integration.time_zone IS 'IANA name; DomIQ''s tour times are read in it';

-- The breaker and the pace of one ResMan account, shared by all workers.
CREATE TABLE IF NOT EXISTS domiq_sync.account (
    resman_account_id TEXT PRIMARY KEY,
    min_interval_ms INTEGER NOT NULL DEFAULT 0 CHECK (min_interval_ms >= 0),
    next_request_at TIMESTAMPTZ NOT NULL DEFAULT '-infinity',
    consecutive_failures INTEGER NOT NULL DEFAULT 0,
    open_until TIMESTAMPTZ,
    open_reason TEXT
);

-- What DomIQ's words for a status mean, and what is posted for them. property_id NULL: everywhere;
-- a property's own row wins over it.
CREATE TABLE IF NOT EXISTS domiq_sync.domiq_status_map (
    property_id UUID REFERENCES public.property(id) ON DELETE CASCADE,
    domiq_status TEXT NOT NULL,
    lead_status TEXT NOT NULL CHECK (lead_status IN
        ('new', 'contacted', 'qualified', 'tour_scheduled', 'application', 'leased', 'lost')),
    event_type TEXT NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS domiq_status_map_key ON domiq_sync.domiq_status_map
    (COALESCE(property_id, '00000000-0000-0000-0000-000000000000'), domiq_status);

-- Which lead statuses a ResMan status covers, and which one it sets when it does not cover DomIQ's.
CREATE TABLE IF NOT EXISTS domiq_sync.resman_status_map (
    property_id UUID REFERENCES public.property(id) ON DELETE CASCADE,
    resman_status TEXT NOT NULL,
    covers TEXT[] NOT NULL,
    sets TEXT NOT NULL,
    CHECK (sets = ANY (covers))
);
CREATE UNIQUE INDEX IF NOT EXISTS resman_status_map_key ON domiq_sync.resman_status_map
    (COALESCE(property_id, '00000000-0000-0000-0000-000000000000'), resman_status);

-- One row a row of status_sync_log: the order in which changes were logged, and the index on
-- conversation that the log does not have. seq orders changes of one transaction, which share
-- created_at.
CREATE TABLE IF NOT EXISTS domiq_sync.change (
    change_id UUID PRIMARY KEY REFERENCES public.status_sync_log(id) ON DELETE CASCADE,
    seq BIGINT GENERATED ALWAYS AS IDENTITY,
    conversation_id UUID,
    property_id UUID,
    logged_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    notified_at TIMESTAMPTZ
);
CREATE INDEX IF NOT EXISTS change_unnotified ON domiq_sync.change (property_id, logged_at, seq)
    WHERE notified_at IS NULL;
CREATE INDEX IF NOT EXISTS change_conversation ON domiq_sync.change (conversation_id, seq);
CREATE INDEX IF NOT EXISTS change_property ON domiq_sync.change (property_id, logged_at);
CREATE INDEX IF NOT EXISTS change_seq ON domiq_sync.change (seq);

-- One row a pending outbound change; it goes when the change is settled.
--   lane             the conversation (or, for a change without one, the change itself): deliveries
--                    of one lane run one after the other, in seq order
--   is_head          a hint that narrows the claim to the first of each lane; the claim still checks
--   next_attempt_at  when it may be claimed; while in flight, when the lease ends
--   lease_token      the fencing token: whoever settles or postpones must hold the current one
CREATE TABLE IF NOT EXISTS domiq_sync.delivery (
    change_id UUID PRIMARY KEY REFERENCES public.status_sync_log(id) ON DELETE CASCADE,
    seq BIGINT NOT NULL,
    lane UUID NOT NULL,
    property_id UUID,
    is_head BOOLEAN NOT NULL,
    state TEXT NOT NULL DEFAULT 'ready' CHECK (state IN ('ready', 'in_flight', 'unknown', 'waiting')),
    attempts INTEGER NOT NULL DEFAULT 0,
    postponements INTEGER NOT NULL DEFAULT 0,
    next_attempt_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    lease_token BIGINT,
    worker TEXT,
    last_outcome TEXT,
    enqueued_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 70);
CREATE SEQUENCE IF NOT EXISTS domiq_sync.lease_token;
CREATE INDEX IF NOT EXISTS delivery_lane ON domiq_sync.delivery (lane, seq);
CREATE INDEX IF NOT EXISTS delivery_due ON domiq_sync.delivery (property_id, next_attempt_at, seq) WHERE is_head;
CREATE INDEX IF NOT EXISTS delivery_queued ON domiq_sync.delivery (lane) WHERE NOT is_head;
CREATE INDEX IF NOT EXISTS delivery_property ON domiq_sync.delivery (property_id, enqueued_at);
CREATE UNIQUE INDEX IF NOT EXISTS delivery_one_in_flight ON domiq_sync.delivery (lane) WHERE state = 'in_flight';

-- Every step of getting a change to ResMan, for domiq-sync explain. Kept when the change goes.
CREATE TABLE IF NOT EXISTS domiq_sync.attempt (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    change_id UUID NOT NULL,
    lease_token BIGINT NOT NULL,
    worker TEXT NOT NULL,
    action TEXT NOT NULL,
    outcome TEXT NOT NULL,
    detail JSONB,
    started_at TIMESTAMPTZ NOT NULL,
    duration_ms INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS attempt_change ON domiq_sync.attempt (change_id, id);

-- Which ResMan prospect a conversation belongs to, and the pair of statuses last agreed. Where one
-- lead has several conversations at a property, the newest speaks for it (is_current).
CREATE TABLE IF NOT EXISTS domiq_sync.lead_link (
    conversation_id UUID PRIMARY KEY REFERENCES public.conversation(id) ON DELETE CASCADE,
    property_id UUID NOT NULL,
    prospect_id TEXT NOT NULL,
    person_id TEXT,
    is_current BOOLEAN NOT NULL DEFAULT TRUE,
    linked_by TEXT NOT NULL CHECK (linked_by IN ('stored_id', 'email', 'phone', 'name', 'created', 'manual')),
    linked_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    agreed_domiq_status TEXT,
    agreed_resman_status TEXT,
    agreed_at TIMESTAMPTZ
);
CREATE UNIQUE INDEX IF NOT EXISTS lead_link_current
    ON domiq_sync.lead_link (property_id, prospect_id) WHERE is_current;
CREATE INDEX IF NOT EXISTS lead_link_prospect ON domiq_sync.lead_link (property_id, prospect_id);

-- The newest copy of each prospect, without contact data.
--   effective_status  status, refined by the lease (a signed lease counts as Resident)
--   touched_at        when we last changed it at ResMan ourselves: a pull that began before must
--                     not overwrite what we know since
CREATE TABLE IF NOT EXISTS domiq_sync.resman_lead (
    property_id UUID NOT NULL REFERENCES public.property(id) ON DELETE CASCADE,
    prospect_id TEXT NOT NULL,
    person_id TEXT,
    status TEXT NOT NULL,
    effective_status TEXT NOT NULL,
    last_modified TIMESTAMPTZ,
    last_modified_raw TEXT,
    lost_reason TEXT,
    transaction_source_id TEXT,
    agent_id TEXT,
    lease_status TEXT,
    content_hash TEXT NOT NULL,
    stored_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    read_at TIMESTAMPTZ NOT NULL,
    touched_at TIMESTAMPTZ,
    PRIMARY KEY (property_id, prospect_id)
);

-- How far each property's pull has come.
CREATE TABLE IF NOT EXISTS domiq_sync.watermark (
    property_id UUID PRIMARY KEY REFERENCES public.property(id) ON DELETE CASCADE,
    watermark TIMESTAMPTZ,
    last_pull_at TIMESTAMPTZ,
    last_full_at TIMESTAMPTZ,
    failing_since TIMESTAMPTZ,
    last_error TEXT
);

-- Each pull, for the record: what was asked, what came, what was new.
CREATE TABLE IF NOT EXISTS domiq_sync.pull (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    property_id UUID NOT NULL REFERENCES public.property(id) ON DELETE CASCADE,
    full_read BOOLEAN NOT NULL,
    modified_since TIMESTAMPTZ NOT NULL,
    started_at TIMESTAMPTZ NOT NULL,
    finished_at TIMESTAMPTZ NOT NULL,
    fetched INTEGER NOT NULL,
    stored INTEGER NOT NULL,
    linked INTEGER NOT NULL,
    error TEXT
);
CREATE INDEX IF NOT EXISTS pull_property ON domiq_sync.pull (property_id, started_at);

-- Where both sides moved and the policy is manual_review.
CREATE TABLE IF NOT EXISTS domiq_sync.conflict (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    property_id UUID NOT NULL,
    conversation_id UUID NOT NULL REFERENCES public.conversation(id) ON DELETE CASCADE,
    prospect_id TEXT NOT NULL,
    domiq_status TEXT,
    resman_status TEXT NOT NULL,
    opened_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    resolved_at TIMESTAMPTZ,
    resolution TEXT
);
CREATE UNIQUE INDEX IF NOT EXISTS conflict_open ON domiq_sync.conflict (conversation_id) WHERE resolved_at IS NULL;

-- Leads that could not be linked without guessing.
CREATE TABLE IF NOT EXISTS domiq_sync.link_question (
    property_id UUID NOT NULL REFERENCES public.property(id) ON DELETE CASCADE,
    prospect_id TEXT NOT NULL,
    reason TEXT NOT NULL,
    candidates INTEGER NOT NULL,
    asked_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (property_id, prospect_id)
);

-- Notices to people about changes and alerts. read_at is set by whoever shows them.
CREATE TABLE IF NOT EXISTS domiq_sync.notification (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    property_id UUID REFERENCES public.property(id) ON DELETE CASCADE,
    change_id UUID,
    preference_id UUID,
    alert_id UUID,
    channel TEXT NOT NULL CHECK (channel IN ('email', 'sms', 'slack', 'in_app')),
    recipient TEXT NOT NULL,
    subject TEXT NOT NULL,
    body TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('delivered', 'undeliverable')),
    state_reason TEXT,
    created_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    read_at TIMESTAMPTZ,
    UNIQUE (change_id, preference_id, recipient)
);

-- One row a spell of trouble: opened when a property's state turns bad, closed when it recovers.
CREATE TABLE IF NOT EXISTS domiq_sync.alert (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    property_id UUID REFERENCES public.property(id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    figures JSONB NOT NULL,
    opened_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    closed_at TIMESTAMPTZ
);
CREATE UNIQUE INDEX IF NOT EXISTS alert_open ON domiq_sync.alert (property_id, kind) WHERE closed_at IS NULL;

-- The changes of each day (UTC), as counted when that day was last materialised.
CREATE TABLE IF NOT EXISTS domiq_sync.daily_total (
    day DATE NOT NULL,
    property TEXT NOT NULL,
    sync_direction TEXT,
    sync_status TEXT,
    changes BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS daily_total_day ON domiq_sync.daily_total (day);
