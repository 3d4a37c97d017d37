-- Logged changes, their deliveries to ResMan, and what was tried.

-- One row a row of status_sync_log: the order in which changes were logged, and the index on conversation that the log
-- does not have.
--   seq            orders the changes of one transaction, which share created_at
--   caused_by      the change that it follows in a chain: whose rule made it, or whose move it answers
--   cause_rule_id  the rule that made it
--   chain_depth    how many changes of its chain stand before it
--   notified_at    when its notices were written
--   ruled_at       when the workflow rules looked at it, in the transaction of all that they did
CREATE TABLE domiq_sync.change (
    change_id UUID PRIMARY KEY REFERENCES public.status_sync_log (id) ON DELETE CASCADE,
    seq BIGINT GENERATED ALWAYS AS IDENTITY,
    conversation_id UUID,
    property_id UUID,
    logged_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    caused_by UUID,
    cause_rule_id UUID,
    chain_depth INTEGER NOT NULL DEFAULT 0,
    notified_at TIMESTAMPTZ,
    ruled_at TIMESTAMPTZ
);
CREATE INDEX change_seq ON domiq_sync.change (seq);
CREATE INDEX change_conversation ON domiq_sync.change (conversation_id, seq);
CREATE INDEX change_property ON domiq_sync.change (property_id, logged_at);
CREATE INDEX change_unnotified ON domiq_sync.change (property_id, logged_at, seq) WHERE notified_at IS NULL;
CREATE INDEX change_unruled ON domiq_sync.change (property_id, logged_at, seq) WHERE ruled_at IS NULL;
CREATE INDEX change_unruled_conversation ON domiq_sync.change (conversation_id, seq) WHERE ruled_at IS NULL;

-- One row a pending outbound change; it goes when the change is settled.
--   lane             the ordering key: the conversation (or, for a change without one, the change itself). Deliveries
--                    of one key run one after the other, in the order of seq
--   is_head          a hint that narrows the claim to the first of each lane; the claim still checks
--   in_turn          queued, with a place drawn just then, by a transaction that had the conversation's row locked.
--                    Such deliveries of a lane become visible in the order of seq, so the first of them is its only
--                    head among them, and only deliveries that are not in turn can stand before it or be in flight
--                    beside it. A claim of one need not look through the lane. Not in turn is whatever the
--                    application logs itself, what reconciliation finds, and what is put back
--   next_attempt_at  when it may be claimed; while in flight, when the lease ends
--   lease_token      the fencing token: whoever settles or postpones must name the current one
--
-- No update of a delivery can be a heap-only one, since each changes a column of some index: free space kept in its
-- pages for them would be wasted. Without it what is claimed together lies together. So there is no fillfactor.
CREATE TABLE domiq_sync.delivery (
    change_id UUID PRIMARY KEY REFERENCES public.status_sync_log (id) ON DELETE CASCADE,
    seq BIGINT NOT NULL,
    lane UUID NOT NULL,
    property_id UUID,
    is_head BOOLEAN NOT NULL,
    in_turn BOOLEAN NOT NULL DEFAULT FALSE,
    state TEXT NOT NULL DEFAULT 'ready' CHECK (state IN ('ready', 'in_flight', 'unknown', 'waiting')),
    attempts INTEGER NOT NULL DEFAULT 0,
    postponements INTEGER NOT NULL DEFAULT 0,
    next_attempt_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    lease_token BIGINT,
    worker TEXT,
    last_outcome TEXT,
    enqueued_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp()
);
CREATE SEQUENCE domiq_sync.lease_token;
CREATE INDEX delivery_lane ON domiq_sync.delivery (lane, seq);
CREATE INDEX delivery_due ON domiq_sync.delivery (property_id, next_attempt_at, seq) WHERE is_head;
CREATE INDEX delivery_queued ON domiq_sync.delivery (lane) WHERE NOT is_head;
CREATE INDEX delivery_property ON domiq_sync.delivery (property_id, enqueued_at);
CREATE UNIQUE INDEX delivery_one_in_flight ON domiq_sync.delivery (lane) WHERE state = 'in_flight';

-- All that a claim of a delivery in turn looks at of its lane. It is all but empty: while a long transaction keeps
-- PostgreSQL from clearing dead entries, delivery_lane and delivery_one_in_flight hold some of every delivery that the
-- lane ever had, and this holds none.
CREATE INDEX delivery_out_of_turn ON domiq_sync.delivery (lane, seq) WHERE NOT in_turn;

-- Every step of getting a change to ResMan, for domiq-sync explain. Kept when the change goes.
CREATE TABLE domiq_sync.attempt (
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
CREATE INDEX attempt_change ON domiq_sync.attempt (change_id, id);

-- The changes of each day (UTC), as counted when that day was last materialised.
CREATE TABLE domiq_sync.daily_total (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    day DATE NOT NULL,
    property TEXT NOT NULL,
    sync_direction TEXT,
    sync_status TEXT,
    changes BIGINT NOT NULL
);
CREATE INDEX daily_total_day ON domiq_sync.daily_total (day);
